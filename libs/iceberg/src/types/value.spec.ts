import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { lowerBound, upperBound } from './bounds.js'
import { primitives, valuesOf } from '../testing/arbitraries.js'
import { formatPrimitive, parsePrimitive } from './primitive.js'
import { compareValues, decodeValue, encodeValue, formatValue, toValue } from './value.js'

const named = primitives.map((type) => [formatPrimitive(type), type] as const)
const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')
const plain = (value: unknown) => (value instanceof Object ? hex(value as Uint8Array) : value)

describe('single values in binary', () => {
  // Spec: Appendix D, "Binary single-value serialization".
  it.each([
    ['boolean', true, '01'],
    ['boolean', false, '00'],
    ['int', -2, 'feffffff'],
    ['long', 34n, '2200000000000000'],
    ['float', 1.5, '0000c03f'],
    ['double', -1.5, '000000000000f8bf'],
    ['date', 1, '01000000'],
    ['time', 1n, '0100000000000000'],
    ['timestamp', -1n, 'ffffffffffffffff'],
    ['timestamp_ns', -1n, 'ffffffffffffffff'],
    ['timestamptz_ns', 1n, '0100000000000000'],
    ['geometry', Buffer.from('0102', 'hex'), '0102'],
    ['string', 'é', 'c3a9'],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09677c4bbda4793f349cb785e7'],
    ['decimal(9, 2)', 1420n, '058c'],
    ['decimal(9, 2)', -1n, 'ff'],
    ['decimal(9, 2)', 128n, '0080'],
    ['decimal(9, 2)', 0n, '00'],
  ])('%s %s is %s', (type, value, bytes) => {
    expect(hex(encodeValue(parsePrimitive(type), value))).toBe(bytes)
  })

  it.each(named)('%s comes back as it went', (_name, type) => {
    fc.assert(
      fc.property(valuesOf(type), (value) => {
        expect(plain(decodeValue(type, encodeValue(type, value)))).toEqual(plain(value))
      }),
    )
  })

  it('of a column that was widened since reads the narrow form', () => {
    fc.assert(
      fc.property(fc.integer(), fc.float(), (int, float) => {
        expect(decodeValue({ kind: 'long' }, encodeValue({ kind: 'int' }, int))).toBe(BigInt(int))
        expect(decodeValue({ kind: 'double' }, encodeValue({ kind: 'float' }, float))).toBe(float)
        const days = encodeValue({ kind: 'date' }, int)
        expect(decodeValue({ kind: 'timestamp' }, days)).toBe(BigInt(int) * 86_400_000_000n)
        expect(decodeValue({ kind: 'timestamp_ns' }, days)).toBe(BigInt(int) * 86_400_000_000_000n)
      }),
    )
  })

  it.each(named)('of %s refuses lengths that do not fit, and never fails otherwise', (_name, type) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        try {
          decodeValue(type, bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
        }
      }),
    )
  })
})

describe('types without single values', () => {
  const types = ['unknown', 'variant', 'geometry', 'geography(srid:4326, karney)'].map(parsePrimitive)

  it('have bounds that are only handed on, and none that are made', () => {
    for (const type of types) {
      expect(hex(decodeValue(type, Buffer.from('0102', 'hex')) as Uint8Array)).toBe('0102')
      for (const bound of [lowerBound, upperBound])
        expect(() => bound(type, Buffer.alloc(1))).toThrow(
          expect.objectContaining({ code: 'PHLO_ICEBERG_UNSUPPORTED' }),
        )
      expect(toValue(type, 'POINT (30 10)')).toBeUndefined()
    }
    for (const type of types.slice(0, 2))
      expect(() => encodeValue(type, Buffer.alloc(1))).toThrow(
        expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }),
      )
    expect(formatValue(parsePrimitive('variant'), Buffer.from('01ff', 'hex'))).toBe('01ff')
  })
})

