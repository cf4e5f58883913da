import {
  type CheckKind,
  type CompiledCheck,
  issuePath,
  nearest,
  PhloError,
  type SqlDialect,
  type TableIdentifier,
} from '@phlo/ports'
import type { AssetCheck, AssetKey } from '../assets/asset.js'
import { type CheckedPartitions, scopeCondition } from './check-scope.js'
import { relationOf } from './shared-scan.js'

/** The rows that a table's checks look at. */
export interface CheckTarget {
  readonly asset: AssetKey
  readonly table: TableIdentifier
  readonly columns: readonly { readonly name: string; readonly type: unknown }[]
  readonly ref: string
  /** The table's snapshot at the ref, `none` for a table without data. */
  readonly snapshotId: string
  /** Absent when checks look at the whole table. */
  readonly partitions?: CheckedPartitions
  /** Told the names of further tables that the checks read. */
  readonly onRead?: (table: string) => void
}

/** A check that is ready to run. */
export interface PreparedCheck {
  readonly check: AssetCheck
  readonly kind: CheckKind
  readonly options: unknown
  readonly compiled: CompiledCheck
  /** SQL for the rows that it looks at; absent for all rows. */
  readonly condition?: string
  /** What stands behind FROM for them. */
  readonly relation: string
}

/** Validates the options, finds the columns and compiles. Throws PHLO_CHECK_INVALID. */
export async function prepareCheck(
  kinds: ReadonlyMap<string, CheckKind>,
  target: CheckTarget,
  check: AssetCheck,
  dialect: SqlDialect,
  now: Date,
): Promise<PreparedCheck> {
  const at = check.location ? { location: check.location } : {}
  const kind = kinds.get(check.kind)
  if (!kind) {
    const known = [...kinds.keys()].sort()
    const near = nearest(check.kind, known)
    throw new PhloError('PHLO_CHECK_INVALID', `There is no kind of check named ${JSON.stringify(check.kind)}`, {
      hint: `${near === undefined ? '' : `Did you mean ${near}? `}Kinds: ${known.join(', ')}.`,
      ...at,
    })
  }
  const options = await validated(kind, check)
  const names = target.columns.map(({ name }) => name)
  for (const column of kind.columns(options)) {
    if (names.includes(column)) continue
    const near = nearest(column, names)
    throw new PhloError('PHLO_CHECK_INVALID', `${target.asset} has no column ${JSON.stringify(column)}`, {
      hint: near === undefined ? `Columns: ${names.join(', ')}.` : `Did you mean ${near}?`,
      ...at,
    })
  }
  const compiled = kind.compile(options, { table: target.table, columns: target.columns, dialect, now })
  const condition = scopeCondition(target, check, dialect, now)
  const relation = relationOf(dialect.table(target.table), condition)
  return { check, kind, options, compiled, ...(condition !== undefined && { condition }), relation }
}

/** What a prepared check says of itself; a kind that fails at its words, too, is described by its name. */
export function describeCheck({ kind, options }: PreparedCheck): string {
  try {
    return kind.describe(options)
  } catch {
    return kind.kind
  }
}

/** The SELECT of what fails, where the check has one. */
export function failingRowsSql({ compiled, relation }: PreparedCheck): string | undefined {
  if (compiled.type === 'rows') return `SELECT * FROM ${relation} WHERE ${compiled.failing}`
  return compiled.type === 'query' ? compiled.failingRows(relation) : undefined
}

async function validated(kind: CheckKind, check: AssetCheck): Promise<unknown> {
  const result = await kind.options['~standard'].validate(check.options)
  if (!result.issues) return result.value
  const problems = result.issues.map((issue) => [issuePath(issue).join('.'), issue.message].filter(Boolean).join(': '))
  throw new PhloError('PHLO_CHECK_INVALID', `The check ${check.name} is declared wrongly: ${problems.join('; ')}`, {
    ...(check.location && { location: check.location }),
  })
}
