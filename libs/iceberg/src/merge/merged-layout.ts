import {
  type IcebergSchema,
  isPhloError,
  type PartitionField,
  type PartitionSpec,
  type SortOrder,
  type TableMetadata,
  type TableUpdate,
} from '@phlo/ports'
import type { MetadataChange } from '../commit/metadata-change.js'
import { schemaChange } from '../commit/layout-changes.js'
import { sameJson } from '../metadata/json.js'
import { currentSchema } from '../metadata/metadata.js'
import { samePartitionField, specById } from '../partition/partition-spec.js'
import {
  nameMappingProperty,
  parseNameMapping,
  serializeNameMapping,
  updateNameMapping,
} from '../schema/name-mapping.js'
import { indexById } from '../schema/schema.js'
import { mergeSchemas, sameSchema } from './merged-schema.js'
import { mergeConflict, threeWay } from './table-merge.js'

/** The states of a table that are merged. */
export interface TableSides {
  /** Where the sides parted. */
  readonly base: TableMetadata
  readonly target: TableMetadata
  readonly source: TableMetadata
}

/**
 * What makes the target's columns, partitioning, order, properties, place and format version those of both sides. Throws
 * PHLO_MERGE_CONFLICT for what both changed differently.
 */
export function layoutChanges(sides: TableSides): MetadataChange[] {
  const { base, target, source } = sides
  if ((source['encryption-keys']?.length ?? 0) > (base['encryption-keys']?.length ?? 0))
    throw mergeConflict('encryption', 'The source has new encryption keys, which are not merged')
  const updates: TableUpdate[] = []
  if (source['format-version'] > target['format-version'])
    updates.push({ action: 'upgrade-format-version', 'format-version': source['format-version'] })
  const location = threeWay({ base: base.location, target: target.location, source: source.location }, sameJson, () => {
    throw mergeConflict('location', 'Both sides moved the table')
  })
  if (location !== target.location) updates.push({ action: 'set-location', location })
  return [
    { updates },
    ...schemaChanges(sides),
    ...specChanges(sides),
    ...orderChanges(sides),
    ...propertyChanges(sides),
  ]
}

function schemaChanges(sides: TableSides): MetadataChange[] {
  requireSameIds(sides)
  const [base, target, source] = [sides.base, sides.target, sides.source].map(currentSchema) as [
    IcebergSchema,
    IcebergSchema,
    IcebergSchema,
  ]
  const merged = mergeSchemas({ base, target, source })
  if (sameSchema(merged, target)) return []
  const { requirements = [] } = schemaChange(sides.target, merged)
  return [
    {
      updates: [
        { action: 'add-schema', schema: merged },
        { action: 'set-current-schema', 'schema-id': -1 },
      ],
      requirements,
    },
  ]
}

/** Files carry the ids of columns, so an id may not mean two of them, dropped ones included. */
function requireSameIds({ base, target, source }: TableSides): void {
  const last = base['last-column-id']
  const fieldsOf = (metadata: TableMetadata) =>
    metadata.schemas.flatMap((schema) => [...indexById(schema).entries()].filter(([id]) => id > last))
  const ours = new Map(fieldsOf(target))
  for (const [id, { field, path }] of fieldsOf(source)) {
    const other = ours.get(id)
    if (!other || sameJson([other.path, other.field.type], [path, field.type])) continue
    const columns = [other.path.join('.'), path.join('.')]
    throw mergeConflict('schema', `Both sides gave the id ${id} to a new column: ${columns.join(' and ')}`, { columns })
  }
}