describe('values in text', () => {
  it.each(named)('%s reads back what it prints', (_name, type) => {
    fc.assert(
      fc.property(valuesOf(type), (value) => {
        const text = formatValue(type, value)
        const expected = Object.is(value, -0) ? 0 : value
        expect(plain(toValue(type, text))).toEqual(plain(expected))
      }),
    )
  })

  it.each([
    ['int', '2147483648'],
    ['int', 1.5],
    ['long', '9223372036854775808'],
    ['date', '2023-02-29'],
    ['date', '2023-2-1'],
    ['date', '9000000-01-01'],
    ['time', '24:00:00'],
    ['timestamp', '2023-01-01T00:00:00Z'],
    ['timestamp', '2000000-01-01T00:00:00'],
    ['timestamptz', 'yesterday'],
    ['timestamp_ns', '2300-01-01T00:00:00'],
    ['timestamp_ns', '2023-01-01T00:00:00+00:00'],
    ['decimal(9, 2)', '1.005'],
    ['decimal(9, 2)', ''],
    ['uuid', 'f79c3e09'],
    ['binary', 'abc'],
    ['boolean', 'yes'],
    ['double', ''],
    ['string', 5],
  ])('%s is not %j', (type, input) => {
    expect(toValue(parsePrimitive(type), input)).toBeUndefined()
  })

  it('takes offsets and shorter forms of times', () => {
    const zoned = parsePrimitive('timestamptz')
    const moment = toValue(zoned, '2024-01-01T12:00:00Z')
    for (const text of [
      '2024-01-01 12:00',
      '2024-01-01T14:00:00+02:00',
      '2024-01-01T06:30:00.000-0530',
      '2024-01-01T14+02',
    ])
      expect({ text, value: toValue(zoned, text) }).toEqual({ text, value: text.includes('T14+') ? undefined : moment })
    expect(toValue(zoned, '2024-01-01')).toBe(toValue(zoned, '2024-01-01T00:00:00Z'))
  })

  it('counts nanoseconds where the type does', () => {
    const text = '1969-12-31T23:59:59.123456789'
    expect(toValue(parsePrimitive('timestamp_ns'), text)).toBe(-876_543_211n)
    expect(formatValue(parsePrimitive('timestamp_ns'), -876_543_211n)).toBe(text)
    expect(toValue(parsePrimitive('timestamptz_ns'), '1970-01-01T02:00:00.000000001+02:00')).toBe(1n)
    expect(formatValue(parsePrimitive('timestamptz_ns'), 1n)).toBe('1970-01-01T00:00:00.000000001+00:00')
    expect(toValue(parsePrimitive('timestamp'), text)).toBe(-876_544n)
  })

  it('reads and prints dates far from now', () => {
    const date = parsePrimitive('date')
    for (const text of ['+5881580-07-11', '-5877641-06-23', '0000-01-01', '-000001-12-31', '+010000-01-01'])
      expect(formatValue(date, toValue(date, text) as number)).toBe(text.replace(/^\+0(?=\d{6}-)/, '+'))
  })
})

describe('the order of values', () => {
  it.each(named)('of %s is total', (_name, type) => {
    const value = valuesOf(type).filter((item) => !Number.isNaN(item))
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        expect(compareValues(a, a)).toBe(0)
        expect(Math.sign(compareValues(a, b))).toBe(0 - Math.sign(compareValues(b, a)))
        if (compareValues(a, b) <= 0 && compareValues(b, c) <= 0) expect(compareValues(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })

  it('of texts is that of their UTF-8 bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareValues(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
    expect(compareValues('\u{ffff}', '\u{10000}')).toBeLessThan(0)
  })

  it('has -0 before 0', () => {
    expect(compareValues(-0, 0)).toBe(-1)
    expect(compareValues(0, -0)).toBe(1)
  })
})

describe('bounds of columns', () => {
  it.each(named)('of %s lie on either side of the value and are short', (_name, type) => {
    fc.assert(
      fc.property(valuesOf(type), (value) => {
        if (Number.isNaN(value)) return
        const lower = decodeValue(type, lowerBound(type, value))
        const upper = upperBound(type, value)
        expect(compareValues(lower, value)).toBeLessThanOrEqual(0)
        if (upper) expect(compareValues(decodeValue(type, upper), value)).toBeGreaterThanOrEqual(0)
        for (const bound of [lower, upper && decodeValue(type, upper)])
          if (typeof bound === 'string' && type.kind === 'string') expect([...bound].length).toBeLessThanOrEqual(16)
      }),
    )
  })

  it('have none above what cannot be passed', () => {
    const string = parsePrimitive('string')
    const highest = '\u{10ffff}'
    expect(upperBound(string, highest.repeat(17))).toBeUndefined()
    expect(upperBound(string, highest.repeat(16))).toEqual(Buffer.from(highest.repeat(16)))
    expect(upperBound(string, `a${highest.repeat(17)}`)).toEqual(Buffer.from('b'))
    expect(upperBound(string, `${'x'.repeat(15)}\ud7ffz`)).toEqual(Buffer.from(`${'x'.repeat(15)}\ue000`))
    expect(upperBound(parsePrimitive('binary'), new Uint8Array(17).fill(0xff))).toBeUndefined()
    expect(hex(upperBound(parsePrimitive('binary'), Buffer.from(`${'00'.repeat(15)}ff01`, 'hex')))).toBe(
      `${'00'.repeat(14)}01`,
    )
  })
})
