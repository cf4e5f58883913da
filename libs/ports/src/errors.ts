/** A place in the user's own text: 1-based line and column. */
export interface SourceLocation {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

/**
 * Every stable error code of Phlo. A code never changes its meaning within a major version; messages may.
 * Third-party plugins use codes with a prefix of their own.
 */
export const errorCodes = {
  PHLO_CONFIG_INVALID: 'phlo.yaml, an option or an environment value is wrong',
  PHLO_PROJECT_NOT_FOUND: 'no phlo.yaml in this folder or above it',
  PHLO_PLUGIN_NOT_FOUND: 'a plugin named in phlo.yaml cannot be resolved',
  PHLO_PLUGIN_INVALID: 'a plugin does not follow the plugin contract',
  PHLO_PORT_MISSING: 'no plugin of the profile provides a port that is needed',
  PHLO_WORKFLOW_INVALID: 'a workflow file does not load, or an asset in it is declared wrongly',
  PHLO_ASSET_UNKNOWN: 'a selection or reference names an asset that is not there',
  PHLO_ASSET_CYCLE: 'assets depend on each other in a circle',
  PHLO_ASSET_DUPLICATE: 'two assets write the same table',
  PHLO_PARTITION_INVALID: 'a partition key or range is not one of the asset',
  PHLO_SCHEMA_UNSUPPORTED: 'a schema uses something that has no column type',
  PHLO_SCHEMA_BREAKING: 'a schema change would lose or reinterpret stored data',
  PHLO_SCHEMA_COLUMN_MISSING: 'the source lacks a column that the schema declares',
  PHLO_SCHEMA_COLUMN_UNEXPECTED: 'the source has a column that the schema does not declare',
  PHLO_SCHEMA_TYPE_MISMATCH: 'a column of the source has a type that cannot become the declared one',
  PHLO_SOURCE_NOT_FOUND: 'a source is not there, or matches no file',
  PHLO_SOURCE_EMPTY: 'a source file holds nothing at all',
  PHLO_SOURCE_MALFORMED: 'a file or an answer of a source does not follow its format',
  PHLO_SOURCE_FAILED: 'a source raised an error while it was read',
  PHLO_INGEST_REJECTED: 'rows did not meet the schema, and the asset does not allow that',
  PHLO_QUARANTINE_EMPTY: 'no row in quarantine is the one, or one of those, that are meant',
  PHLO_CHECK_FAILED: 'a blocking check failed',
  PHLO_CHECK_INVALID: 'a check is declared wrongly',
  PHLO_STEP_TIMEOUT: 'a step of a run took longer than its asset allows',
  PHLO_RUN_FAILED: 'at least one step of a run failed',
  PHLO_RUN_NOT_FOUND: 'no run has this id',
  PHLO_RUN_CANCELLED: 'the run was cancelled',
  PHLO_SQL_INVALID: 'a SQL statement does not parse or bind',
  PHLO_SQL_FORBIDDEN: 'a SQL statement does what is not allowed here',
  PHLO_MERGE_AMBIGUOUS: 'several rows of a source match one row that a statement changes',
  PHLO_TEMPLATE_INVALID: 'a SQL model uses a template expression that is wrong or not supported',
  PHLO_REF_NOT_FOUND: 'no branch, tag or commit has this name',
  PHLO_REF_EXISTS: 'a branch or tag of this name exists already',
  PHLO_REF_INVALID: 'a name cannot be that of a branch or tag, or the operation does not suit the kind of ref',
  PHLO_REF_PROTECTED: 'a protected branch or tag was changed other than by a merge',
  PHLO_COMMIT_CONFLICT: 'somebody else changed what this commit was based on',
  PHLO_COMMIT_UNKNOWN: 'a commit was sent, and whether it happened cannot be found out',
  PHLO_MERGE_CONFLICT: 'both sides of a merge changed the same thing in ways that do not go together',
  PHLO_TABLE_NOT_FOUND: 'no table has this name at this ref',
  PHLO_TABLE_EXISTS: 'a table of this name exists already',
  PHLO_VIEW_NOT_FOUND: 'no view has this name at this ref',
  PHLO_VIEW_EXISTS: 'a view of this name exists already',
  PHLO_NAMESPACE_NOT_FOUND: 'no namespace has this name at this ref',
  PHLO_NAMESPACE_EXISTS: 'a namespace of this name exists already',
  PHLO_NAMESPACE_NOT_EMPTY: 'a namespace that still holds tables or views cannot be dropped',
  PHLO_CATALOG_FAILED: 'a catalog server failed, could not be reached, or answered what it should not',
  PHLO_CATALOG_DENIED: 'a catalog server refused who asks, or what is asked for',
  PHLO_SNAPSHOT_NOT_FOUND: 'a table has no such snapshot',
  PHLO_SNAPSHOT_UNFIT: 'a snapshot cannot be used for this: it lies elsewhere in the history, or did something else',
  PHLO_FILE_UNFIT: 'a file cannot become part of a table',
  PHLO_MAINTENANCE_REFUSED: 'maintenance would remove what is still needed',
  PHLO_ICEBERG_INVALID: 'Iceberg metadata or a manifest does not follow the specification',
  PHLO_ICEBERG_UNSUPPORTED: 'Iceberg metadata uses a feature that this version cannot handle',
  PHLO_OBJECT_NOT_FOUND: 'an object that must exist is not in the store',
  PHLO_OBJECT_EXISTS: 'a create-only put met an existing object',
  PHLO_OBJECT_CHANGED: 'a conditional put met another version than the expected one',
  PHLO_STORAGE_FAILED: 'the object store failed',
  PHLO_STATE_FAILED: 'the state store failed',
  PHLO_ENGINE_FAILED: 'the query engine failed',
  PHLO_UNSUPPORTED: 'the chosen plugin or format cannot do this',
  PHLO_INTERNAL: 'a bug in Phlo',
} as const

/** A stable code: one of Phlo's own, or a third party's. */
export type ErrorCode = keyof typeof errorCodes | (string & {})

/** What an error carries beside its message. */
export interface PhloErrorOptions {
  /** What to do about it, in a sentence. */
  readonly hint?: string
  /** True when the same call may succeed later without a change. Default false. */
  readonly retryable?: boolean
  /** Values that a program may want; never secrets. */
  readonly context?: Readonly<Record<string, unknown>>
  /** Where in the user's own text the cause stands. */
  readonly location?: SourceLocation
  readonly cause?: unknown
}

/**
 * The one error type that crosses ports. Guard with {@link isPhloError}, not `instanceof`: two installed copies of this
 * package have two classes.
 */
export class PhloError extends Error {
  override readonly name = 'PhloError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly context: Readonly<Record<string, unknown>>
  readonly location: SourceLocation | undefined

