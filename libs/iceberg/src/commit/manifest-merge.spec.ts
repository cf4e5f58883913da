import type { RowSchema, TableMetadata } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { type DataFile, entryStatus, fileContent, type ManifestFile } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'
import { refSnapshot } from '../metadata/metadata.js'
import type { SnapshotChange } from './snapshot-change.js'
import { TableTransaction } from './transaction.js'

const rows: RowSchema = {
  columns: [{ name: 'id', type: 'int', required: false, optional: false, rules: [], unique: false }],
}

let store: MemoryObjectStore
let metadata: TableMetadata
beforeEach(() => {
  store = new MemoryObjectStore()
})

function create(properties: Readonly<Record<string, string>>): void {
  metadata = TableTransaction.create(store, {
    location: store.uri('t'),
    rows,
    partitioning: [],
    properties,
  }).metadata
}

async function commit(change: SnapshotChange): Promise<void> {
  const transaction = TableTransaction.change(store, metadata)
  await transaction.addSnapshot(change)
  metadata = transaction.metadata
}

const data = (name: string): DataFile => ({
  content: fileContent.data,
  specId: metadata['default-spec-id'],
  path: `memory:///${name}`,
  format: 'PARQUET',
  partition: metadata['default-spec-id'] === 0 ? [] : [1],
  recordCount: 1,
  fileSize: 100,
})
const positions = (name: string): DataFile => ({ ...data(name), content: fileContent.positionDeletes })

const manifests = (): Promise<ManifestFile[]> => new TableFiles(store, metadata).manifests(refSnapshot(metadata)!)

async function contents(): Promise<[string, number, number][][]> {
  const files = new TableFiles(store, metadata)
  const all: [string, number, number][][] = []
  for (const manifest of await manifests()) {
    const entries: [string, number, number][] = []
    for await (const { file, status, sequenceNumber } of files.entries(manifest))
      entries.push([file.path.slice('memory:///'.length), status, sequenceNumber])
    all.push(entries)
  }
  return all
}

const { added, existing, deleted } = entryStatus
const merging = { 'commit.manifest.min-count-to-merge': '3' }

describe('manifests', () => {
  it('are merged once there are enough of them, and keep what their files were', async () => {
    create(merging)
    await commit({ add: [data('a')] })
    await commit({ add: [data('b')] })
    expect(await contents()).toEqual([[['b', added, 2]], [['a', added, 1]]])
    await commit({ add: [data('c')] })
    expect(await contents()).toEqual([
      [
        ['c', added, 3],
        ['b', existing, 2],
        ['a', existing, 1],
      ],
    ])
    const ids = metadata.snapshots!.map((snapshot) => snapshot['snapshot-id'])
    const files = new TableFiles(store, metadata)
    const [manifest] = await manifests()
    expect(manifest).toMatchObject({ sequenceNumber: 3, minSequenceNumber: 1, addedFiles: 1, existingFiles: 2 })
    const entries = []
    for await (const entry of files.entries(manifest!)) entries.push(entry)
    expect(entries.map(({ snapshotId }) => snapshotId)).toEqual(ids.toReversed())
    expect(entries.map(({ fileSequenceNumber }) => fileSequenceNumber)).toEqual([3, 2, 1])
  })

  it('of data and of deletes are merged each by themselves', async () => {
    create(merging)
    for (const name of ['a', 'b', 'c']) await commit({ add: [data(name), positions(`of-${name}`)] })
    expect((await manifests()).map(({ content, existingFiles }) => [content, existingFiles])).toEqual([
      [0, 2],
      [1, 2],
    ])
  })

  it('keep what the commit deletes, and forget what others did', async () => {
    create(merging)
    for (const name of ['a', 'b']) await commit({ add: [data(name), data(`${name}2`)] })
    await commit({ add: [], removePaths: new Set(['memory:///a']) })
    await commit({ add: [data('c')], removePaths: new Set(['memory:///b']) })
    expect(await contents()).toEqual([
      [
        ['c', added, 4],
        ['b', deleted, 2],
        ['b2', existing, 2],
        ['a2', existing, 1],
      ],
    ])
  })

  it('are left alone by a fast append, and where the table wants it', async () => {
    create(merging)
    for (const name of ['a', 'b', 'c']) await commit({ add: [data(name)], mergeManifests: false })
    expect(await manifests()).toHaveLength(3)
    create({ ...merging, 'commit.manifest-merge.enabled': 'false' })
    for (const name of ['a', 'b', 'c']) await commit({ add: [data(name)] })
    expect(await manifests()).toHaveLength(3)
  })

  it('that fill the target size do not wait for new ones', async () => {
    create(merging)
    await commit({ add: [data('a')] })
    const [{ length }] = (await manifests()) as [ManifestFile]
    create({ ...merging, 'commit.manifest.target-size-bytes': String(Math.floor(length * 2.5)) })
    for (const name of ['a', 'b', 'c', 'd', 'e']) await commit({ add: [data(name)] })
    expect((await contents()).map((entries) => entries.map(([name]) => name))).toEqual([['e'], ['d', 'c', 'b', 'a']])
  })

  it('of different specs stay apart', async () => {
    create(merging)
    await commit({ add: [data('a')] })
    const transaction = TableTransaction.change(store, metadata)
    transaction.replaceLayout(rows, [{ column: 'id', transform: 'identity' }])
    metadata = transaction.metadata
    for (const name of ['b', 'c', 'd']) await commit({ add: [data(name)] })
    expect((await contents()).map((entries) => entries.map(([name]) => name))).toEqual([['d', 'c', 'b'], ['a']])
  })

  it('of version 3 give the rows of merged files the ids that they had', async () => {
    create(merging)
    metadata = { ...metadata, 'format-version': 3, 'next-row-id': 0 }
    for (const name of ['a', 'b', 'c', 'd']) await commit({ add: [data(name)] })
    const files = new TableFiles(store, metadata)
    const ids: Record<string, number | undefined> = {}
    for (const manifest of await manifests())
      for await (const { file } of files.entries(manifest)) ids[file.path.slice(-1)] = file.firstRowId
    expect(ids).toMatchObject({ a: 0, b: 1 })
    expect(new Set(Object.values(ids)).size).toBe(4)
    expect(Math.max(...Object.values(ids).map(Number))).toBeLessThan(metadata['next-row-id']!)
  })
})
