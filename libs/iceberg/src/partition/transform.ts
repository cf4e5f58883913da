import type { TransformSource } from '@phlo/ports'
import { invalid, unsupported } from '../invalid.js'
import { murmur3 } from './murmur3.js'
import { formatPrimitive, type Primitive, type TimestampKind } from '../types/primitive.js'
import { dateOfDays, floorDiv, unitsPerSecond } from '../types/date-time.js'
import { encodeUnscaled, encodeValue, type Value } from '../types/value.js'

/** A partition transform, taken apart. Spec: "Partition Transforms". */
export type Transform =
  | { readonly kind: 'identity' | 'year' | 'month' | 'day' | 'hour' | 'void' }
  | { readonly kind: 'bucket' | 'truncate'; readonly width: number }
  /** One of a newer writer: such fields are read over, and nothing is written with them. */
  | { readonly kind: 'unknown'; readonly text: string }

/** Reads a transform's text. What it does not know is an unknown transform. */
export function parseTransform(text: string): Transform {
  if (/^(identity|year|month|day|hour|void)$/.test(text)) return { kind: text } as Transform
  const sized = /^(bucket|truncate)\[(\d{1,9})\]$/.exec(text)
  const width = Number(sized?.[2])
  if (sized && width > 0) return { kind: sized[1] as 'bucket' | 'truncate', width }
  return { kind: 'unknown', text }
}

/** The transform of a partition or sort field; one of several arguments is an unknown one. */
export function transformOf(field: TransformSource & { readonly transform: string }): Transform {
  if (sourceIds(field).length !== 1) return { kind: 'unknown', text: field.transform }
  return parseTransform(field.transform)
}

/** The columns that a partition or sort field takes its values from; several since format version 3. */
export function sourceIds(source: TransformSource): readonly number[] {
  return source['source-ids'] ?? (source['source-id'] === undefined ? [] : [source['source-id']])
}

/** The type of the transform's result. Throws PHLO_ICEBERG_INVALID for a source type that it does not take. */
export function resultType(transform: Transform, source: Primitive): Primitive {
  const refuse = () => invalid(`transform ${transform.kind}`, `cannot be applied to ${formatPrimitive(source)}`)
  switch (transform.kind) {
    case 'identity':
      if (unpartitionable.has(source.kind)) throw refuse()
      return source
    case 'void':
      // It is NULL whatever it is of.
      return unpartitionable.has(source.kind) ? { kind: 'int' } : source
    case 'bucket':
      if (unhashed.has(source.kind)) throw refuse()
      return { kind: 'int' }
    case 'truncate':
      if (!['int', 'long', 'decimal', 'string', 'binary'].includes(source.kind)) throw refuse()
      return source
    case 'day':
      // The specification says int; every writer stores it as date, which is the same number.
      if (source.kind !== 'date' && !isTimestamp(source)) throw refuse()
      return { kind: 'date' }
    case 'year':
    case 'month':
      if (source.kind !== 'date' && !isTimestamp(source)) throw refuse()
      return { kind: 'int' }
    case 'hour':
      if (!isTimestamp(source)) throw refuse()
      return { kind: 'int' }
    case 'unknown':
      return { kind: 'unknown' }
  }
}

const unpartitionable = new Set(['variant', 'geometry', 'geography'])
const unhashed = new Set(['boolean', 'float', 'double', 'unknown', ...unpartitionable])

function isTimestamp(source: Primitive): source is Extract<Primitive, { kind: TimestampKind }> {
  return source.kind.startsWith('timestamp')
}

/** The transformed value; `null` stays `null`. Throws PHLO_ICEBERG_UNSUPPORTED for an unknown transform. */
export function applyTransform(transform: Transform, source: Primitive, value: Value | null): Value | null {
  if (value === null) return null
  switch (transform.kind) {
    case 'identity':
      return value
    case 'void':
      return null
    case 'bucket':
      return (bucketHash(source, value) & 0x7fffffff) % transform.width
    case 'truncate':
      return truncate(source, value, transform.width)
    case 'year':
      return dateOfDays(daysSinceEpoch(source, value)).year - 1970
    case 'month': {
      const { year, month } = dateOfDays(daysSinceEpoch(source, value))
      return (year - 1970) * 12 + month - 1
    }
    case 'day':
      return daysSinceEpoch(source, value)
    case 'hour':
      return isTimestamp(source) ? Number(floorDiv(value as bigint, 3600n * unitsPerSecond(source.kind))) : null
    case 'unknown':
      throw unsupported(`The transform ${JSON.stringify(transform.text).slice(0, 60)}`)
  }
}

/** The hash that the bucket transform takes the remainder of. Spec: Appendix B. */
export function bucketHash(source: Primitive, value: Value): number {
  switch (source.kind) {
    case 'int':
    case 'date':
      return murmur3(encodeValue({ kind: 'long' }, BigInt(value as number)))
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return murmur3(encodeValue({ kind: 'long' }, value))
    case 'timestamp_ns':
    case 'timestamptz_ns':
      // The same moment is in the same bucket, whatever it is counted in.
      return murmur3(encodeValue({ kind: 'long' }, floorDiv(value as bigint, 1000n)))
    case 'decimal':
      return murmur3(encodeUnscaled(value as bigint))
    case 'string':
    case 'uuid':
    case 'fixed':
    case 'binary':
      return murmur3(encodeValue(source, value))
    default:
      throw unsupported(`bucket of ${formatPrimitive(source)}`)
  }
}

function truncate(source: Primitive, value: Value, width: number): Value {
  if (source.kind === 'string') return [...(value as string)].slice(0, width).join('')
  if (source.kind === 'binary') return (value as Uint8Array).subarray(0, width)
  if (source.kind === 'int') return (value as number) - ((((value as number) % width) + width) % width)
  const step = BigInt(width)
  return floorDiv(value as bigint, step) * step
}

function daysSinceEpoch(source: Primitive, value: Value): number {
  return isTimestamp(source)
    ? Number(floorDiv(value as bigint, 86_400n * unitsPerSecond(source.kind)))
    : (value as number)
}
