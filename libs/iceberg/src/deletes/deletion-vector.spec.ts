import { createHash } from 'node:crypto'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { writePuffin } from '../puffin/puffin-writer.js'
import { damaged } from '../testing/arbitraries.js'
import {
  decodeDeletionVector,
  deletionVectorBlob,
  encodeDeletionVector,
  readDeletionVector,
} from './deletion-vector.js'
import { PositionSet } from './position-set.js'
import { decodePositions, encodePositions } from './roaring-format.js'

function span(start: number, end: number, step = 1): number[] {
  return Array.from({ length: Math.ceil((end - start) / step) }, (_, index) => start + index * step)
}

const at = (bitmap: number, container: number, value: number) => bitmap * 2 ** 32 + container * 65536 + value

/**
 * Made with pyroaring 1.2.0: `m = BitMap64(positions); m.run_optimize(); m.serialize()`, framed with the length, the magic
 * and zlib.crc32. These are byte for byte the files that Iceberg's own tests of deletion vectors expect.
 */
const vectors: readonly (readonly [string, readonly number[], string])[] = [
  ['no position', [], '0000000cd1d339640000000000000000bf18480c'],
  [
    'every other position',
    [1, 3, 5, 7, 9],
    '0000002ad1d339640100000000000000000000003a30000001000000000004001000000001000300050007000900b3fb20be',
  ],
  [
    'small and large positions',
    [100, 101, 2 ** 31 + 99, 2 ** 31 + 100],
    '00000030d1d339640100000000000000000000003a300000020000000000010000800100180000001c000000640065006300640015eb1c7c',
  ],
  [
    'containers of every kind',
    [
      ...[at(0, 0, 5), at(0, 0, 7), ...span(at(0, 1, 1), at(0, 1, 1000)), ...span(at(0, 2, 1), at(0, 2, 65535))],
      ...[at(1, 0, 10), at(1, 0, 20), ...span(at(1, 1, 10), at(1, 1, 500)), ...span(at(1, 2, 1), at(1, 2, 65535))],
    ],
    '00000056d1d339640200000000000000000000003b30020006000001000100e6030200fdff0500070001000100e60301000100fdff' +
      '010000003b30020006000001000100e9010200fdff0a00140001000a00e90101000100fdffc89be397',
  ],
]

/** Positions as tables have them: few, many, in runs, and far apart. */
const positionLists = fc
  .array(
    fc.oneof(
      fc.nat({ max: 2 ** 53 - 1 }).map((one) => [one]),
      fc.array(fc.nat({ max: 200_000 }), { maxLength: 50 }),
      fc.tuple(fc.nat({ max: 300_000 }), fc.nat({ max: 9000 })).map(([start, count]) => span(start, start + count)),
      fc.tuple(fc.nat({ max: 300_000 }), fc.nat({ max: 40_000 })).map(([start, n]) => span(start, start + n, 3)),
    ),
    { maxLength: 5 },
  )
  .map((lists) => lists.flat())

/** As text, which is compared faster than a long list. */
const list = (positions: Iterable<number>) => [...positions].join()
const ascending = (positions: readonly number[]) => list([...new Set(positions)].sort((a, b) => a - b))

