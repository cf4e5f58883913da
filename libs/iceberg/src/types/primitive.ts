import type { IcebergType, ListType, MapType, NestedField, StructType } from '@phlo/ports'
import { invalid } from '../invalid.js'

/** A primitive type, taken apart. Spec: "Primitive Types". */
export type Primitive =
  | { readonly kind: 'boolean' | 'int' | 'long' | 'float' | 'double' | 'date' | 'time' | 'string' | 'uuid' | 'binary' }
  | { readonly kind: 'timestamp' | 'timestamptz' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'fixed'; readonly length: number }

const plainKinds = new Set<string>([
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'string',
  'uuid',
  'binary',
])

/** Reads a primitive type's text. Throws PHLO_ICEBERG_INVALID. */
export function parsePrimitive(text: string): Primitive {
  if (plainKinds.has(text)) return { kind: text } as Primitive
  const decimal = /^decimal\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text)
  if (decimal) {
    const precision = Number(decimal[1])
    const scale = Number(decimal[2])
    if (precision < 1 || precision > 38 || scale > precision)
      throw invalid(`type ${text}`, 'precision must be 1 to 38 and scale at most the precision')
    return { kind: 'decimal', precision, scale }
  }
  const fixed = /^fixed\[\s*(\d{1,9})\s*\]$/.exec(text)
  if (fixed) return { kind: 'fixed', length: Number(fixed[1]) }
  throw invalid(`type ${JSON.stringify(text).slice(0, 60)}`, 'is no primitive type of format version 2')
}

/** The canonical text of a primitive type, as the specification's JSON has it. */
export function formatPrimitive(primitive: Primitive): string {
  if (primitive.kind === 'decimal') return `decimal(${primitive.precision}, ${primitive.scale})`
  if (primitive.kind === 'fixed') return `fixed[${primitive.length}]`
  return primitive.kind
}

export function isStruct(type: IcebergType): type is StructType {
  return typeof type === 'object' && type.type === 'struct'
}
export function isList(type: IcebergType): type is ListType {
  return typeof type === 'object' && type.type === 'list'
}
export function isMap(type: IcebergType): type is MapType {
  return typeof type === 'object' && type.type === 'map'
}

/** A type in the specification's short form, for messages: `struct<a: long, b: list<string>>`. */
export function formatType(type: IcebergType): string {
  if (isStruct(type))
    return `struct<${type.fields.map((field) => `${field.name}: ${formatType(field.type)}`).join(', ')}>`
  if (isList(type)) return `list<${formatType(type.element)}>`
  if (isMap(type)) return `map<${formatType(type.key)}, ${formatType(type.value)}>`
  return formatPrimitive(parsePrimitive(type))
}

/** Same type, ids and docs aside. */
export function sameType(a: IcebergType, b: IcebergType): boolean {
  if (isStruct(a)) {
    return (
      isStruct(b) &&
      a.fields.length === b.fields.length &&
      a.fields.every((field, index) => {
        const other = b.fields[index] as NestedField
        return field.name === other.name && field.required === other.required && sameType(field.type, other.type)
      })
    )
  }
  if (isList(a)) return isList(b) && a['element-required'] === b['element-required'] && sameType(a.element, b.element)
  if (isMap(a)) {
    return (
      isMap(b) && a['value-required'] === b['value-required'] && sameType(a.key, b.key) && sameType(a.value, b.value)
    )
  }
  return typeof b === 'string' && formatType(a) === formatType(b)
}
