import { crc32, gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Snapshot, TableMetadata, TableUpdate } from '@phlo/ports'
import { damaged } from '../testing/arbitraries.js'
import { example } from '../testing/example.js'
import { deflatedPart } from './deflated-part.js'
import { sharedBy } from './growing-list.js'
import { type IndexedPart, gzipOf, indexedParts } from './gzip-index.js'
import { metadataCodec, parseMetadata, serializeMetadata } from './metadata-file.js'
import { refSnapshot, snapshotById } from './metadata.js'
import { applyUpdates } from './updates.js'

const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID', message: expect.stringMatching(message) })

/** Ids that look like random ones. */
const idOf = (index: number) => BigInt.asUintN(63, BigInt(index + 1) * 0x5851f42d4c957f2dn)

function snapshotAt(index: number): Snapshot {
  return {
    'snapshot-id': idOf(index),
    ...(index > 0 && { 'parent-snapshot-id': idOf(index - 1) }),
    'sequence-number': index + 1,
    'timestamp-ms': 1000 + index,
    'manifest-list': `s3://t/metadata/${idOf(index)}.avro`,
    summary: { operation: 'append', 'total-records': String(index) },
  }
}

function tableOf(count: number): TableMetadata {
  const snapshots = Array.from({ length: count }, (_, index) => snapshotAt(index))
  const log = snapshots.map((item) => ({
    'timestamp-ms': item['timestamp-ms'],
    'snapshot-id': item['snapshot-id'],
  }))
  const current = idOf(count - 1)
  return {
    ...example,
    snapshots,
    'snapshot-log': log,
    refs: { main: { 'snapshot-id': current, type: 'branch' } },
    'current-snapshot-id': current,
    'last-sequence-number': count,
    'last-updated-ms': 999 + count,
  }
}

