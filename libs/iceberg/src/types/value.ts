import type { RuleValue } from '@phlo/ports'
import { invalid } from '../invalid.js'
import type { Primitive } from './primitive.js'

/**
 * A value of a primitive type as this library holds it:
 * boolean; int, float, double and date (days since 1970) as number; long, time and timestamps (microseconds) and decimal
 * (unscaled) as bigint; string and uuid (lower case) as string; fixed and binary as bytes.
 */
export type Value = boolean | number | bigint | string | Uint8Array

const microsPerSecond = 1_000_000n
const millisPerDay = 86_400_000

/** The single-value binary form of bounds. Spec: Appendix D, "Binary single-value serialization". */
export function encodeValue(type: Primitive, value: Value): Uint8Array {
  switch (type.kind) {
    case 'boolean':
      return Uint8Array.of(value === true ? 1 : 0)
    case 'int':
    case 'date':
      return fixedWidth(4, (view) => view.setInt32(0, value as number, true))
    case 'float':
      return fixedWidth(4, (view) => view.setFloat32(0, value as number, true))
    case 'double':
      return fixedWidth(8, (view) => view.setFloat64(0, value as number, true))
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return fixedWidth(8, (view) => view.setBigInt64(0, value as bigint, true))
    case 'string':
      return Buffer.from(value as string, 'utf8')
    case 'uuid':
      return Buffer.from((value as string).replaceAll('-', ''), 'hex')
    case 'fixed':
    case 'binary':
      return value as Uint8Array
    case 'decimal':
      return encodeUnscaled(value as bigint)
  }
}

/** Reads {@link encodeValue}'s form. Throws PHLO_ICEBERG_INVALID when the length does not fit the type. */
export function decodeValue(type: Primitive, bytes: Uint8Array): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const width = (expected: number) => {
    if (bytes.byteLength !== expected)
      throw invalid(`a ${type.kind} bound`, `has ${bytes.byteLength} bytes instead of ${expected}`)
  }
  switch (type.kind) {
    case 'boolean':
      width(1)
      return bytes[0] !== 0
    case 'int':
    case 'date':
      width(4)
      return view.getInt32(0, true)
    case 'long':
      // A column that was widened from int still has 4-byte bounds in older files.
      if (bytes.byteLength === 4) return BigInt(view.getInt32(0, true))
      width(8)
      return view.getBigInt64(0, true)
    case 'float':
      width(4)
      return view.getFloat32(0, true)
    case 'double':
      if (bytes.byteLength === 4) return view.getFloat32(0, true)
      width(8)
      return view.getFloat64(0, true)
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      width(8)
      return view.getBigInt64(0, true)
    case 'string':
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    case 'uuid':
      width(16)
      return formatUuid(bytes)
    case 'fixed':
    case 'binary':
      return bytes
    case 'decimal':
      return decodeUnscaled(bytes)
  }
}

function fixedWidth(bytes: number, write: (view: DataView) => void): Uint8Array {
  const buffer = new ArrayBuffer(bytes)
  write(new DataView(buffer))
  return new Uint8Array(buffer)
}

