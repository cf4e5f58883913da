import {
  currentSchema,
  decodeValue,
  type Expression,
  findField,
  formatValue,
  parsePrimitive,
  type SnapshotChange,
  toValue,
} from '@phlo/iceberg'
import type { LoadedTable, ObjectStore, RowChoice, TableMetadata } from '@phlo/ports'
import { randomUUID } from 'node:crypto'
import { isolationLevel, RowChangeWriter } from '../dml/row-changes.js'
import { placesOf, positionColumn, TargetRows, taskColumn } from '../dml/target-rows.js'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { lineageFields } from '../reading/rows-select.js'
import type { StagedFile } from '../tables/copied-files.js'
import { distributionMode } from '../tables/distribution.js'
import type { ParquetWriter } from '../tables/parquet-writer.js'

/** What new rows meet, and by which columns. */
export interface MergeInto {
  readonly connection: Connection
  readonly store: ObjectStore
  readonly writer: ParquetWriter
  readonly existing: LoadedTable
  /** The table as it will be. */
  readonly metadata: TableMetadata
  readonly key: readonly string[]
}

/** How rows with the same key are replaced. */
interface Replacement {
  /** The temporary table of the keys whose rows leave; see {@link collectKeys}. */
  readonly keys: string
  /** Files with all of these keys: their statistics tell which files may hold such rows. */
  readonly ranges: readonly StagedFile[]
  /** Whether a row that replaces another is the same one, changed; `kept-by-one` where several new ones may have its key. */
  readonly identity: 'kept' | 'kept-by-one' | 'new'
}

/** What becomes of rows that are written, and of those that they replace. */
interface ReplacedRows {
  /** The rows that were written; in format version 3 anew, with the ids of those that they replace. */
  readonly files: readonly StagedFile[]
  /** The change but for these rows. */
  readonly change: SnapshotChange
}

/**
 * Finds the table's rows with the keys of rows that are already written, and takes them out of their files, as the
 * table's `write.merge.mode` says.
 */
export async function replaceRows(
  merge: MergeInto,
  written: readonly StagedFile[],
  { keys, ranges, identity }: Replacement,
): Promise<ReplacedRows> {
  const { connection, store, writer, existing, metadata, key } = merge
  const filter = keyFilter(existing.metadata, metadata, key, ranges)
  const isolation = isolationLevel(metadata, 'merge')
  const target = new TargetRows(connection, store, metadata, existing.identifier)
  await target.plan(filter, existing.metadata)
  if (target.tasks.length === 0) return { files: written, change: { add: [], validation: { isolation, filter } } }
  const leaving = `leaving_${randomUUID().replaceAll('-', '')}`
  const lineage = identity !== 'new' && lineageFields(metadata).length > 0
  const kept = lineage ? ['_row_id', ...key.map(identifier)] : []
  await connection.run(
    `CREATE TEMP TABLE ${leaving} AS ${placesOf(await target.select({ lineage }), kept)} ` +
      `SEMI JOIN ${keys} USING (${key.map(identifier).join(', ')})`,
  )
  const files = lineage ? await withRowIds(merge, written, leaving, identity === 'kept-by-one') : written
  const { add, removePaths, referencedPaths } = await new RowChangeWriter(connection, store, writer, metadata).write(
    target,
    { leaving: `SELECT ${taskColumn}, ${positionColumn} FROM ${leaving}` },
    'merge',
  )
  return { files, change: { add, removePaths, validation: { isolation, filter, referencedPaths } } }
}

/**
 * Writes rows once more, with the ids of the rows that they replace: to version 3 they are the same rows, changed by this
 * commit. An id goes to one row only. Spec: "Row Lineage".
 */
async function withRowIds(
  { connection, writer, metadata, key }: MergeInto,
  written: readonly StagedFile[],
  leaving: string,
  keysRepeat: boolean,
): Promise<readonly StagedFile[]> {
  const { rows } = await connection.one(`SELECT count(*) AS rows FROM ${leaving}`)
  if (Number(rows) === 0) return written
  const keys = key.map(identifier)
  const columns = currentSchema(metadata).fields.map(({ name }) => `s.${identifier(name)}`)
  const first = keysRepeat ? `, row_number() OVER (PARTITION BY ${keys.join(', ')}) AS _phlo_nth` : ''
  const equal = [...keys.map((name) => `s.${name} = l.${name}`), ...(keysRepeat ? ['s._phlo_nth = 1'] : [])]
  const select =
    `SELECT ${columns.join(', ')}, l._row_id, CAST(NULL AS BIGINT) AS _last_updated_sequence_number ` +
    `FROM (SELECT *${first} FROM ${stagedRows(written)}) AS s ` +
    `LEFT JOIN (SELECT ${keys.join(', ')}, min(_row_id) AS _row_id FROM ${leaving} GROUP BY ${keys.join(', ')}) AS l ` +
    `ON ${equal.join(' AND ')}`
  return writer.write(connection, select, metadata, undefined, {
    extra: lineageFields(metadata),
    distribution: distributionMode(metadata, 'merge'),
  })
}

