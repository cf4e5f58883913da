import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { damaged } from '../testing/arbitraries.js'
import { deflatedPart } from './deflated-part.js'
import { gzipOf, indexedParts } from './gzip-index.js'

const parts = fc.array(
  fc.record({
    text: fc.string({ minLength: 1, maxLength: 100 }),
    kind: fc.integer({ min: 0, max: 255 }),
    // Some need more than one member.
    note: fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.integer({ min: 60_000, max: 140_000 }).map((length) => new Uint8Array(length)),
    ),
  }),
  { minLength: 2, maxLength: 5 },
)
type Given = { text: string; kind: number; note: Uint8Array }
const fileOf = (list: readonly Given[]) =>
  gzipOf(list.map(({ text, kind, note }) => ({ part: deflatedPart(Buffer.from(text)), kind, note: Buffer.from(note) })))

describe('a gzip file with an index', () => {
  it('is inflated as any other, and its parts are found', () => {
    fc.assert(
      fc.property(parts, (list) => {
        const file = fileOf(list)
        expect(gunzipSync(file).toString()).toBe(list.map(({ text }) => text).join(''))
        const found = indexedParts(file)
        expect(found?.map(({ part, kind }) => [part, kind])).toEqual(
          list.map(({ text, kind }) => [deflatedPart(Buffer.from(text)), kind]),
        )
        expect(found?.every(({ note }, index) => note.equals((list[index] as Given).note))).toBe(true)
      }),
    )
  })

  it('has none when it is of one part, and then nothing is behind it', () => {
    const part = deflatedPart(Buffer.from('text'))
    const file = gzipOf([{ part, kind: 0, note: Buffer.alloc(0) }])
    expect(gunzipSync(file).toString()).toBe('text')
    expect(file.length).toBe(10 + part.bytes.length + 2 + 8)
    expect(indexedParts(file)).toBeUndefined()
  })

  it('that is damaged has the index that it had, or none', () => {
    const list: Given[] = [
      { text: 'one', kind: 0, note: new Uint8Array() },
      { text: 'two', kind: 1, note: Uint8Array.of(1, 2, 3) },
    ]
    const file = fileOf(list)
    const wanted = indexedParts(file)?.map(({ part: { length, crc }, kind, note }) => [length, crc, kind, note])
    fc.assert(
      fc.property(damaged(file), (bytes) => {
        const found = indexedParts(Buffer.from(bytes))
        if (found)
          expect(found.map(({ part: { length, crc }, kind, note }) => [length, crc, kind, note])).toEqual(wanted)
      }),
      { numRuns: 2000 },
    )
  })
})
