import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { metadataTable, metadataTableNames } from '@phlo/iceberg'
import type { IcebergType } from '@phlo/ports'
import { JavaTables } from './java-tables.js'
import { metadataRows } from './metadata-rows.js'
import type { CanonicalRow } from './witness.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

const sorted = (rows: readonly CanonicalRow[]) => rows.map((row) => JSON.stringify(row)).sort()

/** The rows that both give, parsed again so that a difference is shown by columns. */
async function expectSame(name: string, table: (typeof metadataTableNames)[number], snapshotId?: bigint) {
  const { lake, java } = tables.readers
  const { metadata, metadataLocation } = await lake.load(name)
  const options = { metadataLocation, ...(snapshotId !== undefined && { snapshotId }) }
  const ours = sorted(await metadataRows(metadataTable(lake.store, metadata, table, options)))
  const theirs = sorted(await java.metadataTable(metadataLocation, table, snapshotId))
  expect({ table, rows: ours.map((row) => JSON.parse(row) as unknown) }).toEqual({
    table,
    // A manifest's bound that is not there is a text to Iceberg Java.
    rows: theirs.map((row) => JSON.parse(row.replaceAll('_bound":"null"', '_bound":null')) as unknown),
  })
}

describe('metadata tables, as Iceberg Java has them', () => {
  it.each([1, 2, 3] as const)('of a table of version %s', async (version) => {
    const name = `v${version}`
    const row = (id: number, day: string | null) => ({ id, day, v: id % 2 ? `v${id}` : null })
    const [first] = await tables.create(
      name,
      { id: 'int', day: 'date', v: 'string' },
      { version, partitioning: [['day', 'month']] },
      { do: 'append', rows: [row(1, '2024-01-01'), row(2, '2024-02-01'), row(3, null)] },
      { do: 'snapshots', branch: 'b' },
      { do: 'snapshots', tag: 't' },
      { do: 'spec', add: [['v', 'truncate[1]']] },
      { do: 'append', rows: [row(4, '2024-02-01'), row(5, '2024-02-02')] },
    )
    if (version > 1) {
      await tables.change(
        name,
        { do: 'rowDelta', where: { op: 'in', column: 'id', values: [1, 4] } },
        { do: 'rowDelta', equal: { columns: ['id'], rows: [row(5, '2024-02-02')] }, rows: [row(6, null)] },
      )
    }
    await tables.change(name, { do: 'delete', filter: { op: 'is-null', column: 'day' } })
    for (const table of metadataTableNames) await expectSame(`java.${name}`, table)
    for (const table of ['files', 'entries', 'manifests', 'partitions'] as const)
      await expectSame(`java.${name}`, table, first)
  })
  it('metrics of columns of every kind', async () => {
    const types: Record<string, IcebergType> = {
      id: 'long',
      d: 'double',
      f: 'float',
      n: 'decimal(9, 2)',
      u: 'uuid',
      b: 'binary',
      x: 'fixed[2]',
      o: 'boolean',
      t: 'time',
      z: 'timestamptz',
      s: { type: 'struct', fields: [{ id: 100, name: 'in.ner', type: 'string', required: false }] },
      l: { type: 'list', 'element-id': 101, element: 'int', 'element-required': false },
      m: { type: 'map', 'key-id': 102, key: 'string', 'value-id': 103, value: 'double', 'value-required': false },
    }
    const row = {
      id: '1',
      d: 2.5,
      f: 'nan',
      n: '-1.50',
      u: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
      b: '00ff',
      x: '0102',
      o: true,
      t: '12:34:56.789012',
      z: '2024-02-29T12:00:00.000001Z',
      s: { 'in.ner': 'more than sixteen characters' },
      l: [1, null, 3],
      m: [['k', 'nan']],
    }
    await tables.create('kinds', types, { version: 2 }, { do: 'append', rows: [row, { id: '2', d: 'nan' }, {}] })
    for (const table of ['files', 'entries'] as const) await expectSame('java.kinds', table)
  })
})
