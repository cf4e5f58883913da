import { bindSpec, currentSchema, findField } from '@phlo/iceberg'
import { type NestedField, PhloError, type RewriteStrategy, type TableMetadata } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { registerBucketFunction } from '../tables/bucket-function.js'
import { partitionExpression } from '../tables/partition-expressions.js'
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
  const sortOrderId = metadata['default-sort-order-id']
  const order = metadata['sort-orders'].find((candidate) => candidate['order-id'] === sortOrderId)
  if (!order || order.fields.length === 0) {
    throw new PhloError('PHLO_UNSUPPORTED', 'The table has no sort order', {
      hint: 'Say by which columns to sort.',
    })
  }
  const schema = currentSchema(metadata)
  // Transforms of sort keys are those of partitions.
  const spec = {
    'spec-id': 0,
    fields: order.fields.map((field, index) => ({ ...field, 'field-id': 1000 + index, name: `key_${index}` })),
  }
  const bound = bindSpec(spec, schema)
  if (bound.some(({ transform }) => transform.kind === 'bucket')) await registerBucketFunction(host, connection)
  const keys = bound.map((item, index) => {
    const { direction, 'null-order': nulls } = order.fields[index] as (typeof order.fields)[number]
    const source = schema.fields.find(({ id }) => id === item.field['source-id'])
    if (!source) throw new PhloError('PHLO_UNSUPPORTED', 'The table’s sort order is on a nested column')
    return sortKey(partitionExpression(item, source.name), direction === 'desc', nulls === 'nulls-first')
  })
  return { select, orderBy: keys.join(', '), sortOrderId }
}

function sortKey(expression: string, descending: boolean, nullsFirst: boolean): string {
  return `${expression} ${descending ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`
}

function columnOf(metadata: TableMetadata, name: string): NestedField {
  const field = findField(currentSchema(metadata), name)
  if (!field) throw new PhloError('PHLO_SCHEMA_COLUMN_MISSING', `The table has no column ${name}`)
  return field
}
