import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { currentSchema, planScan, type ScanTask } from '@phlo/iceberg'
import { DuckDbHost } from '../duckdb-host.js'
import { DuckDbOptions } from '../options.js'
import { rowsSelect } from '../reading/rows-select.js'
import { table, TestLake, z } from '../testing/lake.js'

let lake: TestLake
let host: DuckDbHost
beforeEach(async () => {
  lake = await TestLake.open()
  host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, `${lake.folder}/open`)
})
afterEach(async () => {
  await host.close()
  await lake.close()
})

/** By `id`: the row's own id, and the sequence number of the commit that changed it last. */
async function lineage(name = 'a.t'): Promise<unknown[]> {
  const metadata = (await lake.catalog.loadTable(table(name)))!.metadata
  const tasks: ScanTask[] = []
  for await (const task of planScan(lake.store, metadata)) tasks.push(task)
  return host.connect(async (connection) => {
    const rows = await rowsSelect(connection, lake.store, metadata, tasks, currentSchema(metadata), {
      extra: ['_row_id', '_last_updated_sequence_number'],
    })
    const found = await connection.run(`FROM (${rows}) ORDER BY id`)
    return found.map(({ id, _row_id: row, _last_updated_sequence_number: changed }) => [
      Number(id),
      Number(row),
      Number(changed),
    ])
  })
}

it.each(['copy-on-write', 'merge-on-read'])(
  'rows of version 3 keep their ids when they are changed by %s',
  async (mode) => {
    await lake.execute(
      `CREATE TABLE a.t WITH ('format-version' = 3, 'write.update.mode' = '${mode}', 'write.merge.mode' = '${mode}', 'write.delete.mode' = '${mode}')
     AS SELECT range::INT AS id, 'x' AS s FROM range(5)`,
    )
    const first = (await lineage()) as [number, number, number][]
    expect(first.map(([id, , changed]) => [id, changed])).toEqual([0, 1, 2, 3, 4].map((id) => [id, 1]))
    const idOf = new Map(first.map(([id, row]) => [id, row]))
    expect(new Set(idOf.values())).toEqual(new Set([0, 1, 2, 3, 4]))
    await lake.execute("UPDATE a.t SET s = 'y' WHERE id = 3")
    await lake.execute('DELETE FROM a.t WHERE id = 0')
    await lake.execute(
      "MERGE INTO a.t USING (VALUES (4, 'z'), (9, 'new')) v(id, s) USING (id) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT",
    )
    const found = (await lineage()) as [number, number, number][]
    expect(found.slice(0, 4)).toEqual([
      [1, idOf.get(1), 1],
      [2, idOf.get(2), 1],
      [3, idOf.get(3), 2],
      [4, idOf.get(4), 4],
    ])
    expect(found[4]?.[0]).toBe(9)
    expect(found[4]?.[1]).toBeGreaterThan(4)
    expect(found[4]?.[2]).toBe(4)
  },
)

it.each([
  ['copy-on-write', 'last'],
  ['merge-on-read', 'last'],
  ['merge-on-read', 'hash'],
] as const)(
  'rows that ingestion replaces by %s keep their ids, of which each stays one row (%s)',
  async (mode, keep) => {
    await lake.execute(
      `CREATE TABLE bronze.t WITH ('format-version' = 3, 'write.merge.mode' = '${mode}')
     AS SELECT range::BIGINT AS id, 'x' AS s FROM range(4)`,
    )
    // A key that the table itself has twice: the rows that replace both have one id of theirs.
    await lake.execute("INSERT INTO bronze.t VALUES (3, 'again')")
    const first = (await lineage('bronze.t')) as [number, number, number][]
    const ids = (id: number) => first.filter(([own]) => own === id).map(([, row]) => row)
    const file = await lake.file('rows.csv', 'id,s\n1,y\n1,z\n3,y\n8,new\n')
    await lake.ingest(z.object({ id: z.int().nullable(), s: z.string().nullable() }), {
      inputs: [{ type: 'files', format: 'csv', paths: [file] }],
      strategy: { kind: 'merge', key: ['id'], keep },
    })
    const found = (await lineage('bronze.t')) as [number, number, number][]
    expect(found.map(([id]) => id)).toEqual(keep === 'hash' ? [0, 1, 1, 2, 3, 8] : [0, 1, 2, 3, 8])
    expect(new Set(found.map(([, row]) => row)).size).toBe(found.length)
    for (const [id, row, changed] of found) {
      if (id === 0 || id === 2) expect([row, changed]).toEqual([ids(id)[0], 1])
      else expect(changed).toBe(3)
      if (id === 3) expect(ids(3)).toContain(row)
      if (id === 8) expect(row).toBeGreaterThan(4)
    }
    expect(found.filter(([id, row]) => id === 1 && row === ids(1)[0])).toHaveLength(1)
    expect(await lake.rows('SELECT s FROM bronze.t WHERE id IN (3, 8) ORDER BY id')).toEqual([{ s: 'y' }, { s: 'new' }])
  },
)

it('rows that are searched for while those that replace them are written keep their ids', async () => {
  await lake.execute(
    `CREATE TABLE bronze.t WITH ('format-version' = 3, 'write.merge.mode' = 'merge-on-read')
     AS SELECT range::BIGINT AS id, 'x' AS s FROM range(4)`,
  )
  const first = (await lineage('bronze.t')) as [number, number, number][]
  const file = `${lake.folder}/rows.parquet`
  await host.connect((connection) =>
    connection.run(`COPY (FROM (VALUES (1::BIGINT, 'y'), (3, 'y'), (8, 'new')) v(id, s)) TO '${file}'`),
  )
  await lake.ingest(z.object({ id: z.int().nullable(), s: z.string().nullable() }), {
    inputs: [{ type: 'files', format: 'parquet', paths: [file] }],
    strategy: { kind: 'merge', key: ['id'], keep: 'last' },
  })
  const found = (await lineage('bronze.t')) as [number, number, number][]
  expect(found.slice(0, 4).map(([id, row]) => [id, row])).toEqual(first.map(([id, row]) => [id, row]))
  expect(found.map(([id, , changed]) => [id, changed])).toEqual([
    [0, 1],
    [1, 2],
    [2, 1],
    [3, 2],
    [8, 2],
  ])
})
