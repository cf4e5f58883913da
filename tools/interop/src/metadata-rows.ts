import {
  formatValue,
  isList,
  isMap,
  isStruct,
  type MetadataTable,
  type MetadataValue,
  parsePrimitive,
} from '@phlo/iceberg'
import type { IcebergType } from '@phlo/ports'
import type { CanonicalRow } from './witness.js'

/** All rows of a metadata table of Phlo, in the canonical form of the witnesses. */
export async function metadataRows(table: MetadataTable): Promise<CanonicalRow[]> {
  const type: IcebergType = { type: 'struct', fields: table.schema.fields }
  const rows: CanonicalRow[] = []
  for await (const row of table.rows()) rows.push(canonicalValue(row, type) as CanonicalRow)
  return rows
}

function canonicalValue(value: MetadataValue | undefined, type: IcebergType): unknown {
  if (value === null || value === undefined) return null
  if (isStruct(type)) {
    const struct = value as Readonly<Record<string, MetadataValue>>
    return Object.fromEntries(type.fields.map((field) => [field.name, canonicalValue(struct[field.name], field.type)]))
  }
  if (isList(type)) return (value as readonly MetadataValue[]).map((item) => canonicalValue(item, type.element))
  if (isMap(type)) {
    return [...(value as ReadonlyMap<MetadataValue, MetadataValue>)]
      .map(([key, item]) => [canonicalValue(key, type.key), canonicalValue(item, type.value)])
      .sort(([left], [right]) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1))
  }
  return canonicalPrimitive(value as Parameters<typeof formatValue>[1], type)
}

function canonicalPrimitive(value: Parameters<typeof formatValue>[1], type: string): unknown {
  const primitive = parsePrimitive(type)
  switch (primitive.kind) {
    case 'boolean':
    case 'int':
    case 'float':
    case 'double':
    case 'string':
      return value
    case 'timestamp':
      return withMicros(formatValue(primitive, value))
    case 'timestamptz':
      return `${withMicros(formatValue(primitive, value).replace('+00:00', ''))}Z`
    case 'binary':
    case 'fixed':
      return Buffer.from(value as Uint8Array).toString('hex')
    default:
      return formatValue(primitive, value)
  }
}

function withMicros(text: string): string {
  return text.includes('.') ? text.replace(/\.\d+/, (part) => part.padEnd(7, '0')) : `${text}.000000`
}
