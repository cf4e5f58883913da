import type { RowSchema, TableMetadata } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { entryStatus } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'
import { refSnapshot } from '../metadata/metadata.js'
import type { Expression } from '../scan/expression.js'
import {
  column,
  dataFile,
  deletionVector,
  equalityDeletes,
  idAndDay,
  positionDeletes,
  uriOf,
} from '../testing/example-files.js'
import type { SnapshotChange } from './snapshot-change.js'
import { TableTransaction } from './transaction.js'

let store: MemoryObjectStore
let metadata: TableMetadata
beforeEach(() => {
  store = new MemoryObjectStore()
  metadata = TableTransaction.create(store, {
    location: store.uri('t'),
    rows: idAndDay,
    partitioning: [{ column: 'day', transform: 'day' }],
  }).metadata
})

async function commit(change: SnapshotChange): Promise<void> {
  const transaction = TableTransaction.change(store, metadata)
  await transaction.addSnapshot(change)
  metadata = transaction.metadata
}

async function live(): Promise<string[]> {
  const files = new TableFiles(store, metadata)
  const names: string[] = []
  for (const manifest of await files.manifests(refSnapshot(metadata)!))
    for await (const { file, status } of files.entries(manifest))
      if (status !== entryStatus.deleted)
        names.push(file.format === 'PUFFIN' ? `${file.contentOffset}@${file.referencedDataFile}` : file.path)
  return names.map((name) => name.replace('memory:///', '')).sort()
}

const removing = (...names: string[]) => ({ removePaths: new Set(names.map(uriOf)) })
const whole = { mayHold: () => true, matches: () => true }
const below = (value: number): Expression => ({ op: 'lt', column: 'id', value })

/** Makes a change, lets others commit theirs, and puts the change on top. Gives the live files, or the error's code. */
async function after(change: SnapshotChange, ...others: SnapshotChange[]): Promise<string> {
  const transaction = TableTransaction.change(store, metadata)
  await transaction.addSnapshot(change)
  for (const other of others) await commit(other)
  try {
    await transaction.rebase(metadata)
  } catch (error) {
    return (error as { code: string }).code
  }
  metadata = transaction.metadata
  return (await live()).join(' ')
}

const conflict = 'PHLO_COMMIT_CONFLICT'
const upgrade = () => (metadata = { ...metadata, 'format-version': 3, 'next-row-id': 0 })
const rewriteOf = (name: string, sequenceNumber?: number): SnapshotChange => ({
  add: [{ ...dataFile(`${name}2`), ...(sequenceNumber !== undefined && { sequenceNumber }) }],
  operation: 'replace',
  ...removing(name),
})

describe('an append', () => {
  it('goes with everything', async () => {
    await commit({ add: [dataFile('a')] })
    expect(await after({ add: [dataFile('b')] }, { add: [dataFile('c')], ...removing('a') })).toBe('b c')
    expect(await after({ add: [dataFile('d')] }, { add: [positionDeletes('p')] })).toBe('b c d p')
  })

  it('goes with everything on an empty table', async () => {
    expect(await after({ add: [dataFile('b')] }, { add: [dataFile('a')] })).toBe('a b')
  })
})

describe('an append of rows that were not there', () => {
  it('conflicts with others that may be the same', async () => {
    const missing = (name: string): SnapshotChange => ({ add: [dataFile(name)], validation: { filter: below(10) } })
    expect(await after(missing('a'), { add: [dataFile('b', 1, [20, 29])] })).toBe('a b')
    expect(await after(missing('c'), { add: [dataFile('d', 1, [5, 29])] })).toBe(conflict)
  })
})

