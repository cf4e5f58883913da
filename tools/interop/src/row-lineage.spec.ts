import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { columns } from './lake.js'
import { canonical, Readers } from './readers.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

type Row = Readonly<Record<string, unknown>>
type Lineage = Readonly<Record<string, readonly unknown[]>>

/** What is expected of a row: its own id, or `new` for one of its own; and the commit that changed it last. */
type Expected = readonly [id: string, changed: number]

/** Rows have the ids and commits that they should, and nobody else had a new row's id before. */
async function expectLineage(name: string, before: Lineage, expected: Readonly<Record<string, Expected>>) {
  const found = await readers.lineage(name)
  const had = new Set(Object.values(before).map(([id]) => id))
  const ids = Object.values(found).map(([id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  const said = Object.fromEntries(
    Object.entries(found).map(([key, [id, changed]]) => [
      key,
      [expected[key]?.[0] === 'new' && id !== null && !had.has(id) ? 'new' : id, Number(changed)],
    ]),
  )
  expect(said).toEqual(expected)
  return found
}

describe.each(['copy-on-write', 'merge-on-read'])('rows of version 3 by %s', (mode) => {
  const modes = ['delete', 'update', 'merge'].map((command) => `'write.${command}.mode' = '${mode}'`)
  const properties = `WITH ('format-version' = 3, ${modes.join(', ')})`

  it.each([
    ['plain', ''],
    ['parted', 'PARTITIONED BY (part)'],
  ])('keep their ids through statements: %s', async (which, how) => {
    const name = `lineage.${mode}_${which}`.replaceAll('-', '_')
    const { lake } = readers
    let rows: readonly Row[] = []
    const run = async (sql: string, after: readonly Row[]) => {
      await lake.execute(sql.replaceAll('tbl', name))
      rows = [...after].sort((left, right) => Number(left['id']) - Number(right['id']))
      await readers.expectRows(name, canonical(rows))
      await readers.expectAgreement(name)
    }
    const row = (id: number) => ({ id, part: id % 2, v: `v${id}` })
    await run(
      `CREATE TABLE tbl ${how} ${properties} AS
       SELECT range::INT AS id, (range % 2)::INT AS part, 'v' || range AS v FROM range(8)`,
      Array.from({ length: 8 }, (_, id) => row(id)),
    )
    await run("INSERT INTO tbl VALUES (8, 0, 'v8')", [...rows, row(8)])
    const first = await readers.lineage(name)
    const own = (id: number) => String(first[id]?.[0])
    expect(Object.values(first).map(([id]) => Number(id))).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 5, 6, 7]))
    await run(
      "UPDATE tbl SET v = 'changed', part = 1 - part WHERE id IN (1, 2)",
      rows.map((old) =>
        old['id'] === 1 || old['id'] === 2 ? { ...old, v: 'changed', part: 1 - Number(old['part']) } : old,
      ),
    )
    const updated = await expectLineage(name, first, {
      ...Object.fromEntries([0, 3, 4, 5, 6, 7].map((id) => [id, [own(id), 1]])),
      1: [own(1), 3],
      2: [own(2), 3],
      8: [own(8), 2],
    })
    await run(
      'DELETE FROM tbl WHERE id = 3',
      rows.filter(({ id }) => id !== 3),
    )
    await run(
      `MERGE INTO tbl AS t USING (VALUES (2, 'two'), (4, NULL), (5, 'five'), (20, 'new'), (30, 'far')) AS s(id, v)
         ON t.id = s.id
       WHEN MATCHED AND s.v IS NULL THEN DELETE
       WHEN MATCHED AND t.part = 1 THEN UPDATE SET v = s.v, part = 0
       WHEN MATCHED THEN UPDATE SET v = s.v
       WHEN NOT MATCHED AND s.id < 25 THEN INSERT (id, part, v) VALUES (s.id, 1, s.v)
       WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)
       WHEN NOT MATCHED BY SOURCE AND t.id = 6 THEN DELETE
       WHEN NOT MATCHED BY SOURCE AND t.id = 7 THEN UPDATE SET v = 'left'`,
      [
        { id: 0, part: 0, v: 'v0' },
        { id: 1, part: 0, v: 'changed' },
        { id: 2, part: 0, v: 'two' },
        { id: 5, part: 0, v: 'five' },
        { id: 7, part: 1, v: 'left' },
        { id: 8, part: 0, v: 'v8' },
        { id: 20, part: 1, v: 'new' },
        { id: 30, part: null, v: 'far' },
      ],
    )
    const merged = await expectLineage(name, updated, {
      0: [own(0), 1],
      1: [own(1), 3],
      2: [own(2), 5],
      5: [own(5), 5],
      7: [own(7), 5],
      8: [own(8), 2],
      20: ['new', 5],
      30: ['new', 5],
    })
    await lake.rewrite(name, { all: true })
    await readers.expectRows(name, canonical(rows))
    expect(await readers.lineage(name)).toEqual(merged)
  })

  it('keep their ids where ingestion replaces them', async () => {
    const name = `lineage.ingested_${mode}`.replaceAll('-', '_')
    const { lake } = readers
    await lake.execute(`CREATE TABLE ${name} ${properties} AS SELECT range::INT AS id, 'v' || range AS v FROM range(4)`)
    await lake.execute(`INSERT INTO ${name} VALUES (4, 'v4')`)
    const first = await readers.lineage(name)
    const own = (id: number) => String(first[id]?.[0])
    const schema = columns({ id: 'int', v: 'string' })
    const merge = { strategy: { kind: 'merge', key: ['id'], keep: 'last' } } as const
    await lake.ingest(
      name,
      schema,
      [1, 4, 9].map((id) => ({ id, v: 'in' })),
      merge,
    )
    const rows = [
      { id: 0, v: 'v0' },
      { id: 1, v: 'in' },
      { id: 2, v: 'v2' },
      { id: 3, v: 'v3' },
      { id: 4, v: 'in' },
      { id: 9, v: 'in' },
    ]
    await readers.expectRows(name, canonical(rows))
    await readers.expectAgreement(name)
    const second = await expectLineage(name, first, {
      ...Object.fromEntries([0, 2, 3].map((id) => [id, [own(id), 1]])),
      1: [own(1), 3],
      4: [own(4), 3],
      9: ['new', 3],
    })
    await lake.ingest(name, schema, [{ id: 9, v: 'again' }], merge)
    await readers.expectRows(name, canonical([...rows.slice(0, -1), { id: 9, v: 'again' }]))
    await expectLineage(name, second, {
      ...Object.fromEntries([0, 2, 3].map((id) => [id, [own(id), 1]])),
      1: [own(1), 3],
      4: [own(4), 3],
      9: [String(second[9]?.[0]), 4],
    })
  })
})
