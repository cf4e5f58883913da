import type { IcebergSchema, PartitionSpec, RowSchema, SortOrder, TableMetadata } from '@phlo/ports'
import { sameJson } from '../metadata/json.js'
import { currentSchema } from '../metadata/metadata.js'
import { newPartitionSpec, type PartitionColumn, specById } from '../partition/partition-spec.js'
import { sourceIds } from '../partition/transform.js'
import { replaceSchema } from '../schema/evolution.js'
import { mappingUpdates } from '../schema/name-mapping.js'
import { indexById } from '../schema/schema.js'
import { newSortOrder } from '../sort/sort-order.js'
import { layoutConflict } from './conflict.js'
import type { MetadataChange } from './metadata-change.js'

/** Makes the schema the table's current one, and keeps the name mapping in step. */
export function schemaChange(metadata: TableMetadata, schema: IcebergSchema): MetadataChange {
  const { 'current-schema-id': id, 'last-column-id': lastId } = metadata
  return {
    updates: [
      { action: 'add-schema', schema },
      { action: 'set-current-schema', 'schema-id': -1 },
      ...mappingUpdates(metadata, schema),
    ],
    requirements: [
      { type: 'assert-current-schema-id', 'current-schema-id': id },
      { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': lastId },
    ],
  }
}

/** Makes the spec the one that new files are partitioned by. */
export function specChange(metadata: TableMetadata, spec: PartitionSpec): MetadataChange {
  const { 'default-spec-id': id, 'last-partition-id': lastId } = metadata
  if (sameJson(specById(metadata['partition-specs'], id).fields, spec.fields)) return { updates: [] }
  return {
    updates: [
      { action: 'add-spec', spec },
      { action: 'set-default-spec', 'spec-id': -1 },
    ],
    requirements: [
      { type: 'assert-default-spec-id', 'default-spec-id': id },
      { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': lastId },
    ],
  }
}

/** Makes the order the one that new files are sorted by. */
export function sortOrderChange(metadata: TableMetadata, order: SortOrder): MetadataChange {
  return {
    updates: [
      { action: 'add-sort-order', 'sort-order': order },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
    ],
    requirements: [
      { type: 'assert-default-sort-order-id', 'default-sort-order-id': metadata['default-sort-order-id'] },
    ],
  }
}

/** Makes columns and partitioning exactly those. A sort order whose columns are gone goes, too. */
export function layoutReplacement(
  metadata: TableMetadata,
  rows: RowSchema,
  partitioning: readonly PartitionColumn[],
): MetadataChange {
  const current = currentSchema(metadata)
  const schema = replaceSchema(current, metadata['last-column-id'], rows, metadata['format-version'])
  // Together, since the old spec and order may need a column that the new schema has not.
  const changes = [
    ...(schema === current ? [] : [schemaChange(metadata, schema)]),
    partitioningReplacement(metadata, schema, partitioning),
    ...(sortsBy(metadata, schema) ? [] : [sortOrderChange(metadata, newSortOrder(schema, []))]),
  ]
  return {
    updates: changes.flatMap(({ updates }) => updates),
    requirements: changes.flatMap(({ requirements = [] }) => requirements),
  }
}

/** Makes the partitioning of new files exactly that, of the schema's columns. */
function partitioningReplacement(
  metadata: TableMetadata,
  schema: IcebergSchema,
  partitioning: readonly PartitionColumn[],
): MetadataChange {
  const { 'partition-specs': specs, 'last-partition-id': lastId } = metadata
  return specChange(metadata, newPartitionSpec(schema, partitioning, specs, lastId))
}

/** Has the schema the columns that the table is sorted by? */
function sortsBy(metadata: TableMetadata, schema: IcebergSchema): boolean {
  const order = metadata['sort-orders'].find((item) => item['order-id'] === metadata['default-sort-order-id'])
  const fields = indexById(schema)
  return (order?.fields ?? []).flatMap(sourceIds).every((id) => fields.has(id))
}

/** A change that the newer table does not take conflicts with what made it so. */
export function again(change: (working: TableMetadata) => MetadataChange, working: TableMetadata): MetadataChange {
  try {
    return change(working)
  } catch (error) {
    throw layoutConflict('Another commit changed the schema or the partitioning', error)
  }
}

/** Files that were written for the one layout must be right for the other. Throws PHLO_COMMIT_CONFLICT. */
export function requireSameLayout(expected: TableMetadata, actual: TableMetadata): void {
  const fields = indexById(currentSchema(actual))
  for (const [id, { field, path }] of indexById(currentSchema(expected))) {
    const found = fields.get(id)
    const same = found?.path.join('.') === path.join('.') && sameJson(found.field.type, field.type)
    if (!same)
      throw layoutConflict(`Another commit changed the schema: the column ${path.join('.')} is no longer the same`)
  }
  const specOf = (metadata: TableMetadata) =>
    metadata['partition-specs'].find((spec) => spec['spec-id'] === expected['default-spec-id'])
  if (JSON.stringify(specOf(actual)?.fields) !== JSON.stringify(specOf(expected)?.fields))
    throw layoutConflict('Another commit changed the partitioning')
}
