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
import type { LoadedTable, ObjectStore, TableMetadata } from '@phlo/ports'
import { randomUUID } from 'node:crypto'
import { isolationLevel, RowChangeWriter } from '../dml/row-changes.js'
import { placesOf, TargetRows } from '../dml/target-rows.js'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import type { StagedFile } from '../tables/copied-files.js'
import type { ParquetWriter } from '../tables/parquet-writer.js'

/** What a merge by key stands on. */
interface MergeInto {
  readonly connection: Connection
  readonly store: ObjectStore
  readonly writer: ParquetWriter
  readonly existing: LoadedTable
  /** The table as it will be. */
  readonly metadata: TableMetadata
  readonly key: readonly string[]
}

/**
 * Finds the table's rows with the keys of rows that are already written, and takes them out of their files, as the
 * table's `write.merge.mode` says. The result is that part of the change which the rows themselves are not.
 */
export async function replaceRows(merge: MergeInto, written: readonly StagedFile[]): Promise<SnapshotChange> {
  const { connection, store, writer, existing, metadata, key } = merge
  const filter = keyFilter(existing.metadata, metadata, key, written)
  const isolation = isolationLevel(metadata, 'merge')
  const target = new TargetRows(connection, store, metadata, existing.identifier)
  await target.plan(filter, existing.metadata)
  if (target.tasks.length === 0) return { add: [], validation: { isolation, filter } }
  const leaving = `leaving_${randomUUID().replaceAll('-', '')}`
  await connection.run(
    `CREATE TEMP TABLE ${leaving} AS ${placesOf(await target.select())} ` +
      `SEMI JOIN (${keysOf(written, key)}) USING (${key.map(identifier).join(', ')})`,
  )
  const { add, removePaths, referencedPaths } = await new RowChangeWriter(connection, store, writer, metadata).write(
    target,
    { leaving: `FROM ${leaving}` },
    'merge',
  )
  return { add, removePaths, validation: { isolation, filter, referencedPaths } }
}

/** Does a key occur in several of the rows? */
export async function hasRepeatedKeys(
  connection: Connection,
  written: readonly StagedFile[],
  key: readonly string[],
): Promise<boolean> {
  if (written.length === 0) return false
  const rows = await connection.run(`FROM (${keysOf(written, key)}) GROUP BY ALL HAVING count(*) > 1 LIMIT 1`)
  return rows.length > 0
}

function keysOf(written: readonly StagedFile[], key: readonly string[]): string {
  const files = written.map(({ path }) => literal(path)).join(', ')
  return `SELECT ${key.map(identifier).join(', ')} FROM read_parquet([${files}], hive_partitioning = false)`
}

/** Only files whose ranges of the key's columns meet those of the new rows can hold their keys. */
function keyFilter(
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
