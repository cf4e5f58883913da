import * as zlib from 'node:zlib'
import type { ByteRange } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { damaged } from '../testing/arbitraries.js'
import { blobTypes } from './puffin-footer.js'
import { readPuffinBlob, readPuffinMetadata } from './puffin-reader.js'
import { type NewPuffinBlob, writePuffin } from './puffin-writer.js'

/** Counts what is read. */
class RecordingStore extends MemoryObjectStore {
  readonly ranges: (ByteRange | undefined)[] = []
  heads = 0

  override async get(key: string, options: { range?: ByteRange } = {}) {
    this.ranges.push(options.range)
    return super.get(key, options)
  }
  override async head(key: string) {
    this.heads++
    return super.head(key)
  }
}

let store: RecordingStore
let at: string
beforeEach(() => {
  store = new RecordingStore()
  at = store.uri('f.puffin')
})

const first = Buffer.from('abcdefghi')
const second = Buffer.from('some blob \u0000 binary data 🤯 that is not very very very very very very long, is it?')
const blobs: readonly NewPuffinBlob[] = [
  { type: 'some-blob', fields: [1], 'snapshot-id': 2n, 'sequence-number': 1, bytes: first },
  { type: 'some-other-blob', fields: [2], 'snapshot-id': 2n, 'sequence-number': 1, bytes: second },
]

const size = (bytes: number) => Buffer.from(Int32Array.of(bytes).buffer).toString('latin1')

