import { createHash } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { example } from '../testing/example.js'
import { damaged } from '../testing/arbitraries.js'
import { encodeValue } from '../types/value.js'
import { ThetaSketch, thetaSketchBlob } from './theta-sketch.js'

const long = (value: number | bigint) => encodeValue({ kind: 'long' }, BigInt(value))
const text = (value: string) => encodeValue({ kind: 'string' }, value)
const range = (count: number) => Array.from({ length: count }, (_, index) => index)

function sketchOf(values: readonly Uint8Array[]): ThetaSketch {
  const sketch = new ThetaSketch()
  for (const value of values) sketch.add(value)
  return sketch
}

describe('theta sketches', () => {
  // Made with datasketches 5.2.0: `s = update_theta_sketch(12)`, `s.update(…)` for each, `s.compact().serialize()`.
  it.each([
    ['no value', [], '01030300001ecc93'],
    ['one value', [long(1)], '01030300001acc9315f97dcbbd86a105'],
    [
      'three values, one of them twice',
      [1, 2, 3, 2].map(long),
      '02030300001acc93030000000000000015f97dcbbd86a105c397fc1281709d1eba40b3c1da06695d',
    ],
    ['large values', [-5n, 2n ** 62n].map(long), '02030300001acc93020000000000000047caefce32a5291d24e16b43daa6c83e'],
    [
      'texts of many lengths',
      ['a', 'abcdefgh', 'abcdefghi', 'abcdefghijklmnop', 'abcdefghijklmnopqrstuvwxyz0123456789', 'ä€🤯'].map(text),
      '02030300001acc93060000000000000056a97c1c56fac13e4f34e965c7b8155bd946f2389b824a5f' +
        '7531ba2c61423a6f69b4358e2d4dd07617c11d528507017b',
    ],
  ])('of %s have the bytes of Apache DataSketches', (_what, values, hex) => {
    expect(sketchOf(values).encode().toString('hex')).toBe(hex)
  })

  // As above; the SHA-256 of the bytes.
  it.each([
    [7680, 7680, '2b3111b787b1336de736bb282f22e69c5991701b25c7c057a10b4381dd268d97'],
    [7681, 7703.585815244497, '6de71269dcb968b4691363091eddce010136143ebe73f793b9a4634ad43c9089'],
    [100_000, 97891.78614058554, '69126ea55d65f4bb20caa36caf2ce2aff73f766ff5aa04d3723ab6c8f6542f4c'],
  ])('of %i integers have the bytes of Apache DataSketches', (count, estimate, hash) => {
    const sketch = sketchOf(range(count).map(long))
    expect(createHash('sha256').update(sketch.encode()).digest('hex')).toBe(hash)
    expect(sketch.estimate).toBeCloseTo(estimate, 6)
  })

  it('of long texts have the bytes of Apache DataSketches', () => {
    const sketch = sketchOf(range(20_000).map((index) => text('v'.repeat(index % 40) + String(index))))
    expect(createHash('sha256').update(sketch.encode()).digest('hex')).toBe(
      '46265ae31843074afdaa861c2d938d19680d565df9fda18ea95e20c7e51da5ab',
    )
  })

  it('come back as they were, and go on', () => {
    for (const count of [0, 1, 2, 4000, 20_000]) {
      const sketch = sketchOf(range(count).map(long))
      const read = ThetaSketch.decode(sketch.encode(), 'sketch')
      expect(read.encode()).toEqual(sketch.encode())
      sketch.add(long(-1))
      read.add(long(-1))
      expect(read.encode()).toEqual(sketch.encode())
    }
  })

  it('are joined to one of all their values', () => {
    fc.assert(
      fc.property(fc.nat({ max: 9000 }), fc.nat({ max: 9000 }), fc.nat({ max: 20_000 }), (a, b, shift) => {
        const left = sketchOf(range(a).map(long))
        left.addAll(sketchOf(range(b).map((value) => long(value + shift))))
        const distinct = new Set([...range(a), ...range(b).map((value) => value + shift)]).size
        if (a <= 7680 && b <= 7680 && distinct <= 7680) expect(left.estimate).toBe(distinct)
        // Five standard errors.
        else expect(Math.abs(left.estimate / distinct - 1)).toBeLessThan(0.08)
        expect(ThetaSketch.decode(left.encode(), 'sketch').estimate).toBe(left.estimate)
      }),
      { numRuns: 20 },
    )
  })

  it('become a blob that says how many distinct values there are', () => {
    const [, snapshot] = example.snapshots!
    expect(thetaSketchBlob(7, snapshot!, sketchOf([long(1), long(2)]))).toEqual({
      type: 'apache-datasketches-theta-v1',
      fields: [7],
      'snapshot-id': 2n,
      'sequence-number': 2,
      properties: { ndv: '2' },
      bytes: sketchOf([long(1), long(2)]).encode(),
    })
  })

  it.each([
    ['nothing', ''],
    ['another version', '01020300001ecc93'],
    ['another family', '01030200001ecc93'],
    ['another byte order', '01030300001fcc93'],
    ['another seed', '01030300001acc9215f97dcbbd86a105'],
    ['fewer hashes than it claims', '02030300001acc93030000000000000015f97dcbbd86a105'],
    ['a huge count', '02030300001acc93ffffffff00000000'],
    ['a hash twice', '02030300001acc93020000000000000015f97dcbbd86a10515f97dcbbd86a105'],
    ['a hash beyond its range', '03030300001acc9301000000000000000500000000000000' + '0600000000000000'],
    ['no range', '03030300001acc930000000000000000' + '0000000000000000'],
  ])('with %s are refused', (_what, hex) => {
    expect(() => ThetaSketch.decode(Buffer.from(hex, 'hex'), 'sketch')).toThrow(
      expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }),
    )
  })

  it('that were damaged give an estimate or a clear error', () => {
    fc.assert(
      fc.property(damaged(sketchOf(range(20).map(long)).encode()), (bytes) => {
        try {
          expect(ThetaSketch.decode(bytes, 'sketch').estimate).toBeGreaterThanOrEqual(0)
        } catch (error) {
          expect(error).toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
        }
      }),
      { numRuns: 1000 },
    )
  })
})
