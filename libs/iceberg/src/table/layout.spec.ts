import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { nameMappingProperty, newNameMapping, parseNameMapping, serializeNameMapping } from '../schema/name-mapping.js'
import { column, dataFile, idAndDay } from '../testing/example-files.js'
import { FolderTables } from './folder-tables.js'
import type { Table } from './table.js'

let tables: FolderTables
let table: Table
beforeEach(async () => {
  tables = new FolderTables(new MemoryObjectStore())
  table = await tables.create('t', {
    rows: idAndDay,
    partitioning: [{ column: 'day', transform: 'identity' }],
    properties: { 'commit.retry.min-wait-ms': '1' },
  })
})
const names = () => table.schema.fields.map(({ id, name }) => `${id} ${name}`)
const paths = async () => {
  const found: string[] = []
  for await (const { file } of table.scan()) found.push(file.path)
  return found
}

describe('the layout of a table', () => {
  it('changes its columns, and the name mapping with them', async () => {
    const mapping = () => parseNameMapping(table.metadata.properties![nameMappingProperty]!)
    await table.setProperties({ [nameMappingProperty]: serializeNameMapping(newNameMapping(table.schema)) })
    const changes = await table.updateSchema((update) =>
      update.renameColumn('id', 'key').addColumn('note', 'string').moveFirst('note'),
    )
    expect(changes.map(({ change }) => change)).toEqual(['add', 'rename'])
    expect(names()).toEqual(['3 note', '1 key', '2 day'])
    expect(mapping()).toEqual([
      { 'field-id': 1, names: ['id', 'key'] },
      { 'field-id': 2, names: ['day'] },
      { 'field-id': 3, names: ['note'] },
    ])
    expect(await table.updateSchema((update) => update.makeOptional('note'))).toEqual([])
    await table.evolve({ columns: [column('note', 'string'), ...idAndDay.columns.slice(1), column('key', 'long')] })
    expect(names()).toEqual(['3 note', '2 day', '1 key'])
    expect((await tables.load('t')).schema).toEqual(table.schema)
  })

  it('changes its columns beside a name mapping that nobody can read', async () => {
    await table.setProperties({ [nameMappingProperty]: '{' })
    await table.updateSchema((update) => update.addColumn('note', 'string'))
    expect([names().length, table.metadata.properties?.[nameMappingProperty]]).toEqual([3, '{'])
  })

  it('changes its partitioning and order, while files of older ones stay readable', async () => {
    await table.append([dataFile('a', 1)])
    await table.updateSpec((update) => update.removeField('day').addField({ column: 'id', transform: 'bucket[4]' }))
    await table.sortBy([{ column: 'id' }, { column: 'day', direction: 'desc' }])
    await table.append([{ ...dataFile('b', 1), specId: 1, partition: [3] }])
    expect(table.spec).toEqual({
      'spec-id': 1,
      fields: [{ 'source-id': 1, 'field-id': 1001, name: 'id_bucket_4', transform: 'bucket[4]' }],
    })
    expect(table.metadata['default-sort-order-id']).toBe(1)
    expect(await paths()).toHaveLength(2)
    await expect(table.updateSchema((update) => update.dropColumn('id'))).rejects.toMatchObject({
      code: 'PHLO_ICEBERG_INVALID',
    })
    await table.updateSpec((update) => update.removeField('id_bucket_4'))
    await table.sortBy([])
    await table.updateSchema((update) => update.dropColumn('id'))
    expect([table.spec['spec-id'], table.metadata['default-sort-order-id'], names()]).toEqual([2, 0, ['2 day']])
    expect(await paths()).toHaveLength(2)
  })

  it('comes to newer format versions, and to their types and defaults', async () => {
    const change = () =>
      table.updateSchema((update) =>
        update.addColumn('at', 'timestamptz_ns', { required: true, default: '2026-01-01T00:00:00.000000001+00:00' }),
      )
    await expect(change()).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    await table.upgradeFormatVersion(3)
    await table.upgradeFormatVersion(3)
    await expect(table.upgradeFormatVersion(2)).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    expect(await change()).toMatchObject([{ column: 'at', change: 'add', class: 'safe' }])
    await table.append([dataFile('a', 1)])
    expect((await tables.load('t')).metadata).toEqual(table.metadata)
    expect(table.metadata).toMatchObject({ 'format-version': 3, 'next-row-id': dataFile('a', 1).recordCount })
  })

  it('is changed by two at once so that every column has an id of its own', async () => {
    const other = await tables.load('t')
    await table.updateSchema((update) => update.addColumn('mine', 'int'))
    await other.updateSchema((update) => update.addColumn('theirs', 'int'))
    await table.load()
    expect(names()).toEqual(['1 id', '2 day', '3 mine', '4 theirs'])
  })
})
