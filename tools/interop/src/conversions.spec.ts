import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  applyTransform,
  decodeValue,
  encodeValue,
  formatPrimitive,
  lowerBound,
  parsePrimitive,
  parseTransform,
  resultType,
  toValue,
  upperBound,
  type Value,
} from '@phlo/iceberg'
import fc from 'fast-check'
import { Witness } from './witness.js'

let witness: Witness
beforeAll(() => {
  witness = new Witness()
})
afterAll(() => witness.close())

/** Values of each type as this library holds them. */
const arbitraries: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  boolean: fc.boolean(),
  int: fc.integer(),
  long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  float: fc.float({ noNaN: true }),
  double: fc.double({ noNaN: true }),
  'decimal(9, 2)': fc.bigInt({ min: -(10n ** 9n) + 1n, max: 10n ** 9n - 1n }),
  'decimal(38, 10)': fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
  date: fc.integer({ min: -719162, max: 2932896 }),
  time: fc.bigInt({ min: 0n, max: 86_399_999_999n }),
  timestamp: fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
  timestamptz: fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
  string: fc.string({ unit: 'binary', maxLength: 40 }),
  uuid: fc.uuid({ version: [1, 4, 7] }),
  binary: fc.uint8Array({ maxLength: 40 }),
}
const samples = 500

/** A value as `python/readers.py` takes and gives it. */
function text(type: string, value: Value | null): string | boolean | null {
  if (value === null) return null
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  const scale = /^decimal\(\d+, (\d+)\)$/.exec(type)?.[1]
  if (Object.is(value, -0)) return '-0.0'
  if (scale === undefined) return typeof value === 'boolean' || typeof value === 'string' ? value : String(value)
  const unscaled = value as bigint
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(Number(scale) + 1, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -Number(scale))}.${digits.slice(-Number(scale))}`
}

const given = (type: string, seed: number) => fc.sample(arbitraries[type]!, { numRuns: samples, seed })

const transforms: readonly (readonly [string, readonly string[]])[] = [
  [
    'bucket[16]',
    [
      'int',
      'long',
      'decimal(9, 2)',
      'decimal(38, 10)',
      'date',
      'time',
      'timestamp',
      'timestamptz',
      'string',
      'uuid',
      'binary',
    ],
  ],
  ['bucket[1000003]', ['int', 'long', 'decimal(9, 2)', 'string', 'binary']],
  ['truncate[1]', ['int', 'long', 'decimal(9, 2)', 'string', 'binary']],
  ['truncate[7]', ['int', 'long', 'decimal(9, 2)', 'decimal(38, 10)', 'string', 'binary']],
  ['year', ['date', 'timestamp', 'timestamptz']],
  ['month', ['date', 'timestamp', 'timestamptz']],
  ['day', ['date', 'timestamp', 'timestamptz']],
  ['hour', ['timestamp', 'timestamptz']],
]

describe('conversions of random values, as PyIceberg makes them', () => {
  const all = transforms.flatMap(([transform, types]) => types.map((type) => [transform, type] as const))

  it.each(all)('%s of %s', async (transform, type) => {
    const primitive = parsePrimitive(type)
    const parsed = parseTransform(transform)
    const result = formatPrimitive(resultType(parsed, primitive))
    const values = given(type, 1)
    const ours = values.map((value) => String(text(result, applyTransform(parsed, primitive, value))))
    const theirs = await witness.transform(
      type,
      transform,
      values.map((value) => text(type, value) as string),
    )
    expect(ours).toEqual(theirs.map(String))
  })

  it.each(Object.keys(arbitraries))('the bytes of %s', async (type) => {
    const primitive = parsePrimitive(type)
    const values = given(type, 2)
    const ours = values.map((value) => Buffer.from(encodeValue(primitive, value)).toString('hex'))
    if (type !== 'boolean') {
      const texts = values.map((value) => text(type, value) as string)
      expect(ours).toEqual(await witness.encode(type, texts))
    }
    const back = await witness.decode(type, ours)
    values.forEach((value, index) => {
      const decoded = decodeValue(primitive, Buffer.from(ours[index]!, 'hex'))
      expect(text(type, decoded)).toEqual(text(type, value))
      if (type === 'float' || type === 'double') expect(toValue(primitive, back[index] as string)).toBe(value)
      else expect(back[index]).toEqual(type === 'uuid' ? (value as string).replaceAll('-', '') : text(type, value))
    })
  })

  it.each(['string', 'binary'])('shortened bounds of %s lie on either side in PyIceberg’s order', async (type) => {
    const primitive = parsePrimitive(type)
    const values = given(type, 3)
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
    const lower = await witness.decode(
      type,
      values.map((value) => hex(lowerBound(primitive, value))),
    )
    const uppers = values.map((value) => upperBound(primitive, value))
    const upper = await witness.decode(
      type,
      uppers.map((bound) => hex(bound ?? new Uint8Array())),
    )
    const order = (a: unknown, b: unknown) =>
      type === 'string'
        ? Buffer.compare(Buffer.from(a as string), Buffer.from(b as string))
        : (a as string) < (b as string)
          ? -1
          : a === b
            ? 0
            : 1
    values.forEach((value, index) => {
      const own = text(type, value)
      expect(order(lower[index], own)).toBeLessThanOrEqual(0)
      if (uppers[index] !== undefined) expect(order(upper[index], own)).toBeGreaterThanOrEqual(0)
    })
  })
})