describe('Puffin files', () => {
  it('are written as Iceberg’s reference implementation writes them', () => {
    const payload =
      '{"blobs":[{"type":"some-blob","fields":[1],"snapshot-id":2,"sequence-number":1,"offset":4,"length":9},' +
      '{"type":"some-other-blob","fields":[2],"snapshot-id":2,"sequence-number":1,"offset":13,"length":83}],' +
      '"properties":{"created-by":"Test 1234"}}'
    const { bytes, footerSize, blobs: placed } = writePuffin(blobs, { 'created-by': 'Test 1234' })
    const whole = `PFA1${first.toString('latin1')}${second.toString('latin1')}PFA1${payload}${size(243)}\0\0\0\0PFA1`
    expect(Buffer.from(bytes).toString('latin1')).toBe(whole)
    expect(footerSize).toBe(4 + 243 + 12)
    expect(placed.map(({ offset, length }) => [offset, length])).toEqual([
      [4, 9],
      [13, 83],
    ])
    expect(Buffer.from(writePuffin([]).bytes).toString('latin1')).toBe(`PFA1PFA1{"blobs":[]}${size(12)}\0\0\0\0PFA1`)
  })

  it('come back as they were written', async () => {
    const text = fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ unit: 'binary', maxLength: 5 }), { maxKeys: 2 })
    const blob = fc.record({
      type: fc.oneof(fc.constantFrom(...Object.values(blobTypes)), fc.string({ maxLength: 5 })),
      fields: fc.array(fc.nat(), { maxLength: 3 }),
      'snapshot-id': fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
      'sequence-number': fc.integer({ min: -1 }),
      properties: text,
      bytes: fc.uint8Array({ maxLength: 40 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(blob, { maxLength: 4 }), text, async (list, properties) => {
        const { bytes, blobs: placed } = writePuffin(list, properties)
        await store.put('f.puffin', bytes)
        const metadata = await readPuffinMetadata(store, at)
        expect(metadata).toEqual({ blobs: placed, properties })
        const contents = await Promise.all(metadata.blobs.map((entry) => readPuffinBlob(store, at, entry)))
        expect(contents.map((content) => Buffer.from(content))).toEqual(list.map((entry) => Buffer.from(entry.bytes)))
      }),
    )
  })

  it('are read by the bytes that are needed', async () => {
    const large = { ...blobs[0]!, bytes: Buffer.alloc(1_000_000) }
    const { bytes, footerSize, blobs: placed } = writePuffin([large, blobs[1]!])
    await store.put('f.puffin', bytes)
    const fileSize = bytes.length
    await readPuffinMetadata(store, at, { fileSize, footerSize })
    await readPuffinBlob(store, at, placed[1]!)
    expect([store.heads, store.ranges]).toEqual([
      0,
      [
        { start: fileSize - footerSize, end: fileSize },
        { start: 1_000_004, end: 1_000_087 },
      ],
    ])
  })

  it('may have a footer longer than was guessed', async () => {
    const { bytes, blobs: placed } = writePuffin(blobs, { note: 'x'.repeat(20_000) })
    await store.put('f.puffin', bytes)
    const expected = { blobs: placed, properties: { note: 'x'.repeat(20_000) } }
    expect(await readPuffinMetadata(store, at)).toEqual(expected)
    expect(await readPuffinMetadata(store, at, { footerSize: 30 })).toEqual(expected)
    expect(await readPuffinMetadata(store, at, { footerSize: 1e9 })).toEqual(expected)
  })

  it('may have blobs and a footer that are compressed by lz4', async () => {
    // Frames of the reference implementation's own.
    const frame = Buffer.from('04224d18684009000000000000006d0900008061626364656667686900000000', 'hex')
    const payload = Buffer.from(
      '04224d18684034000000000000004c340000807b22626c6f6273223a5b5d2c2270726f70657274696573223a7b22637265617465642d6279223a22546573742031323334227d7d00000000',
      'hex',
    )
    const tail = Buffer.from(`${size(payload.length)}\u0001\0\0\0PFA1`, 'latin1')
    await store.put('f.puffin', Buffer.concat([Buffer.from('PFA1'), frame, Buffer.from('PFA1'), payload, tail]))
    expect(await readPuffinMetadata(store, at)).toEqual({ blobs: [], properties: { 'created-by': 'Test 1234' } })
    const blob = { ...blobs[0]!, offset: 4, length: frame.length, 'compression-codec': 'lz4' }
    expect(Buffer.from(await readPuffinBlob(store, at, blob)).toString()).toBe('abcdefghi')
    const damaged = { ...blob, length: frame.length - 1 }
    await expect(readPuffinBlob(store, at, damaged)).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
  })

  it('may be compressed by zstd where Node can read that, and by no other codec', async () => {
    // 'abcdefghi' in a frame of the reference implementation's own.
    const frame = Buffer.from('28b52ffd2409490000616263646566676869135eb9db', 'hex')
    await store.put('f.puffin', Buffer.concat([Buffer.from('PFA1'), frame]))
    const blob = { ...blobs[0]!, offset: 4, length: frame.length }
    const zstd = readPuffinBlob(store, at, { ...blob, 'compression-codec': 'zstd' })
    if ('zstdDecompressSync' in zlib) expect(Buffer.from(await zstd)).toEqual(first)
    else await expect(zstd).rejects.toMatchObject({ code: 'PHLO_ICEBERG_UNSUPPORTED' })
    await expect(readPuffinBlob(store, at, { ...blob, 'compression-codec': 'snappy' })).rejects.toMatchObject({
      code: 'PHLO_ICEBERG_UNSUPPORTED',
      message: `Compression snappy of some-blob blob of Puffin file ${at} is not supported`,
    })
  })

  const tail = (payload: string, flags = '\0\0\0\0', length = payload.length) =>
    `PFA1PFA1${payload}${size(length)}${flags}PFA1`
  const oneBlob = (blob: object) =>
    tail(
      JSON.stringify({
        blobs: [{ type: 't', fields: [], 'snapshot-id': 1, 'sequence-number': 1, offset: 4, length: 0, ...blob }],
      }),
    )
  it.each([
    ['nothing', '', 'PHLO_ICEBERG_INVALID'],
    ['something else', 'PAR1 and so on, PAR1', 'PHLO_ICEBERG_INVALID'],
    ['a footer longer than the file', tail('{}', '\0\0\0\0', 4), 'PHLO_ICEBERG_INVALID'],
    ['a footer of negative length', tail('{}', '\0\0\0\0', -4), 'PHLO_ICEBERG_INVALID'],
    ['a footer without its magic', tail('{}  ', '\0\0\0\0', 2), 'PHLO_ICEBERG_INVALID'],
    ['no JSON', tail('{'), 'PHLO_ICEBERG_INVALID'],
    ['JSON without end', tail('['.repeat(100_000)), 'PHLO_ICEBERG_INVALID'],
    ['a list', tail('[]'), 'PHLO_ICEBERG_INVALID'],
    ['no blobs', tail('{}'), 'PHLO_ICEBERG_INVALID'],
    ['properties that are no text', tail('{"blobs":[],"properties":{"a":1}}'), 'PHLO_ICEBERG_INVALID'],
    ['a blob that is none', tail('{"blobs":[3]}'), 'PHLO_ICEBERG_INVALID'],
    ['a blob before the start', oneBlob({ offset: 3 }), 'PHLO_ICEBERG_INVALID'],
    ['a blob beyond the end', oneBlob({ length: 1 }), 'PHLO_ICEBERG_INVALID'],
    ['a blob of a huge length', oneBlob({ length: 1e300 }), 'PHLO_ICEBERG_INVALID'],
    ['a blob without snapshot', oneBlob({ 'snapshot-id': '1' }), 'PHLO_ICEBERG_INVALID'],
    ['a blob without fields', oneBlob({ fields: ['a'] }), 'PHLO_ICEBERG_INVALID'],
    ['a codec that is no text', oneBlob({ 'compression-codec': 1 }), 'PHLO_ICEBERG_INVALID'],
    ['a footer that is not compressed as it says', tail('{}', '\u0001\0\0\0'), 'PHLO_ICEBERG_INVALID'],
    ['an unknown flag', tail('{}', '\0\u0001\0\0'), 'PHLO_ICEBERG_UNSUPPORTED'],
  ])('with %s are refused', async (_what, text, code) => {
    await store.put('f.puffin', Buffer.from(text, 'latin1'))
    await expect(readPuffinMetadata(store, at)).rejects.toMatchObject({ code })
  })

  it('that are not there, or shorter than metadata says, are refused', async () => {
    await expect(readPuffinMetadata(store, at)).rejects.toMatchObject({ code: 'PHLO_OBJECT_NOT_FOUND' })
    await expect(readPuffinMetadata(store, 'other:///f')).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    const { bytes, blobs: placed } = writePuffin(blobs)
    await store.put('f.puffin', bytes.subarray(0, 20))
    await expect(readPuffinMetadata(store, at, { fileSize: bytes.length })).rejects.toMatchObject({
      code: 'PHLO_ICEBERG_INVALID',
    })
    await expect(readPuffinBlob(store, at, placed[1]!)).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
  })

  it('that were damaged give blobs within the file, or a clear error', async () => {
    const { bytes } = writePuffin(blobs, { 'created-by': 'Test 1234' })
    await fc.assert(
      fc.asyncProperty(damaged(bytes), async (broken) => {
        await store.put('f.puffin', broken)
        try {
          const metadata = await readPuffinMetadata(store, at)
          for (const blob of metadata.blobs) expect(blob.offset + blob.length).toBeLessThan(broken.length)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^PHLO_ICEBERG_(INVALID|UNSUPPORTED)$/) })
        }
      }),
      { numRuns: 2000 },
    )
  })
})
