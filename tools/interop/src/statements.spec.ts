import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { canonical, Readers } from './readers.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

type Row = { readonly id: number; readonly day: string | null; readonly v: string | null }

const days = ['2024-01-01', '2024-01-02', null]
const made = (id: number): Row => ({ id, day: days[id % 3]!, v: `v${id}` })

describe.each([
  ['copy-on-write', 1],
  ['copy-on-write', 2],
  ['merge-on-read', 2],
  ['copy-on-write', 3],
  ['merge-on-read', 3],
] as const)('statements, %s, on tables of version %s', (mode, version) => {
  it.each([
    ['without partitions', ''],
    ['by days', 'PARTITIONED BY (day(day))'],
    ['by several', 'PARTITIONED BY (bucket(3, id), v)'],
  ])('change rows alike for all readers, %s', async (which, partitioning) => {
    const name = `s.${mode}_${version}_${which}`.replaceAll(/[^\w.]+/g, '_')
    const snapshots: { readonly snapshotId: bigint; readonly rows: readonly Row[] }[] = []
    let rows: readonly Row[] = []
    const run = async (sql: string, after: readonly Row[]) => {
      await readers.lake.execute(sql.replaceAll('tbl', name))
      rows = after
      const sorted = [...after].sort((left, right) => left.id - right.id)
      await readers.expectRows(name, canonical(sorted))
      await readers.expectAgreement(name)
      const { metadata } = await readers.lake.load(name)
      const snapshotId = metadata['current-snapshot-id']
      if (snapshotId !== undefined) snapshots.push({ snapshotId, rows: sorted })
    }
    const modes = ['delete', 'update', 'merge'].map((command) => `'write.${command}.mode' = '${mode}'`)
    await run(
      `CREATE TABLE tbl ${partitioning} WITH ('format-version' = ${version}, ${modes.join(', ')}) AS
       SELECT range::INT AS id, CASE range % 3 WHEN 0 THEN DATE '2024-01-01' WHEN 1 THEN DATE '2024-01-02' END AS day,
              'v' || range AS v FROM range(12)`,
      Array.from({ length: 12 }, (_, id) => made(id)),
    )
    await run(
      "INSERT INTO tbl VALUES (12, '2024-01-01', NULL), (13, NULL, 'v13')",
      [...rows, { id: 12, day: '2024-01-01', v: null }, made(13)].map((row) =>
        row.id === 13 ? { ...row, day: null } : row,
      ),
    )
    await run(
      'DELETE FROM tbl WHERE id IN (1, 4, 13)',
      rows.filter(({ id }) => ![1, 4, 13].includes(id)),
    )
    await run(
      'DELETE FROM tbl WHERE id < 3',
      rows.filter(({ id }) => id >= 3),
    )
    await run(
      "UPDATE tbl SET v = v || '!', day = DATE '2024-01-02' WHERE id % 2 = 1",
      rows.map((row) => (row.id % 2 ? { ...row, v: row.v && `${row.v}!`, day: '2024-01-02' } : row)),
    )
    await run(
      `MERGE INTO tbl AS t USING (VALUES (5, 'five'), (6, NULL), (20, 'new')) AS s(id, v) ON t.id = s.id
       WHEN MATCHED AND s.v IS NULL THEN DELETE
       WHEN MATCHED THEN UPDATE SET v = s.v
       WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)
       WHEN NOT MATCHED BY SOURCE AND t.id = 7 THEN DELETE`,
      [
        ...rows.filter(({ id }) => id !== 6 && id !== 7).map((row) => (row.id === 5 ? { ...row, v: 'five' } : row)),
        { id: 20, day: null, v: 'new' },
      ],
    )
    await run(
      "DELETE FROM tbl WHERE day = DATE '2024-01-02'",
      rows.filter(({ day }) => day !== '2024-01-02'),
    )
    await run('TRUNCATE tbl', [])
    await run("INSERT INTO tbl VALUES (1, NULL, 'again')", [{ id: 1, day: null, v: 'again' }])
    for (const { snapshotId, rows: old } of snapshots) await readers.expectRows(name, canonical(old), { snapshotId })
    const { metadata } = await readers.lake.load(name)
    expect(metadata['format-version']).toBe(version)
  })
})