describe('the replacement of files', () => {
  beforeEach(() => commit({ add: [dataFile('a', 1, [0, 9]), dataFile('b', 2, [10, 19])] }))
  const replacing = (validation: NonNullable<SnapshotChange['validation']> = {}): SnapshotChange => ({
    add: [dataFile('a2', 1, [0, 9])],
    ...removing('a'),
    validation,
  })

  it('conflicts with its own kind on the same file', async () => {
    expect(await after(replacing({ isolation: 'none' }), { add: [], ...removing('a') })).toBe(conflict)
    expect(await live()).toEqual(['b'])
  })

  it('goes with a removal elsewhere', async () => {
    expect(await after(replacing(), { add: [], ...removing('b') })).toBe('a2')
  })

  it('conflicts with new rows that it had to see, when it is to be serializable', async () => {
    expect(await after(replacing(), { add: [dataFile('c')] })).toBe(conflict)
  })

  it.each<[string, NonNullable<SnapshotChange['validation']>]>([
    ['snapshot isolation', { isolation: 'snapshot' }],
    ['last writer wins', { isolation: 'none' }],
    ['rows that do not matter', { filter: below(10) }],
  ])('goes with new rows under %s', async (_name, validation) => {
    expect(await after(replacing(validation), { add: [dataFile('c', 1, [20, 29])] })).toBe('a2 b c')
  })

  it('conflicts with deletes from the files, and goes with others', async () => {
    const validation = { isolation: 'snapshot' } as const
    expect(await after(replacing(validation), { add: [positionDeletes('p', 2)] })).toBe('a2 b p')
    expect(await after({ add: [], ...removing('b'), validation }, { add: [positionDeletes('q', 2, 'b')] })).toBe(
      conflict,
    )
  })

  it('conflicts with equality deletes whose values may be among its rows', async () => {
    const validation = { isolation: 'snapshot', filter: below(10) } as const
    expect(await after(replacing(validation), { add: [equalityDeletes('e', 1, [50, 59])] })).toBe('a2 b e')
    expect(
      await after(
        { add: [dataFile('a3', 1, [0, 9])], ...removing('a2'), validation },
        { add: [equalityDeletes('f', 1, [5, 50])] },
      ),
    ).toBe(conflict)
  })

  it('is held against what happened since the snapshot that it names', async () => {
    const from = metadata['current-snapshot-id']!
    await commit({ add: [dataFile('c')] })
    await expect(commit(replacing({ from }))).rejects.toMatchObject({ code: conflict })
    await expect(commit(replacing({ from: 1n }))).rejects.toMatchObject({ code: conflict, context: { snapshot: 1n } })
    await commit(replacing({ from, isolation: 'snapshot' }))
    expect(await live()).toEqual(['a2', 'b', 'c'])
  })
})

describe('an overwrite by rule', () => {
  beforeEach(() => commit({ add: [dataFile('a', 1, [0, 9]), dataFile('b', 2, [10, 19])] }))

  it('takes what is there when it comes, where the last writer is to win', async () => {
    const all: SnapshotChange = { add: [dataFile('n')], remove: whole, validation: { isolation: 'none' } }
    expect(await after(all, { add: [dataFile('c')] }, { add: [equalityDeletes('e')] })).toBe('n')
  })

  it('conflicts with rows that come, go or are deleted within its filter', async () => {
    const first: SnapshotChange = {
      add: [],
      remove: { mayHold: () => true, matches: (file) => file.partition[0] === 1 },
      validation: { filter: below(10) },
    }
    expect(await after(first, { add: [dataFile('c', 1, [5, 15])] })).toBe(conflict)
    expect(await after(first, { add: [], ...removing('a') })).toBe(conflict)
    expect(await after(first, { add: [positionDeletes('p')] })).toBe(conflict)
    expect(await after(first, { add: [dataFile('d', 2, [30, 39])], ...removing('b') })).toBe('d')
  })
})