const addition = (index: number): TableUpdate[] => [
  { action: 'add-snapshot', snapshot: snapshotAt(index) },
  { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': idOf(index) },
]
const open = (file: Uint8Array) => parseMetadata(file, 'table.json')
const gzip = (metadata: TableMetadata) => serializeMetadata(metadata, 'gzip')
const plain = (metadata: TableMetadata) => serializeMetadata(metadata).toString()

/** The file with its parts changed, and an index that fits to them. */
function changed(file: Buffer, change: (parts: IndexedPart[]) => readonly IndexedPart[]): Buffer {
  return gzipOf(change(indexedParts(file) ?? []))
}

/** Another text in place of the first packed snapshots. */
function withSnapshots(file: Buffer, edit: (text: string) => string): Buffer {
  const text = gunzipSync(file).toString()
  return changed(file, (parts) => {
    let at = 0
    return parts.map((item) => {
      const own = Buffer.from(text).toString('utf8', at, (at += item.part.length))
      if (item.kind !== 1 || at > 2 * item.part.length + (parts[0] as IndexedPart).part.length) return item
      return { ...item, part: deflatedPart(Buffer.from(edit(own))) }
    })
  })
}

describe('a long history in a compressed file', () => {
  it('is the same by whichever way it was read and written', () => {
    const step = fc.record({
      add: fc.integer({ min: 0, max: 150 }),
      write: fc.constantFrom('gzip' as const, 'none' as const, 'nothing' as const),
      look: fc.option(fc.nat(), { nil: undefined }),
      reopen: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.array(step, { maxLength: 6 }), (first, steps) => {
        let count = first
        let metadata = open(serializeMetadata(tableOf(count)))
        let file: Buffer | undefined = gzip(metadata)
        for (const { add, write, look, reopen } of steps) {
          if (reopen) metadata = open(file ?? gzip(metadata))
          for (const end = count + add; count < end; count++)
            metadata = applyUpdates(metadata, addition(count), { now: 1000 + count })
          const asked = look === undefined ? undefined : look % count
          if (asked !== undefined) {
            expect(snapshotById(metadata, idOf(asked))).toEqual(snapshotAt(asked))
            expect(metadata.snapshots?.[asked]).toEqual(snapshotAt(asked))
          }
          expect(refSnapshot(metadata)).toEqual(snapshotAt(count - 1))
          expect(snapshotById(metadata, idOf(count))).toBeUndefined()
          file = write === 'nothing' ? undefined : serializeMetadata(metadata, write)
        }
        const wanted = tableOf(count)
        expect(JSON.parse(gunzipSync(gzip(metadata)).toString())).toEqual(JSON.parse(plain(wanted)))
        expect(JSON.parse(plain(open(gzip(metadata))))).toEqual(JSON.parse(plain(wanted)))
        expect(open(gzip(metadata))).toEqual(wanted)
      }),
      { numRuns: 40 },
    )
  })

  it('is compressed once: the next file has the parts of the one before, and few bytes of its own', () => {
    let metadata = open(serializeMetadata(tableOf(5000)))
    let file = gzip(metadata)
    for (let index = 5000; index < 5200; index++) {
      if (index % 3 === 0) metadata = open(file)
      metadata = applyUpdates(metadata, addition(index), { now: 0 })
      const next = gzip(metadata)
      const known = new Set(indexedParts(file)?.map(({ part }) => part.bytes.toString('latin1')))
      const own = (indexedParts(next) ?? []).filter(({ part }) => !known.has(part.bytes.toString('latin1')))
      expect(own.reduce((sum, { part }) => sum + part.length, 0)).toBeLessThan(60_000)
      file = next
    }
    expect(gunzipSync(file).length).toBeGreaterThan(1_000_000)
  })

  it('stays compressed as long as nobody asks for it', () => {
    const file = gzip(open(serializeMetadata(tableOf(3000))))
    // Whatever the parts are, as long as they are not looked into.
    const opaque = changed(file, (parts) =>
      parts.map((item) =>
        item.kind === 0 ? item : { ...item, part: { ...item.part, bytes: Buffer.alloc(item.part.bytes.length, 0xff) } },
      ),
    )
    let metadata = open(opaque)
    expect(metadata.snapshots).toHaveLength(3000)
    expect(refSnapshot(metadata)).toEqual(snapshotAt(2999))
    metadata = applyUpdates(metadata, addition(3000), { now: 0 })
    const again = open(gzip(metadata))
    expect(refSnapshot(again)).toEqual(snapshotAt(3000))
    expect(sharedBy(again.snapshots ?? [])?.items.filter(Boolean)).toHaveLength(1)
    expect(() => again.snapshots?.[0]).toThrow(refused(/decompressed/))
    expect(() => snapshotById(again, idOf(5))).toThrow(refused(/decompressed/))
    expect(() => again['snapshot-log']?.[0]).toThrow(refused(/decompressed/))
    expect(() => plain(again)).toThrow(refused(/decompressed/))
  })

  it.each([
    ['an id twice', (text: string) => text.replaceAll(String(idOf(1)), String(idOf(2)))],
    ['a circle', (text: string) => text.replace(/"parent-snapshot-id":\d+/, `"parent-snapshot-id":${idOf(3)}`)],
    ['one less', (text: string) => text.slice(text.indexOf('},{') + 2)],
    ['something else', (text: string) => text.replace('"sequence-number"', '"sequence-member"')],
    ['a cut text', (text: string) => text.slice(0, -5)],
    ['no id', (text: string) => text.replace('"snapshot-id"', '"schema-id"')],
  ])('with %s among what is packed is refused when it is asked for', (_what, edit) => {
    const file = withSnapshots(gzip(open(serializeMetadata(tableOf(300)))), edit)
    const metadata = open(file)
    expect(refSnapshot(metadata)).toEqual(snapshotAt(299))
    expect(() => metadata.snapshots?.[0]).toThrow(refused(/index/))
    expect(() => applyUpdates(metadata, addition(7), { now: 0 })).toThrow(refused(/index/))
  })

  it('whose refs name what is not there is refused when it is asked for', () => {
    const table = { ...tableOf(300), refs: { old: { 'snapshot-id': idOf(3), type: 'tag' as const } } }
    const file = gzip(open(serializeMetadata(table)))
    const wrong = withSnapshots(file, (text) =>
      text.replace(`{"snapshot-id":${idOf(3)}`, `{"snapshot-id":12`).replaceAll(/"parent-snapshot-id":\d+,/g, ''),
    )
    const metadata = open(wrong)
    expect(() => refSnapshot(metadata, 'old')).toThrow(refused(/index/))
    const unmarked = { ...table, refs: { old: { 'snapshot-id': 77n, type: 'tag' as const } } }
    expect(() => open(gzip({ ...open(file), refs: unmarked.refs }))).toThrow(refused(/ref old names no snapshot/))
  })

  it('of which an index says what cannot be is read as a whole', () => {
    const file = gzip(open(serializeMetadata(tableOf(400))))
    const counted = (count: number) => (parts: IndexedPart[]) =>
      parts.map((item) => {
        if (item.kind === 0) return item
        const note = Buffer.from(item.note)
        note.writeUInt32LE(count)
        return { ...item, note }
      })
    for (const change of [
      counted(0),
      counted(2 ** 32 - 1),
      (parts: IndexedPart[]) => parts.map((item) => ({ ...item, kind: item.kind === 1 ? 9 : item.kind })),
      (parts: IndexedPart[]) => parts.map((item) => ({ ...item, kind: item.kind === 1 ? 2 : item.kind })),
      (parts: IndexedPart[]) => parts.map((item, index) => ({ ...item, kind: index === 2 ? 0 : item.kind })),
      (parts: IndexedPart[]) => parts.map((item) => ({ ...item, note: Buffer.alloc(0) })),
    ])
      expect(open(changed(file, change))).toEqual(tableOf(400))
  })

  it('that is damaged is refused, or is what it was', () => {
    const wanted = tableOf(200)
    const file = gzip(open(serializeMetadata(wanted)))
    fc.assert(
      fc.property(damaged(file), (bytes) => {
        let found: TableMetadata
        try {
          const metadata = open(bytes)
          found = { ...metadata, snapshots: [...(metadata.snapshots ?? [])] }
          found = { ...found, 'snapshot-log': [...(metadata['snapshot-log'] ?? [])] }
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^PHLO_ICEBERG_/) })
          return
        }
        expect(found).toEqual(wanted)
      }),
      { numRuns: 500 },
    )
  })

  it('by another writer is read, and compressed anew', () => {
    const text = serializeMetadata(tableOf(300))
    const file = gzipSync(text)
    expect(open(file)).toEqual(tableOf(300))
    const next = gzip(open(file))
    expect(crc32(gunzipSync(next))).toBe(crc32(text))
    expect(indexedParts(next)?.length).toBeGreaterThan(3)
  })

  it('that cannot be looked through is compressed as a whole', () => {
    const odd = tableOf(300)
    const snapshots = odd.snapshots?.map((item) => ({ ...item, 'new-field': 1 }))
    const file = gzip({ ...odd, snapshots: snapshots ?? [] })
    expect(open(file).snapshots).toEqual(snapshots)
    expect((indexedParts(file) ?? []).filter(({ kind }) => kind === 1)).toEqual([])
  })
})

describe('the codec of metadata files', () => {
  it('is the table’s own, else gzip for more than a thousand snapshots', () => {
    const property = (codec: string, count: number) =>
      metadataCodec({ ...tableOf(count), properties: { 'write.metadata.compression-codec': codec } })
    expect([metadataCodec(tableOf(1000)), metadataCodec(tableOf(1001))]).toEqual(['none', 'gzip'])
    expect([property('none', 1001), property('GZIP', 1), property('zstd', 1)]).toEqual(['none', 'gzip', 'none'])
    expect(metadataCodec(tableOf(1001), 'none')).toBe('none')
  })

  it('of a table of version 1 may be gzip, too', () => {
    const file = serializeMetadata({ ...tableOf(3), 'format-version': 1 }, 'gzip')
    expect(JSON.parse(gunzipSync(file).toString())).toMatchObject({ 'format-version': 1, schema: {} })
    expect(open(file).snapshots).toHaveLength(3)
  })
})
