import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { createRef } from '../commit/snapshot-refs.js'
import { ancestors } from '../metadata/ancestry.js'
import { currentSchema, refSnapshot } from '../metadata/metadata.js'
import { DivergingTable, FileContents, type RowVersion } from '../testing/diverging-table.js'
import { changedFiles } from './changed-files.js'
import { mergeTable } from './merge-table.js'
import type { TableMerge } from './table-merge.js'

const snapshotIsolation = Object.fromEntries(
  ['delete', 'update', 'merge'].map((kind) => [`write.${kind}.isolation-level`, 'snapshot'] as const),
)

let base: DivergingTable
let source: DivergingTable
let target: DivergingTable

function start(version: 2 | 3 = 2, properties: Record<string, string> = {}): void {
  base = DivergingTable.create(new FileContents(new MemoryObjectStore()), version, properties)
  parted()
}

function parted(): void {
  ;[source, target] = [base.fork(), base.fork()]
}

/** Rows of partition 0, 1 or 2, by their ids' first letters. */
function rows(...ids: string[]): RowVersion[] {
  return ids.map((id) => ({
    id,
    key: parseInt(id.slice(1), 10),
    value: parseInt(id.slice(1), 10),
    part: 'abc'.indexOf(id[0]!),
  }))
}

const is =
  (...ids: string[]) =>
  (row: RowVersion) =>
    ids.includes(row.id)

async function merge(): Promise<TableMerge> {
  const [from, into, onto] = [base, target, source].map(({ metadata }) => metadata)
  const result = await mergeTable(base.contents.store, { base: from!, target: into!, source: onto! })
  if (result.outcome === 'rebased') target.apply(result.requirements, result.updates)
  return result
}

async function ids(table: DivergingTable, ref?: string): Promise<string[]> {
  return (await table.contents.live(table.metadata, ref)).map(({ row }) => row.id).sort()
}

function conflict(kind: string, reason: unknown) {
  return { outcome: 'conflict', kind, reason, context: expect.anything() }
}

beforeEach(() => start())

