import type { TableMetadata } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { ancestors, snapshotsBetween } from '../metadata/ancestry.js'
import { refSnapshot } from '../metadata/metadata.js'
import { planScan } from '../scan/scan.js'
import { dataFile, equalityDeletes, idAndDay, uriOf } from '../testing/example-files.js'
import type { SnapshotChange } from './snapshot-change.js'
import {
  createRef,
  fastForward,
  type RefChange,
  removeRef,
  renameBranch,
  replaceRef,
  rollbackTo,
  rollbackToTime,
  setCurrentSnapshot,
  setRetention,
} from './snapshot-refs.js'
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

async function within(work: (transaction: TableTransaction) => unknown): Promise<TableTransaction> {
  clock += 1000
  const transaction = TableTransaction.change(store, metadata, clock)
  await work(transaction)
  metadata = transaction.metadata
  return transaction
}

async function commit(change: SnapshotChange): Promise<bigint> {
  let id = 0n
  await within(async (transaction) => (id = await transaction.addSnapshot(change)))
  return id
}

const apply = (change: RefChange) => within((transaction) => transaction.change(change))
const refs = () =>
  Object.fromEntries(Object.entries(metadata.refs ?? {}).map(([name, ref]) => [name, ref['snapshot-id']]))

async function live(branch = 'main'): Promise<string> {
  const names: string[] = []
  const snapshot = refSnapshot(metadata, branch)
  if (snapshot)
    for await (const { file } of planScan(store, metadata, { snapshotId: snapshot['snapshot-id'] }))
      names.push(file.path.replace('memory:///', ''))
  return names.sort().join(' ')
}

const withCode = (code: string) => expect.objectContaining({ code })
const refused = (change: RefChange, code: string) =>
  expect(() => TableTransaction.change(store, metadata).change(change)).toThrow(withCode(code))

describe('branches and tags', () => {
  it('are made at main or at a snapshot, with how long they are kept', async () => {
    const first = await commit({ add: [dataFile('a')] })
    const second = await commit({ add: [dataFile('b')] })
    const { requirements } = await apply(createRef('audit', 'branch', { minSnapshotsToKeep: 2, maxSnapshotAgeMs: 9 }))
    expect(requirements.slice(1)).toEqual([{ type: 'assert-ref-snapshot-id', ref: 'audit', 'snapshot-id': null }])
    await apply(createRef('v1', 'tag', { snapshotId: first, maxRefAgeMs: 7 }))
    expect(metadata.refs).toEqual({
      main: { type: 'branch', 'snapshot-id': second },
      audit: { type: 'branch', 'snapshot-id': second, 'min-snapshots-to-keep': 2, 'max-snapshot-age-ms': 9 },
      v1: { type: 'tag', 'snapshot-id': first, 'max-ref-age-ms': 7 },
    })
    await apply(setRetention('audit', { maxSnapshotAgeMs: 10, maxRefAgeMs: 11 }))
    expect(metadata.refs!['audit']).toMatchObject({
      'min-snapshots-to-keep': 2,
      'max-snapshot-age-ms': 10,
      'max-ref-age-ms': 11,
    })
    refused(createRef('v1', 'branch'), 'PHLO_REF_EXISTS')
    refused(createRef('v2', 'tag', { snapshotId: 1n }), 'PHLO_SNAPSHOT_NOT_FOUND')
  })

  it('stay where they were to be made when main moves meanwhile', async () => {
    const first = await commit({ add: [dataFile('a')] })
    const transaction = TableTransaction.change(store, metadata)
    transaction.change(createRef('v1', 'tag'))
    await commit({ add: [dataFile('b')] })
    await transaction.rebase(metadata)
    expect(transaction.metadata.refs!['v1']!['snapshot-id']).toBe(first)
  })

  it('of an empty table have nothing to stand at', () => {
    refused(createRef('audit', 'branch'), 'PHLO_SNAPSHOT_NOT_FOUND')
    refused(rollbackTo(1n), 'PHLO_REF_NOT_FOUND')
  })

  it('are moved, renamed and deleted', async () => {
    const first = await commit({ add: [dataFile('a')] })
    await apply(createRef('audit', 'branch', { maxRefAgeMs: 5 }))
    await apply(createRef('v1', 'tag'))
    const second = await commit({ branch: 'audit', add: [dataFile('b')] })
    await apply(replaceRef('v1', second))
    expect(refs()).toEqual({ main: first, audit: second, v1: second })
    await apply(renameBranch('audit', 'review'))
    expect(metadata.refs!['review']).toEqual({ type: 'branch', 'snapshot-id': second, 'max-ref-age-ms': 5 })
    await apply(removeRef('v1'))
    expect(refs()).toEqual({ main: first, review: second })
    refused(removeRef('main'), 'PHLO_REF_INVALID')
    refused(renameBranch('main', 'x'), 'PHLO_REF_INVALID')
    refused(renameBranch('review', 'main'), 'PHLO_REF_EXISTS')
    refused(removeRef('v1'), 'PHLO_REF_NOT_FOUND')
    refused(replaceRef('review', 7n), 'PHLO_SNAPSHOT_NOT_FOUND')
  })

  it('are fast-forwarded to what came from them', async () => {
    await commit({ add: [dataFile('a')] })
    await apply(createRef('audit', 'branch'))
    await apply(createRef('old', 'tag'))
    const second = await commit({ branch: 'audit', add: [dataFile('b')] })
    await apply(fastForward('main', 'audit'))
    expect(metadata['current-snapshot-id']).toBe(second)
    expect(metadata['snapshot-log']!.map((entry) => entry['snapshot-id'])).toEqual([expect.any(BigInt), second])
    refused(fastForward('main', 'old'), 'PHLO_SNAPSHOT_UNFIT')
    refused(fastForward('old', 'main'), 'PHLO_REF_INVALID')
    refused(fastForward('main', 'none'), 'PHLO_REF_NOT_FOUND')
  })
})

