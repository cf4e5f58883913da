import { isList, isMap, isStruct } from '@phlo/iceberg'
import type { IcebergType, NestedField } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'
import { initialDefault } from './constants.js'
import type { FileLayout, StoredField } from './stored-fields.js'

/**
 * SQL for a column of a schema over files of a layout, found by field id at every depth.
 * Spec: "Column Projection".
 */
export function columnExpression(field: NestedField, { layout, source, absent }: FieldPlace): string {
  const stored = layout.fields.find(({ id }) => id === field.id)
  if (stored) return projected(`${source}.${identifier(stored.name)}`, stored, field.type, 0)
  return absent.get(field.id) ?? initialDefault(field)
}

function projected(expression: string, stored: StoredField, type: IcebergType, depth: number): string {
  if (sameShape(stored, type)) return converted(expression, stored, type)
  const [first, second] = stored.children
  const item = `x${depth}`
  if (isStruct(type)) {
    const fields = type.fields.map((field) => {
      const child = stored.children.find(({ id }) => id === field.id)
      const value = child
        ? projected(`struct_extract(${expression}, ${literal(child.name)})`, child, field.type, depth)
        : initialDefault(field)
      return `${identifier(field.name)} := ${value}`
    })
    return `CASE WHEN ${expression} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`
  }
  if (isList(type) && first) {
    return `list_transform(${expression}, lambda ${item}: ${projected(item, first, type.element, depth + 1)})`
  }
  if (isMap(type) && first && second) {
    const key = projected(`${item}.key`, first, type.key, depth + 1)
    const value = projected(`${item}.value`, second, type.value, depth + 1)
    const entries = `list_transform(map_entries(${expression}), lambda ${item}: struct_pack(key := ${key}, value := ${value}))`
    return `CASE WHEN ${expression} IS NOT NULL THEN map_from_entries(${entries}) END`
  }
  return converted(expression, stored, type)
}

/** The value as one of the type. DuckDB drops a cast to the type that is there already. */
function converted(expression: string, stored: StoredField, type: IcebergType): string {
  // Some writers leave out what makes more than bytes of bytes.
  if (stored.type === 'BLOB' && type === 'string') return `decode(${expression})`
  if (stored.type === 'BLOB' && type === 'uuid') return `CAST(hex(${expression}) AS UUID)`
  const name = duckdbType(type)
  if (stored.type === 'BLOB' && name === 'GEOMETRY') return `ST_GeomFromWKB(${expression})`
  // Without its logical type, a variant would be a struct, and become a variant of one.
  if (name === 'VARIANT') {
    const message = literal(`A file's column ${stored.name} is not marked as a variant`)
    return `CASE WHEN typeof(${expression}) = 'VARIANT' THEN CAST(${expression} AS VARIANT) ELSE error(${message}) END`
  }
  return `CAST(${expression} AS ${name})`
}

/** Nothing but types of values differs, which a cast can follow. */
function sameShape(stored: StoredField, type: IcebergType): boolean {
  const [first, second] = stored.children
  if (isStruct(type)) {
    return (
      stored.kind === 'struct' &&
      stored.children.length === type.fields.length &&
      type.fields.every((field, index) => {
        const child = stored.children[index] as StoredField
        return child.id === field.id && child.name === field.name && sameShape(child, field.type)
      })
    )
  }
  if (isList(type)) return first !== undefined && sameShape(first, type.element)
  if (isMap(type)) {
    return first !== undefined && second !== undefined && sameShape(first, type.key) && sameShape(second, type.value)
  }
  const name = duckdbType(type)
  return name !== 'VARIANT' && (stored.type !== 'BLOB' || name === 'BLOB')
}

/** Files of one layout, by the name that a statement gives them. */
export interface FieldPlace {
  readonly layout: FileLayout
  readonly source: string
  /** SQL by field id for columns that the files have not and the manifest has. */
  readonly absent: ReadonlyMap<number, string>
}

/**
 * SQL for a field that may lie within structs, as equality deletes may compare it; `undefined` when the files have none.
 * Spec: "Equality Delete Files".
 */
export function fieldExpression(field: NestedField, { layout, source }: FieldPlace): string | undefined {
  const find = (fields: readonly StoredField[], expressionOf: (stored: StoredField) => string): string | undefined => {
    for (const stored of fields) {
      const expression = expressionOf(stored)
      if (stored.id === field.id) return converted(expression, stored, field.type)
      if (stored.kind !== 'struct') continue
      const found = find(stored.children, (child) => `struct_extract(${expression}, ${literal(child.name)})`)
      if (found !== undefined) return found
    }
    return undefined
  }
  return find(layout.fields, (stored) => `${source}.${identifier(stored.name)}`)
}
