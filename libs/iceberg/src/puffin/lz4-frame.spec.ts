import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { damaged } from '../testing/arbitraries.js'
import { decompressLz4Frame } from './lz4-frame.js'
import { xxHash32 } from './xx-hash-32.js'

const most = 1_000_000
const text = (hex: string) => Buffer.from(decompressLz4Frame(Buffer.from(hex, 'hex'), most, 'frame')).toString('latin1')
const invalid = expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' })

// Frames that the reference implementation made.
const repeated = '04224d187c400e01000000000000a9130000009f6162636465666768690900ed506566676869739fb813000000002f16a308'
const stored = '04224d18684009000000000000006d0900008061626364656667686900000000'

/** A frame without checksums around blocks. */
function frame(size: number, ...blocks: readonly (readonly number[])[]): Buffer {
  const head = Buffer.alloc(15)
  head.writeUInt32LE(0x184d2204, 0)
  head[4] = 0x68
  head[5] = 0x40
  head.writeBigUInt64LE(BigInt(size), 6)
  head[14] = (xxHash32(head.subarray(4, 14)) >>> 8) & 0xff
  const parts = blocks.map((block) => Buffer.from([block.length, 0, 0, 0, ...block]))
  return Buffer.concat([head, ...parts, Buffer.alloc(4)])
}

describe('LZ4 frames', () => {
  it('of the reference implementation are read, with their checksums', () => {
    expect(text(stored)).toBe('abcdefghi')
    expect(text(repeated)).toBe('abcdefghi'.repeat(30))
  })

  it('have blocks that copy what is before them, also of the block before and of what they write', () => {
    // Three literals, then seven bytes from three back; a second block takes five from ten back.
    expect(
      Buffer.from(
        decompressLz4Frame(frame(16, [0x33, 97, 98, 99, 3, 0, 0], [0x01, 10, 0, 0x10, 33]), most, 'f'),
      ).toString(),
    ).toBe('abcabcabcaabcab!')
    // Lengths that go on: 15 + 255 + 3 literals.
    const long = [0xf0, 255, 3, ...Array.from({ length: 273 }, () => 120)]
    const bytes = frame(273, [])
    const block = Buffer.alloc(4)
    block.writeUInt32LE(long.length)
    const whole = Buffer.concat([bytes.subarray(0, 15), block, Buffer.from(long), Buffer.alloc(4)])
    expect(Buffer.from(decompressLz4Frame(whole, most, 'f')).toString()).toBe('x'.repeat(273))
  })

  it('that break the format, or are longer than allowed, are refused', () => {
    const broken = (bytes: Uint8Array, limit = most) =>
      expect(() => decompressLz4Frame(bytes, limit, 'frame')).toThrow(invalid)
    const good = Buffer.from(repeated, 'hex')
    for (let end = 0; end < good.length; end++) broken(good.subarray(0, end))
    broken(Buffer.concat([good, Buffer.from([0])]))
    broken(good, 269)
    broken(frame(2 ** 52, [0x10, 97]))
    broken(frame(2, [0x10, 97]))
    broken(frame(0, [0x10, 97]))
    broken(frame(9, [0x10, 97, 2, 0, 0x10, 97]))
    broken(frame(9, [0x10, 97, 0, 0, 0x10, 97]))
    broken(frame(9, [0x10, 97, 1]))
    for (const at of [4, 6, 14, 20, good.length - 6, good.length - 1]) {
      const damage = Buffer.from(good)
      damage[at] = (damage[at] as number) ^ 0x40
      broken(damage)
    }
    const dictionary = Buffer.from(stored, 'hex')
    dictionary[4] = 0x69
    expect(() => decompressLz4Frame(dictionary, most, 'frame')).toThrow(
      expect.objectContaining({ code: 'PHLO_ICEBERG_UNSUPPORTED' }),
    )
  })

  it('that were damaged give what they say or a clear error', () => {
    fc.assert(
      fc.property(damaged(Buffer.from(repeated, 'hex')), (bytes) => {
        try {
          expect(decompressLz4Frame(bytes, most, 'frame').length).toBeLessThanOrEqual(most)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^PHLO_ICEBERG_(INVALID|UNSUPPORTED)$/) })
        }
      }),
      { numRuns: 2000 },
    )
  })
})
