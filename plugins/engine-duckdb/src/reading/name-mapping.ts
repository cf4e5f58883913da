import type { NameMapping } from '@phlo/iceberg'
import type { FileLayout, StoredField } from './stored-fields.js'

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
