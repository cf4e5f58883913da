import { type Primitive, toValue, type Value } from '@phlo/iceberg'
import type { SqlParameter } from '@phlo/ports'
import type { ExpressionNode, TypeNode } from './syntax-tree.js'

/** A constant of a statement. */
type SqlConstant =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'decimal'; readonly text: string }
  | { readonly kind: 'double'; readonly value: number }
  /** Text, which becomes whatever it is compared with. */
  | { readonly kind: 'text'; readonly text: string }
  /** A text with a cast to VARCHAR, DATE, …, by DuckDB's name of the type. */
  | { readonly kind: 'typed'; readonly type: string; readonly text: string }

const integerTypes = new Set([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
])
/** Texts that a cast reads as a whole; of others DuckDB drops the time of a date, or the offset of a timestamp. */
const wholeTexts: Readonly<Record<string, RegExp>> = {
  VARCHAR: /^/,
  UUID: /^/,
  DATE: /^\d{4}-\d{2}-\d{2}$/,
  TIME: /^\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$/,
  TIMESTAMP: /^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?$/,
  TIMESTAMP_NS: /^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$/,
  'TIMESTAMP WITH TIME ZONE': /^/,
}

/** The constant that an expression is, if it certainly is one. */
export function constantOf(node: ExpressionNode, parameters: readonly SqlParameter[]): SqlConstant | undefined {
  if (node.class === 'PARAMETER') {
    const position = Number(node.identifier)
    return Number.isInteger(position) ? ofParameter(parameters[position - 1]) : undefined
  }
  if (node.class === 'CONSTANT' && node.value) {
    const { type, is_null: isNull, value } = node.value
    return isNull ? { kind: 'null' } : ofValue(type, value)
  }
  if (node.class !== 'CAST' || !node.child || !node.cast_type) return undefined
  const inner = constantOf(node.child, parameters)
  return inner && castTo(inner, node.cast_type.id)
}

function ofParameter(value: SqlParameter | undefined): SqlConstant | undefined {
  if (value === undefined) return undefined
  if (value === null) return { kind: 'null' }
  switch (typeof value) {
    case 'boolean':
      return { kind: 'boolean', value }
    case 'bigint':
      return { kind: 'integer', value }
    case 'number':
      return Number.isSafeInteger(value) ? { kind: 'integer', value: BigInt(value) } : { kind: 'double', value }
    case 'string':
      return { kind: 'text', text: value }
  }
}

function ofValue(type: TypeNode, value: unknown): SqlConstant | undefined {
  if (type.id === 'BOOLEAN') return typeof value === 'boolean' ? { kind: 'boolean', value } : undefined
  if (type.id === 'VARCHAR') return typeof value === 'string' ? { kind: 'text', text: value } : undefined
  if (type.id === 'DOUBLE') return typeof value === 'number' ? { kind: 'double', value } : undefined
  const integer = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined
  if (integer === undefined) return undefined
  if (integerTypes.has(type.id)) return { kind: 'integer', value: integer }
  const scale = type.type_info?.scale
  if (type.id !== 'DECIMAL' || scale === undefined) return undefined
  const digits = (integer < 0n ? -integer : integer).toString().padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  return { kind: 'decimal', text: `${integer < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}` }
}

function castTo(constant: SqlConstant, type: string): SqlConstant | undefined {
  if (constant.kind === 'null') return constant
  if (constant.kind === 'text' && wholeTexts[type]?.test(constant.text) === true)
    return { kind: 'typed', type, text: constant.text }
  const wide = type === 'BIGINT' || type === 'HUGEINT' || type === 'INTEGER'
  if (constant.kind === 'integer' && wide) {
    // Beyond its range the statement fails, which is not for a filter to hide.
    const bits = type === 'INTEGER' ? 32 : type === 'BIGINT' ? 64 : 128
    return BigInt.asIntN(bits, constant.value) === constant.value ? constant : undefined
  }
  if (constant.kind === 'text' && wide && /^-?\d{1,9}$/.test(constant.text))
    return { kind: 'integer', value: BigInt(constant.text) }
  if (constant.kind === 'integer' && type === 'DOUBLE') return { kind: 'double', value: Number(constant.value) }
  return undefined
}

/**
 * What the constant is among the values of a column of the type, as text that {@link toValue} reads; `null` for NULL,
 * and `undefined` where DuckDB might compare in another way than the values' own order.
 */
export function valueText(constant: SqlConstant, type: Primitive): string | null | undefined {
  if (constant.kind === 'null') return null
  const text = comparable(constant, type)
  const value: Value | undefined = text === undefined ? undefined : toValue(type, text)
  return value === undefined ? undefined : text
}

function comparable(constant: Exclude<SqlConstant, { kind: 'null' }>, type: Primitive): string | undefined {
  const typed = (...types: readonly string[]) =>
    constant.kind === 'text' || (constant.kind === 'typed' && types.includes(constant.type)) ? constant.text : undefined
  switch (type.kind) {
    case 'boolean':
      return constant.kind === 'boolean' ? String(constant.value) : undefined
    case 'int':
    case 'long':
      return wholeNumber(constant)?.toString()
    case 'decimal':
      return constant.kind === 'decimal' ? constant.text : wholeNumber(constant)?.toString()
    case 'float': {
      const whole = wholeNumber(constant)
      return whole !== undefined && isBelow(whole, 2n ** 24n) ? whole.toString() : undefined
    }
    case 'double': {
      if (constant.kind === 'double') return String(constant.value)
      if (constant.kind === 'decimal') return /\d{16}|(\d\.?){16}/.test(constant.text) ? undefined : constant.text
      const whole = wholeNumber(constant)
      return whole !== undefined && isBelow(whole, 2n ** 53n) ? whole.toString() : undefined
    }
    case 'string':
      return typed('VARCHAR')
    case 'date':
      return typed('DATE')
    case 'time':
      return withoutNanoseconds(typed('TIME'))
    case 'timestamp':
    case 'timestamptz':
      return withoutNanoseconds(typed('DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'))
    case 'timestamp_ns':
    case 'timestamptz_ns': {
      const text = typed('DATE', 'TIMESTAMP', 'TIMESTAMP_NS')
      // Text with an offset is a moment to DuckDB in both types.
      return text !== undefined && /\.\d{10}|[+Z]|:\d{2}.*-/i.test(text) ? undefined : text
    }
    case 'uuid':
      return typed('UUID')
    default:
      return undefined
  }
}

function wholeNumber(constant: SqlConstant): bigint | undefined {
  if (constant.kind === 'integer') return constant.value
  return constant.kind === 'text' && /^-?\d{1,18}$/.test(constant.text) ? BigInt(constant.text) : undefined
}

function isBelow(value: bigint, limit: bigint): boolean {
  return value < limit && value > -limit
}

/** DuckDB rounds where this package would cut. */
function withoutNanoseconds(text: string | undefined): string | undefined {
  return text !== undefined && /\.\d{7}/.test(text) ? undefined : text
}
