import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { partitionKey } from './partition-key.js'

describe('partition keys', () => {
  it('are those of one partition only, whatever its texts hold', () => {
    const text = fc.string({ unit: fc.constantFrom(...'a1;: \u001f', 'string ', 'null'), maxLength: 4 })
    const value = fc.oneof(text, fc.constantFrom(null, 0, -0, NaN, 1, 1n, true), fc.uint8Array({ maxLength: 2 }))
    const partition = fc.tuple(value, value)
    fc.assert(
      fc.property(partition, partition, (a, b) => {
        const same = a.every((item, index) =>
          item instanceof Uint8Array && b[index] instanceof Uint8Array
            ? Buffer.compare(item, b[index]) === 0
            : Object.is(item, b[index]),
        )
        expect(partitionKey({ partition: a }) === partitionKey({ partition: b })).toBe(same)
      }),
      { numRuns: 5000 },
    )
    const split = (left: string, right: string) => partitionKey({ partition: [left, right] })
    expect(split('a\u001fstring b', 'c')).not.toBe(split('a', 'b\u001fstring c'))
    expect(split('a;string 1:b', 'c')).not.toBe(split('a', 'b;string 1:c'))
  })
})
