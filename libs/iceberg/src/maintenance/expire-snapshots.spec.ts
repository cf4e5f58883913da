import { PhloError } from '@phlo/ports'
import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type DataFile, entryStatus, fileContent } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'
import { MemoryTable } from '../testing/memory-table.js'
import { expireSnapshots, filesExpiredBy, planExpiry } from './expire-snapshots.js'
import { filesOnlyOf, type TableFile } from './table-contents.js'

let table: MemoryTable
beforeEach(() => {
  table = new MemoryTable()
})

const days = (count: number) => count * 24 * 60 * 60 * 1000

const removing = (...files: readonly DataFile[]) => ({
  mayHold: () => true,
  matches: ({ path }: DataFile) => files.some((file) => file.path === path),
})

/** The keys that a reader of any snapshot needs, found without the code under test. */
async function needed(): Promise<Set<string>> {
  const files = new TableFiles(table.store, table.metadata)
  const locations = new Set<string>()
  for (const snapshot of table.metadata.snapshots ?? []) {
    locations.add(snapshot['manifest-list'] as string)
    for (const manifest of await files.manifests(snapshot)) {
      locations.add(manifest.path)
      for await (const { status, file } of files.entries(manifest))
        if (status !== entryStatus.deleted) locations.add(file.path)
    }
  }
  for (const { 'statistics-path': path } of table.metadata.statistics ?? []) locations.add(path)
  return new Set([...locations].map((location) => table.store.key(location) as string))
}

async function all(files: AsyncIterable<TableFile>): Promise<TableFile[]> {
  const found: TableFile[] = []
  for await (const file of files) found.push(file)
  return found
}

