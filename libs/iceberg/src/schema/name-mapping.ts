import {
  type IcebergSchema,
  type IcebergType,
  isPhloError,
  type NestedField,
  type TableMetadata,
  type TableUpdate,
} from '@phlo/ports'
import { invalid } from '../invalid.js'
import { parseJson, sameJson, serializeJson } from '../metadata/json.js'
import { currentSchema } from '../metadata/metadata.js'
import { type Fail, isInteger, isList as isArray, isObject } from '../metadata/shape.js'
import { indexById } from './schema.js'
import { isList, isMap, isStruct } from '../types/primitive.js'

/** The field ids of columns in files that have none, by name. Spec: "Column Projection", Appendix C, "Name Mapping Serialization". */
export type NameMapping = readonly MappedField[]

export interface MappedField {
  /** The names that the field has or had. A dot in one is part of the name. */
  readonly names: readonly string[]
  /** None for a column of files that is no column of the table. */
  readonly 'field-id'?: number
  /** A struct's fields; `element` of a list; `key` and `value` of a map. */
  readonly fields?: NameMapping
}

/** The table property that holds the mapping. */
export const nameMappingProperty = 'schema.name-mapping.default'

const deepestNesting = 100

type Child = Pick<NestedField, 'id' | 'name' | 'type'>
type Fields = { readonly fields: readonly NestedField[] }

/** The table's mapping, if it has one. Throws PHLO_ICEBERG_INVALID. */
export function tableNameMapping(metadata: TableMetadata): NameMapping | undefined {
  const text = metadata.properties?.[nameMappingProperty]
  return text === undefined ? undefined : parseNameMapping(text)
}

/** Reads the table property's text. Throws PHLO_ICEBERG_INVALID, also when a name or an id is there twice. */
export function parseNameMapping(text: string): NameMapping {
  const what = `property ${nameMappingProperty}`
  const fail: Fail = (problem) => {
    throw invalid(what, problem)
  }
  return readFields(parseJson(text, what), new Set(), 0, fail)
}

function readFields(raw: unknown, ids: Set<number>, depth: number, fail: Fail): NameMapping {
  if (depth > deepestNesting) fail(`is nested deeper than ${deepestNesting} levels`)
  if (!isArray(raw)) return fail('has something else where a list of fields belongs')
  const taken = new Set<string>()
  return raw.map((field): MappedField => {
    if (!isObject(field) || !isArray(field['names'])) return fail('has a field without a list of names')
    const { names, 'field-id': id, fields } = field
    for (const name of names) {
      if (typeof name !== 'string') return fail('has a name that is no text')
      if (taken.has(name)) fail(`has two fields ${JSON.stringify(name)}`)
    }
    for (const name of names) taken.add(name as string)
    if (id !== undefined && id !== null) {
      if (!isInteger(id)) return fail('has a field-id that is no integer')
      if (ids.has(id)) fail(`has the field id ${id} twice`)
      ids.add(id)
    }
    return {
      names: names as string[],
      ...(isInteger(id) && { 'field-id': id }),
      ...(fields !== undefined && fields !== null && { fields: readFields(fields, ids, depth + 1, fail) }),
    }
  })
}

/** The text for the table property. */
export function serializeNameMapping(mapping: NameMapping): string {
  return serializeJson(mapping)
}

/** The mapping of a schema's own names. */
export function newNameMapping(schema: Fields): NameMapping {
  return schema.fields.map((field) => mappedField(field.id, field.name, field.type))
}

function mappedField(id: number, name: string, type: IcebergType): MappedField {
  const children = childFields(type)
  return {
    'field-id': id,
    names: [name],
    ...(children && { fields: children.map((child) => mappedField(child.id, child.name, child.type)) }),
  }
}

/** The fields right below a nested type, by the names that files have for them. */
function childFields(type: IcebergType): readonly Child[] | undefined {
  if (isStruct(type)) return type.fields
  if (isList(type)) return [{ id: type['element-id'], name: 'element', type: type.element }]
  if (isMap(type)) {
    return [
      { id: type['key-id'], name: 'key', type: type.key },
      { id: type['value-id'], name: 'value', type: type.value },
    ]
  }
  return undefined
}

/**
 * The mapping after the table's schema went from `before` to `after`: new fields come in, and renamed ones are known by
 * both names, since older files have the old one. A name that now is another field's is taken from whichever had it;
 * what did not change stays as somebody may have put it.
 */
export function updateNameMapping(mapping: NameMapping, before: Fields, after: Fields): NameMapping {
  const names = new Map([...indexById(before).values()].map(({ field }) => [field.id, field.name]))
  return updateFields(mapping, after.fields, names)
}

function updateFields(
  mapping: NameMapping,
  fields: readonly Child[],
  before: ReadonlyMap<number, string>,
): NameMapping {
  const byId = new Map(fields.map((field) => [field.id, field]))
  const changed = new Map(
    fields.filter((field) => before.get(field.id) !== field.name).map((field) => [field.name, field.id]),
  )
  const kept = mapping.map((mapped): MappedField => {
    const id = mapped['field-id']
    const field = id === undefined ? undefined : byId.get(id)
    const names = mapped.names.filter((name) => !changed.has(name) || changed.get(name) === id)
    const children = field && childFields(field.type)
    return {
      ...mapped,
      names: field && changed.get(field.name) === id && !names.includes(field.name) ? [...names, field.name] : names,
      ...(children && mapped.fields && { fields: updateFields(mapped.fields, children, before) }),
    }
  })
  const added = fields.filter((field) => !before.has(field.id))
  return [...kept, ...added.map((field) => mappedField(field.id, field.name, field.type))]
}

/**
 * What keeps the table's mapping, when it has one, in step with a new schema. A text that is no mapping stays as it is:
 * whoever reads a file by it is told, and columns can change nevertheless.
 */
export function mappingUpdates(metadata: TableMetadata, after: IcebergSchema): TableUpdate[] {
  let mapping: NameMapping | undefined
  try {
    mapping = tableNameMapping(metadata)
  } catch (error) {
    if (!isPhloError(error, 'PHLO_ICEBERG_INVALID')) throw error
  }
  if (!mapping) return []
  const updated = updateNameMapping(mapping, currentSchema(metadata), after)
  if (sameJson(mapping, updated)) return []
  return [{ action: 'set-properties', updates: { [nameMappingProperty]: serializeNameMapping(updated) } }]
}

/** The field that a file's column of that path of names is, `undefined` when the mapping does not tell. */
export function findMappedField(mapping: NameMapping, path: readonly string[]): MappedField | undefined {
  let fields: NameMapping | undefined = mapping
  let found: MappedField | undefined
  for (const name of path) {
    found = fields?.find((field) => field.names.includes(name))
    if (!found) return undefined
    fields = found.fields
  }
  return found
}
