import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { murmur3 } from './murmur3.js'
import { primitives, valuesOf } from '../testing/arbitraries.js'
import { applyTransform, bucketHash, parseTransform, resultType, type Transform, transformOf } from './transform.js'
import { formatPrimitive, parsePrimitive, type Primitive } from '../types/primitive.js'
import { compareValues, toValue, type Value } from '../types/value.js'

/** The value that a text means, or the value itself. */
function valueOf(type: string, input: string | number | bigint): Value {
  const value = toValue(parsePrimitive(type), input)
  if (value === undefined) throw new Error(`${input} is no ${type}`)
  return value
}

describe('the bucket hash', () => {
  // Spec: Appendix B, "32-bit Hash Requirements".
  it.each([
    ['int', 34, 2017239379],
    ['long', 34n, 2017239379],
    ['decimal(9, 2)', '14.20', -500754589],
    ['date', '2017-11-16', -653330422],
    ['time', '22:31:08', -662762989],
    ['timestamp', '2017-11-16T22:31:08', -2047944441],
    ['timestamp', '2017-11-16T22:31:08.000001', -1207196810],
    ['timestamptz', '2017-11-16T14:31:08-08:00', -2047944441],
    ['timestamptz', '2017-11-16T14:31:08.000001-08:00', -1207196810],
    ['timestamp_ns', '2017-11-16T22:31:08', -2047944441],
    ['timestamp_ns', '2017-11-16T22:31:08.000001001', -1207196810],
    ['timestamptz_ns', '2017-11-16T14:31:08-08:00', -2047944441],
    ['timestamptz_ns', '2017-11-16T14:31:08.000001001-08:00', -1207196810],
    ['string', 'iceberg', 1210000089],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 1488055340],
    ['fixed[4]', '00010203', -188683207],
    ['binary', '00010203', -188683207],
  ])('of %s %s is %d, as the specification says', (type, input, hash) => {
    expect(bucketHash(parsePrimitive(type), valueOf(type, input))).toBe(hash)
  })

  it.each([
    ['', 0],
    ['a', 1009084850],
    ['ab', -1681926305],
    ['abc', -1277324294],
    ['abcd', 1139631978],
  ])('of the bytes of %j is %d', (text, hash) => {
    expect(murmur3(Buffer.from(text))).toBe(hash)
  })

  it('reads bytes that lie in the middle of a larger buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 7 }), (bytes, offset) => {
        const larger = Buffer.concat([Buffer.alloc(offset, 0xaa), bytes, Buffer.alloc(5, 0xbb)])
        expect(murmur3(larger.subarray(offset, offset + bytes.length))).toBe(murmur3(bytes))
      }),
    )
  })
})

