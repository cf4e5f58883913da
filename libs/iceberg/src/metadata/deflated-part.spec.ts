import { crc32 } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { combinedCrc, deflatedPart, emptyLastBlock, inflatedParts } from './deflated-part.js'

const texts = fc.array(
  fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc.tuple(fc.constantFrom(0, 65), fc.integer({ min: 1, max: 300_000 })).map(([byte, n]) => Buffer.alloc(n, byte)),
  ),
  { minLength: 1, maxLength: 6 },
)
const refused = expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' })

describe('deflated parts', () => {
  it('are inflated one by one, together, and have the checksum of the whole', () => {
    fc.assert(
      fc.property(texts, (list) => {
        const parts = list.map((text) => deflatedPart(Buffer.from(text)))
        const whole = Buffer.concat(list)
        const bytes = Buffer.concat(parts.map((part) => part.bytes))
        expect(combinedCrc(parts)).toBe(crc32(whole))
        expect(inflatedParts(bytes, parts, 'file').equals(whole)).toBe(true)
        for (const [index, part] of parts.entries())
          expect(inflatedParts(part.bytes, [part], 'file').equals(list[index] as Uint8Array)).toBe(true)
      }),
    )
  })

  it('that are not what they are said to be are refused', () => {
    const part = deflatedPart(Buffer.from('some text, some text'))
    for (const wrong of [
      { ...part, crc: part.crc ^ 1 },
      { ...part, length: part.length - 1 },
      { ...part, length: part.length + 1 },
      { ...part, length: 0 },
      { ...part, length: 2 ** 32 - 1 },
    ])
      expect(() => inflatedParts(part.bytes, [wrong], 'file')).toThrow(refused)
    const cut = part.bytes.subarray(0, 8)
    expect(() => inflatedParts(cut, [part], 'file')).toThrow(refused)
    const ended = Buffer.concat([emptyLastBlock, part.bytes])
    expect(() => inflatedParts(ended, [part], 'file')).toThrow(refused)
  })
})
