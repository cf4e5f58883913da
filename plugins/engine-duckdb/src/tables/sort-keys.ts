import { bindSpec, currentSchema } from '@phlo/iceberg'
import { PhloError, type TableMetadata } from '@phlo/ports'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { registerBucketFunction } from './bucket-function.js'
import { partitionExpression } from './partition-expressions.js'

/** How a table wants its rows sorted. */
export interface SortKeys {
  /** What stands behind ORDER BY, one for each field. */
  readonly keys: readonly string[]
  readonly sortOrderId: number
}

/**
 * The keys of the table's default sort order, `undefined` when it has none. Throws PHLO_UNSUPPORTED for one on a nested
 * column. Spec: "Sorting".
 */
export async function tableSortKeys(
  host: DuckDbHost,
  connection: Connection,
  metadata: TableMetadata,
): Promise<SortKeys | undefined> {
  const sortOrderId = metadata['default-sort-order-id']
  const order = metadata['sort-orders'].find((candidate) => candidate['order-id'] === sortOrderId)
  if (!order || order.fields.length === 0) return undefined
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
  return { keys, sortOrderId }
}

export function sortKey(expression: string, descending: boolean, nullsFirst: boolean): string {
  return `${expression} ${descending ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`
}
