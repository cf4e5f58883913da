import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { canonical, Readers } from './readers.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

type Row = { readonly id: number; readonly part: number | null; readonly v: string }

const parts = [0, 1, 2, null]
const made = (id: number): Row => ({ id, part: parts[id % 4] ?? null, v: `v${id}` })
const madeSql = "CASE WHEN id % 4 < 3 THEN (id % 4)::INT END AS part, 'v' || id AS v"

const merge = `MERGE INTO tbl AS t USING (
    SELECT id::INT AS id, CASE WHEN id % 7 <> 0 THEN 's' || id END AS w
    FROM (SELECT unnest(range(100, 200)) AS id UNION ALL SELECT unnest([6000, 6001, 7001]))
  ) AS s ON t.id = s.id
  WHEN MATCHED AND s.w IS NULL THEN DELETE
  WHEN MATCHED AND t.part = 1 THEN UPDATE SET v = 'one'
  WHEN MATCHED AND t.part = 2 THEN DO NOTHING
  WHEN MATCHED THEN UPDATE SET v = s.w, part = 1
  WHEN NOT MATCHED AND s.id < 7000 THEN INSERT (id, v) VALUES (s.id, s.w)
  WHEN NOT MATCHED THEN INSERT (id, part, v) VALUES (s.id, 0, 'far')
  WHEN NOT MATCHED BY SOURCE AND t.id < 10 THEN DELETE
  WHEN NOT MATCHED BY SOURCE AND t.id < 20 THEN UPDATE SET v = 'left'`

function merged(rows: readonly Row[]): readonly Row[] {
  const kept = rows.flatMap((row): readonly Row[] => {
    const { id, part } = row
    if (id < 10) return []
    if (id < 20) return [{ ...row, v: 'left' }]
    if (id < 100 || id >= 200) return [row]
    if (id % 7 === 0) return []
    if (part === 1) return [{ ...row, v: 'one' }]
    return part === 2 ? [row] : [{ ...row, v: `s${id}`, part: 1 }]
  })
  const added = [
    { id: 6000, part: null, v: 's6000' },
    { id: 6001, part: null, v: 's6001' },
    { id: 7001, part: 0, v: 'far' },
  ]
  return [...kept, ...added]
}

const layouts = [
  ['plain', ''],
  ['parted', 'PARTITIONED BY (part)'],
  ['sorted', 'SORTED BY (id)'],
  ['parted and sorted', 'PARTITIONED BY (part, truncate(1000, id)) SORTED BY (v DESC, id)'],
] as const

describe.each(['none', 'hash', 'range'])('rows that are dealt out to files by %s', (mode) => {
  it.each([
    ...layouts.map(([which, how]) => [which, 'copy-on-write', 2, how] as const),
    ...layouts.slice(1).map(([which, how]) => [which, 'merge-on-read', 3, how] as const),
  ])('are the same to all readers: %s, %s, version %s', async (which, command, version, how) => {
    const name = `dealt.${mode}_${which}_${version}`.replaceAll(' ', '_')
    const { lake } = readers
    let rows: readonly Row[] = []
    const expectRows = async (after: readonly Row[]) => {
      rows = [...after].sort((left, right) => left.id - right.id)
      await readers.expectRows(name, canonical(rows))
      await readers.expectAgreement(name)
    }
    const run = async (sql: string, after: readonly Row[]) => {
      await lake.execute(sql.replaceAll('tbl', name))
      await expectRows(after)
    }
    const properties = {
      'format-version': version,
      'write.distribution-mode': mode,
      ...Object.fromEntries(['delete', 'update', 'merge'].map((kind) => [`write.${kind}.mode`, command])),
      ...Object.fromEntries(['delete', 'update', 'merge'].map((kind) => [`write.${kind}.distribution-mode`, mode])),
    }
    const said = Object.entries(properties).map(([key, value]) => `'${key}' = '${value}'`)
    await run(
      `CREATE TABLE tbl ${how} WITH (${said.join(', ')}) AS
       SELECT id::INT AS id, ${madeSql} FROM (SELECT (range * 7919) % 600 AS id FROM range(600))`,
      Array.from({ length: 600 }, (_, id) => made(id)),
    )
    await run(`INSERT INTO tbl SELECT id, ${madeSql} FROM (SELECT unnest([5003, 5001, 5002]) AS id)`, [
      ...rows,
      ...[5001, 5002, 5003].map(made),
    ])
    await run(
      "UPDATE tbl SET v = v || '!', part = 2 WHERE id % 50 = 1",
      rows.map((row) => (row.id % 50 === 1 ? { ...row, v: `${row.v}!`, part: 2 } : row)),
    )
    await run(merge, merged(rows))
    const { metadata } = await lake.load(name)
    const snapshotId = metadata['current-snapshot-id'] ?? 0n
    const before = rows
    const { addedFiles } = await lake.rewrite(name, { all: true })
    expect(addedFiles).toBeGreaterThan(0)
    await expectRows(rows)
    await readers.expectRows(name, canonical(before), { snapshotId })
    // PyIceberg's sizes in snapshots leave out files of deletes.
    if (command === 'copy-on-write') expect((await readers.expectSound(name)).files).toHaveLength(addedFiles)
    expect(await readers.expectPlan(name, { op: 'eq', column: 'part', value: 1 })).toBeGreaterThan(0)
  })
})

// What rows take is known from the first file, of half a million.
it('files of ranges do not overlap, as PyIceberg reads their bounds', async () => {
  const name = 'dealt.ranges'
  await readers.lake.execute(
    `CREATE TABLE ${name} SORTED BY (id) WITH ('write.target-file-size-bytes' = '100000') AS
     SELECT (range * 7919) % 600000 AS id FROM range(600000)`,
  )
  const { files } = await readers.witness.entries(await readers.lake.metadata(name))
  expect(files.length).toBeGreaterThan(2)
  const ranges = files
    .map(({ lower, upper }) => [Number(lower['1']), Number(upper['1'])] as const)
    .sort(([left], [right]) => left - right)
  const followed = ranges.slice(1).map(([low]) => low - 1)
  expect(ranges.map(([, high]) => high)).toEqual([...followed, 599_999])
  expect(files.flatMap(({ wrong }) => wrong)).toEqual([])
  await readers.expectAgreement(name)
})
