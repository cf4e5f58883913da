import type { IcebergSchema, PartitionField, PartitionSpec, TransformName, TransformSource } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { indexById } from '../schema/schema.js'
import { parseTransform, resultType, sourceIds, type Transform, transformOf } from './transform.js'
import { type Primitive, parsePrimitive } from '../types/primitive.js'

/**
 * A partition field with everything needed to compute and compare its values. Those of an unknown transform can only be
 * read over; their types are unknown, too.
 */
export interface BoundPartitionField {
  readonly field: PartitionField
  readonly transform: Transform
  readonly sourceType: Primitive
  readonly type: Primitive
}

/**
 * The spec's fields bound to the schema; columns that it lacks are looked for in the older ones, since specs outlive
 * columns. Throws PHLO_ICEBERG_INVALID when a source column is missing or not primitive.
 */
export function bindSpec(
  spec: PartitionSpec,
  schema: IcebergSchema,
  older: readonly IcebergSchema[] = [],
): BoundPartitionField[] {
  const indexes = [schema, ...older].map(indexById)
  return spec.fields.map((field): BoundPartitionField => {
    const transform = transformOf(field)
    if (transform.kind === 'unknown')
      return { field, transform, sourceType: { kind: 'unknown' }, type: { kind: 'unknown' } }
    const [id = -1] = sourceIds(field)
    const source = indexes.map((index) => index.get(id)?.field).find((found) => found !== undefined)
    // A dropped column leaves a void field behind, whose type no longer matters.
    if (!source && transform.kind === 'void') {
      return { field, transform, sourceType: { kind: 'int' }, type: { kind: 'int' } }
    }
    if (!source || typeof source.type !== 'string')
      throw invalid(`partition field ${field.name}`, `has no primitive source column with id ${id}`)
    const sourceType = parsePrimitive(source.type)
    return { field, transform, sourceType, type: resultType(transform, sourceType) }
  })
}

type ComputedField = TransformSource & { readonly transform: TransformName }

/** Do both compute the same values? Spec: "Partitioning", equivalent fields. */
export function samePartitionField(a: ComputedField, b: ComputedField): boolean {
  return a.transform === b.transform && sourceIds(a).join() === sourceIds(b).join()
}

/** The spec with that id. Throws PHLO_ICEBERG_INVALID. */
export function specById(specs: readonly PartitionSpec[], id: number): PartitionSpec {
  const spec = specs.find((candidate) => candidate['spec-id'] === id)
  if (!spec) throw invalid('table metadata', `has no partition spec ${id}`)
  return spec
}

/** Partition fields are numbered from here. Spec: "Partition Specs". */
export const firstPartitionFieldId = 1000

/** A column and how its values become partitions. */
export interface PartitionColumn {
  readonly column: string
  readonly transform: string
}

/**
 * A spec from columns and transforms. A field that one of the existing specs has keeps its id; a new one gets the next
 * above `lastFieldId`. Throws PHLO_ICEBERG_INVALID for an unknown column or an unfit transform.
 */
export function newPartitionSpec(
  schema: IcebergSchema,
  columns: readonly PartitionColumn[],
  existing: readonly PartitionSpec[] = [],
  lastFieldId = firstPartitionFieldId - 1,
): PartitionSpec {
  let last = lastFieldId
  const known = existing.flatMap((spec) => spec.fields)
  // Two fields of one name would be one column to readers, and so would a field and a column.
  const taken = new Set(known.map(({ name }) => name))
  const nameOf = (column: string, transform: string): string => {
    const name = partitionFieldName(column, transform)
    if (transform === 'identity' && !taken.has(name)) {
      taken.add(name)
      return name
    }
    const isFree = (candidate: string) =>
      !taken.has(candidate) && !schema.fields.some((field) => field.name === candidate)
    const width = /\d+/.exec(transform)?.[0]
    const candidates = [name, ...(width === undefined ? [] : [`${name}_${width}`])]
    for (let count = 2; ; count++) {
      const free = candidates.find(isFree)
      if (free !== undefined) {
        taken.add(free)
        return free
      }
      candidates.push(`${name}_${count}`)
    }
  }
  const fields = columns.map(({ column, transform }): PartitionField => {
    const source = schema.fields.find((field) => field.name === column)
    if (!source) throw invalid('partition spec', `there is no column ${column}`)
    if (parseTransform(transform).kind === 'unknown')
      throw invalid('partition spec', `there is no transform ${transform.slice(0, 60)}`)
    const same = known.find((field) => field['source-id'] === source.id && field.transform === transform)
    return same ?? { 'source-id': source.id, 'field-id': ++last, name: nameOf(column, transform), transform }
  })
  if (new Set(fields.map((field) => `${field['source-id']} ${field.transform}`)).size !== fields.length)
    throw invalid('partition spec', 'has a column with the same transform twice')
  const spec: PartitionSpec = { 'spec-id': 0, fields }
  bindSpec(spec, schema)
  return spec
}

/**
 * The name that Iceberg's own writers give: `ts_day`, `id_bucket`, and the column's own for identity. When a table that
 * exists changes, they also say how many: `id_bucket_16`.
 */
export function partitionFieldName(column: string, transform: string, withWidth = false): string {
  const parsed = parseTransform(transform)
  if (parsed.kind === 'identity') return column
  const name = `${column}_${parsed.kind === 'truncate' ? 'trunc' : parsed.kind}`
  return withWidth && 'width' in parsed ? `${name}_${parsed.width}` : name
}
