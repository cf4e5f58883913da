import type { IcebergType, NestedField } from '@phlo/ports'
import { isList, isMap, isStruct } from '../types/primitive.js'

/** A field with its path of names, as the schema's index holds it. */
export interface IndexedField {
  readonly field: NestedField
  readonly path: readonly string[]
}

/** Every field of the schema by id, nested ones, list elements and map keys and values included. */
export function indexById(schema: { readonly fields: readonly NestedField[] }): Map<number, IndexedField> {
  const index = new Map<number, IndexedField>()
  visitFields(schema.fields, [], (field, path) => index.set(field.id, { field, path }))
  return index
}

/** The top-level or nested field of that dotted name, or `undefined`. */
export function findField(schema: { readonly fields: readonly NestedField[] }, name: string): NestedField | undefined {
  const top = schema.fields.find((field) => field.name === name)
  if (top) return top
  const dot = name.indexOf('.')
  if (dot < 0) return undefined
  const parent = schema.fields.find((field) => field.name === name.slice(0, dot))
  return parent && isStruct(parent.type) ? findField(parent.type, name.slice(dot + 1)) : undefined
}

/** The highest field id in use, 0 for an empty schema. */
export function highestFieldId(schema: { readonly fields: readonly NestedField[] }): number {
  let highest = 0
  visitFields(schema.fields, [], (field) => (highest = Math.max(highest, field.id)))
  return highest
}

/** Ids in the order of the schema, each as often as it is used. */
export function allFieldIds(schema: { readonly fields: readonly NestedField[] }): number[] {
  const ids: number[] = []
  visitFields(schema.fields, [], (field) => ids.push(field.id))
  return ids
}

function visitFields(
  fields: readonly NestedField[],
  parents: readonly string[],
  visit: (field: NestedField, path: readonly string[]) => void,
): void {
  for (const field of fields) {
    const path = [...parents, field.name]
    visit(field, path)
    visitType(field.type, path, visit)
  }
}

function visitType(
  type: IcebergType,
  path: readonly string[],
  visit: (field: NestedField, path: readonly string[]) => void,
): void {
  if (isStruct(type)) visitFields(type.fields, path, visit)
  if (isList(type)) {
    visitFields(
      [{ id: type['element-id'], name: 'element', required: type['element-required'], type: type.element }],
      path,
      visit,
    )
  }
  if (isMap(type)) {
    visitFields(
      [
        { id: type['key-id'], name: 'key', required: true, type: type.key },
        { id: type['value-id'], name: 'value', required: type['value-required'], type: type.value },
      ],
      path,
      visit,
    )
  }
}
