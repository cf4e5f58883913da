import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parseJson } from './json-text.js'

describe('JSON', () => {
  it('is what JSON.parse makes of it, where numbers are JavaScript’s', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 4 }), (text) => expect(parseJson(text)).toEqual(JSON.parse(text))))
  })

  it('keeps every digit of an integer, wherever it stands', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }), fc.string(), (value, text) => {
        const [found, [inside], said] = parseJson(
          `[${value},[{"a":${value}}],${JSON.stringify(`${text}${value}`)}]`,
        ) as [number | bigint, [{ a: number | bigint }], string]
        expect([BigInt(found), BigInt(inside.a), said]).toEqual([value, value, `${text}${value}`])
      }),
    )
  })

  it('keeps every digit of a decimal, as text', () => {
    expect(parseJson('[0.1, 1e3, 1234567890.12345678901, 0.00000000000000012345]')).toEqual([
      0.1,
      1000,
      '1234567890.12345678901',
      1.2345e-16,
    ])
  })

  it('may hold brackets in texts, and is not nested without end', () => {
    const text = JSON.stringify({ a: `${'[{'.repeat(1000)}\\"` })
    expect(parseJson(text)).toEqual(JSON.parse(text))
    expect(() => parseJson('['.repeat(10_000_000))).toThrow('it is nested deeper than 500 levels')
  })

  it.each([
    '',
    '[1,]',
    '00712345678901234567',
    '12345678901234567.',
    '"12345678901234567890',
    '[12345678901234567890 1]',
  ])('is refused where it is none: %s', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError)
  })
})
