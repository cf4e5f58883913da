import type { IcebergSchema, NestedField } from '@phlo/ports'
import { type Fail, isInteger, isList, isObject } from '../metadata/shape.js'
import { allFieldIds, indexById } from './schema.js'
import { isDefaultValue } from '../types/single-value.js'
import { firstFormatVersion, formatType, isStruct, parsePrimitive } from '../types/primitive.js'

/** Beyond this, nesting is hostile rather than real. */
const deepestNesting = 100

/** Ids above are for columns that are no table's own, such as `_file`. Spec: "Reserved Field IDs". */
const highestUserFieldId = 2_147_483_447

/** Checks a schema that somebody else may have written: its shape, its types and its field ids. */
export function validateSchema(schema: unknown, fail: Fail): asserts schema is IcebergSchema {
  if (!isObject(schema) || schema['type'] !== 'struct') return fail('a schema is no struct')
  if (!isInteger(schema['schema-id'])) fail('a schema has no id')
  checkShape(schema, 0, fail)
  const ids = allFieldIds(schema as unknown as IcebergSchema)
  if (new Set(ids).size !== ids.length) fail('a schema uses a field id twice')
  if (ids.some((id) => id < 0 || id > highestUserFieldId)) fail('a schema has a field id that is out of range')
  const identifiers = schema['identifier-field-ids'] ?? []
  if (!isList(identifiers) || !identifiers.every(isInteger)) fail('identifier-field-ids is no list of integers')
}

/**
 * Checks a schema that is about to become a table's: what is more than its shape, which every reader relies on, and that
 * the table's format version has its types. Spec: "Schemas and Data Types".
 */
export function checkNewSchema(schema: IcebergSchema, formatVersion: number, fail: Fail): void {
  for (const { field, path } of indexById(schema).values()) {
    const name = path.join('.')
    const needed = typeof field.type === 'string' ? firstFormatVersion(parsePrimitive(field.type)) : 1
    if (needed > formatVersion)
      fail(
        `the type ${formatType(field.type)} of ${name} needs format version ${needed}, and the table has ${formatVersion}`,
      )
    if (field.type === 'unknown' && field.required) fail(`${name} is of type unknown and has to be optional`)
    for (const key of ['initial-default', 'write-default'] as const) {
      const value = field[key] ?? null
      if (value === null) continue
      if (formatVersion < 3) fail(`the ${key} of ${name} needs format version 3, and the table has ${formatVersion}`)
      if (!isDefaultValue(field.type, value)) fail(`the ${key} of ${name} is no ${formatType(field.type)}`)
    }
  }
  checkIdentifiers(schema, fail)
}

/** Spec: "Identifier Field IDs". */
function checkIdentifiers(schema: IcebergSchema, fail: Fail): void {
  const wanted = new Set(schema['identifier-field-ids'] ?? [])
  const visit = (fields: readonly NestedField[], optionalParent: string | undefined): void => {
    for (const field of fields) {
      const optional = optionalParent ?? (field.required ? undefined : field.name)
      if (wanted.delete(field.id)) {
        if (optional !== undefined) fail(`the identifier field ${field.name} may be NULL, since ${optional} may be`)
        if (typeof field.type !== 'string' || field.type === 'float' || field.type === 'double')
          fail(`the identifier field ${field.name} is of type ${formatType(field.type)}`)
      }
      if (isStruct(field.type)) visit(field.type.fields, optional)
    }
  }
  visit(schema.fields, undefined)
  for (const id of wanted) fail(`there is no identifier field ${id}, or it lies within a list or map`)
}

/** No struct has two fields whose names differ in capitals only. */
export function checkFoldedNames(schema: IcebergSchema, fail: Fail): void {
  const taken = new Set<string>()
  for (const { path } of indexById(schema).values()) {
    const folded = JSON.stringify(path).toLowerCase()
    if (taken.has(folded)) fail(`there are two columns ${path.join('.')} but for capitals`)
    taken.add(folded)
  }
}

/** Every level of a type has what its kind needs, and the nesting ends. */
function checkShape(type: unknown, depth: number, fail: Fail): void {
  if (depth > deepestNesting) fail(`a schema is nested deeper than ${deepestNesting} levels`)
  if (typeof type === 'string') {
    parsePrimitive(type)
    return
  }
  if (!isObject(type)) return fail('a schema has a type that is neither text nor object')
  const need = (id: string, required?: string) => {
    if (!isInteger(type[id])) fail(`a ${String(type['type'])} has no ${id}`)
    if (required !== undefined && typeof type[required] !== 'boolean')
      fail(`a ${String(type['type'])} has no ${required}`)
  }
  switch (type['type']) {
    case 'struct': {
      if (!isList(type['fields'])) return fail('a struct has no list of fields')
      const names = new Set<unknown>()
      for (const field of type['fields']) {
        if (!isObject(field)) return fail('a struct has a field that is no object')
        if (!isInteger(field['id']) || typeof field['name'] !== 'string' || typeof field['required'] !== 'boolean')
          return fail('a struct has a field without id, name or required')
        if (names.has(field['name'])) fail(`a struct has two fields ${JSON.stringify(field['name'])}`)
        names.add(field['name'])
        checkShape(field['type'], depth + 1, fail)
      }
      return
    }
    case 'list':
      need('element-id', 'element-required')
      return checkShape(type['element'], depth + 1, fail)
    case 'map':
      need('key-id')
      need('value-id', 'value-required')
      checkShape(type['key'], depth + 1, fail)
      return checkShape(type['value'], depth + 1, fail)
    default:
      fail(`a schema has a type of kind ${JSON.stringify(type['type'])}`)
  }
}
