import type { TableMetadata } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { entryStatus, type ManifestEntry } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'
import { applyUpdates } from '../metadata/updates.js'
import { refSnapshot } from '../metadata/metadata.js'
import {
  dataFile,
  deletionVector,
  equalityDeletes,
  idAndDay,
  positionDeletes,
  uriOf,
} from '../testing/example-files.js'
import type { AddedFile, SnapshotChange } from './snapshot-change.js'
import { TableTransaction } from './transaction.js'

let store: MemoryObjectStore
let metadata: TableMetadata
let clock: number
beforeEach(() => {
  store = new MemoryObjectStore()
  clock = 1000
  metadata = TableTransaction.create(
    store,
    { location: store.uri('t'), rows: idAndDay, partitioning: [{ column: 'day', transform: 'day' }] },
    clock,
  ).metadata
})

function upgrade(version: 1 | 3): void {
  metadata = { ...metadata, 'format-version': version, ...(version === 3 && { 'next-row-id': 0 }) }
}

async function commit(change: SnapshotChange): Promise<void> {
  const transaction = TableTransaction.change(store, metadata, ++clock)
  await transaction.addSnapshot(change)
  metadata = transaction.metadata
}

const data = (name: string, day: number | null = 1, more: Partial<AddedFile> = {}): AddedFile => ({
  ...dataFile(name, day),
  ...more,
})

/** Names of the live files, vectors by the data file that they are for. */
async function live(branch = 'main'): Promise<string[]> {
  const names = (await entries(branch))
    .filter(({ status }) => status !== entryStatus.deleted)
    .map(({ file }) => (file.format === 'PUFFIN' ? `${file.contentOffset}@${file.referencedDataFile}` : file.path))
  return names.map((name) => name.replace('memory:///', '')).sort()
}

async function entries(branch = 'main'): Promise<ManifestEntry[]> {
  const files = new TableFiles(store, metadata)
  const all: ManifestEntry[] = []
  for (const manifest of await files.manifests(refSnapshot(metadata, branch)!))
    for await (const entry of files.entries(manifest)) all.push(entry)
  return all
}

const removing = (...names: string[]) => ({ removePaths: new Set(names.map(uriOf)) })
const summaryOf = (branch = 'main') => refSnapshot(metadata, branch)?.summary
const codeOf = (change: SnapshotChange) =>
  commit(change).then(
    () => 'none',
    (error: unknown) => (error as { code: string }).code,
  )

describe('files that leave by path', () => {
  it('leave, and have to be there', async () => {
    await commit({ add: [data('a'), data('b', 2)] })
    await commit({ add: [data('c')], ...removing('a') })
    expect(await live()).toEqual(['b', 'c'])
    expect(summaryOf()?.operation).toBe('overwrite')
    await expect(commit({ add: [data('d')], ...removing('a', 'b', 'x') })).rejects.toMatchObject({
      code: 'PHLO_COMMIT_CONFLICT',
      retryable: true,
      context: { files: [uriOf('a'), uriOf('x')] },
    })
    expect(await live()).toEqual(['b', 'c'])
  })

  it('of a table without a snapshot are missing too', async () => {
    expect(await codeOf({ add: [], ...removing('a') })).toBe('PHLO_COMMIT_CONFLICT')
  })

  it('take the delete files along that were about them alone', async () => {
    await commit({ add: [data('a'), data('b')] })
    await commit({
      add: [
        positionDeletes('of-a', 1, 'a'),
        positionDeletes('of-b', 1, 'b'),
        positionDeletes('of-all'),
        equalityDeletes('eq'),
      ],
    })
    await commit({ add: [data('c')], ...removing('a') })
    expect(await live()).toEqual(['b', 'c', 'eq', 'of-all', 'of-b'])
    expect(summaryOf()).toMatchObject({
      'removed-delete-files': '1',
      'removed-position-deletes': '2',
      'total-delete-files': '3',
    })
  })

  it('may be delete files', async () => {
    await commit({ add: [data('a')] })
    await commit({ add: [positionDeletes('p'), positionDeletes('q')] })
    await commit({ add: [], ...removing('p') })
    expect(await live()).toEqual(['a', 'q'])
  })
})

