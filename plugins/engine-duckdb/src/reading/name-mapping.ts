import { type NameMapping, nameMappingProperty, parseNameMapping } from '@phlo/iceberg'
import type { TableMetadata } from '@phlo/ports'
import type { FileLayout, StoredField } from './stored-fields.js'

/** The table's name mapping, if it has one. Throws PHLO_ICEBERG_INVALID. */
export function nameMapping(metadata: TableMetadata): NameMapping | undefined {
  const text = metadata.properties?.[nameMappingProperty]
  return text === undefined ? undefined : parseNameMapping(text)
}

/** The layout with the mapping's ids. Spec: "Column Projection". */
export function withMappedIds(layout: FileLayout, mapping: NameMapping): FileLayout {
  return { fields: mapFields(layout.fields, mapping) }
}

function mapFields(fields: readonly StoredField[], mapping: NameMapping): StoredField[] {
  return fields.map((field) => {
    const mapped = mapping.find(({ names }) => names.includes(field.name))
    const id = mapped?.['field-id']
    return { ...field, ...(id !== undefined && { id }), children: mapFields(field.children, mapped?.fields ?? []) }
  })
}

export function hasIds(fields: readonly StoredField[]): boolean {
  return fields.some((field) => field.id !== undefined || hasIds(field.children))
}