/** Keeps the keys of rows in a temporary table, whose name it gives: the rows' files may be moved then. */
export async function collectKeys(
  connection: Connection,
  written: readonly StagedFile[],
  key: readonly string[],
): Promise<string> {
  const keys = `keys_${randomUUID().replaceAll('-', '')}`
  await connection.run(
    `CREATE TEMP TABLE ${keys} AS SELECT ${key.map(identifier).join(', ')} FROM ${stagedRows(written)}`,
  )
  return keys
}

/** Does a key occur in several of the rows, of which {@link collectKeys} has the keys? */
export async function hasRepeatedKeys(
  connection: Connection,
  keys: string,
  written: readonly StagedFile[],
  key: readonly string[],
  metadata: TableMetadata,
): Promise<boolean> {
  const range = key.length === 1 ? integerRange(written, key[0] as string, metadata) : undefined
  const rows = written.reduce((sum, { file }) => sum + file.recordCount, 0)
  if (range && range.high - range.low < mostBits && range.high - range.low < rows * bitsPerRow) {
    // A bit for each number takes a fifth of the time of a hash table.
    const [low, high] = [range.low, range.high].map((limit) => `${limit}::${range.type}`)
    const distinct = `bit_count(bitstring_agg(${identifier(key[0] as string)}, ${low}, ${high}))`
    const found = await connection.one(`SELECT ${distinct} AS keys FROM ${keys}`)
    return Number(found['keys']) < rows
  }
  return (await connection.run(`FROM ${keys} GROUP BY ALL HAVING count(*) > 1 LIMIT 1`)).length > 0
}

/** More bits than these (16 MiB a thread), or for each row, are no saving. */
const mostBits = 2 ** 27
const bitsPerRow = 128

/** Between which numbers all of a column's are, as far as the files' statistics tell. */
function integerRange(
  written: readonly StagedFile[],
  column: string,
  metadata: TableMetadata,
): { readonly low: number; readonly high: number; readonly type: 'INTEGER' | 'BIGINT' } | undefined {
  const field = findField(currentSchema(metadata), column)
  if (field?.type !== 'int' && field?.type !== 'long') return undefined
  const type = parsePrimitive(field.type)
  const limits = written.flatMap(({ file }) =>
    [file.lowerBounds?.get(field.id), file.upperBounds?.get(field.id)].map((bound) =>
      bound === undefined ? NaN : Number(decodeValue(type, bound)),
    ),
  )
  if (limits.length === 0 || !limits.every(Number.isSafeInteger)) return undefined
  return { low: Math.min(...limits), high: Math.max(...limits), type: field.type === 'int' ? 'INTEGER' : 'BIGINT' }
}

/** SQL of the rows of files that are written but not stored yet. */
export function stagedRows(written: readonly StagedFile[]): string {
  return `read_parquet([${written.map(({ path }) => literal(path)).join(', ')}], hive_partitioning = false)`
}

/** Only files whose ranges of the key's columns meet those of the new rows can hold their keys. */
export function keyFilter(
  existing: TableMetadata,
  metadata: TableMetadata,
  key: readonly string[],
  written: readonly StagedFile[],
): Expression {
  let filter: Expression = { op: 'true' }
  for (const column of key) {
    const stored = findField(currentSchema(existing), column)?.type
    const field = findField(currentSchema(metadata), column)
    if (!field || typeof field.type !== 'string' || typeof stored !== 'string') continue
    const type = parsePrimitive(field.type)
    const ranges = written.map(({ file }): Expression => {
      const limits = [file.lowerBounds?.get(field.id), file.upperBounds?.get(field.id)].map(
        (bound) => bound && formatValue(type, decodeValue(type, bound)),
      )
      const [low, high] = limits
      // A column that is being widened may have new values that the stored type has not.
      const usable = limits.every(
        (limit) => limit !== undefined && toValue(parsePrimitive(stored), limit) !== undefined,
      )
      if (!usable || low === undefined || high === undefined) return { op: 'true' }
      return {
        op: 'and',
        left: { op: 'gte', column, value: low },
        right: { op: 'lte', column, value: high },
      }
    })
    const within = ranges.reduce((left, right): Expression => ({ op: 'or', left, right }), { op: 'false' })
    filter = { op: 'and', left: filter, right: within }
  }
  return filter
}

/** Which of several new rows with one key stay. */
export interface Deduplication {
  readonly key: readonly string[]
  readonly keep: RowChoice['keep'] | 'hash'
  /** Columns that decide before the source's order does. */
  readonly order: readonly string[]
}

/** One row a key: the first or last by the order, or all that differ in any column. */
export function deduplicated(staged: string, columns: readonly string[], { key, keep, order }: Deduplication): string {
  const list = columns.map(identifier).join(', ')
  if (keep === 'hash') return `SELECT DISTINCT ${list} FROM (${staged})`
  const direction = keep === 'first' ? 'ASC' : 'DESC'
  const by = [...order.map(identifier), '_phlo_order'].map((column) => `${column} ${direction}`)
  return (
    `SELECT ${list} FROM (${staged}) QUALIFY row_number() OVER (` +
    `PARTITION BY ${key.map(identifier).join(', ')} ORDER BY ${by.join(', ')}) = 1`
  )
}

export function parquetSelect(file: string): string {
  return `SELECT * FROM read_parquet(${literal(file)}, hive_partitioning = false)`
}