describe('deletes', () => {
  it('that are older than every data file leave with the next removal', async () => {
    await commit({ add: [data('a')] })
    await commit({ add: [equalityDeletes('eq'), positionDeletes('p')] })
    await commit({ add: [data('b')] })
    expect(await live()).toEqual(['a', 'b', 'eq', 'p'])
    await commit({ add: [], ...removing('a') })
    expect(await live()).toEqual(['b'])
  })

  it('stay while a rewritten file of the old sequence number needs them', async () => {
    await commit({ add: [data('a')] })
    await commit({ add: [equalityDeletes('eq')] })
    await commit({ add: [data('b')] })
    await commit({ add: [data('a2', 1, { sequenceNumber: 1 })], operation: 'replace', ...removing('a') })
    expect(await live()).toEqual(['a2', 'b', 'eq'])
    expect(summaryOf()?.operation).toBe('replace')
    const rewritten = (await entries()).find(({ file }) => file.path === uriOf('a2'))
    expect(rewritten).toMatchObject({ status: entryStatus.added, sequenceNumber: 1, fileSequenceNumber: 4 })
  })

  it('as a vector take the place of the one before and of the positions of that file', async () => {
    await commit({ add: [data('a'), data('b')] })
    await commit({ add: [positionDeletes('p', 1, 'a'), positionDeletes('both')] })
    upgrade(3)
    await commit({ add: [deletionVector('a', 4), deletionVector('b', 44)] })
    expect(await live()).toEqual(['44@b', '4@a', 'a', 'b', 'both'].sort())
    await commit({ add: [deletionVector('a', 84)] })
    expect(await live()).toEqual(['44@b', '84@a', 'a', 'b', 'both'].sort())
    expect(summaryOf()).toMatchObject({ operation: 'delete', 'added-dvs': '1', 'removed-dvs': '1' })
    await commit({ add: [], ...removing('b') })
    expect(await live()).toEqual(['84@a', 'a', 'both'].sort())
  })
})

describe('an overwrite of partitions', () => {
  it('replaces what is in those of the new files', async () => {
    await commit({ add: [data('a', 1), data('b', 2), data('n', null)] })
    await commit({ add: [positionDeletes('p', 1), positionDeletes('q', 2)] })
    await commit({ add: [data('c', 1), data('m', null)], replacePartitions: true })
    expect(await live()).toEqual(['b', 'c', 'm', 'q'])
    expect(summaryOf()).toMatchObject({ operation: 'overwrite', 'replace-partitions': 'true' })
  })

  it('replaces everything in a table without partitions', async () => {
    metadata = TableTransaction.create(store, { location: store.uri('u'), rows: idAndDay, partitioning: [] }).metadata
    const whole = (name: string) => ({ ...data(name), partition: [] })
    await commit({ add: [whole('a'), whole('b')] })
    await commit({ add: [whole('c')], replacePartitions: true })
    expect(await live()).toEqual(['c'])
  })
})

describe('rewrites', () => {
  it('gain no rows', async () => {
    await commit({ add: [data('a')] })
    expect(await codeOf({ add: [data('b', 1, { recordCount: 11 })], operation: 'replace', ...removing('a') })).toBe(
      'PHLO_ICEBERG_INVALID',
    )
  })
})

describe('branches', () => {
  it('take snapshots of their own, and begin at main where that is asked for', async () => {
    await commit({ add: [data('a')] })
    expect(await codeOf({ branch: 'audit', add: [data('b')] })).toBe('PHLO_REF_NOT_FOUND')
    await commit({ branch: 'audit', createBranch: true, add: [data('b')] })
    const retained = { type: 'branch', 'min-snapshots-to-keep': 3 } as const
    metadata = applyUpdates(
      metadata,
      [
        {
          action: 'set-snapshot-ref',
          'ref-name': 'audit',
          ...retained,
          'snapshot-id': metadata.refs!['audit']!['snapshot-id'],
        },
        {
          action: 'set-snapshot-ref',
          'ref-name': 'v1',
          type: 'tag',
          'snapshot-id': metadata.refs!['main']!['snapshot-id'],
        },
      ],
      { now: clock },
    )
    await commit({ branch: 'audit', add: [data('c')], ...removing('a') })
    expect(await live('audit')).toEqual(['b', 'c'])
    expect(await live()).toEqual(['a'])
    expect(metadata.refs!['audit']).toMatchObject(retained)
    expect(summaryOf('audit')).toMatchObject({ 'total-data-files': '2', 'deleted-data-files': '1' })
    expect(await codeOf({ branch: 'v1', add: [data('d')] })).toBe('PHLO_REF_INVALID')
  })
})