describe('snapshots', () => {
  it('are taken over as they are where the target stands still', async () => {
    await base.append(rows('a1'))
    parted()
    await source.append(rows('a2'))
    const id = source.metadata['current-snapshot-id']
    expect(await merge()).toMatchObject({ outcome: 'rebased', replayed: [{ branch: 'main', source: id, target: id }] })
    expect(target.metadata.snapshots).toEqual(source.metadata.snapshots)
  })

  it('are done again on a target that moved, and say of which they are', async () => {
    await base.append(rows('a1'))
    parted()
    await source.append(rows('a2'), { summary: { 'phlo.run-id': 'r7' } })
    await target.append(rows('a3'))
    const moved = target.metadata['current-snapshot-id']
    expect(await merge()).toMatchObject({
      outcome: 'rebased',
      requirements: [
        { type: 'assert-table-uuid', uuid: base.metadata['table-uuid'] },
        { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': moved },
      ],
    })
    expect(await ids(target)).toEqual(['a1', 'a2', 'a3'])
    const { summary, 'sequence-number': number, 'parent-snapshot-id': parent } = refSnapshot(target.metadata)!
    expect([number, parent]).toEqual([3, moved])
    expect(summary).toMatchObject({
      operation: 'append',
      'phlo.run-id': 'r7',
      'source-snapshot-id': String(source.metadata['current-snapshot-id']),
      'total-records': '3',
    })
  })

  it('are done once, however often branches are merged', async () => {
    start(2, snapshotIsolation)
    await base.append(rows('a1'))
    parted()
    await source.append(rows('a2'))
    await target.append(rows('a3'))
    await merge()
    base = source.fork()
    await source.append(rows('a4'))
    await source.replaceRows(is('a2'), [], 'copy', { validation: { isolation: 'none' } })
    await merge()
    expect(await ids(target)).toEqual(['a1', 'a3', 'a4'])
    // And back: what the source gets is what it lacks.
    base = source.fork()
    ;[source, target] = [target, source]
    await merge()
    expect(await ids(target)).toEqual(['a1', 'a3', 'a4'])
    expect(await merge()).toEqual({ outcome: 'same' })
  })

  it('are left out where the target has nothing to gain', async () => {
    await base.append(rows('a1'))
    parted()
    await target.append(rows('a2'))
    expect(await merge()).toEqual({ outcome: 'same' })
  })
})

describe('overwrites and deletes', () => {
  beforeEach(async () => {
    await base.append(rows('a1', 'a2', 'b1', 'b2'))
    parted()
  })

  it('of different partitions stand together', async () => {
    await source.append(rows('a3'), { replacePartitions: true })
    await target.append(rows('b3'), { replacePartitions: true })
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual(['a3', 'b3'])
  })

  it.each([
    ['an append', () => target.append(rows('a4')), 'added rows'],
    ['an overwrite', () => target.append(rows('a4'), { replacePartitions: true }), 'have left the table'],
    ['a delete', () => target.replaceRows(is('a1'), [], 'mark'), 'deleted rows'],
    ['a rewrite', () => target.compact(0), 'have left the table'],
  ])('of one partition cannot stand beside %s', async (_what, change, reason) => {
    await source.append(rows('a3'), { replacePartitions: true })
    await change()
    const before = target.metadata
    const kept = await keys()
    expect(await merge()).toEqual(conflict('rows', expect.stringContaining(reason)))
    expect(target.metadata).toBe(before)
    expect(await keys()).toEqual(kept)
  })

  it('of an interval count as replacements where there was nothing to replace', async () => {
    await source.append(rows('c1'), { replaces: 'partitions' })
    await target.append(rows('c2'))
    expect(await merge()).toEqual(conflict('rows', expect.stringContaining('added rows')))
  })

  it('of the whole table stand beside nothing that was added', async () => {
    await source.append(rows('a3'), { replaces: 'table', remove: { mayHold: () => true, matches: () => true } })
    await target.append(rows('c1'))
    expect(await merge()).toEqual(conflict('rows', expect.stringContaining('added rows')))
  })

  it('leave rows alone that came to their partition, where the table asks for no more than that', async () => {
    start(2, snapshotIsolation)
    await base.append(rows('a1', 'a2'))
    parted()
    await source.replaceRows(is('a1'), [], 'copy')
    await target.append(rows('a9'))
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual(['a2', 'a9'])
  })

  it('by values do not reach rows that the target added', async () => {
    await source.write({ add: [source.contents.equalityDeletes(0, 9)] })
    await target.append(rows('a9'))
    expect(await merge()).toEqual(conflict('rows', expect.stringContaining('deletes by their values')))
  })

  it.each(['copy', 'mark'] as const)('by values are a conflict with a change of such a row: %s', async (mode) => {
    start(2, snapshotIsolation)
    await base.append(rows('a1'))
    parted()
    await source.write({ add: [source.contents.equalityDeletes(0, 1)] })
    await target.replaceRows(is('a1'), rows('c2'), mode)
    expect(await merge()).toEqual(conflict('rows', expect.stringContaining('may have changed rows')))
  })

  it('by position are a conflict with a change of such a row, and not with one of another file', async () => {
    start(2, snapshotIsolation)
    await base.append(rows('a1'))
    await base.append(rows('a2'))
    parted()
    await source.replaceRows(is('a1'), [], 'mark')
    await target.replaceRows(is('a2'), rows('a4'), 'mark')
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    parted()
    await source.replaceRows(is('a1'), [], 'mark')
    await target.replaceRows(is('a1'), rows('a3'), 'mark')
    expect(await merge()).toEqual(conflict('rows', expect.stringContaining('may have changed rows')))
  })

  it('stand beside a rewrite of other files', async () => {
    await source.compact(1)
    await target.append(rows('b9'))
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual(['a1', 'a2', 'b1', 'b2', 'b9'])
  })
})

describe('deletion vectors', () => {
  beforeEach(async () => {
    start(3, snapshotIsolation)
    await base.append(rows('a1', 'a2', 'a3', 'a4'))
    await base.replaceRows(is('a4'), [], 'mark')
    parted()
  })

  it('of both sides for one file become one that holds what either deleted', async () => {
    await source.replaceRows(is('a1', 'a2'), [], 'mark')
    await target.replaceRows(is('a2', 'a3'), [], 'mark')
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual([])
    const { after } = await changedFiles(base.contents.store, { metadata: target.metadata }, at(target))
    expect(after.map(({ deletes }) => deletes.map(({ file }) => file.recordCount))).toEqual([[4]])
  })

  it('of different rows stand together, also when new versions come with them', async () => {
    await source.replaceRows(is('a1'), rows('b1'), 'mark')
    await target.replaceRows(is('a2'), rows('c2'), 'mark')
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual(['a3', 'b1', 'c2'])
  })

  it('of one row are a conflict when one side changed it', async () => {
    await source.replaceRows(is('a1'), rows('b1'), 'mark')
    await target.replaceRows(is('a1', 'a2'), [], 'mark')
    const kept = await keys()
    expect(await merge()).toEqual(conflict('rows', expect.stringContaining('Both sides changed a row of')))
    expect(await keys()).toEqual(kept)
  })

  it('of rows that the source added itself are a conflict when new versions carry their ids', async () => {
    await source.append(rows('b1', 'b3'))
    await source.replaceRows(is('b1'), rows('b2'), 'copy')
    await target.append(rows('c1'))
    expect(await merge()).toEqual(conflict('row-lineage', expect.stringContaining('its own')))
  })
})

describe.each([2, 3] as const)('several changes of a branch, in version %i,', (version) => {
  beforeEach(async () => {
    start(version)
    await base.append(rows('a1', 'a2', 'a3', 'b1', 'b2'))
    parted()
    await target.replaceRows(is('b1'), rows('b7'), 'copy')
    await target.append(rows('c1'))
  })

  it.each(['copy', 'mark'] as const)('of one partition stand beside changes of others: %s', async (mode) => {
    await source.replaceRows(is('a1'), [], mode)
    await source.replaceRows(is('a2'), rows('a8'), mode)
    await source.replaceRows(is('a3'), [], mode)
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual(['a8', 'b2', 'b7', 'c1'])
  })

  it('that delete, append and replace a partition stand beside them, too', async () => {
    await source.replaceRows(is('a1'), [], 'mark')
    await source.append(rows('a4'))
    await source.append(rows('c4', 'a5'))
    await source.append(rows('a9'), { replacePartitions: true })
    await source.append(rows('b4'))
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual(['a9', 'b2', 'b4', 'b7', 'c1', 'c4'])
  })

  it('that end with a compaction of old rows stand beside them, too', async () => {
    await source.replaceRows(is('a1'), [], 'mark')
    await source.compact(0)
    await source.append(rows('a4'))
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual(['a2', 'a3', 'a4', 'b2', 'b7', 'c1'])
  })
})

it('files of version 3 that do not tell which ids their rows bring are a conflict when the source made them of its own', async () => {
  base = DivergingTable.create(new FileContents(new MemoryObjectStore(), false), 3)
  await base.append(rows('a1', 'a2', 'a3'))
  parted()
  await source.replaceRows(is('a1'), [], 'copy')
  await source.replaceRows(is('a2'), [], 'copy')
  await target.append(rows('b1'))
  expect(await merge()).toEqual(conflict('row-lineage', expect.stringContaining('its own')))
})

describe('keys', () => {
  const identify = (table: DivergingTable) =>
    table.change((transaction) =>
      transaction.updateSchema((schema) => schema.makeRequired('key').setIdentifierFields(['key']), {
        allowBreaking: true,
      }),
    )

  it('that both sides may have added are a conflict', async () => {
    await identify(base)
    parted()
    await source.append(rows('a1', 'a5'))
    await target.append(rows('b3'))
    expect(await merge()).toEqual({
      outcome: 'conflict',
      kind: 'keys',
      reason: expect.stringContaining('may have the same key'),
      context: { file: expect.stringContaining('data-'), columns: ['key'] },
    })
  })

  it('of ranges that do not meet are none', async () => {
    await identify(base)
    parted()
    await source.append(rows('a1', 'a5'))
    await target.append(rows('b6'))
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
  })

  it('are those by which a snapshot says that it merged rows', async () => {
    await source.append(rows('a1', 'a5'), { mergedBy: [1] })
    await target.append(rows('b3'))
    expect(await merge()).toEqual(conflict('keys', expect.stringContaining('may have the same key')))
  })
})

describe('columns', () => {
  const add = (table: DivergingTable, name: string) =>
    table.change((transaction) => transaction.updateSchema((schema) => schema.addColumn(name, 'string')))
  const names = () =>
    currentSchema(target.metadata).fields.map(({ id, name, type }) => `${id} ${name} ${JSON.stringify(type)}`)

  it('that one side added come beside what the other did', async () => {
    await add(source, 'note')
    await source.append(rows('a1'))
    await target.change((transaction) => transaction.updateSchema((schema) => schema.renameColumn('value', 'worth')))
    await target.append(rows('b1'))
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(names()).toEqual(['1 key "int"', '2 worth "int"', '3 part "int"', '4 note "string"'])
    expect(await ids(target)).toEqual(['a1', 'b1'])
  })

  it('that both added are one when they are the same, and a conflict otherwise', async () => {
    await add(source, 'note')
    await add(target, 'note')
    expect(await merge()).toEqual({ outcome: 'same' })
    parted()
    await add(source, 'one')
    await add(target, 'other')
    expect(await merge()).toEqual({
      outcome: 'conflict',
      kind: 'schema',
      reason: 'Both sides gave the id 4 to a new column: other and one',
      context: { columns: ['other', 'one'] },
    })
  })

  it('that one side changed and the other dropped are a conflict', async () => {
    await source.change((transaction) => transaction.updateSchema((schema) => schema.renameColumn('value', 'worth')))
    await target.change((transaction) =>
      transaction.updateSchema((schema) => schema.dropColumn('value'), { allowBreaking: true }),
    )
    expect(await merge()).toEqual(conflict('schema', expect.stringContaining('dropped by one side')))
  })

  it('that became stricter do not stand beside rows that were written before', async () => {
    await source.append(rows('a1'))
    await target.change((transaction) =>
      transaction.updateSchema((schema) => schema.makeRequired('value'), { allowBreaking: true }),
    )
    expect(await merge()).toEqual(conflict('schema', 'The target made value stricter, and the other side wrote rows'))
  })
})

describe('what else a table has', () => {
  it('is merged each on its own: properties, partitioning and order', async () => {
    start(2, { a: '1', b: '1', c: '1' })
    await source.change((transaction) => {
      transaction.setProperties({ a: '2' })
      transaction.change(() => ({ updates: [{ action: 'remove-properties', removals: ['b'] }] }))
      transaction.updateSpec((spec) => spec.addField({ column: 'key', transform: 'bucket[4]' }))
    })
    await target.change((transaction) => {
      transaction.setProperties({ c: '3', d: '4' })
      transaction.replaceSortOrder([{ column: 'key', transform: 'identity' }])
    })
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(target.metadata.properties).toEqual({ a: '2', c: '3', d: '4' })
    expect(target.metadata['partition-specs'].at(-1)?.fields.map(({ name }) => name)).toEqual(['part', 'key_bucket_4'])
    expect(target.metadata['default-spec-id']).toBe(1)
    expect(target.metadata['default-sort-order-id']).toBe(1)
  })

  it('is a conflict where both changed it', async () => {
    const set = (table: DivergingTable, value: string) =>
      table.change((transaction) => transaction.setProperties({ cursor: value }))
    await set(source, '1')
    await set(target, '2')
    expect(await merge()).toEqual({
      outcome: 'conflict',
      kind: 'properties',
      reason: 'Both sides changed properties: cursor',
      context: { properties: ['cursor'] },
    })
  })

  it('keeps branches and tags of the table exactly as the source has them', async () => {
    await base.append(rows('a1'))
    parted()
    await source.append(rows('a2'))
    await source.change((transaction) => transaction.change(createRef('release', 'tag')))
    await source.append(rows('b1'), { branch: 'side', createBranch: true })
    await source.append(rows('a3'))
    await target.append(rows('c1'))
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    expect(await ids(target)).toEqual(['a1', 'a2', 'a3', 'c1'])
    expect(await ids(target, 'release')).toEqual(['a1', 'a2'])
    expect(await ids(target, 'side')).toEqual(['a1', 'a2', 'b1'])
    expect(Object.keys(target.metadata.refs!).sort()).toEqual(['main', 'release', 'side'])
  })

  it('is of the newer format version', async () => {
    await base.append(rows('a1'))
    parted()
    await source.change((transaction) => transaction.upgradeFormatVersion(3))
    await source.append(rows('a2'))
    await target.append(rows('a3'))
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    const found = await target.contents.live(target.metadata)
    expect(target.metadata['format-version']).toBe(3)
    expect(found.map(({ rowId }) => rowId).sort()).toEqual([0, 1, 2])
  })

  it('loses the snapshots that the source expired, but not those that the target needs', async () => {
    for (const id of ['a1', 'a2', 'a3']) await base.append(rows(id))
    parted()
    await source.append(rows('a4'))
    source.expire(1)
    await target.append(rows('a5'))
    const own = target.metadata['current-snapshot-id']!
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    const left = [...ancestors(target.metadata, target.metadata['current-snapshot-id'])].map(
      (item) => item['snapshot-id'],
    )
    expect(left).toEqual([target.metadata['current-snapshot-id'], own])
    expect(await ids(target)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5'])
  })

  it('is not merged with another table', async () => {
    const other = DivergingTable.create(base.contents, 2)
    await other.append(rows('a1'))
    source = other
    expect(await merge()).toEqual(conflict('unrelated', 'The sides are not states of one table'))
  })
})

describe('changed files', () => {
  it('are read from changed manifests alone', async () => {
    const add = { mergeManifests: false }
    for (const id of ['a1', 'b1', 'c1']) await base.append(rows(id), add)
    parted()
    await source.append(rows('a2'), add)
    await target.append(rows('b2'), add)
    await target.replaceRows(is('c1'), [], 'mark')
    const read: string[] = []
    const { store } = base.contents
    const counting = new Proxy(store, {
      get: (object, name) => {
        const value = Reflect.get(object, name) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (name === 'get') read.push(String(args[0]))
          return (value as (...given: unknown[]) => unknown).apply(object, args)
        }
      },
    })
    const changed = await changedFiles(counting, at(source), at(target))
    const idsIn = async (files: typeof changed.after) =>
      (await base.contents.read(files)).map(({ rows: all }) => all.map(({ id }) => id))
    expect(await idsIn(changed.before)).toEqual([['a2'], ['c1']])
    expect(await idsIn(changed.after)).toEqual([['b2'], ['c1']])
    expect(changed.schema).toEqual([])
    // Two lists, the manifests of a2, b2 and c1, and that of the deletes, some of them twice.
    expect(new Set(read).size).toBe(6)
  })
})

function at({ metadata }: DivergingTable) {
  return { metadata, snapshot: refSnapshot(metadata) }
}

async function keys(): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of base.contents.store.list('')) found.push(key)
  return found
}
