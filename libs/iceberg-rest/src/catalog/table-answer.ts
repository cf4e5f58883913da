import { metadataOf } from '@phlo/iceberg'
import { formatIdentifier, type LoadedTable, PhloError, type TableIdentifier } from '@phlo/ports'
import { isObject, isTextMap } from './shape.js'

/** Access to files below a prefix, as the server wrote it. Source: REST catalog, `StorageCredential`. */
export interface StorageCredential {
  readonly prefix: string
  readonly config: Readonly<Record<string, string>>
}

/** A table with what the server says of access to its files. Source: REST catalog, `LoadTableResult`. */
export interface GrantedTable {
  readonly table: LoadedTable
  readonly config: Readonly<Record<string, string>>
  readonly credentials: readonly StorageCredential[]
  /** Passed on with requests to be signed. Source: REST catalog, `RemoteSigningConfig`. */
  readonly signing?: {
    readonly properties: Readonly<Record<string, string>>
    readonly headers: Readonly<Record<string, string>>
  }
}

/** Reads a table out of an answer. Throws PHLO_CATALOG_FAILED, and PHLO_ICEBERG_INVALID for its metadata. */
export function tableAnswer(body: unknown, identifier: TableIdentifier): GrantedTable {
  if (isObject(body) && typeof body['metadata-location'] !== 'string')
    throw unreadable(identifier, 'does not say where the metadata file is')
  return stagedAnswer(body, identifier)
}

/** Reads a table that is not there yet, and has no metadata file. Throws as {@link tableAnswer}. */
export function stagedAnswer(body: unknown, identifier: TableIdentifier): GrantedTable {
  const what = `table ${formatIdentifier(identifier)}`
  if (!isObject(body)) throw unreadable(identifier, 'is no JSON object')
  const { 'metadata-location': place, config = {} } = body
  const metadataLocation = typeof place === 'string' ? place : ''
  if (!isTextMap(config ?? {})) throw unreadable(identifier, 'has a `config` with something other than text')
  const signing = body['remote-signing-config']
  return {
    table: { identifier, metadata: metadataOf(body['metadata'], `metadata of ${what}`), metadataLocation },
    config: (config ?? {}) as Record<string, string>,
    credentials: storageCredentials(body['storage-credentials'], what),
    ...(isObject(signing) && {
      signing: {
        properties: isTextMap(signing['properties']) ? signing['properties'] : {},
        headers: firstValues(signing['headers']),
      },
    }),
  }
}

function unreadable(identifier: TableIdentifier, problem: string): PhloError {
  return new PhloError('PHLO_CATALOG_FAILED', `table ${formatIdentifier(identifier)}: the catalog’s answer ${problem}`)
}

/** Reads `storage-credentials`. Throws PHLO_CATALOG_FAILED. */
export function storageCredentials(value: unknown, what: string): readonly StorageCredential[] {
  if (value === undefined || value === null) return []
  const isCredential = (item: unknown): item is { prefix: string; config: Record<string, string> } =>
    isObject(item) && typeof item['prefix'] === 'string' && isTextMap(item['config'])
  if (!Array.isArray(value) || !value.every(isCredential))
    throw new PhloError('PHLO_CATALOG_FAILED', `${what}: the catalog’s storage credentials cannot be read`)
  return value.map(({ prefix, config }) => ({ prefix, config }))
}

function firstValues(headers: unknown): Record<string, string> {
  if (!isObject(headers)) return {}
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, values]) =>
      Array.isArray(values) && typeof values[0] === 'string' ? [[name, values[0]]] : [],
    ),
  )
}
