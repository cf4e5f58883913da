import type { IcebergSchema, IcebergType, RowSchema } from '@phlo/ports'
import { isList, isMap, isStruct } from '../types/primitive.js'

/** Gives out field ids above those in use. */
export class FieldIds {
  last: number

  constructor(last: number) {
    this.last = last
  }
  next(): number {
    return ++this.last
  }
}

/** A new table's schema: columns numbered from 1, parents before children (level by level, as other writers do). */
export function newSchema(rows: RowSchema): IcebergSchema {
  const ids = new FieldIds(0)
  const columns = rows.columns.map((column) => ({ column, id: ids.next() }))
  return {
    type: 'struct',
    'schema-id': 0,
    fields: columns.map(({ column, id }) => ({
      id,
      name: column.name,
      required: column.required,
      type: withIds(column.type, ids),
      ...(column.doc !== undefined && { doc: column.doc }),
    })),
  }
}

/** The type with fresh ids at every level. */
export function withIds(type: IcebergType, ids: FieldIds): IcebergType {
  if (isStruct(type)) {
    const numbered = type.fields.map((field) => ({ ...field, id: ids.next() }))
    return { ...type, fields: numbered.map((field) => ({ ...field, type: withIds(field.type, ids) })) }
  }
  if (isList(type)) {
    const id = ids.next()
    return { ...type, 'element-id': id, element: withIds(type.element, ids) }
  }
  if (isMap(type)) {
    const key = ids.next()
    const value = ids.next()
    return { ...type, 'key-id': key, key: withIds(type.key, ids), 'value-id': value, value: withIds(type.value, ids) }
  }
  return type
}