describe('an overwrite of partitions', () => {
  beforeEach(() => commit({ add: [dataFile('a', 1), dataFile('b', 2)] }))
  const first: SnapshotChange = { add: [dataFile('n', 1)], replacePartitions: true }

  it('goes with changes of other partitions', async () => {
    expect(
      await after(first, { add: [dataFile('c', 2), positionDeletes('p', 2)] }, { add: [], ...removing('b') }),
    ).toBe('c n p')
  })

  it.each<[string, SnapshotChange]>([
    ['new rows', { add: [dataFile('c', 1)] }],
    ['removed files', { add: [], ...removing('a') }],
    ['deletes', { add: [positionDeletes('p', 1)] }],
  ])('conflicts with %s in its own', async (_name, other) => {
    expect(await after(first, other)).toBe(conflict)
  })
})

describe('deletes of rows', () => {
  beforeEach(() => commit({ add: [dataFile('a', 1, [0, 9]), dataFile('b', 2, [10, 19])] }))
  const snapshot = { isolation: 'snapshot' } as const
  const deleting: SnapshotChange = { add: [positionDeletes('p', 1, 'a')], validation: snapshot }
  const updating: SnapshotChange = {
    add: [positionDeletes('p', 1, 'a'), dataFile('n', 1)],
    validation: { isolation: 'snapshot', filter: below(10) },
  }

  it('have nothing left to do when somebody deletes the file', async () => {
    expect(await after(deleting, { add: [], ...removing('a') })).toBe('b p')
  })

  it('conflict with a rewrite or replacement of the file', async () => {
    expect(await after(deleting, rewriteOf('a'))).toBe(conflict)
    expect(await after(deleting, { add: [dataFile('b2')], ...removing('b') })).toBe('a2 b2 p')
  })

  it('that update conflict when the file is deleted, or rows of the filter', async () => {
    expect(await after(updating, { add: [equalityDeletes('e', 2, [10, 19])] })).toBe('a b e n p')
    const second = { ...updating, add: [positionDeletes('q', 1, 'a'), dataFile('m', 1)] }
    expect(await after(second, { add: [positionDeletes('r', 1)] })).toBe(conflict)
    expect(await after(second, { add: [], ...removing('a') })).toBe(conflict)
  })

  it('conflict with new rows when they are to be serializable', async () => {
    const serializable: SnapshotChange = { add: [positionDeletes('p', 1, 'a')], validation: { filter: below(10) } }
    expect(await after(serializable, { add: [dataFile('c', 1, [20, 29])] })).toBe('a b c p')
    const again: SnapshotChange = { add: [positionDeletes('q', 1, 'a')], validation: { filter: below(10) } }
    expect(await after(again, { add: [dataFile('d', 1, [5, 6])] })).toBe(conflict)
  })

  it('of a partition need the data files that their writer names', async () => {
    const change: SnapshotChange = {
      add: [positionDeletes('p')],
      validation: { isolation: 'none', referencedPaths: new Set([uriOf('a')]) },
    }
    expect(await after(change, rewriteOf('a'))).toBe(conflict)
  })

  it('by vector conflict with another vector for the file, and with that only', async () => {
    upgrade()
    expect(await after({ add: [deletionVector('a')], validation: snapshot }, { add: [deletionVector('b')] })).toBe(
      '4@memory:///a 4@memory:///b a b'.replaceAll('memory:///', ''),
    )
    expect(
      await after(
        { add: [deletionVector('a', 44)], validation: { isolation: 'none' } },
        { add: [deletionVector('a', 84)] },
      ),
    ).toBe(conflict)
  })
})

describe('a rewrite', () => {
  beforeEach(() => commit({ add: [dataFile('a', 1), dataFile('b', 1)] }))

  it('goes with new rows and with the deletion of others', async () => {
    expect(await after(rewriteOf('a'), { add: [dataFile('c')] }, { add: [], ...removing('b') })).toBe('a2 c')
  })

  it('conflicts with deletes from its files', async () => {
    expect(await after(rewriteOf('a'), { add: [positionDeletes('p', 1, 'a')] })).toBe(conflict)
    expect(await after(rewriteOf('b'), { add: [equalityDeletes('e')] })).toBe(conflict)
  })

  it('goes with equality deletes that apply to its rows as they did', async () => {
    expect(await after(rewriteOf('a', 1), { add: [equalityDeletes('e')] })).toBe('a2 b e')
    expect(await after(rewriteOf('a2', 1), { add: [positionDeletes('p', 1, 'a2')] })).toBe(conflict)
  })
})

