import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { metadataTable, metadataTableNames } from '@phlo/iceberg'
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
  // Phlo does not repeat the bounds as values.
  const theirs = sorted(
    (await java.metadataTable(metadataLocation, table, snapshotId)).map((row) =>
      Object.fromEntries(Object.entries(row).filter(([column]) => column !== 'readable_metrics')),
    ),
  )
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
})