describe('a rollback', () => {
  it('goes to a snapshot that the branch came from, and to no other', async () => {
    const first = await commit({ add: [dataFile('a')] })
    const second = await commit({ add: [dataFile('b')] })
    await apply(rollbackTo(first))
    expect(await live()).toBe('a')
    refused(rollbackTo(second), 'PHLO_SNAPSHOT_UNFIT')
    await apply(setCurrentSnapshot(second))
    expect(await live()).toBe('a b')
    refused(setCurrentSnapshot(5n), 'PHLO_SNAPSHOT_NOT_FOUND')
    refused(setCurrentSnapshot(first, 'none'), 'PHLO_REF_NOT_FOUND')
    await apply(rollbackTo(first))
    await commit({ add: [dataFile('c')] })
    expect(await live()).toBe('a c')
  })

  it('goes to a time', async () => {
    await commit({ add: [dataFile('a')] })
    await commit({ add: [dataFile('b')] })
    await commit({ add: [dataFile('c')] })
    await apply(rollbackToTime(new Date(3001)))
    expect(await live()).toBe('a b')
    refused(rollbackToTime(new Date(2000)), 'PHLO_SNAPSHOT_UNFIT')
  })
})

describe('a cherry-pick', () => {
  const pick = (id: bigint, branch?: string) => within((transaction) => transaction.cherryPick(id, branch))
  const notPicked = (id: bigint, code: string, branch?: string) =>
    expect(TableTransaction.change(store, metadata).cherryPick(id, branch)).rejects.toMatchObject({ code })

  it('moves the branch where the snapshot comes next', async () => {
    await commit({ add: [dataFile('a')] })
    const staged = await commit({ add: [], removePaths: new Set([uriOf('a')]), stagedAs: 'w' })
    expect(await live()).toBe('a')
    const { updates } = await pick(staged)
    expect(updates).toHaveLength(1)
    expect(metadata['current-snapshot-id']).toBe(staged)
    await notPicked(staged, 'PHLO_SNAPSHOT_UNFIT')
  })

  it('begins a table that was staged', async () => {
    const staged = await commit({ add: [dataFile('a')], stagedAs: 'w' })
    expect(metadata['current-snapshot-id']).toBeUndefined()
    await pick(staged)
    expect(await live()).toBe('a')
  })

  it('appends what another branch appended, once', async () => {
    await commit({ add: [dataFile('a')] })
    await apply(createRef('audit', 'branch'))
    const picked = await commit({ branch: 'audit', add: [dataFile('b')] })
    await commit({ add: [dataFile('c')] })
    await pick(picked)
    expect(await live()).toBe('a b c')
    expect(refSnapshot(metadata)!.summary).toMatchObject({
      operation: 'append',
      'source-snapshot-id': String(picked),
      'added-data-files': '1',
      'total-data-files': '3',
    })
    await notPicked(picked, 'PHLO_SNAPSHOT_UNFIT')
    await notPicked(picked, 'PHLO_SNAPSHOT_UNFIT', 'audit')
    await notPicked(3n, 'PHLO_SNAPSHOT_NOT_FOUND')
    await notPicked(picked, 'PHLO_REF_NOT_FOUND', 'none')
  })

  it('replaces partitions that nobody changed since', async () => {
    await commit({ add: [dataFile('a', 1), dataFile('b', 2)] })
    await apply(createRef('audit', 'branch'))
    const picked = await commit({ branch: 'audit', add: [dataFile('n', 1)], replacePartitions: true })
    await commit({ add: [dataFile('c', 2)] })
    const [elsewhere] = [metadata]
    await pick(picked)
    expect(await live()).toBe('b c n')
    expect(refSnapshot(metadata)!.summary?.operation).toBe('overwrite')
    metadata = elsewhere
    await commit({ add: [dataFile('d', 1)] })
    await notPicked(picked, 'PHLO_COMMIT_CONFLICT')
  })

  it('does nothing else again', async () => {
    await commit({ add: [dataFile('a')] })
    await apply(createRef('audit', 'branch'))
    const picked = await commit({ branch: 'audit', add: [equalityDeletes('e')] })
    const overwritten = await commit({ branch: 'audit', add: [dataFile('n')], replacePartitions: true })
    await commit({ add: [dataFile('c')] })
    await notPicked(picked, 'PHLO_SNAPSHOT_UNFIT')
    await notPicked(overwritten, 'PHLO_SNAPSHOT_UNFIT')
  })

  it('is rebased, as a new snapshot where it was a move', async () => {
    await commit({ add: [dataFile('a')] })
    const staged = await commit({ add: [dataFile('b')], stagedAs: 'w' })
    const transaction = TableTransaction.change(store, metadata)
    await transaction.cherryPick(staged)
    expect(transaction.snapshotIds).toEqual([])
    await commit({ add: [dataFile('c')] })
    await transaction.rebase(metadata)
    metadata = transaction.metadata
    expect(await live()).toBe('a b c')
    expect(transaction.snapshotIds).toEqual([metadata['current-snapshot-id']])
  })
})

