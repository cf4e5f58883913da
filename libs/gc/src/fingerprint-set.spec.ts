import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { FingerprintSet } from './fingerprint-set.js'

describe('a set of fingerprints', () => {
  it('holds what a map of the strings holds, with the numbers that came first', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 4 }), fc.nat())), fc.array(fc.string()), (items, others) => {
        const set = new FingerprintSet()
        const map = new Map<string, number>()
        for (const [text, value] of items) {
          expect(set.add(text, value)).toBe(!map.has(text))
          if (!map.has(text)) map.set(text, value)
        }
        expect(set.size).toBe(map.size)
        for (const text of [...map.keys(), ...others]) expect(set.get(text)).toBe(map.get(text))
      }),
    )
  })

  it('tells a hundred thousand keys that differ in a digit apart', () => {
    const set = new FingerprintSet()
    const key = (index: number) => `tables/shop/orders-1a2b3c4d/data/00000-${index}.parquet`
    const count = 100_000
    const wrong = { added: 0, found: 0, absent: 0 }
    for (let index = 0; index < count; index++) if (!set.add(key(index), index)) wrong.added++
    for (let index = 0; index < count; index++) if (set.get(key(index)) !== index) wrong.found++
    for (let index = count; index < 2 * count; index++) if (set.get(key(index)) !== undefined) wrong.absent++
    expect(wrong).toEqual({ added: 0, found: 0, absent: 0 })
  })
})
