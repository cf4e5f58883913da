import type { RuleValue } from '@phlo/ports'
import { invalid } from '../invalid.js'
import {
  formatDays,
  formatTime,
  formatTimestamp,
  parseDate,
  parseTime,
  parseTimestamp,
  secondsPerDay,
  unitsPerSecond,
} from './date-time.js'
import type { Primitive } from './primitive.js'

/**
 * A value of a primitive type as this library holds it:
 * boolean; int, float, double and date (days since 1970) as number; long, time (microseconds), timestamps (micro- or
 * nanoseconds since 1970) and decimal (unscaled) as bigint; string and uuid (lower case) as string; fixed and binary as
 * bytes, and so the bounds of geometry, geography and variant, which nobody here looks into.
 */
export type Value = boolean | number | bigint | string | Uint8Array

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
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return fixedWidth(8, (view) => view.setBigInt64(0, value as bigint, true))
    case 'string':
      return Buffer.from(value as string, 'utf8')
    case 'uuid':
      return Buffer.from((value as string).replaceAll('-', ''), 'hex')
    case 'fixed':
    case 'binary':
    case 'geometry':
    case 'geography':
      return value as Uint8Array
    case 'decimal':
      return encodeUnscaled(value as bigint)
    case 'unknown':
    case 'variant':
      throw invalid(`a value of type ${type.kind}`, 'has no binary form')
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
    case 'timestamp':
    case 'timestamp_ns':
      // So has one that was a date.
      if (bytes.byteLength === 4) return BigInt(view.getInt32(0, true)) * secondsPerDay * unitsPerSecond(type.kind)
      width(8)
      return view.getBigInt64(0, true)
    case 'time':
    case 'timestamptz':
    case 'timestamptz_ns':
      width(8)
      return view.getBigInt64(0, true)
    case 'string':
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    case 'uuid':
      width(16)
      return formatUuid(bytes)
    case 'fixed':
    case 'binary':
    case 'geometry':
    case 'geography':
    case 'variant':
    case 'unknown':
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
      return typeof input === 'string' ? parseTime(input, 6) : undefined
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return typeof input === 'string' ? parseTimestamp(input, type.kind) : undefined
    case 'string':
      return typeof input === 'string' ? input : undefined
    case 'uuid':
      return typeof input === 'string' && /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(input)
        ? formatUuid(Buffer.from(input.replaceAll('-', ''), 'hex'))
        : undefined
    case 'fixed':
    case 'binary':
      return typeof input === 'string' && /^([0-9a-f]{2})*$/i.test(input) ? Buffer.from(input, 'hex') : undefined
    case 'unknown':
    case 'variant':
    case 'geometry':
    case 'geography':
      return undefined
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

/** A value as people read it; what {@link toValue} reads back. */
export function formatValue(type: Primitive, value: Value): string {
  switch (type.kind) {
    case 'date':
      return formatDays(value as number)
    case 'time':
      return formatTime(value as bigint, 6)
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return formatTimestamp(value as bigint, type.kind)
    case 'decimal': {
      const unscaled = value as bigint
      const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(type.scale + 1, '0')
      const text = type.scale === 0 ? digits : `${digits.slice(0, -type.scale)}.${digits.slice(-type.scale)}`
      return unscaled < 0n ? `-${text}` : text
    }
    case 'fixed':
    case 'binary':
    case 'geometry':
    case 'geography':
    case 'variant':
      return Buffer.from(value as Uint8Array).toString('hex')
    default:
      return String(value)
  }
}
