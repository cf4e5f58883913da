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
  /** The rows that leave, where they are found already. */
  readonly leaving?: Leaving | undefined
}

/** The table's rows that have keys of new ones. */
export interface Leaving {
  readonly target: TargetRows
  /** The temporary table of their places; `undefined` when no file of the table can have any. */
  readonly places: string | undefined
  /** Which rows were looked at. */
  readonly filter: Expression
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
  { keys, ranges, identity, leaving }: Replacement,
): Promise<ReplacedRows> {
  const { connection, store, writer, existing, metadata, key } = merge
  const lineage = identity !== 'new' && lineageFields(metadata).length > 0
  const { target, places, filter } =
    leaving ?? (await findLeaving(merge, keys, keyFilter(existing.metadata, metadata, key, ranges), lineage))
  const isolation = isolationLevel(metadata, 'merge')
  if (places === undefined) return { files: written, change: { add: [], validation: { isolation, filter } } }
  const files = lineage ? await withRowIds(merge, written, places, identity === 'kept-by-one') : written
  const { add, removePaths, referencedPaths } = await new RowChangeWriter(connection, store, writer, metadata).write(
    target,
    { leaving: `SELECT ${taskColumn}, ${positionColumn} FROM ${places}` },
    'merge',
  )
  return { files, change: { add, removePaths, validation: { isolation, filter, referencedPaths } } }
}

/**
 * Finds the rows with the keys of a temporary table among those within the filter; with their ids and keys when they are
 * to be handed on.
 */
export async function findLeaving(
  { connection, store, existing, metadata, key }: MergeInto,
  keys: string,
  filter: Expression,
  withIds: boolean,
): Promise<Leaving> {
  const target = new TargetRows(connection, store, metadata, existing.identifier)
  await target.plan(filter, existing.metadata)
  if (target.tasks.length === 0) return { target, places: undefined, filter }
  const places = `leaving_${randomUUID().replaceAll('-', '')}`
  const kept = withIds ? ['_row_id', ...key.map(identifier)] : []
  await connection.run(
    `CREATE TEMP TABLE ${places} AS ${placesOf(await target.select({ lineage: withIds }), kept)} ` +
      `SEMI JOIN ${keys} USING (${key.map(identifier).join(', ')})`,
  )
  return { target, places, filter }
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
  return keysOf(connection, stagedRows(written), key)
}

/** As {@link collectKeys}, of whatever can stand behind FROM. */
export async function keysOf(connection: Connection, from: string, key: readonly string[]): Promise<string> {
  const keys = `keys_${randomUUID().replaceAll('-', '')}`
  await connection.run(`CREATE TEMP TABLE ${keys} AS SELECT ${key.map(identifier).join(', ')} FROM ${from}`)
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
  const [column] = key as [string]
  const limits = key.length === 1 ? boundsOf(written, column, metadata) : undefined
  const rows = written.reduce((sum, { file }) => sum + file.recordCount, 0)
  return isRepeated(connection, keys, rows, key.length === 1 ? integerRange(column, metadata, limits ?? []) : undefined)
}

/** Whole numbers that all values of a key's one column lie between. */
interface IntegerRange {
  readonly column: string
  readonly low: number
  readonly high: number
  readonly type: 'INTEGER' | 'BIGINT'
}

/** Does a key occur in several of so many `rows`? */
export async function isRepeated(
  connection: Connection,
  keys: string,
  rows: number,
  range: IntegerRange | undefined,
): Promise<boolean> {
  if (range && range.high - range.low < mostBits && range.high - range.low < rows * bitsPerRow) {
    // A bit for each number takes a fifth of the time of a hash table.
    const [low, high] = [range.low, range.high].map((limit) => `${limit}::${range.type}`)
    const distinct = `bit_count(bitstring_agg(${identifier(range.column)}, ${low}, ${high}))`
    const found = await connection.one(`SELECT ${distinct} AS keys FROM ${keys}`)
    return Number(found['keys']) < rows
  }
  return (await connection.run(`FROM ${keys} GROUP BY ALL HAVING count(*) > 1 LIMIT 1`)).length > 0
}

/** More bits than these (16 MiB a thread), or for each row, are no saving. */
const mostBits = 2 ** 27
const bitsPerRow = 128

/** Between which numbers all of a column's are, by limits of which each may be missing. */
export function integerRange(
  column: string,
  metadata: TableMetadata,
  limits: readonly (string | undefined)[],
): IntegerRange | undefined {
  const type = findField(currentSchema(metadata), column)?.type
  if (type !== 'int' && type !== 'long') return undefined
  const numbers = limits.map((limit) => (limit === undefined ? NaN : Number(limit)))
  if (numbers.length === 0 || !numbers.every(Number.isSafeInteger)) return undefined
  return {
    column,
    low: Math.min(...numbers),
    high: Math.max(...numbers),
    type: type === 'int' ? 'INTEGER' : 'BIGINT',
  }
}

/** The bounds of a column in each file, as text; none of one whose type has none. */
function boundsOf(
  written: readonly StagedFile[],
  column: string,
  metadata: TableMetadata,
): readonly (string | undefined)[] {
  const field = findField(currentSchema(metadata), column)
  if (!field || typeof field.type !== 'string') return []
  const type = parsePrimitive(field.type)
  return written.flatMap(({ file }) =>
    [file.lowerBounds?.get(field.id), file.upperBounds?.get(field.id)].map((bound) =>
      bound === undefined ? undefined : formatValue(type, decodeValue(type, bound)),
    ),
  )
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
  return rangesFilter(existing, metadata, key, (column) => {
    const bounds = boundsOf(written, column, metadata)
    return written.map((_, index) => [bounds[2 * index], bounds[2 * index + 1]])
  })
}

/** A lower and an upper limit, as text. */
export type Limits = readonly [low: string | undefined, high: string | undefined]

/** Rows whose values of each of the key's columns lie within one of the column's ranges. */
export function rangesFilter(
  existing: TableMetadata,
  metadata: TableMetadata,
  key: readonly string[],
  rangesOf: (column: string) => readonly Limits[],
): Expression {
  let filter: Expression = { op: 'true' }
  for (const column of key) {
    const stored = findField(currentSchema(existing), column)?.type
    const type = findField(currentSchema(metadata), column)?.type
    if (typeof type !== 'string' || typeof stored !== 'string') continue
    const ranges = rangesOf(column).map((limits): Expression => {
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
export function deduplicated(
  staged: string,
  columns: readonly string[],
  { key, keep, order }: Deduplication,
  carried: readonly string[] = [],
): string {
  const list = [...columns.map(identifier), ...carried].join(', ')
  if (keep === 'hash') {
    const any = carried.map((name) => `any_value(${name}) AS ${name}`)
    return `SELECT ${[...columns.map(identifier), ...any].join(', ')} FROM (${staged}) GROUP BY ALL`
  }
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
