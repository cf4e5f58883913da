import {
  currentSchema,
  findField,
  parsePrimitive,
  planScan,
  type ScanTask,
  toValue,
  type Expression,
} from '@phlo/iceberg'
import { type LoadedTable, type ObjectStore, type TableMetadata } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { rowsSelect } from '../reading/rows-select.js'
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
  const tasks: ScanTask[] = []
  const filter = await keyFilter(connection, existing, key, keys)
  for await (const task of planScan(store, existing.metadata, filter && { filter })) {
    tasks.push(task)
  }
  if (tasks.length === 0) return { replaced: new Set(), kept: [] }
  const schema = currentSchema(metadata)
  const using = `USING (${key.map(identifier).join(', ')})`
  const all = await rowsSelect(connection, store, metadata, tasks, schema, { extra: ['_file'] })
  const touched = await connection.run(`SELECT DISTINCT _file FROM (${all}) SEMI JOIN (${keys}) ${using}`)
  const replaced = new Set(touched.map(({ _file: file }) => file as string))
  if (replaced.size === 0) return { replaced, kept: [] }
  const columns = schema.fields.map(({ name }) => identifier(name)).join(', ')
  const files = tasks.filter(({ file }) => replaced.has(file.path))
  const stored = await rowsSelect(connection, store, metadata, files, schema)
  const rest = `SELECT ${columns} FROM (${stored}) ANTI JOIN (${keys}) ${using}`
  return { replaced, kept: await writer.write(connection, rest, metadata) }
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
