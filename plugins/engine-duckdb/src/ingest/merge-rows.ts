import { currentSchema, findField, parsePrimitive, planScan, toValue, type Expression } from '@phlo/iceberg'
import { type LoadedTable, type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { filesSelect, localFile } from '../tables/table-view.js'
import type { ParquetWriter, StagedFile } from '../tables/parquet-writer.js'

/** What a merge by key does to the files of a table. */
export interface MergePlan {
  /** URIs of files that leave, since one of their rows is replaced. */
  readonly replaced: ReadonlySet<string>
  /** The rows of those files that stay. */
  readonly kept: readonly StagedFile[]
}

/**
 * Finds the table's files with rows of the given keys, and writes what else they hold anew (copy on write).
 * `keys` is a SELECT of the new rows' key columns.
 */
export async function planMerge(
  connection: Connection,
  store: ObjectStore,
  writer: ParquetWriter,
  existing: LoadedTable,
  metadata: TableMetadata,
  key: readonly string[],
  keys: string,
): Promise<MergePlan> {
  const candidates = new Map<string, string>()
  const filter = await keyFilter(connection, existing, key, keys)
  for await (const task of planScan(store, existing.metadata, filter && { filter })) {
    candidates.set(await localFile(store, task), task.file.path)
  }
  if (candidates.size === 0) return { replaced: new Set(), kept: [] }
  const schema = currentSchema(metadata)
  const byId = metadata.schemas.length > 1
  const using = `USING (${key.map(identifier).join(', ')})`
  const all = filesSelect([...candidates.keys()], schema, byId, ['filename'])
  const touched = await connection.run(`SELECT DISTINCT filename FROM (${all}) SEMI JOIN (${keys}) ${using}`)
  const files = touched.map(({ filename }) => filename as string)
  if (files.length === 0) return { replaced: new Set(), kept: [] }
  const columns = schema.fields.map(({ name }) => identifier(name)).join(', ')
  const rest = `SELECT ${columns} FROM (${filesSelect(files, schema, byId)}) ANTI JOIN (${keys}) ${using}`
  const replaced = files.map((file) => {
    const uri = candidates.get(file)
    if (uri === undefined) throw new PhloError('PHLO_INTERNAL', `DuckDB named a file that was not read: ${file}`)
    return uri
  })
  return { replaced: new Set(replaced), kept: await writer.write(connection, rest, metadata) }
}

/** Only files whose range of the first key column meets that of the new rows can hold their keys. */
async function keyFilter(
  connection: Connection,
  existing: LoadedTable,
  key: readonly string[],
  keys: string,
): Promise<Expression | undefined> {
  const [first] = key as [string]
  const field = findField(currentSchema(existing.metadata), first)
  if (!field || typeof field.type !== 'string') return undefined
  const column = identifier(first)
  const { low, high } = await connection.one(
    `SELECT min(${column})::VARCHAR AS low, max(${column})::VARCHAR AS high FROM (${keys})`,
  )
  const type = parsePrimitive(field.type)
  if (typeof low !== 'string' || typeof high !== 'string') return { op: 'false' }
  if (toValue(type, low) === undefined || toValue(type, high) === undefined) return undefined
  return {
    op: 'and',
    left: { op: 'gte', column: first, value: low },
    right: { op: 'lte', column: first, value: high },
  }
}

/** One row a key: the first or last in the source's order, or all that differ in any column. */
export function deduplicated(
  staged: string,
  columns: readonly string[],
  key: readonly string[],
  keep: 'first' | 'last' | 'hash',
): string {
  const list = columns.map(identifier).join(', ')
  if (keep === 'hash') return `SELECT DISTINCT ${list} FROM (${staged})`
  const order = keep === 'first' ? 'ASC' : 'DESC'
  return (
    `SELECT ${list} FROM (${staged}) QUALIFY row_number() OVER (` +
    `PARTITION BY ${key.map(identifier).join(', ')} ORDER BY _phlo_order ${order}) = 1`
  )
}

export function parquetSelect(file: string): string {
  return `SELECT * FROM read_parquet(${literal(file)}, hive_partitioning = false)`
}
