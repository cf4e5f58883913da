import { PhloError, type TableMetadata } from '@phlo/ports'
import type { FileLayout, StoredField } from './stored-fields.js'

/** Names by which columns of files without field ids are known. Spec: "Name Mapping Serialization". */
interface MappedField {
  readonly 'field-id'?: number
  readonly names: readonly string[]
  readonly fields?: readonly MappedField[]
}

const property = 'schema.name-mapping.default'

/** More levels are hostile rather than real. */
const deepest = 100

/** The table's name mapping, if it has one. Throws PHLO_ICEBERG_INVALID. */
export function nameMapping(metadata: TableMetadata): readonly MappedField[] | undefined {
  const text = metadata.properties?.[property]
  if (text === undefined) return undefined
  try {
    return parseFields(JSON.parse(text), 0)
  } catch (cause) {
    throw new PhloError('PHLO_ICEBERG_INVALID', `The table property ${property} is no name mapping`, {
      hint: 'It is a list of objects with field-id, names and, for nested columns, fields.',
      cause,
    })
  }
}

function parseFields(value: unknown, depth: number): readonly MappedField[] {
  if (!Array.isArray(value) || depth > deepest) throw new TypeError('no list of fields')
  return value.map((item: unknown): MappedField => {
    const { names, fields, 'field-id': id } = item as Record<string, unknown>
    if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) throw new TypeError('no names')
    if (id !== undefined && !Number.isSafeInteger(id)) throw new TypeError('no field id')
    return {
      ...(id !== undefined && { 'field-id': id as number }),
      names,
      ...(fields !== undefined && { fields: parseFields(fields, depth + 1) }),
    }
  })
}

/** The layout with the mapping's ids. Spec: "Column Projection". */
export function withMappedIds(layout: FileLayout, mapping: readonly MappedField[]): FileLayout {
  return { fields: mapFields(layout.fields, mapping) }
}

function mapFields(fields: readonly StoredField[], mapping: readonly MappedField[]): StoredField[] {
  return fields.map((field) => {
    const mapped = mapping.find(({ names }) => names.includes(field.name))
    const id = mapped?.['field-id']
    return { ...field, ...(id !== undefined && { id }), children: mapFields(field.children, mapped?.fields ?? []) }
  })
}

export function hasIds(fields: readonly StoredField[]): boolean {
  return fields.some((field) => field.id !== undefined || hasIds(field.children))
}
