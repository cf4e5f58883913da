import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { createRef, fastForward, rollbackTo } from '../commit/snapshot-refs.js'
import { expireSnapshots } from '../maintenance/expire-snapshots.js'
import type { Expression } from '../scan/expression.js'
import { column, dataFile, equalityDeletes, idAndDay, positionDeletes, uriOf } from '../testing/example-files.js'
import { FolderTables } from './folder-tables.js'
import type { Table } from './table.js'

let table: Table
beforeEach(async () => {
  table = await new FolderTables(new MemoryObjectStore()).create('t', {
    rows: idAndDay,
    partitioning: [{ column: 'day', transform: 'identity' }],
    properties: { 'commit.retry.min-wait-ms': '1' },
  })
})

async function live(ref = 'main'): Promise<string> {
  const names: string[] = []
  for await (const { file, deletes } of table.scan({ ref }))
    names.push([file, ...deletes.map((item) => item.file)].map(({ path }) => path.slice(uriOf('').length)).join('-'))
  return names.sort().join(' ')
}

const below = (value: number): Expression => ({ op: 'lt', column: 'id', value })
const onDay = (day: string): Expression => ({ op: 'eq', column: 'day', value: day })

describe('a table', () => {
  it('is overwritten where all rows of a file meet a filter', async () => {
    await table.append([dataFile('a', 1, [0, 9]), dataFile('b', 1, [10, 19]), dataFile('c', 2, [0, 19])])
    await table.overwrite([dataFile('n', 2)], { filter: onDay('1970-01-03') })
    expect(await live()).toBe('a b n')
    await table.delete({ op: 'and', left: below(10), right: onDay('1970-01-02') })
    expect(await live()).toBe('b n')
    await expect(table.delete(below(15))).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
    await expect(table.delete({ op: 'is-null', column: 'none' })).rejects.toMatchObject({
      code: 'PHLO_ICEBERG_INVALID',
    })
    expect(await live()).toBe('b n')
  })

  it('keeps deletes of some of the rows that a filter wants gone', async () => {
    await table.append([dataFile('a', 1, [0, 9]), dataFile('b', 1, [10, 19])])
    await table.rowDelta({ deletes: [equalityDeletes('e', 1, [5, 15])] })
    await table.delete(below(10))
    expect(await live()).toBe('b-e')
  })

  it('is overwritten by partition, takes deletes, and is rewritten', async () => {
    await table.append([dataFile('a', 1), dataFile('b', 2)])
    await table.overwrite([dataFile('c', 2)], { partitions: true })
    await table.rowDelta({ rows: [dataFile('d', 1)], deletes: [positionDeletes('p', 1, 'a')] })
    expect(await live()).toBe('a-p c d')
    const summary = table.snapshot()!.summary
    expect(summary).toMatchObject({ operation: 'overwrite', 'added-delete-files': '1' })
    await table.rewrite(new Set([uriOf('a'), uriOf('d')]), [dataFile('ad', 1)])
    expect(await live()).toBe('ad c')
    expect(table.history().map((snapshot) => snapshot.summary?.operation)).toEqual([
      'replace',
      'overwrite',
      'overwrite',
      'append',
    ])
  })

  it('changes its columns, partitioning, order, properties and version', async () => {
    await table.append([dataFile('a', 1)])
    await table.evolve({ columns: [...idAndDay.columns, column('name', 'string')] })
    await table.updateSchema((update) => update.renameColumn('name', 'title').addColumn('rank', 'int'))
    await table.updateSpec((update) => update.removeField('day').addField({ column: 'title', transform: 'identity' }))
    await table.sortBy([{ column: 'rank' }])
    await table.setProperties({ owner: 'me', other: 'x' })
    await table.removeProperties(['other'])
    await table.upgradeFormatVersion(3)
    expect(table.schema.fields.map(({ name }) => name)).toEqual(['id', 'day', 'title', 'rank'])
    expect(table.spec.fields.map(({ name }) => name)).toEqual(['title'])
    expect(table.metadata['default-sort-order-id']).toBe(1)
    expect(table.properties).toEqual({ 'commit.retry.min-wait-ms': '1', owner: 'me' })
    await table.append([{ ...dataFile('b'), specId: table.spec['spec-id'], partition: ['x'] }])
    expect(await live()).toBe('a b')
    expect(table.metadata['next-row-id']).toBe(20)
    await expect(table.upgradeFormatVersion(2)).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
  })

  it('has branches, staged snapshots, and a history to go back in', async () => {
    const first = await table.append([dataFile('a')])
    await table.manageSnapshots(createRef('audit', 'branch'), createRef('v1', 'tag'))
    const second = await table.append([dataFile('b')], { branch: 'audit' })
    expect([await live(), await live('audit')]).toEqual(['a', 'a b'])
    await table.manageSnapshots(fastForward('main', 'audit'))
    await table.append([dataFile('c')], { stagedAs: 'w' })
    expect(await live()).toBe('a b')
    await table.publishStaged('w')
    expect(await live()).toBe('a b c')
    await table.manageSnapshots(rollbackTo(first))
    await table.append([dataFile('d')])
    await table.cherryPick(second)
    expect(await live()).toBe('a b d')
    expect(await live('v1')).toBe('a')
  })

  it('does several things in one commit, or none', async () => {
    await table.append([dataFile('a')])
    const version = table.metadata['metadata-log']!.length
    await table.transaction(async (transaction) => {
      await transaction.addSnapshot({ add: [], removePaths: new Set([uriOf('a')]) })
      await transaction.addSnapshot({ add: [dataFile('b')] })
      transaction.setProperties({ done: 'yes' })
    })
    expect(await live()).toBe('b')
    expect(table.metadata['metadata-log']).toHaveLength(version + 1)
    const before: string[] = []
    for await (const { key } of table.store.list('')) before.push(key)
    const failing = table.transaction(async (transaction) => {
      await transaction.addSnapshot({ add: [dataFile('c')] })
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    const after: string[] = []
    for await (const { key } of table.store.list('')) after.push(key)
    expect(after).toEqual(before)
    expect(await table.transaction(() => 7)).toBe(7)
  })

  it('is maintained like any other', async () => {
    await table.append([dataFile('a')])
    await table.append([dataFile('b')])
    await expireSnapshots(table, { olderThan: new Date(Date.now() + 1000), keepLast: 1, deleteFiles: false })
    expect(table.metadata.snapshots).toHaveLength(1)
    expect(await live()).toBe('a b')
  })
})
