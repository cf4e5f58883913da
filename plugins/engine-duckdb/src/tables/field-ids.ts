import { isList, isMap, isStruct } from '@phlo/iceberg'
import type { IcebergSchema, IcebergType } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'

/** The FIELD_IDS option of COPY: Iceberg's id of every column, nested ones included. */
export function fieldIds(schema: IcebergSchema): string {
  return `{${schema.fields.map((field) => `${identifier(field.name)}: ${idOf(field.id, field.type)}`).join(', ')}}`
}

function idOf(id: number, type: IcebergType): string {
  if (isStruct(type)) {
    const children = type.fields.map((field) => `${identifier(field.name)}: ${idOf(field.id, field.type)}`)
    return `{__duckdb_field_id: ${id}, ${children.join(', ')}}`
  }
  if (isList(type)) return `{__duckdb_field_id: ${id}, element: ${idOf(type['element-id'], type.element)}}`
  if (isMap(type)) {
    return `{__duckdb_field_id: ${id}, key: ${idOf(type['key-id'], type.key)}, value: ${idOf(type['value-id'], type.value)}}`
  }
  return String(id)
}