describe('what is staged', () => {
  const publish = (wapId: string) => TableTransaction.change(store, metadata).publishStaged(wapId)

  it('waits unseen, and is published once', async () => {
    await commit({ add: [dataFile('a')] })
    await commit({ add: [dataFile('b')], stagedAs: 'w' })
    await commit({ add: [dataFile('c')] })
    expect(await live()).toBe('a c')
    await within((transaction) => transaction.publishStaged('w'))
    expect(await live()).toBe('a b c')
    expect(refSnapshot(metadata)!.summary).toMatchObject({ 'published-wap-id': 'w' })
    await expect(publish('w')).rejects.toMatchObject({ code: 'PHLO_SNAPSHOT_UNFIT' })
    await expect(publish('x')).rejects.toMatchObject({ code: 'PHLO_SNAPSHOT_NOT_FOUND' })
  })

  it('under one id twice is not published', async () => {
    await commit({ add: [dataFile('a')] })
    await commit({ add: [dataFile('b')], stagedAs: 'w' })
    await commit({ add: [dataFile('c')], stagedAs: 'w' })
    await expect(publish('w')).rejects.toMatchObject({ code: 'PHLO_SNAPSHOT_UNFIT' })
  })
})

describe('histories', () => {
  const of = (parents: Readonly<Record<string, string>>): TableMetadata => ({
    ...metadata,
    snapshots: Object.entries(parents).map(([id, parent]) => ({
      'snapshot-id': BigInt(id),
      ...(parent !== '' && { 'parent-snapshot-id': BigInt(parent) }),
      'timestamp-ms': 1,
    })),
  })
  const ids = (snapshots: Iterable<{ readonly 'snapshot-id': bigint }> | undefined) =>
    snapshots && [...snapshots].map((snapshot) => Number(snapshot['snapshot-id']))

  it('end where they began, where they were cut off, and in circles', () => {
    expect(ids(ancestors(of({ 1: '', 2: '1', 3: '2' }), 3n))).toEqual([3, 2, 1])
    expect(ids(ancestors(of({ 2: '1', 3: '2' }), 3n))).toEqual([3, 2])
    expect(ids(ancestors(of({ 1: '3', 2: '1', 3: '2' }), 3n))).toEqual([3, 2, 1])
    expect(ids(ancestors(of({ 1: '1' }), 1n))).toEqual([1])
  })

  it('between two snapshots are known only when nothing is missing', () => {
    const whole = of({ 1: '', 2: '1', 3: '2', 4: '1' })
    expect(ids(snapshotsBetween(whole, 1n, 3n))).toEqual([3, 2])
    expect(ids(snapshotsBetween(whole, undefined, 3n))).toEqual([3, 2, 1])
    expect(ids(snapshotsBetween(whole, 3n, 3n))).toEqual([])
    expect(snapshotsBetween(whole, 4n, 3n)).toBeUndefined()
    expect(snapshotsBetween(of({ 2: '1', 3: '2' }), undefined, 3n)).toBeUndefined()
    expect(snapshotsBetween(whole, 1n, undefined)).toBeUndefined()
  })
})
