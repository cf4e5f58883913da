import type { IcebergSchema, NestedField } from '@phlo/ports'
import type { DataFile } from '../manifest/data-file.js'
import { highestFieldId, indexById } from '../schema/schema.js'
import { formatPrimitive, parsePrimitive, type Primitive } from '../types/primitive.js'
import { decodeValue } from '../types/value.js'
import { long, type MetadataValue, optional } from './columns.js'

interface Leaf {
  readonly id: number
  /** Its path of names with dots between. */
  readonly name: string
  readonly type: Primitive
}

/**
 * What manifests say of each column that has no columns within, with bounds as values of the column: a struct for each, by
 * the name of the column, in the order of the names. Not of `variant`, whose bounds are no values.
 */
export class ReadableMetrics {
  private readonly leaves: readonly Leaf[]

  /** Of the columns that the table has now. */
  constructor(schema: IcebergSchema) {
    this.leaves = [...indexById(schema)]
      .flatMap(([id, { field, path }]): Leaf[] => {
        const type = typeof field.type === 'string' ? parsePrimitive(field.type) : undefined
        return type && type.kind !== 'variant' ? [{ id, name: path.join('.'), type }] : []
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The column behind those; none for a table without columns, as not every engine has a struct without fields. */
  fieldBehind(fields: readonly NestedField[]): NestedField[] {
    if (this.leaves.length === 0) return []
    let id = highestFieldId({ fields })
    const columns = this.leaves.map(({ name, type }) => {
      const own = ++id
      const bound = formatPrimitive(boundType(type))
      const metrics = [
        optional(++id, 'column_size', 'long'),
        optional(++id, 'value_count', 'long'),
        optional(++id, 'null_value_count', 'long'),
        optional(++id, 'nan_value_count', 'long'),
        optional(++id, 'lower_bound', bound),
        optional(++id, 'upper_bound', bound),
      ]
      return optional(own, name, { type: 'struct', fields: metrics })
    })
    return [optional(++id, 'readable_metrics', { type: 'struct', fields: columns })]
  }

  /** The column's value for a file. Throws PHLO_ICEBERG_INVALID for a bound that does not fit its type. */
  valueOf(file: DataFile): MetadataValue {
    return Object.fromEntries(
      this.leaves.map(({ id, name, type }) => {
        const bound = (bounds: ReadonlyMap<number, Uint8Array> | undefined) => {
          const bytes = bounds?.get(id)
          return bytes === undefined ? null : decodeValue(boundType(type), bytes)
        }
        return [
          name,
          {
            column_size: long(file.columnSizes?.get(id)),
            value_count: long(file.valueCounts?.get(id)),
            null_value_count: long(file.nullCounts?.get(id)),
            nan_value_count: long(file.nanCounts?.get(id)),
            lower_bound: bound(file.lowerBounds),
            upper_bound: bound(file.upperBounds),
          },
        ]
      }),
    )
  }
}

/** Bounds of shapes are points in a form of their own. Spec: Appendix D, "Bound serialization". */
function boundType(type: Primitive): Primitive {
  return type.kind === 'geometry' || type.kind === 'geography' ? { kind: 'binary' } : type
}
