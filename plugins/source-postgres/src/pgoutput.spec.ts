import { describe, expect, it } from '@jest/globals'
import { isPhloError } from '@phlo/ports'
import fc from 'fast-check'
import { decodeMessage, formatLsn, parseLsn } from './pgoutput.js'

describe('messages of pgoutput', () => {
  it('that are none are refused, whatever they hold', () => {
    const bytes = fc.tuple(fc.constantFrom(...'BCRIUDTX'), fc.uint8Array({ maxLength: 60 }))
    fc.assert(
      fc.property(bytes, ([kind, rest]) => {
        try {
          decodeMessage(Buffer.concat([Buffer.from(kind), rest]))
        } catch (error) {
          expect(isPhloError(error, 'PHLO_SOURCE_MALFORMED')).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
    expect(() => decodeMessage(Buffer.alloc(0))).toThrow('ends too early')
    expect(() => decodeMessage(Buffer.from([...Buffer.from('T'), 255, 255, 255, 255, 0]))).toThrow('ends too early')
  })
})

describe('a place in the log', () => {
  it('is the same read and written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => expect(parseLsn(formatLsn(lsn))).toBe(lsn)),
    )
    expect(parseLsn('16/B374D848')).toBe(0x16b374d848n)
    expect(() => parseLsn('16-B3')).toThrow('no place')
  })
})
