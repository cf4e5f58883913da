import { currentSchema, findField } from '@phlo/iceberg'
import { identifier } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { lineageFields } from '../reading/rows-select.js'
import {
  findLeaving,
  integerRange,
  isRepeated,
  keysOf,
  type Leaving,
  type Limits,
  type MergeInto,
  rangesFilter,
} from './merge-rows.js'

/** What new rows replace, found while they were written. */
export interface Ahead {
  /** On which the temporary tables are. */
  readonly connection: Connection
  /** The temporary table of the rows' keys, of which each occurs once. */
  readonly keys: string
  /** How many rows there are. */
  readonly rows: number
  readonly leaving: Leaving
}

/**
 * Finds the table's rows that new ones with the same key replace, of a SELECT that reads the new ones' keys at little
 * cost, on a connection of its own. One thread writes a file of few rows; another one can search meanwhile. `undefined` when
 * a key repeats: which rows stay is then to be decided first.
 */
export async function searchAhead(merge: MergeInto, select: string): Promise<Ahead | undefined> {
  const { connection, existing, metadata, key } = merge
  const keys = await keysOf(connection, `(${select})`, key)
  const ordered = key.map((column) => isOrdered(findField(currentSchema(metadata), column)?.type))
  const limits = key.flatMap((column, index) =>
    ordered[index]
      ? ['min', 'max'].map((limit) => `${limit}(${identifier(column)})::VARCHAR AS ${limit}_${index}`)
      : [],
  )
  const found = await connection.one(`SELECT ${['count(*) AS rows', ...limits].join(', ')} FROM ${keys}`)
  const rows = Number(found['rows'])
  const limitsOf = (column: string): Limits => {
    const index = key.indexOf(column)
    return [found[`min_${index}`] as string | undefined, found[`max_${index}`] as string | undefined]
  }
  const [first] = key as [string]
  const range = key.length === 1 ? integerRange(first, metadata, limitsOf(first)) : undefined
  if (rows === 0 || (await isRepeated(connection, keys, rows, range))) return undefined
  const filter = rangesFilter(existing.metadata, metadata, key, (column) => [limitsOf(column)])
  const leaving = await findLeaving(merge, keys, filter, lineageFields(metadata).length > 0)
  return { connection, keys, rows, leaving }
}

/** Does DuckDB order values of the type as Iceberg does, and write them as it reads them? */
function isOrdered(type: unknown): boolean {
  return typeof type === 'string' && /^(int|long|date|string|uuid|timestamp|timestamptz|decimal.*)$/.test(type)
}