/** Big-endian two's complement in as few bytes as hold the value. */
export function encodeUnscaled(value: bigint): Uint8Array {
  let length = 1
  while (BigInt.asIntN(length * 8, value) !== value) length++
  const bytes = new Uint8Array(length)
  let rest = BigInt.asUintN(length * 8, value)
  for (let index = length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

function decodeUnscaled(bytes: Uint8Array): bigint {
  if (bytes.byteLength === 0 || bytes.byteLength > 16) throw invalid('a decimal bound', `has ${bytes.byteLength} bytes`)
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return BigInt.asIntN(bytes.byteLength * 8, value)
}

export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/**
 * Orders two values of one type as the specification's bounds do: bytes and uuids unsigned, strings by code point (which
 * is the order of their UTF-8 bytes), -0.0 before 0.0.
 */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if (a === b) return typeof a === 'number' && a === 0 ? Number(Object.is(a, 0)) - Number(Object.is(b, 0)) : 0
  return a < b ? -1 : 1
}

/** By code point; JavaScript's own order is by UTF-16 unit and differs beyond the basic plane. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left !== right) {
      const leftSurrogate = left >= 0xd800 && left <= 0xdfff
      const rightSurrogate = right >= 0xd800 && right <= 0xdfff
      if (leftSurrogate !== rightSurrogate) return leftSurrogate ? 1 : -1
      return left - right
    }
  }
  return a.length - b.length
}

/**
 * The value that a text, number or boolean means for the type: `2001-06-30` for a date, `12.5` for a decimal, …
 * Returns `undefined` when it is no value of the type. Times without an offset are UTC.
 */
export function toValue(type: Primitive, input: RuleValue): Value | undefined {
  switch (type.kind) {
    case 'boolean':
      if (typeof input === 'boolean') return input
      return input === 'true' ? true : input === 'false' ? false : undefined
    case 'int': {
      const int = toInteger(input)
      return int !== undefined && BigInt.asIntN(32, int) === int ? Number(int) : undefined
    }
    case 'long': {
      const long = toInteger(input)
      return long !== undefined && BigInt.asIntN(64, long) === long ? long : undefined
    }
    case 'float':
    case 'double': {
      if (typeof input === 'boolean' || (typeof input === 'string' && input.trim() === '')) return undefined
      const number = typeof input === 'string' ? parseFloating(input) : Number(input)
      if (number === undefined) return undefined
      return type.kind === 'float' ? Math.fround(number) : number
    }
    case 'decimal':
      return typeof input === 'boolean' ? undefined : parseDecimal(String(input), type.scale)
    case 'date':
      return typeof input === 'string' ? parseDate(input) : undefined
    case 'time':
      return typeof input === 'string' ? parseTime(input) : undefined
    case 'timestamp':
    case 'timestamptz':
      return typeof input === 'string' ? parseTimestamp(input, type.kind === 'timestamptz') : undefined
    case 'string':
      return typeof input === 'string' ? input : undefined
    case 'uuid':
      return typeof input === 'string' && /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(input)
        ? formatUuid(Buffer.from(input.replaceAll('-', ''), 'hex'))
        : undefined
    case 'fixed':
    case 'binary':
      return typeof input === 'string' && /^([0-9a-f]{2})*$/i.test(input) ? Buffer.from(input, 'hex') : undefined
  }
}

function toInteger(input: RuleValue): bigint | undefined {
  if (typeof input === 'bigint') return input
  if (typeof input === 'number') return Number.isInteger(input) ? BigInt(input) : undefined
  return typeof input === 'string' && /^[-+]?\d{1,40}$/.test(input) ? BigInt(input) : undefined
}

function parseFloating(text: string): number | undefined {
  const named: Record<string, number> = {
    nan: NaN,
    inf: Infinity,
    infinity: Infinity,
    '-inf': -Infinity,
    '-infinity': -Infinity,
  }
  const special = named[text.toLowerCase()]
  if (special !== undefined) return special
  const number = Number(text)
  return Number.isNaN(number) ? undefined : number
}

function parseDecimal(text: string, scale: number): bigint | undefined {
  const match = /^([-+]?)(\d{0,76})(?:\.(\d{0,76}))?(?:e([-+]?\d{1,3}))?$/i.exec(text)
  if (!match || (!match[2] && !match[3])) return undefined
  const digits = (match[2] ?? '') + (match[3] ?? '')
  const shift = scale - (match[3] ?? '').length + Number(match[4] ?? 0)
  if (shift > 76) return undefined
  let unscaled = BigInt(digits)
  if (shift >= 0) unscaled *= 10n ** BigInt(shift)
  else {
    const divisor = 10n ** BigInt(-shift)
    if (unscaled % divisor !== 0n) return undefined
    unscaled /= divisor
  }
  return match[1] === '-' ? -unscaled : unscaled
}

function parseDate(text: string): number | undefined {
  const match = /^([-+]?\d{4,7})-(\d{2})-(\d{2})$/.exec(text)
  return match ? daysOf(Number(match[1]), Number(match[2]), Number(match[3])) : undefined
}

function daysOf(year: number, month: number, day: number): number | undefined {
  const era = Math.floor((year - 1970) / 400)
  const within = year - era * 400
  const date = new Date(0)
  date.setUTCFullYear(within, month - 1, day)
  if (date.getUTCFullYear() !== within || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day)
    return undefined
  const days = date.getTime() / millisPerDay + era * daysPerEra
  return days === (days | 0) ? days : undefined
}

function parseTime(text: string): bigint | undefined {
  const match = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?$/.exec(text)
  if (!match) return undefined
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined
  return BigInt(hours * 3600 + minutes * 60 + seconds) * microsPerSecond + BigInt((match[4] ?? '').padEnd(6, '0'))
}

function parseTimestamp(text: string, zoned: boolean): bigint | undefined {
  const match =
    /^([-+]?\d{4,7}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?)?\s*(Z|[-+]\d{2}(?::?\d{2})?)?$/i.exec(
      text,
    )
  if (!match || (match[3] && !zoned)) return undefined
  const days = parseDate(match[1] as string)
  const time = match[2] === undefined ? 0n : parseTime(match[2])
  if (days === undefined || time === undefined) return undefined
  const offset = /^([-+])(\d{2}):?(\d{2})?$/.exec(match[3] ?? '')
  const offsetSeconds = offset
    ? (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 3600 + Number(offset[3] ?? 0) * 60)
    : 0
  const micros = BigInt(days) * 86_400n * microsPerSecond + time - BigInt(offsetSeconds) * microsPerSecond
  return BigInt.asIntN(64, micros) === micros ? micros : undefined
}

/** A value as people read it; what {@link toValue} reads back. */
export function formatValue(type: Primitive, value: Value): string {
  switch (type.kind) {
    case 'date':
      return formatDays(value as number)
    case 'time':
      return formatTime(value as bigint)
    case 'timestamp':
    case 'timestamptz': {
      const micros = value as bigint
      const day = floorDiv(micros, 86_400n * microsPerSecond)
      const text = `${formatDays(Number(day))}T${formatTime(micros - day * 86_400n * microsPerSecond)}`
      return type.kind === 'timestamptz' ? `${text}+00:00` : text
    }
    case 'decimal': {
      const unscaled = value as bigint
      const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(type.scale + 1, '0')
      const text = type.scale === 0 ? digits : `${digits.slice(0, -type.scale)}.${digits.slice(-type.scale)}`
      return unscaled < 0n ? `-${text}` : text
    }
    case 'fixed':
    case 'binary':
      return Buffer.from(value as Uint8Array).toString('hex')
    default:
      return String(value)
  }
}

function formatDays(days: number): string {
  const { year, month, day } = dateOfDays(days)
  const digits = String(Math.abs(year))
  const years =
    year >= 0 && year <= 9999 ? digits.padStart(4, '0') : `${year < 0 ? '-' : '+'}${digits.padStart(6, '0')}`
  return `${years}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

/** Days in 400 years, after which the Gregorian calendar repeats. */
const daysPerEra = 146_097

/** The date that many days after 1970-01-01, also beyond the years that JavaScript's Date knows. */
export function dateOfDays(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const era = Math.floor(days / daysPerEra)
  const date = new Date((days - era * daysPerEra) * millisPerDay)
  return { year: date.getUTCFullYear() + era * 400, month: date.getUTCMonth() + 1, day: date.getUTCDate() }
}

function formatTime(micros: bigint): string {
  const seconds = Number(micros / microsPerSecond)
  const pad = (number: number) => String(number).padStart(2, '0')
  const fraction = (micros % microsPerSecond).toString().padStart(6, '0').replace(/0+$/, '')
  const text = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
  return fraction === '' ? text : `${text}.${fraction}`
}

export function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient
}
