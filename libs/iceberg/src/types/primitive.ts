import type { IcebergType, ListType, MapType, NestedField, StructType } from '@phlo/ports'
import { invalid } from '../invalid.js'

/**
 * A type without fields of its own, taken apart: the primitive types, and `variant`, which the specification counts
 * apart. Spec: "Primitive Types", "Semi-structured Types".
 */
export type Primitive =
  | { readonly kind: 'boolean' | 'int' | 'long' | 'float' | 'double' | 'date' | 'time' | 'string' | 'uuid' | 'binary' }
  | { readonly kind: TimestampKind }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'fixed'; readonly length: number }
  | { readonly kind: 'unknown' | 'variant' }
  | { readonly kind: 'geometry'; readonly crs: string }
  | { readonly kind: 'geography'; readonly crs: string; readonly algorithm: EdgeAlgorithm }

/** Micro- or, with `_ns`, nanoseconds since 1970; with `tz` a moment, without it a reading of clocks anywhere. */
export type TimestampKind = 'timestamp' | 'timestamptz' | 'timestamp_ns' | 'timestamptz_ns'

/** How the edges between a geography's points run. Spec: "Edge-Interpolation Algorithm". */
export type EdgeAlgorithm = 'spherical' | 'vincenty' | 'thomas' | 'andoyer' | 'karney'

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
  'timestamp_ns',
  'timestamptz_ns',
  'string',
  'uuid',
  'binary',
  'unknown',
  'variant',
])
const algorithms = new Set<string>(['spherical', 'vincenty', 'thomas', 'andoyer', 'karney'])
const defaultCrs = 'OGC:CRS84'

/** Kinds that format version 3 brought. */
const newKinds = new Set(['timestamp_ns', 'timestamptz_ns', 'unknown', 'variant', 'geometry', 'geography'])

/** The first format version whose tables may have the type. */
export function firstFormatVersion({ kind }: Primitive): number {
  return newKinds.has(kind) ? 3 : 1
}

/** Reads a primitive type's text. Throws PHLO_ICEBERG_INVALID. Spec: Appendix C, "Schemas". */
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
  const shape = /^(geometry|geography)\s*(?:\(([^()]{0,500})\))?$/.exec(text)
  const found = shape && parseShape(shape[1] as 'geometry' | 'geography', shape[2])
  if (found) return found
  throw invalid(`type ${JSON.stringify(text).slice(0, 60)}`, 'is no primitive type')
}

/** The type of geospatial shapes with these parameters, as far as they are some. */
function parseShape(kind: 'geometry' | 'geography', parameters: string | undefined): Primitive | undefined {
  if (kind === 'geometry') {
    const crs = parameters?.trim() ?? defaultCrs
    return crs === '' ? undefined : { kind, crs }
  }
  const [crs = '', algorithm = 'spherical', ...more] = parameters?.split(',').map((part) => part.trim()) ?? [defaultCrs]
  if (crs === '' || !algorithms.has(algorithm) || more.length > 0) return undefined
  return { kind, crs, algorithm: algorithm as EdgeAlgorithm }
}

/** The canonical text of a primitive type, as the specification's JSON has it. */
export function formatPrimitive(primitive: Primitive): string {
  switch (primitive.kind) {
    case 'decimal':
      return `decimal(${primitive.precision}, ${primitive.scale})`
    case 'fixed':
      return `fixed[${primitive.length}]`
    case 'geometry':
      return `geometry(${primitive.crs})`
    case 'geography':
      return `geography(${primitive.crs}, ${primitive.algorithm})`
    default:
      return primitive.kind
  }
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