describe('sets of positions', () => {
  it('hold what was added, in any order, and nothing else', () => {
    fc.assert(
      fc.property(positionLists, fc.array(fc.nat({ max: 400_000 })), (positions, others) => {
        const set = new PositionSet(positions)
        const model = new Set(positions)
        expect(list(set)).toBe(ascending(positions))
        expect(set.size).toBe(model.size)
        expect(others.filter((other) => set.has(other) !== model.has(other))).toEqual([])
        expect(positions.every((position) => set.has(position))).toBe(true)
      }),
    )
  })

  it('are joined without a change to the other', () => {
    fc.assert(
      fc.property(
        positionLists,
        positionLists,
        fc.boolean(),
        fc.nat({ max: 400_000 }),
        (left, right, decoded, more) => {
          const reread = (kept: number[]) => decodePositions(encodePositions(new PositionSet(kept)), 'positions')
          const a = decoded ? reread(left) : new PositionSet(left)
          const b = decoded ? reread(right) : new PositionSet(right)
          a.addAll(b)
          a.add(more)
          expect(list(a)).toBe(ascending([...left, ...right, more]))
          expect(list(b)).toBe(ascending(right))
          expect(a.size).toBe(new Set([...left, ...right, more]).size)
        },
      ),
    )
  })

  it('go up to 2^53 - 1', () => {
    const set = new PositionSet([2 ** 53 - 1, 0])
    expect([...decodePositions(encodePositions(set), 'positions')]).toEqual([0, 2 ** 53 - 1])
    for (const wrong of [-1, 1.5, NaN, 2 ** 53])
      expect(() => set.add(wrong)).toThrow(expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }))
  })
})

