import type { IcebergSchema, TableMetadata } from '@phlo/ports'
import type { Fail } from '../metadata/shape.js'
import { specById } from '../partition/partition-spec.js'
import { sourceIds, transformOf } from '../partition/transform.js'
import { indexById } from './schema.js'
import { formatType } from '../types/primitive.js'

/**
 * Checks that partition specs and the sort order still work after the table's schema went from `before` to `after`: the
 * columns of the current ones are there, and no column was widened whose partitions would be others then.
 * Spec: "Schema Evolution".
 */
export function checkReferences(
  metadata: Pick<TableMetadata, 'partition-specs' | 'default-spec-id' | 'sort-orders' | 'default-sort-order-id'>,
  before: IcebergSchema,
  after: IcebergSchema,
  fail: Fail,
): void {
  const [old, now] = [indexById(before), indexById(after)]
  const order = metadata['sort-orders'].find((item) => item['order-id'] === metadata['default-sort-order-id'])
  const spec = specById(metadata['partition-specs'], metadata['default-spec-id'])
  for (const [users, word] of [
    [spec.fields.filter((field) => transformOf(field).kind !== 'void'), 'partitioned'],
    [order?.fields ?? [], 'sorted'],
  ] as const) {
    for (const id of users.flatMap(sourceIds)) {
      const column = old.get(id)
      if (column && !now.has(id)) fail(`the table is ${word} by ${column.path.join('.')}, which therefore has to stay`)
    }
  }
  for (const field of metadata['partition-specs'].flatMap(({ fields }) => fields)) {
    // These give the same for a date and for the midnight that it becomes.
    if (['year', 'month', 'day', 'void'].includes(transformOf(field).kind)) continue
    for (const id of sourceIds(field)) {
      const [from, to] = [old.get(id)?.field.type, now.get(id)?.field.type]
      if (from === 'date' && to !== undefined && to !== 'date')
        fail(`files are partitioned by ${field.transform} of a date, which would be another of ${formatType(to)}`)
    }
  }
}