describe('a change of the layout', () => {
  const wider = { columns: [...idAndDay.columns, column('name', 'string')] }

  async function afterLayout(mine: (t: TableTransaction) => void, others: (t: TableTransaction) => void) {
    const transaction = TableTransaction.change(store, metadata)
    mine(transaction)
    const other = TableTransaction.change(store, metadata)
    others(other)
    await transaction.rebase(other.metadata)
    return transaction
  }

  it('is made again where it comes out the same', async () => {
    const both = await afterLayout(
      (t) => t.evolve(wider, 't'),
      (t) => t.setProperties({ a: 'b' }),
    )
    expect(both.metadata).toMatchObject({ properties: { a: 'b' }, 'last-column-id': 3 })
    const same = await afterLayout(
      (t) => t.evolve(wider, 't'),
      (t) => t.evolve(wider, 't'),
    )
    expect(same.updates).toEqual([])
    expect(same.requirements).toEqual([{ type: 'assert-table-uuid', uuid: metadata['table-uuid'] }])
  })

  it('conflicts with one that took its field ids', async () => {
    const other = { columns: [...idAndDay.columns, column('other', 'string')] }
    const evolve = (rows: RowSchema) => (t: TableTransaction) => t.evolve(rows, 't')
    await expect(afterLayout(evolve(wider), evolve(other))).rejects.toMatchObject({ code: conflict })
    await expect(afterLayout(evolve(idAndDay), evolve(other))).rejects.toMatchObject({
      code: conflict,
      cause: { code: 'PHLO_SCHEMA_BREAKING' },
    })
  })

  it('comes after one that took its partition spec, unless it has written files by its own', async () => {
    const by = (transform: string) => (t: TableTransaction) => t.replaceLayout(idAndDay, [{ column: 'id', transform }])
    expect((await afterLayout(by('bucket[4]'), by('bucket[4]'))).metadata['default-spec-id']).toBe(1)
    expect((await afterLayout(by('bucket[4]'), by('bucket[8]'))).metadata['default-spec-id']).toBe(2)
    const transaction = TableTransaction.change(store, metadata)
    by('bucket[4]')(transaction)
    await transaction.addSnapshot({ add: [] })
    const other = TableTransaction.change(store, metadata)
    by('bucket[8]')(other)
    await expect(transaction.rebase(other.metadata)).rejects.toMatchObject({ code: conflict })
  })

  it('is on the same table', async () => {
    const transaction = TableTransaction.change(store, metadata)
    await expect(transaction.rebase({ ...metadata, 'table-uuid': 'other' })).rejects.toMatchObject({ code: conflict })
    await expect(transaction.rebase(undefined)).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
  })
})

describe('a transaction of several snapshots', () => {
  it('requires of the table what its first one does, and is rebased as a whole', async () => {
    await commit({ add: [dataFile('a')] })
    const transaction = TableTransaction.change(store, metadata)
    await transaction.addSnapshot({ add: [dataFile('b')], ...removing('a'), validation: { isolation: 'snapshot' } })
    await transaction.addSnapshot({ add: [dataFile('c')], ...removing('b'), validation: { isolation: 'snapshot' } })
    const requirement = (id: bigint) => ({ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': id })
    expect(transaction.requirements[1]).toEqual(requirement(metadata['current-snapshot-id']!))
    await commit({ add: [dataFile('x')] })
    await transaction.rebase(metadata)
    expect(transaction.requirements.slice(1)).toEqual([requirement(metadata['current-snapshot-id']!)])
    metadata = transaction.metadata
    expect(await live()).toEqual(['c', 'x'])
    expect(metadata.snapshots!.map((snapshot) => snapshot['sequence-number'])).toEqual([1, 2, 3, 4])
  })
})