describe('tables of version 1', () => {
  it('take data files, without sequence numbers', async () => {
    upgrade(1)
    await commit({ add: [data('a'), data('b')] })
    await commit({ add: [data('c')], ...removing('a') })
    expect(await live()).toEqual(['b', 'c'])
    expect(refSnapshot(metadata)).not.toHaveProperty('sequence-number')
    expect(metadata['last-sequence-number']).toBe(0)
    expect((await entries()).map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 0, 0])
    expect(await codeOf({ add: [positionDeletes('p')] })).toBe('PHLO_ICEBERG_INVALID')
  })
})

describe('tables of version 3', () => {
  it('number their rows once', async () => {
    upgrade(3)
    await commit({ add: [data('a'), data('b')] })
    expect(refSnapshot(metadata)).toMatchObject({ 'first-row-id': 0, 'added-rows': 20 })
    await commit({ add: [data('c', 1, { firstRowId: 3 })] })
    await commit({ add: [data('d')], ...removing('a') })
    const ids = Object.fromEntries((await entries()).map(({ file }) => [file.path, file.firstRowId]))
    expect(ids).toEqual({ [uriOf('a')]: 0, [uriOf('b')]: 10, [uriOf('c')]: 20, [uriOf('d')]: 30 })
    // Room is left for the rows that stayed beside the removed file.
    expect(metadata['next-row-id']).toBe(50)
  })

  it('number the rows of an older version at their first commit', async () => {
    await commit({ add: [data('a')] })
    upgrade(3)
    await commit({ add: [data('b')] })
    const ids = Object.fromEntries((await entries()).map(({ file }) => [file.path, file.firstRowId]))
    expect(ids).toEqual({ [uriOf('b')]: 0, [uriOf('a')]: 10 })
  })
})

describe('new files are refused', () => {
  it.each<[string, 2 | 3, () => AddedFile[]]>([
    ['twice', 2, () => [data('a'), data('a')]],
    ['of another partitioning', 2, () => [{ ...data('a'), partition: [] }]],
    ['of a spec that is not there', 2, () => [{ ...data('a'), specId: 7 }]],
    ['of a sequence number from the future', 2, () => [data('a', 1, { sequenceNumber: 2 })]],
    ['as vectors in version 2', 2, () => [deletionVector('a')]],
    ['as positions in version 3', 3, () => [positionDeletes('p')]],
    ['as two vectors for a data file', 3, () => [deletionVector('a', 4), deletionVector('a', 44)]],
    ['as a vector without a place', 3, () => [{ ...positionDeletes('p', 1, 'a'), format: 'PUFFIN' }]],
    ['as equality deletes of no column', 3, () => [{ ...equalityDeletes('e'), equalityIds: [] }]],
  ])('%s', async (_name, version, add) => {
    if (version === 3) upgrade(3)
    expect(await codeOf({ add: add() })).toBe('PHLO_ICEBERG_INVALID')
    expect(metadata.snapshots).toEqual([])
  })
})

describe('large commits', () => {
  it('are split over manifests of the target size', async () => {
    metadata = { ...metadata, properties: { 'commit.manifest.target-size-bytes': '8000' } }
    await commit({ add: Array.from({ length: 2000 }, (_, index) => data(`${index}-${Math.sin(index)}`, index)) })
    const manifests = await new TableFiles(store, metadata).manifests(refSnapshot(metadata)!)
    const counts = manifests.map(({ addedFiles }) => addedFiles)
    expect(counts.length).toBeGreaterThan(3)
    expect(counts.reduce((sum: number, count) => sum + (count ?? 0), 0)).toBe(2000)
    expect(Math.max(...manifests.map(({ length }) => length))).toBeLessThan(16_000)
  })
})
