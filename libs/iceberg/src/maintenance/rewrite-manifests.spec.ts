import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type DataFile, fileContent, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'
import { refSnapshot } from '../metadata/metadata.js'
import { MemoryTable } from '../testing/memory-table.js'
import { planManifestRewrite, rewriteManifests } from './rewrite-manifests.js'

let table: MemoryTable
beforeEach(() => {
  table = new MemoryTable(true)
})

const manifests = (): Promise<ManifestFile[]> =>
  new TableFiles(table.store, table.metadata).manifests(refSnapshot(table.metadata)!)

/** Everything that is live, with its numbers, whatever manifest has it. */
async function live(): Promise<unknown[]> {
  const files = new TableFiles(table.store, table.metadata)
  const found: (readonly [string, ...unknown[]])[] = []
  for (const manifest of await manifests()) {
    for await (const { status, file, snapshotId, sequenceNumber, fileSequenceNumber } of files.entries(manifest)) {
      const { path, firstRowId, partition, recordCount, content } = file
      if (status !== 2)
        found.push([path, content, snapshotId, sequenceNumber, fileSequenceNumber, firstRowId, partition, recordCount])
    }
  }
  return found.sort((a, b) => (a[0] < b[0] ? -1 : 1))
}

const add = async (name: string, part: number | null, more: Partial<DataFile> = {}) =>
  table.snapshot({ add: [await table.file(name, { partition: [part], ...more })], mergeManifests: false })

describe('a rewrite of manifests', () => {
  it('tells what it would do, and makes one of many without changing a file', async () => {
    for (let index = 0; index < 6; index++) await add(`f${index}`, 5 - index)
    const before = await live()
    const metadata = table.metadata
    expect(await planManifestRewrite(table.store, metadata)).toMatchObject({ replaced: 6, expected: 1, kept: 0 })
    const result = await rewriteManifests(table)
    expect(result).toEqual({
      snapshotId: table.metadata['current-snapshot-id'],
      replaced: 6,
      created: 1,
      kept: 0,
      entries: 6,
    })
    const [manifest, ...others] = await manifests()
    expect(others).toEqual([])
    expect(manifest).toMatchObject({ existingFiles: 6, addedFiles: 0, deletedFiles: 0, minSequenceNumber: 1 })
    expect(await live()).toEqual(before)
    expect(refSnapshot(table.metadata)?.summary).toMatchObject({
      operation: 'replace',
      'manifests-created': '1',
      'manifests-replaced': '6',
      'entries-processed': '6',
      'total-data-files': '6',
    })
    expect(await rewriteManifests(table)).toMatchObject({ replaced: 0, created: 0, snapshotId: undefined })
  })

  it('puts files of neighbouring partitions together, in manifests of the size that is wanted', async () => {
    const parts = Array.from({ length: 600 }, (_, index) => (index * 7) % 600)
    const files = await Promise.all(parts.map((part) => table.file(`p${part}`, { partition: [part] })))
    await table.snapshot({ add: files.slice(0, 300) })
    await table.snapshot({ add: files.slice(300) })
    const [first] = await manifests()
    await rewriteManifests(table, { targetSize: first!.length, all: true })
    const ranges = (await manifests()).map(({ partitions }) =>
      [partitions?.[0]?.lowerBound, partitions?.[0]?.upperBound].map((bound) => Buffer.from(bound!).readInt32LE()),
    )
    expect(ranges.length).toBeGreaterThan(1)
    expect(ranges.flat()).toEqual(ranges.flat().toSorted((a, b) => a - b))
  })

  it('keeps data and delete files apart, and leaves alone what is right', async () => {
    await add('a', 1)
    await add('b', 1)
    await add('d', 1, { content: fileContent.positionDeletes })
    const before = await live()
    expect(await rewriteManifests(table)).toMatchObject({ replaced: 2, created: 1, kept: 1 })
    expect((await manifests()).map(({ content }) => content)).toEqual([0, 1])
    expect(await live()).toEqual(before)
  })

  it('starts again when somebody else commits, and leaves nothing of the first try', async () => {
    for (let index = 0; index < 3; index++) await add(`f${index}`, index)
    const commit = table.commit.bind(table)
    table.commit = async (requirements, updates) => {
      table.commit = commit
      await add('late', 9)
      return commit(requirements, updates)
    }
    expect(await rewriteManifests(table)).toMatchObject({ replaced: 4, created: 1, entries: 4 })
    const files = new TableFiles(table.store, table.metadata)
    const needed = new Set<string>()
    for (const snapshot of table.metadata.snapshots ?? []) {
      needed.add(snapshot['manifest-list']!)
      for (const { path } of await files.manifests(snapshot)) needed.add(path)
    }
    const keys = (await table.keys()).filter((key) => key.includes('/metadata/'))
    expect(new Set(keys.map((key) => table.store.uri(key)))).toEqual(needed)
  })

  it('keeps every file with its numbers, whatever the table went through', async () => {
    const step = fc.record({ part: fc.option(fc.nat(3)), remove: fc.nat(4), deletes: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.boolean(), async (steps, version3) => {
        table = new MemoryTable(true)
        if (version3) await table.commit([], [{ action: 'upgrade-format-version', 'format-version': 3 }])
        for (const [index, { part, remove, deletes }] of steps.entries()) {
          const content = deletes ? fileContent.equalityDeletes : fileContent.data
          const file = await table.file(`f${index}`, {
            partition: [part],
            content,
            recordCount: index + 1,
            ...(deletes && { equalityIds: [1] }),
          })
          let seen = 0
          const change = { remove: { mayHold: () => true, matches: () => seen++ === remove } }
          await table.snapshot({ add: [file], mergeManifests: false, ...(remove < 3 && change) })
        }
        const before = (await live()) as Pick<ManifestEntry, 'status'>[]
        const next = table.metadata['next-row-id']
        await rewriteManifests(table, { all: true })
        expect(await live()).toEqual(before)
        expect(table.metadata['next-row-id'] ?? 0).toBeGreaterThanOrEqual(next ?? 0)
      }),
      { numRuns: 40 },
    )
  })
})