describe('the Roaring format', () => {
  it('comes back as it was written, and takes any number more', () => {
    fc.assert(
      fc.property(positionLists, fc.nat({ max: 400_000 }), (positions, more) => {
        const set = decodePositions(encodePositions(new PositionSet(positions)), 'positions')
        expect(list(set)).toBe(ascending(positions))
        expect(positions.every((position) => set.has(position))).toBe(true)
        expect(set.has(more)).toBe(positions.includes(more))
        // What was read and not changed is written as it was.
        expect(encodePositions(set)).toEqual(encodePositions(new PositionSet(positions)))
        set.add(more)
        expect(list(set)).toBe(ascending([...positions, more]))
      }),
    )
  })

  it.each([
    // By pyroaring 1.2.0, as above; the SHA-256 of 8,272 and of 377,220 bytes.
    [
      'all kinds of containers, with offsets',
      [...span(0, 20000, 2), ...span(70000, 75000), 200000, 200002, 300000, ...span(2 ** 40, 2 ** 40 + 10)],
      '5d80375d0dcf3fbc4f7f708f809a1434322ccc83c83ce90778e6c0712dc996b5',
    ],
    ['bitmaps', span(0, 3_000_000, 3), 'd7421e7ed980b992ee0a80dbb4e737a8c7e45da5d5d6f6eae777970309b2e75a'],
  ])('has the bytes of CRoaring for %s', (_what, positions, hash) => {
    const bytes = encodePositions(new PositionSet(positions))
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(hash)
    expect(list(decodePositions(bytes, 'positions'))).toBe(list(positions))
  })

  it('may have empty bitmaps, and runs that touch', () => {
    // Iceberg's reference implementation writes a bitmap for every upper half below the highest.
    const empty = '3a30000000000000'
    const runs = '3b300000' + '01' + '00000400' + '0200' + '05000100' + '07000200'
    const bytes = Buffer.from(`020000000000000000000000${empty}01000000${runs}`, 'hex')
    const set = decodePositions(bytes, 'positions')
    expect([...set]).toEqual([5, 6, 7, 8, 9].map((low) => 2 ** 32 + low))
    expect(encodePositions(set)).toEqual(encodePositions(new PositionSet([...set])))
  })

  const one = (bitmap: string, key = '00000000') => `0100000000000000${key}${bitmap}`
  it.each([
    ['nothing', ''],
    ['fewer bitmaps than it claims', '0200000000000000000000003a30000000000000'],
    ['a huge count of bitmaps', 'ffffffffffffffff'],
    ['keys out of order', `0200000000000000${'010000003a30000000000000'.repeat(2)}`],
    ['a position above 2^53', one('3a30000001000000000000001000000000000', '00002000')],
    ['another cookie', one('3c30000000000000')],
    ['more containers than there can be', one('3a30000001000100')],
    ['containers that are not there', one('3a30000000000100')],
    ['containers out of order', one('3a300000020000000100000001000000000000000000000001000100')],
    ['values out of order', one('3a30000001000000000001001000000005000500')],
    ['a bitmap of another size', one(`3a3000000100000000000010100000 00${'00'.repeat(8192)}`.replace(' ', ''))],
    ['runs out of order', one('3b30000001000004000200050001000600 0200'.replace(' ', ''))],
    ['a run beyond the end', one('3b300000010000010001 00ffff0100'.replace(' ', ''))],
    ['runs of another size', one('3b30000001000003000100050001 00'.replace(' ', ''))],
    ['bytes after its end', '000000000000000000'],
  ])('with %s is refused', (_what, hex) => {
    expect(() => decodePositions(Buffer.from(hex, 'hex'), 'positions')).toThrow(
      expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }),
    )
  })

  it('that was damaged gives positions or a clear error', () => {
    const mixed = encodePositions(
      new PositionSet([1, 5, 9, ...span(65536, 70000), ...span(200000, 230000, 2), ...span(2 ** 40, 2 ** 40 + 9)]),
    )
    fc.assert(
      fc.property(damaged(mixed), (bytes) => {
        try {
          const set = decodePositions(bytes, 'positions')
          expect([...set].length).toBe(set.size)
        } catch (error) {
          expect(error).toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('deletion vectors', () => {
  it.each(vectors)('of %s have the bytes of other writers', (_what, positions, hex) => {
    expect(encodeDeletionVector(new PositionSet(positions)).toString('hex')).toBe(hex)
    expect(list(decodeDeletionVector(Buffer.from(hex, 'hex'), 'vector'))).toBe(list(positions))
  })

  it.each([
    ['nothing', ''],
    ['another length', '0000000dd1d339640000000000000000bf18480c'],
    ['another magic', '0000000cd1d339650000000000000000bf18480c'],
    ['another checksum', '0000000cd1d339640000000000000000bf18480d'],
  ])('with %s are refused', (_what, hex) => {
    expect(() => decodeDeletionVector(Buffer.from(hex, 'hex'), 'vector')).toThrow(
      expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }),
    )
  })

  it('are read from the place in a Puffin file that the manifest gives', async () => {
    const store = new MemoryObjectStore()
    const names = ['memory://store/a.parquet', 'memory://store/b.parquet']
    const file = writePuffin(names.map((name, index) => deletionVectorBlob(name, new PositionSet([3, 5 + index]))))
    await store.put('d.puffin', file.bytes)
    const second = file.blobs[1]!
    expect(second).toEqual({
      type: 'deletion-vector-v1',
      fields: [2147483645],
      'snapshot-id': -1n,
      'sequence-number': -1,
      offset: 4 + file.blobs[0]!.length,
      length: 44,
      properties: { 'referenced-data-file': 'memory://store/b.parquet', cardinality: '2' },
    })
    const entry: DataFile = {
      content: fileContent.positionDeletes,
      specId: 0,
      path: store.uri('d.puffin'),
      format: 'PUFFIN',
      partition: [],
      recordCount: 2,
      fileSize: file.bytes.length,
      referencedDataFile: 'memory://store/b.parquet',
      contentOffset: second.offset,
      contentSize: second.length,
    }
    expect([...(await readDeletionVector(store, entry))]).toEqual([3, 6])
    const refused = { code: 'PHLO_ICEBERG_INVALID' }
    await expect(readDeletionVector(store, { ...entry, recordCount: 3 })).rejects.toMatchObject(refused)
    await expect(readDeletionVector(store, { ...entry, contentOffset: 5 })).rejects.toMatchObject(refused)
    await expect(readDeletionVector(store, { ...entry, contentSize: 1e6 })).rejects.toMatchObject(refused)
    await expect(readDeletionVector(store, { ...entry, format: 'PARQUET' })).rejects.toMatchObject(refused)
    const gone = { ...entry, path: store.uri('none.puffin') }
    await expect(readDeletionVector(store, gone)).rejects.toMatchObject({ code: 'PHLO_OBJECT_NOT_FOUND' })
  })
})
