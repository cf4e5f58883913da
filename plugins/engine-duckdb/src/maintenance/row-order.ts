import { currentSchema, findField } from '@phlo/iceberg'
import { type NestedField, PhloError, type RewriteStrategy, type TableMetadata } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { sortKey, tableSortKeys } from '../tables/sort-keys.js'
import { alongCurve } from './space-curve.js'

/** Rows in the order in which they are to be written. */
export interface OrderedRows {
  /** The rows, with columns that the order needs behind the others. */
  readonly select: string
  /** What stands behind ORDER BY; nothing when the order does not matter. */
  readonly orderBy: string | undefined
  /** The id of the table's sort order, 0 for any other. */
  readonly sortOrderId: number
}

/**
 * The order of rows that a strategy asks for. Throws PHLO_SCHEMA_COLUMN_MISSING for columns that the table has not, and
 * PHLO_UNSUPPORTED for those that have no order.
 */
export async function orderedRows(
  host: DuckDbHost,
  connection: Connection,
  select: string,
  metadata: TableMetadata,
  strategy: RewriteStrategy,
): Promise<OrderedRows> {
  if (strategy.kind === 'binpack') return { select, orderBy: undefined, sortOrderId: 0 }
  if (strategy.kind === 'sort') {
    if (!strategy.by) return tableOrder(host, connection, select, metadata)
    const keys = strategy.by.map(({ column, descending = false, nullsFirst = !descending }) =>
      sortKey(identifier(columnOf(metadata, column).name), descending, nullsFirst),
    )
    return { select, orderBy: keys.join(', '), sortOrderId: 0 }
  }
  const columns = strategy.columns.map((name) => columnOf(metadata, name))
  const { select: placed, place } = await alongCurve(connection, select, columns, strategy.kind)
  return { select: placed, orderBy: [place, ...columns.map(({ name }) => identifier(name))].join(', '), sortOrderId: 0 }
}

/** The table's own sort order. Spec: "Sorting". */
async function tableOrder(
  host: DuckDbHost,
  connection: Connection,
  select: string,
  metadata: TableMetadata,
): Promise<OrderedRows> {
  const order = await tableSortKeys(host, connection, metadata)
  if (!order) {
    throw new PhloError('PHLO_UNSUPPORTED', 'The table has no sort order', {
      hint: 'Say by which columns to sort.',
    })
  }
  return { select, orderBy: order.keys.join(', '), sortOrderId: order.sortOrderId }
}

function columnOf(metadata: TableMetadata, name: string): NestedField {
  const field = findField(currentSchema(metadata), name)
  if (!field) throw new PhloError('PHLO_SCHEMA_COLUMN_MISSING', `The table has no column ${name}`)
  return field
}
