import type { IcebergType } from '@phlo/ports'
import { type FieldIds, withIds } from './field-ids.js'
import { firstFormatVersion, parsePrimitive } from '../types/primitive.js'

/**
 * The wider type when Iceberg lets a column of one become one of the other, otherwise `undefined`. Nested types that
 * take the place of `unknown` get ids. Spec: "Schema Evolution", valid promotions of each format version.
 */
export function promote(
  from: IcebergType,
  to: IcebergType,
  formatVersion: number,
  ids: FieldIds,
): IcebergType | undefined {
  if (typeof from !== 'string') return undefined
  const a = parsePrimitive(from)
  if (a.kind === 'unknown') return formatVersion >= 3 ? withIds(to, ids) : undefined
  if (typeof to !== 'string') return undefined
  const b = parsePrimitive(to)
  if (firstFormatVersion(b) > formatVersion) return undefined
  switch (a.kind) {
    case 'int':
      return b.kind === 'long' ? to : undefined
    case 'float':
      return b.kind === 'double' ? to : undefined
    case 'decimal':
      return b.kind === 'decimal' && a.scale === b.scale && b.precision > a.precision ? to : undefined
    case 'date':
      return formatVersion >= 3 && (b.kind === 'timestamp' || b.kind === 'timestamp_ns') ? to : undefined
    default:
      return undefined
  }
}
