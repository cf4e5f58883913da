import { unsupported } from '../invalid.js'
import type { Primitive } from './primitive.js'
import { encodeValue, type Value } from './value.js'

/** Bounds of text and bytes keep this many characters or bytes by default, as Iceberg's `truncate(16)`. */
const boundLength = 16

/** Bounds of these are no values: they are boxes and paths, which whoever knows such values has to make. */
const withoutBounds = new Set(['unknown', 'variant', 'geometry', 'geography'])

function refuseUnbounded({ kind }: Primitive): void {
  if (withoutBounds.has(kind)) throw unsupported(`Making bounds of ${kind} values`)
}

/**
 * The lower bound as stored: shortened text is still a lower bound. `length` is how many characters or bytes are kept. Throws
 * PHLO_ICEBERG_UNSUPPORTED for types whose bounds are no values.
 * Spec: "Data File Fields", `lower_bounds`, and Appendix D, "Bound serialization".
 */
export function lowerBound(type: Primitive, value: Value, length = boundLength): Uint8Array {
  refuseUnbounded(type)
  if (type.kind === 'string') return encodeValue(type, [...(value as string)].slice(0, length).join(''))
  if (type.kind === 'binary' || type.kind === 'fixed') return (value as Uint8Array).slice(0, length)
  return encodeValue(type, value)
}

/** The upper bound as stored, rounded up when shortened; `undefined` when no shorter value is above. */
export function upperBound(type: Primitive, value: Value, length = boundLength): Uint8Array | undefined {
  refuseUnbounded(type)
  if (type.kind === 'string') {
    const chars = [...(value as string)]
    if (chars.length <= length) return encodeValue(type, value)
    const up = incrementText(chars.slice(0, length))
    return up === undefined ? undefined : encodeValue(type, up)
  }
  if (type.kind === 'binary' || type.kind === 'fixed') {
    const bytes = value as Uint8Array
    return bytes.length <= length ? bytes : incrementBytes(bytes.slice(0, length))
  }
  return encodeValue(type, value)
}

/** A corner of a geometry's box. */
interface BoundPoint {
  readonly x: number
  readonly y: number
  readonly z?: number | undefined
  readonly m?: number | undefined
}

/**
 * A bound of geometries as stored: a corner of the box that all of them lie in, without coordinates that not all have.
 * Spec: Appendix D, "Bound serialization".
 */
export function pointBound({ x, y, z, m }: BoundPoint): Uint8Array {
  const coordinates = m === undefined ? (z === undefined ? [x, y] : [x, y, z]) : [x, y, z ?? NaN, m]
  const bytes = new Uint8Array(coordinates.length * 8)
  const view = new DataView(bytes.buffer)
  coordinates.forEach((coordinate, index) => view.setFloat64(index * 8, coordinate, true))
  return bytes
}

function incrementText(chars: readonly string[]): string | undefined {
  for (let index = chars.length - 1; index >= 0; index--) {
    const code = (chars[index] as string).codePointAt(0) as number
    // Surrogates are no characters of their own, so the next one after U+D7FF is U+E000.
    const next = code === 0xd7ff ? 0xe000 : code + 1
    if (next <= 0x10ffff) return [...chars.slice(0, index), String.fromCodePoint(next)].join('')
  }
  return undefined
}

function incrementBytes(bytes: Uint8Array): Uint8Array | undefined {
  for (let index = bytes.length - 1; index >= 0; index--) {
    const byte = bytes[index] as number
    if (byte < 0xff) {
      const up = bytes.slice(0, index + 1)
      up[index] = byte + 1
      return up
    }
  }
  return undefined
}
