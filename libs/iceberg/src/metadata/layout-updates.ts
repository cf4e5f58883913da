import type { IcebergSchema, PartitionField, PartitionSpec, SortOrder, TableMetadata } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { firstPartitionFieldId, samePartitionField } from '../partition/partition-spec.js'
import { sourceIds } from '../partition/transform.js'
import { validateSchema } from '../schema/schema-checks.js'
import { highestFieldId } from '../schema/schema.js'
import { sameJson } from './json.js'
import type { Fail } from './shape.js'
import { checkOrders, checkSpecs } from './validate.js'

/** Metadata while updates are applied to it. */
export type NextMetadata = { -readonly [Key in keyof TableMetadata]: TableMetadata[Key] }

export function failing(action: string): Fail {
  return (problem) => {
    throw invalid(action, problem)
  }
}

/** Adds a schema, or finds the equal one that is there already; its id. */
export function addSchema(next: NextMetadata, schema: IcebergSchema): number {
  validateSchema({ ...schema, 'schema-id': 0 }, failing('add-schema'))
  const same = next.schemas.find((candidate) =>
    sameJson({ ...candidate, 'schema-id': 0 }, { ...schema, 'schema-id': 0 }),
  )
  next['last-column-id'] = Math.max(next['last-column-id'], highestFieldId(schema))
  if (same) return same['schema-id']
  const id = next.schemas.reduce((highest, candidate) => Math.max(highest, candidate['schema-id']), -1) + 1
  next.schemas = [...next.schemas, { ...schema, 'schema-id': id }]
  return id
}

/** Adds a partition spec, or finds the equivalent one; its id. Spec: "Partitioning". */
export function addSpec(next: NextMetadata, spec: PartitionSpec): number {
  const fail = failing('add-spec')
  checkSpecs([spec], fail)
  const same = next['partition-specs'].find(
    ({ fields }) =>
      fields.length === spec.fields.length &&
      fields.every((field, index) => {
        const other = spec.fields[index] as PartitionField
        return field.name === other.name && samePartitionField(field, other)
      }),
  )
  if (same) return same['spec-id']
  for (const key of ['field-id', 'name'] as const) {
    if (new Set(spec.fields.map((field) => field[key])).size !== spec.fields.length)
      fail(`two fields have the same ${key}`)
  }
  if (next['format-version'] === 1) {
    if (spec.fields.some((field, index) => field['field-id'] !== firstPartitionFieldId + index))
      fail(`format version 1 numbers fields from ${firstPartitionFieldId} without a gap`)
  } else {
    const known = next['partition-specs'].flatMap(({ fields }) => fields)
    for (const field of spec.fields) {
      const sharing = known.filter((other) => other['field-id'] === field['field-id'])
      if (sharing.length > 0 && !sharing.some((other) => samePartitionField(other, field)))
        fail(`field id ${field['field-id']} is that of another field`)
    }
  }
  const id = next['partition-specs'].reduce((highest, candidate) => Math.max(highest, candidate['spec-id']), -1) + 1
  next['partition-specs'] = [...next['partition-specs'], { 'spec-id': id, fields: spec.fields }]
  next['last-partition-id'] = spec.fields.reduce(
    (highest, field) => Math.max(highest, field['field-id']),
    next['last-partition-id'],
  )
  return id
}

/** Adds a sort order, or finds the equal one; its id. Spec: "Sorting". */
export function addSortOrder(next: NextMetadata, order: SortOrder): number {
  checkOrders([order], failing('add-sort-order'))
  const key = ({ fields }: SortOrder) =>
    JSON.stringify(fields.map((field) => [sourceIds(field), field.transform, field.direction, field['null-order']]))
  const same = next['sort-orders'].find((candidate) => key(candidate) === key(order))
  if (same) return same['order-id']
  // Order 0 is reserved for "unsorted".
  const highest = next['sort-orders'].reduce((most, candidate) => Math.max(most, candidate['order-id']), 0)
  const id = order.fields.length === 0 ? 0 : highest + 1
  next['sort-orders'] = [...next['sort-orders'], { 'order-id': id, fields: order.fields }]
  return id
}

export function removeSchemas(next: NextMetadata, ids: ReadonlySet<number>): void {
  if (ids.has(next['current-schema-id'])) throw invalid('remove-schemas', 'the current schema has to stay')
  next.schemas = next.schemas.filter((schema) => !ids.has(schema['schema-id']))
}

export function removeSpecs(next: NextMetadata, ids: ReadonlySet<number>): void {
  if (ids.has(next['default-spec-id'])) throw invalid('remove-partition-specs', 'the default spec has to stay')
  next['partition-specs'] = next['partition-specs'].filter((spec) => !ids.has(spec['spec-id']))
}