describe('transforms', () => {
  it.each([
    ['truncate[10]', 'int', 1, 0],
    ['truncate[10]', 'int', -1, -10],
    ['truncate[10]', 'int', -10, -10],
    ['truncate[10]', 'int', -11, -20],
    ['truncate[10]', 'long', 1n, 0n],
    ['truncate[10]', 'long', -1n, -10n],
    ['truncate[50]', 'decimal(9, 2)', '10.65', 1050n],
    ['truncate[50]', 'decimal(9, 2)', '-0.05', -50n],
    ['truncate[3]', 'string', 'iceberg', 'ice'],
    ['truncate[3]', 'string', '🐎é中文', '🐎é中'],
    ['truncate[3]', 'string', 'ab', 'ab'],
    ['truncate[2]', 'binary', '000102', Buffer.from('0001', 'hex')],
    ['year', 'date', '1969-12-31', -1],
    ['year', 'date', '1970-01-01', 0],
    ['year', 'timestamp', '2017-12-31T23:59:59.999999', 47],
    ['month', 'date', '1969-12-31', -1],
    ['month', 'date', '1969-01-01', -12],
    ['month', 'timestamptz', '2017-12-01T01:00:00+02:00', 574],
    ['day', 'date', '1969-12-31', -1],
    ['day', 'timestamp', '1969-12-31T23:59:59.999999', -1],
    ['day', 'timestamp', '1970-01-01T00:00:00', 0],
    ['hour', 'timestamp', '1969-12-31T23:59:59.999999', -1],
    ['hour', 'timestamptz', '2017-12-01T10:00:00Z', 420034],
    ['year', 'timestamp_ns', '1969-12-31T23:59:59.999999999', -1],
    ['year', 'timestamptz_ns', '2017-12-31T23:59:59.999999999Z', 47],
    ['month', 'timestamp_ns', '1970-01-01T00:00:00.000000001', 0],
    ['month', 'timestamptz_ns', '2017-12-01T01:00:00+02:00', 574],
    ['day', 'timestamp_ns', '1969-12-31T23:59:59.999999999', -1],
    ['day', 'timestamptz_ns', '1970-01-02T00:00:00.000000001Z', 1],
    ['hour', 'timestamp_ns', '1969-12-31T23:59:59.999999999', -1],
    ['hour', 'timestamptz_ns', '2017-12-01T10:00:00.999999999Z', 420034],
    ['identity', 'string', 'x', 'x'],
    ['bucket[16]', 'string', 'iceberg', 1210000089 % 16],
    ['bucket[16]', 'decimal(9, 2)', '14.20', (-500754589 & 0x7fffffff) % 16],
  ])('%s of %s %s is %s', (transform, type, input, result) => {
    expect(applyTransform(parseTransform(transform), parsePrimitive(type), valueOf(type, input))).toEqual(result)
  })

  it('reach beyond the years of JavaScript’s dates', () => {
    const date = parsePrimitive('date')
    const far = toValue(date, '1000000-03-01') as number
    expect(applyTransform({ kind: 'year' }, date, far)).toBe(1000000 - 1970)
    expect(applyTransform({ kind: 'month' }, date, far - 1)).toBe((1000000 - 1970) * 12 + 1)
    const timestamp = parsePrimitive('timestamp')
    expect(applyTransform({ kind: 'year' }, timestamp, -(2n ** 63n))).toBe(-290308 - 1970)
    expect(applyTransform({ kind: 'year' }, timestamp, 2n ** 63n - 1n)).toBe(294247 - 1970)
  })

  const transforms: readonly Transform[] = [
    { kind: 'identity' },
    { kind: 'void' },
    { kind: 'year' },
    { kind: 'month' },
    { kind: 'day' },
    { kind: 'hour' },
    { kind: 'bucket', width: 13 },
    { kind: 'truncate', width: 7 },
  ]

  it('keep order, except bucket, so that ranges can be projected', () => {
    for (const transform of transforms.filter(({ kind }) => kind !== 'bucket' && kind !== 'void')) {
      for (const type of primitives) {
        if (!takes(transform, type)) continue
        fc.assert(
          fc.property(valuesOf(type), valuesOf(type), (a, b) => {
            if (Number.isNaN(a) || Number.isNaN(b)) return
            const [low, high] = compareValues(a, b) <= 0 ? [a, b] : [b, a]
            const apply = (value: Value) => applyTransform(transform, type, value) as Value
            expect(compareValues(apply(low), apply(high))).toBeLessThanOrEqual(0)
          }),
          { numRuns: 50 },
        )
      }
    }
  })

  it('give a bucket below the width, and NULL for NULL', () => {
    for (const type of primitives) {
      for (const transform of transforms) {
        if (!takes(transform, type)) continue
        expect(applyTransform(transform, type, null)).toBeNull()
        if (transform.kind !== 'bucket') continue
        fc.assert(
          fc.property(valuesOf(type), (value) => {
            const bucket = applyTransform(transform, type, value) as number
            expect(Number.isInteger(bucket) && bucket >= 0 && bucket < 13).toBe(true)
          }),
          { numRuns: 50 },
        )
      }
    }
  })

  function takes(transform: Transform, type: (typeof primitives)[number]): boolean {
    try {
      resultType(transform, type)
      return true
    } catch {
      return false
    }
  }

  it('refuse the types that the specification does not give them', () => {
    const refused = transforms.map(({ kind }, index) => [
      kind,
      primitives.filter((type) => !takes(transforms[index]!, type)).map(formatPrimitive),
    ])
    const timestamps = ['timestamp', 'timestamptz', 'timestamp_ns', 'timestamptz_ns']
    const dates = ['date', ...timestamps]
    const all = primitives.map(formatPrimitive)
    expect(Object.fromEntries(refused)).toEqual({
      identity: [],
      void: [],
      year: all.filter((type) => !dates.includes(type)),
      month: all.filter((type) => !dates.includes(type)),
      day: all.filter((type) => !dates.includes(type)),
      hour: all.filter((type) => !timestamps.includes(type)),
      bucket: ['boolean', 'float', 'double'],
      truncate: ['boolean', 'float', 'double', 'date', 'time', ...timestamps, 'uuid', 'fixed[5]'],
    })
  })

  it.each(['', 'bucket', 'bucket[0]', 'bucket[-1]', 'truncate[]', 'Day', 'days', 'bucket[16] ', 'bucket[1e3]'])(
    'of the text %j are unknown, and compute nothing',
    (text) => {
      const transform = parseTransform(text)
      expect(transform).toEqual({ kind: 'unknown', text })
      expect(resultType(transform, { kind: 'int' })).toEqual({ kind: 'unknown' })
      expect(applyTransform(transform, { kind: 'int' }, null)).toBeNull()
      expect(() => applyTransform(transform, { kind: 'int' }, 1)).toThrow(
        expect.objectContaining({ code: 'PHLO_ICEBERG_UNSUPPORTED' }),
      )
    },
  )

  it('of several columns are unknown, whatever they are called', () => {
    expect(transformOf({ 'source-ids': [1, 2], transform: 'bucket[4]' })).toEqual({
      kind: 'unknown',
      text: 'bucket[4]',
    })
    expect(transformOf({ 'source-ids': [1], transform: 'bucket[4]' })).toEqual({ kind: 'bucket', width: 4 })
    expect(transformOf({ 'source-id': 1, transform: 'day' })).toEqual({ kind: 'day' })
  })

  it('take the types of version 3 as the specification says', () => {
    const type = (text: string) => resultTypeOf(parsePrimitive(text))
    const resultTypeOf = (source: Primitive) =>
      transforms.map((transform) => (takes(transform, source) ? formatPrimitive(resultType(transform, source)) : '-'))
    //                                  identity   void       year month day hour bucket truncate
    expect(type('unknown')).toEqual(['unknown', 'unknown', '-', '-', '-', '-', '-', '-'])
    for (const text of ['variant', 'geometry', 'geography'])
      expect(type(text)).toEqual(['-', 'int', '-', '-', '-', '-', '-', '-'])
  })
})