function specChanges({ base, target, source }: TableSides): MetadataChange[] {
  const current = (metadata: TableMetadata) => specById(metadata['partition-specs'], metadata['default-spec-id'])
  const merged = threeWay({ base: current(base), target: current(target), source: current(source) }, sameSpec, () => {
    throw mergeConflict('partition-spec', 'Both sides changed how the table is partitioned')
  })
  const added = source['partition-specs'].filter(
    (spec) => !base['partition-specs'].some((other) => sameSpec(spec, other)),
  )
  const updates: TableUpdate[] = added
    .filter((spec) => !target['partition-specs'].some((other) => sameSpec(spec, other)))
    .map((spec) => ({ action: 'add-spec', spec }))
  if (sameSpec(merged, current(target))) return [{ updates }]
  updates.push({ action: 'add-spec', spec: merged }, { action: 'set-default-spec', 'spec-id': -1 })
  return [
    {
      updates,
      requirements: [
        { type: 'assert-default-spec-id', 'default-spec-id': target['default-spec-id'] },
        { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': target['last-partition-id'] },
      ],
    },
  ]
}

function orderChanges({ base, target, source }: TableSides): MetadataChange[] {
  const current = (metadata: TableMetadata): SortOrder =>
    metadata['sort-orders'].find((order) => order['order-id'] === metadata['default-sort-order-id']) ?? {
      'order-id': 0,
      fields: [],
    }
  const merged = threeWay({ base: current(base), target: current(target), source: current(source) }, sameOrder, () => {
    throw mergeConflict('sort-order', 'Both sides changed how the table is sorted')
  })
  if (sameOrder(merged, current(target))) return []
  return [
    {
      updates: [
        { action: 'add-sort-order', 'sort-order': merged },
        { action: 'set-default-sort-order', 'sort-order-id': -1 },
      ],
      requirements: [
        { type: 'assert-default-sort-order-id', 'default-sort-order-id': target['default-sort-order-id'] },
      ],
    },
  ]
}

/** Each property on its own. The name mapping follows the schema. */
function propertyChanges(sides: TableSides): MetadataChange[] {
  const [base, target, source] = [sides.base, sides.target, sides.source].map(({ properties }) => properties ?? {}) as [
    Record<string, string>,
    Record<string, string>,
    Record<string, string>,
  ]
  const set: Record<string, string> = {}
  const removed: string[] = []
  const differing: string[] = []
  for (const key of new Set([...Object.keys(base), ...Object.keys(source)])) {
    const values = { base: base[key], target: target[key], source: source[key] }
    if (values.source === values.base || values.source === values.target) continue
    if (values.target !== values.base) {
      const mapping = key === nameMappingProperty ? mergedMapping(sides) : undefined
      if (mapping === undefined) differing.push(key)
      else if (mapping !== values.target) set[key] = mapping
    } else if (values.source === undefined) removed.push(key)
    else set[key] = values.source
  }
  if (differing.length > 0)
    throw mergeConflict('properties', `Both sides changed properties: ${differing.join(', ')}`, {
      properties: differing,
    })
  return [
    {
      updates: [
        ...(Object.keys(set).length > 0 ? [{ action: 'set-properties', updates: set } as const] : []),
        ...(removed.length > 0 ? [{ action: 'remove-properties', removals: removed } as const] : []),
      ],
    },
  ]
}

/** The target's mapping in step with the merged schema, where the source's followed its schema, too. */
function mergedMapping({ base, target, source }: TableSides): string | undefined {
  const texts = [base, target, source].map(({ properties }) => properties?.[nameMappingProperty])
  const [was, ours, theirs] = texts
  if (was === undefined || ours === undefined || theirs === undefined) return undefined
  try {
    const schemas = [base, target, source].map(currentSchema) as [IcebergSchema, IcebergSchema, IcebergSchema]
    const followed = updateNameMapping(parseNameMapping(was), schemas[0], schemas[2])
    if (!sameJson(followed, parseNameMapping(theirs))) return undefined
    const merged = mergeSchemas({ base: schemas[0], target: schemas[1], source: schemas[2] })
    return serializeNameMapping(updateNameMapping(parseNameMapping(ours), schemas[1], merged))
  } catch (error) {
    if (isPhloError(error, 'PHLO_ICEBERG_INVALID')) return undefined
    throw error
  }
}

/** Ids of the source's specs and sort orders, as the merged table has them. */
export class LayoutIds {
  private readonly source: TableMetadata
  private readonly merged: TableMetadata

  constructor(source: TableMetadata, merged: TableMetadata) {
    this.source = source
    this.merged = merged
  }

  /** Throws PHLO_MERGE_CONFLICT for a spec that the target no longer has. */
  spec(id: number): number {
    const spec = specById(this.source['partition-specs'], id)
    const own = this.merged['partition-specs'].filter((other) => sameSpec(other, spec))
    const found = own.find((other) => other['spec-id'] === id) ?? own[0]
    if (!found)
      throw mergeConflict('partition-spec', `The target no longer has the partition spec ${id} of files of the source`)
    return found['spec-id']
  }

  /** `undefined` for an order that the merged table has not: its files count as not sorted. */
  order(id: number): number | undefined {
    const order = this.source['sort-orders'].find((other) => other['order-id'] === id)
    return order && this.merged['sort-orders'].find((other) => sameOrder(other, order))?.['order-id']
  }

  /** `undefined` for a schema that the merged table has not. */
  schema(id: number): number | undefined {
    const schema = this.source.schemas.find((other) => other['schema-id'] === id)
    return schema && this.merged.schemas.find((other) => sameSchema(other, schema))?.['schema-id']
  }

  /** Do all of the source's specs have the same ids in the merged table? */
  get specsKeepIds(): boolean {
    return this.source['partition-specs'].every((spec) =>
      this.merged['partition-specs'].some((other) => sameJson(other, spec)),
    )
  }
}

/** Ids of fields may differ: it is their names and values that count. */
function sameSpec({ fields: a }: PartitionSpec, { fields: b }: PartitionSpec): boolean {
  return (
    a.length === b.length &&
    a.every((field, index) => {
      const other = b[index] as PartitionField
      return field.name === other.name && samePartitionField(field, other)
    })
  )
}

function sameOrder(a: SortOrder, b: SortOrder): boolean {
  return sameJson(a.fields, b.fields)
}
