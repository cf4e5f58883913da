import {
  formatPrimitive,
  formatValue,
  isList,
  isMap,
  isStruct,
  parsePrimitive,
  type Primitive,
  parseSingleValue,
  type Value,
} from '@phlo/iceberg'
import { type IcebergType, type NestedField, PhloError, type SingleValue } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'

/** SQL for a value of a primitive type. */
export function valueLiteral(type: Primitive, value: Value | null): string {
  const name = duckdbType(formatPrimitive(type))
  if (value === null) return `CAST(NULL AS ${name})`
  const text = literal(formatValue(type, value))
  return type.kind === 'binary' || type.kind === 'fixed' ? `from_hex(${text})` : `CAST(${text} AS ${name})`
}

/**
 * SQL for what rows have that were written before the field was added. Throws PHLO_ICEBERG_INVALID for a default that is
 * no value of the field's type. Spec: "Default Values".
 */
export function initialDefault(field: Pick<NestedField, 'name' | 'type' | 'initial-default'>): string {
  const expression = singleValue(field.type, field['initial-default'] ?? null)
  if (expression !== undefined) return expression
  throw new PhloError('PHLO_ICEBERG_INVALID', `The initial default of ${field.name} is no value of its type`)
}

/** SQL for what new rows have without a value. Throws and spec: as {@link initialDefault}. */
export function writeDefault(field: Pick<NestedField, 'name' | 'type' | 'write-default'>): string {
  const expression = singleValue(field.type, field['write-default'] ?? null)
  if (expression !== undefined) return expression
  throw new PhloError('PHLO_ICEBERG_INVALID', `The write default of ${field.name} is no value of its type`)
}

/** Spec: Appendix D, "JSON single-value serialization". */
function singleValue(type: IcebergType, value: SingleValue): string | undefined {
  const name = duckdbType(type)
  if (value === null) return `CAST(NULL AS ${name})`
  if (isStruct(type)) {
    if (typeof value !== 'object' || Array.isArray(value)) return undefined
    const own = value as Readonly<Record<string, SingleValue>>
    const fields = type.fields.map((field) => {
      const part = singleValue(field.type, own[String(field.id)] ?? field['initial-default'] ?? null)
      return part === undefined ? undefined : `${identifier(field.name)} := ${part}`
    })
    return fields.includes(undefined) ? undefined : `CAST(struct_pack(${fields.join(', ')}) AS ${name})`
  }
  if (isList(type)) {
    const items = listOf(value, type.element)
    return items && `CAST([${items.join(', ')}] AS ${name})`
  }
  if (isMap(type)) {
    const { keys, values } = value as Readonly<Record<string, SingleValue>>
    const [known, belonging] = [listOf(keys ?? null, type.key), listOf(values ?? null, type.value)]
    return known && belonging && `CAST(map([${known.join(', ')}], [${belonging.join(', ')}]) AS ${name})`
  }
  const primitive = parsePrimitive(type)
  const parsed = parseSingleValue(primitive, value)
  return parsed === undefined ? undefined : valueLiteral(primitive, parsed)
}

function listOf(value: SingleValue, type: IcebergType): string[] | undefined {
  if (!Array.isArray(value)) return undefined
  const items = (value as readonly SingleValue[]).map((item) => singleValue(type, item))
  return items.every((item) => item !== undefined) ? items : undefined
}
