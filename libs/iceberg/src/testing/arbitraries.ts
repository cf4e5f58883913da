import fc from 'fast-check'
import { parsePrimitive, type Primitive } from '../types/primitive.js'
import type { Value } from '../types/value.js'

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const text = fc.string({ unit: 'binary', maxLength: 24 })

/** The last moment whose hour is an int, as the specification has it: in the year 246953. */
const lastMoment = (2n ** 31n - 1n) * 3_600_000_000n

/** Values of a type, the extremes among them. */
export function valuesOf(type: Primitive): fc.Arbitrary<Value> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean()
    case 'int':
    case 'date':
      return fc.oneof(fc.integer(), fc.integer({ min: -50, max: 50 }))
    case 'long':
      return fc.oneof(long, fc.bigInt({ min: -50n, max: 50n }))
    case 'timestamp':
    case 'timestamptz':
      return fc.oneof(fc.bigInt({ min: -lastMoment, max: lastMoment }), fc.bigInt({ min: -50n, max: 50n }))
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return fc.oneof(long, fc.bigInt({ min: -50n, max: 50n }))
    case 'time':
      return fc.bigInt({ min: 0n, max: 86_399_999_999n })
    case 'float':
      return fc.float()
    case 'double':
      return fc.double()
    case 'decimal': {
      const limit = 10n ** BigInt(type.precision) - 1n
      return fc.bigInt({ min: -limit, max: limit })
    }
    case 'string':
      return fc.oneof(text, fc.string({ maxLength: 3 }))
    case 'uuid':
      return fc.uuid()
    case 'binary':
      return fc.uint8Array({ maxLength: 24 })
    case 'fixed':
      return fc.uint8Array({ minLength: type.length, maxLength: type.length })
    case 'unknown':
    case 'variant':
    case 'geometry':
    case 'geography':
      throw new Error(`Values of ${type.kind} are no single values`)
  }
}

/** Every kind of primitive type that has single values. */
export const primitives: readonly Primitive[] = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'decimal(9, 2)',
  'decimal(38, 0)',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'timestamp_ns',
  'timestamptz_ns',
  'string',
  'uuid',
  'binary',
  'fixed[5]',
].map(parsePrimitive)

/** Bytes with some of them changed, cut off, or put in. */
export function damaged(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const at = fc.nat({ max: bytes.length - 1 })
  const flips = fc.array(fc.tuple(at, fc.nat({ max: 7 })), { minLength: 1, maxLength: 4 }).map((list) => {
    const copy = Buffer.from(bytes)
    for (const [index, bit] of list) copy[index] = (copy[index] as number) ^ (1 << bit)
    return copy
  })
  const cuts = at.map((length) => Buffer.from(bytes.subarray(0, length)))
  const inserts = fc
    .tuple(at, fc.uint8Array({ minLength: 1, maxLength: 12 }))
    .map(([index, more]) => Buffer.concat([bytes.subarray(0, index), more, bytes.subarray(index)]))
  return fc.oneof(flips, cuts, inserts)
}