  constructor(code: ErrorCode, message: string, options: PhloErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.retryable = options.retryable ?? false
    this.context = options.context ?? {}
    this.location = options.location
  }
}

/** The same error, told with other words or at another place; what `changes` leaves out stays as it was. */
export function restated(error: PhloError, changes: PhloErrorOptions & { readonly message?: string }): PhloError {
  const { code, message, hint, retryable, context, location, cause } = error
  const { message: said = message, ...options } = changes
  return new PhloError(code, said, {
    ...(hint !== undefined && { hint }),
    retryable,
    context,
    ...(location && { location }),
    cause,
    ...options,
  })
}

/** True when `error` is a Phlo error, of any installed copy; with `code`, only when it has that code. */
export function isPhloError(error: unknown, code?: ErrorCode): error is PhloError {
  return (
    hasProperty(error, 'name') &&
    error.name === 'PhloError' &&
    hasProperty(error, 'code') &&
    (code === undefined || error.code === code)
  )
}

/** True for an error of Node or the system with one of these codes, of any realm. */
export function hasSystemCode(error: unknown, ...codes: readonly string[]): boolean {
  return hasProperty(error, 'code') && typeof error.code === 'string' && codes.includes(error.code)
}

/** The message of anything that can be thrown. */
export function errorMessage(error: unknown): string {
  return hasProperty(error, 'message') && typeof error.message === 'string' ? error.message : String(error)
}

/** The error as it is, or an unknown one wrapped as `code` with its own message, so that nothing is swallowed. */
export function toPhloError(
  error: unknown,
  code: ErrorCode = 'PHLO_INTERNAL',
  options: PhloErrorOptions = {},
): PhloError {
  return isPhloError(error) ? error : new PhloError(code, errorMessage(error), { ...options, cause: error })
}

function hasProperty<Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> {
  return typeof value === 'object' && value !== null && key in value
}
