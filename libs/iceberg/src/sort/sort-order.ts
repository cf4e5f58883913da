import type { IcebergSchema, SortField, SortOrder } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { parseTransform, resultType, sourceIds, type Transform, transformOf } from '../partition/transform.js'
import { findField, indexById } from '../schema/schema.js'
import { type Primitive, parsePrimitive } from '../types/primitive.js'

/** A column to sort by, told by its dotted name. */
export interface SortColumn {
  readonly column: string
  /** By default the value itself. */
  readonly transform?: string
  /** By default ascending. */
  readonly direction?: SortField['direction']
  /** By default first when ascending and last when descending. */
  readonly nullOrder?: SortField['null-order']
}

/**
 * A sort field with everything needed to compute and compare its values. Those of an unknown transform cannot be: their
 * types are unknown, too.
 */
export interface BoundSortField {
  readonly field: SortField
  readonly transform: Transform
  readonly sourceType: Primitive
  readonly type: Primitive
}

/**
 * A sort order of these columns, its id yet to be given; of none, the unsorted order. Throws PHLO_ICEBERG_INVALID for an
 * unknown column, an unfit transform or a column that is there twice. Spec: "Sorting".
 */
export function newSortOrder(schema: IcebergSchema, columns: readonly SortColumn[]): SortOrder {
  const fields = columns.map(({ column, transform = 'identity', direction = 'asc', nullOrder }): SortField => {
    const source = findField(schema, column)
    if (!source) throw invalid('sort order', `there is no column ${column}`)
    if (['unknown', 'void'].includes(parseTransform(transform).kind))
      throw invalid('sort order', `there is no transform ${transform.slice(0, 60)} to sort by`)
    return {
      transform,
      'source-id': source.id,
      direction,
      'null-order': nullOrder ?? (direction === 'asc' ? 'nulls-first' : 'nulls-last'),
    }
  })
  if (new Set(fields.map((field) => `${sourceIds(field).join()} ${field.transform}`)).size !== fields.length)
    throw invalid('sort order', 'has a column with the same transform twice')
  const order: SortOrder = { 'order-id': fields.length === 0 ? 0 : 1, fields }
  bindSortOrder(order, schema)
  return order
}

/** The order's fields bound to the schema. Throws PHLO_ICEBERG_INVALID when a column is missing or not primitive. */
export function bindSortOrder(order: SortOrder, schema: IcebergSchema): BoundSortField[] {
  const index = indexById(schema)
  return order.fields.map((field): BoundSortField => {
    const transform = transformOf(field)
    if (transform.kind === 'unknown') {
      return { field, transform, sourceType: { kind: 'unknown' }, type: { kind: 'unknown' } }
    }
    const [id = -1] = sourceIds(field)
    const source = index.get(id)?.field
    if (!source || typeof source.type !== 'string')
      throw invalid('sort order', `has no primitive source column with id ${id}`)
    const sourceType = parsePrimitive(source.type)
    return { field, transform, sourceType, type: resultType(transform, sourceType) }
  })
}
