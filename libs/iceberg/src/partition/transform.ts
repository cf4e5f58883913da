import type { TransformSource } from '@phlo/ports'
import { invalid, unsupported } from '../invalid.js'
import { murmur3 } from './murmur3.js'
import { formatPrimitive, type Primitive } from '../types/primitive.js'
import { dateOfDays, encodeUnscaled, encodeValue, floorDiv, type Value } from '../types/value.js'

/** A partition transform, taken apart. Spec: "Partition Transforms". */
export type Transform =
  | { readonly kind: 'identity' | 'year' | 'month' | 'day' | 'hour' | 'void' }
  | { readonly kind: 'bucket' | 'truncate'; readonly width: number }

/** Reads a transform's text. Throws PHLO_ICEBERG_INVALID. */
export function parseTransform(text: string): Transform {
  if (/^(identity|year|month|day|hour|void)$/.test(text)) return { kind: text } as Transform
  const sized = /^(bucket|truncate)\[(\d{1,9})\]$/.exec(text)
  const width = Number(sized?.[2])
  if (sized && width > 0) return { kind: sized[1] as 'bucket' | 'truncate', width }
  throw invalid(`transform ${JSON.stringify(text).slice(0, 60)}`, 'is not one of format version 2')
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
    case 'void':
      return source
    case 'bucket':
      if (['boolean', 'float', 'double'].includes(source.kind)) throw refuse()
      return { kind: 'int' }
    case 'truncate':
      if (!['int', 'long', 'decimal', 'string', 'binary'].includes(source.kind)) throw refuse()
      return source
    case 'day':
      // The specification says int; every writer stores it as date, which is the same number.
      if (!['date', 'timestamp', 'timestamptz'].includes(source.kind)) throw refuse()
      return { kind: 'date' }
    case 'year':
    case 'month':
      if (!['date', 'timestamp', 'timestamptz'].includes(source.kind)) throw refuse()
      return { kind: 'int' }
    case 'hour':
      if (!['timestamp', 'timestamptz'].includes(source.kind)) throw refuse()
      return { kind: 'int' }
  }
}

/** The transformed value; `null` stays `null`. */
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
      return Number(floorDiv(value as bigint, 3_600_000_000n))
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
  return source.kind === 'date' ? (value as number) : Number(floorDiv(value as bigint, 86_400_000_000n))
}
