import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { median, percentile } from './statistics.js'

describe('statistics', () => {
  it('takes the middle value whatever the order, and the mean of the two middle ones', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 2, 3])).toBe(2.5)
  })

  it('interpolates between ranks like numpy', () => {
    // numpy.percentile([15, 20, 35, 40, 50], 40)
    expect(percentile([50, 15, 40, 20, 35], 40)).toBeCloseTo(29)
    expect(percentile([1, 2, 3, 4], 95)).toBeCloseTo(3.85)
  })

  it('stays between the smallest and the largest value', () => {
    const values = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 100 }), (items, percent) => {
        const found = percentile(items, percent)
        expect(found).toBeGreaterThanOrEqual(Math.min(...items))
        expect(found).toBeLessThanOrEqual(Math.max(...items))
      }),
    )
  })

  it('has no median of nothing', () => {
    expect(() => median([])).toThrow('nothing')
  })
})