describe('expiry', () => {
  it('says what it would do, does it, and tells what it did', async () => {
    const [a, b] = [await table.file('a'), await table.file('b')]
    const first = await table.snapshot({ add: [a] })
    await table.snapshot({ add: [b], remove: removing(a) })
    table.now += days(6)
    const plan = planExpiry(table.metadata, { now: table.now })
    expect(plan.snapshotIds).toEqual([first])
    const files = await all(filesExpiredBy(table.store, table.metadata, plan))
    expect(files.map(({ kind }) => kind)).toEqual(['data', 'manifest', 'manifest list'])
    expect(await expireSnapshots(table, { now: table.now })).toEqual({
      snapshotIds: [first],
      refs: [],
      files: {
        deleted: { data: 1, manifest: 1, 'manifest list': 1 },
        bytes: files.reduce((sum, { size }) => sum + (size ?? 0), 0),
        outside: 0,
        failed: 0,
      },
    })
    expect(new Set(await table.keys())).toEqual(await needed())
    expect(await expireSnapshots(table, { now: table.now })).toEqual({ snapshotIds: [], refs: [] })
  })

  it('takes the statistics of a snapshot along', async () => {
    const statistics = async (id: bigint) => {
      const { path, fileSize } = await table.file(`${id}.puffin`)
      const file = { 'snapshot-id': id, 'statistics-path': path, 'file-size-in-bytes': fileSize }
      const more = { 'file-footer-size-in-bytes': 1, 'blob-metadata': [] }
      await table.commit([], [{ action: 'set-statistics', statistics: { ...file, ...more } }])
    }
    await statistics(await table.snapshot({ add: [] }))
    await statistics(await table.snapshot({ add: [] }))
    table.now += days(6)
    const { files } = await expireSnapshots(table, { now: table.now })
    expect(files?.deleted).toEqual({ 'manifest list': 1, statistics: 1 })
    expect(new Set(await table.keys())).toEqual(await needed())
  })

  it('leaves every file where it is when only metadata may change', async () => {
    await table.snapshot({ add: [await table.file('a')] })
    await table.snapshot({ add: [], remove: { mayHold: () => true, matches: () => true } })
    const before = await table.keys()
    const { snapshotIds, files } = await expireSnapshots(table, { now: table.now + days(6), deleteFiles: false })
    expect([snapshotIds.length, files]).toEqual([1, undefined])
    expect(await table.keys()).toEqual(before)
    expect(table.metadata.snapshots).toHaveLength(1)
  })

  it('refuses to delete files of a table that does not own them', async () => {
    await table.commit([], [{ action: 'set-properties', updates: { 'gc.enabled': 'false' } }])
    await expect(expireSnapshots(table)).rejects.toMatchObject({ code: 'PHLO_MAINTENANCE_REFUSED' })
    expect(await expireSnapshots(table, { deleteFiles: false })).toEqual({ snapshotIds: [], refs: [] })
  })

  it('plans again when a branch moved meanwhile', async () => {
    await table.snapshot({ add: [await table.file('a')] })
    const second = await table.snapshot({ add: [await table.file('b')] })
    table.now += days(6)
    const commit = table.commit.bind(table)
    let raced = false
    table.commit = async (requirements, updates) => {
      if (!raced) {
        raced = true
        const ref = { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch' } as const
        const [oldest] = table.metadata.snapshots ?? []
        await commit([], [{ ...ref, 'snapshot-id': oldest!['snapshot-id'] }])
      }
      return commit(requirements, updates)
    }
    // Main went back to the first snapshot, so that it is the second that goes.
    expect((await expireSnapshots(table, { now: table.now })).snapshotIds).toEqual([second])
    expect(new Set(await table.keys())).toEqual(await needed())
  })

  it('deletes nothing when the commit fails, whether or not it happened', async () => {
    await table.snapshot({ add: [await table.file('a')] })
    await table.snapshot({ add: [], remove: { mayHold: () => true, matches: () => true } })
    const before = await table.keys()
    const commit = table.commit.bind(table)
    table.commit = async (requirements, updates) => {
      await commit(requirements, updates)
      throw new PhloError('PHLO_STORAGE_FAILED', 'the answer was lost')
    }
    await expect(expireSnapshots(table, { now: table.now + days(6) })).rejects.toMatchObject({
      code: 'PHLO_STORAGE_FAILED',
    })
    expect(await table.keys()).toEqual(before)
  })

  it('counts what the store would not delete, and leaves a table that reads', async () => {
    await table.snapshot({ add: [await table.file('a')] })
    await table.snapshot({ add: [await table.file('b')], remove: { mayHold: () => true, matches: () => true } })
    table.store.delete = async () => {
      throw new PhloError('PHLO_STORAGE_FAILED', 'not now')
    }
    const { files } = await expireSnapshots(table, { now: table.now + days(6) })
    expect(files).toMatchObject({ deleted: {}, failed: 3, failure: { code: 'PHLO_STORAGE_FAILED' } })
    const keys = new Set(await table.keys())
    for (const key of await needed()) expect(keys).toContain(key)
  })

  it('finds the same files however few it holds in memory', async () => {
    const files = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => table.file(name)))
    await table.snapshot({ add: files })
    const before = table.metadata
    await table.snapshot({ add: [], remove: removing(...files.slice(1)) })
    await table.commit([], [{ action: 'remove-snapshots', 'snapshot-ids': [before['current-snapshot-id']!] }])
    const names = async (batch: number) =>
      (await all(filesOnlyOf(table.store, before, table.metadata, batch))).map(({ path }) => path)
    expect(await names(2)).toEqual(await names(1000))
    expect(await names(2)).toHaveLength(6)
  })

  it('goes on where a part of the files is gone already', async () => {
    const a = await table.file('a')
    await table.snapshot({ add: [a] })
    const [oldest] = table.metadata.snapshots ?? []
    await table.snapshot({ add: [await table.file('b')], remove: removing(a) })
    await table.store.delete([table.store.key(oldest!['manifest-list']!)!])
    expect((await expireSnapshots(table, { now: table.now + days(6) })).snapshotIds).toHaveLength(1)
    await table.snapshot({ add: [await table.file('c')] })
    expect(table.metadata.snapshots).toHaveLength(2)
  })

  it('never deletes a file that a kept snapshot needs, whatever happened to the table before', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), add: fc.nat(3), remove: fc.nat(7) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('ref' as const), at: fc.nat(9), tag: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('rollback' as const), at: fc.nat(9) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 4 }) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('expire' as const), keep: fc.integer({ min: 1, max: 3 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), at: fc.nat(9) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 16 }), async (steps) => {
        table = new MemoryTable()
        for (const [index, item] of [...steps, { kind: 'expire' as const, keep: 1 }].entries()) {
          const snapshots = table.metadata.snapshots ?? []
          const at = 'at' in item ? snapshots[item.at % snapshots.length]?.['snapshot-id'] : undefined
          if (item.kind === 'write') {
            const add: DataFile[] = []
            for (let count = 0; count < item.add; count++) {
              const content = (index + count) % 3 === 0 ? fileContent.positionDeletes : fileContent.data
              add.push(await table.file(`${index}-${count}`, { content }))
            }
            let seen = 0
            await table.snapshot({ add, remove: { mayHold: () => true, matches: () => seen++ % 8 < item.remove - 4 } })
          } else if (item.kind === 'wait') table.now += days(item.days)
          else if (item.kind === 'expire') {
            await expireSnapshots(table, { now: table.now, keepLast: item.keep })
            // Exactly what is needed is there: nothing is missing and nothing is left behind.
            expect(new Set(await table.keys())).toEqual(await needed())
          } else if (at !== undefined) {
            if (item.kind === 'drop') {
              const named = Object.values(table.metadata.refs ?? {}).some((ref) => ref['snapshot-id'] === at)
              if (!named) await expireSnapshots(table, { now: table.now, snapshotIds: [at] })
              continue
            }
            const name = item.kind === 'rollback' ? 'main' : `r${index}`
            const type = item.kind === 'ref' && item.tag ? 'tag' : 'branch'
            const age = item.kind === 'ref' && { 'max-ref-age-ms': days(3) }
            await table.commit([], [{ action: 'set-snapshot-ref', 'ref-name': name, 'snapshot-id': at, type, ...age }])
          }
        }
      }),
      { numRuns: 60 },
    )
  })
})
