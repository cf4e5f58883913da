import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { currentSchema } from '@phlo/iceberg'
import type { IcebergSchema, LoadedTable } from '@phlo/ports'
import { table, TestLake, z } from '../testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
  await lake.execute(
    `CREATE TABLE a.t (id INT, s STRUCT(a INT, b STRUCT(c VARCHAR)), l STRUCT(x INT, y INT)[], m MAP(VARCHAR, STRUCT(v INT)[]))`,
  )
  const { metadata } = (await lake.catalog.loadTable(table('a.t'))) as LoadedTable
  const strict = (text: string): IcebergSchema =>
    JSON.parse(text.replace(/"(required|element-required|value-required)":false/g, '"$1":true')) as IcebergSchema
  const { fields, ...schema } = strict(JSON.stringify(currentSchema(metadata)))
  // Whole columns may be missing, and what is in them may not.
  const optional = fields.map((field) => ({ ...field, required: field.name === 'id' }))
  await lake.catalog.commit(
    [
      {
        kind: 'table',
        identifier: table('a.t'),
        requirements: [],
        updates: [
          { action: 'add-schema', schema: { ...schema, 'schema-id': 1, fields: optional } },
          { action: 'set-current-schema', 'schema-id': -1 },
        ],
      },
    ],
    { message: 'stricter' },
  )
  await lake.execute(`INSERT INTO a.t VALUES (1, ${full.s}, ${full.l}, ${full.m}), (2, NULL, NULL, NULL)`)
})
afterEach(() => lake.close())

const stored = 'SELECT id, s::VARCHAR AS s, l::VARCHAR AS l, m::VARCHAR AS m FROM a.t ORDER BY id'

const full = {
  s: "{'a': 1, 'b': {'c': 'x'}}",
  l: "[{'x': 1, 'y': 2}]",
  m: "MAP {'k': [{'v': 1}]}",
}

const missing: readonly (readonly [keyof typeof full | 'id', string, string])[] = [
  ['id', 'NULL', 'id'],
  ['s', "{'a': NULL, 'b': {'c': 'x'}}", 's.a'],
  ['s', "{'a': 1, 'b': NULL}", 's.b'],
  ['s', "{'a': 1, 'b': {'c': NULL}}", 's.b.c'],
  ['l', "[{'x': 1, 'y': 2}, NULL]", 'l.element'],
  ['l', "[{'x': 1, 'y': 2}, {'x': 1, 'y': NULL}]", 'l.element.y'],
  ['m', "MAP {'k': NULL}", 'm.value'],
  ['m', "MAP {'k': [{'v': 1}], 'o': [NULL]}", 'm.value.element'],
  ['m', "MAP {'k': [{'v': 1}, {'v': NULL}]}", 'm.value.element.v'],
]

it.each(missing)('nobody leaves out a required field: %s = %s', async (column, value, path) => {
  const before = await lake.rows(stored)
  const refused = { code: 'PHLO_SQL_INVALID', message: expect.stringContaining(`a.t.${path} is NOT NULL`) }
  const id = column === 'id' ? '' : 'id, '
  for (const sql of [
    `INSERT INTO a.t (${id}${column}) VALUES (${id === '' ? '' : '9, '}${value})`,
    `UPDATE a.t SET ${column} = ${value} WHERE id = 1`,
    `MERGE INTO a.t USING (VALUES (1)) v(k) ON t.id = v.k WHEN MATCHED THEN UPDATE SET ${column} = ${value}`,
    `MERGE INTO a.t USING (VALUES (7)) v(k) ON t.id = v.k WHEN NOT MATCHED THEN INSERT (${id}${column}) VALUES (${id === '' ? '' : '9, '}${value})`,
  ])
    await expect(lake.execute(sql)).rejects.toMatchObject(refused)
  expect(await lake.rows(stored)).toEqual(before)
})

it('ingestion rejects rows by the path of what they lack', async () => {
  const Row = z.object({
    id: z.int(),
    l: z.array(z.object({ x: z.int(), y: z.array(z.int()) })).nullable(),
  })
  const rows = [
    { id: 1, l: [{ x: 1, y: [1] }] },
    { id: 2, l: null },
    { id: 3, l: [{ x: 1, y: [1] }, { y: [2] }] },
    { id: 4, l: [{ x: 1, y: [null] }] },
    { id: 5, l: [null] },
  ]
  const file = await lake.file('rows.ndjson', rows.map((row) => JSON.stringify(row)).join('\n'))
  const result = await lake.ingest(Row, { inputs: [{ type: 'files', format: 'ndjson', paths: [file] }] })
  expect(result).toMatchObject({ written: 2, rejected: 3 })
  expect(
    (await lake.rows('SELECT rules FROM quarantine.t ORDER BY source_row')).map(({ rules }) => [
      ...(rules as Iterable<string>),
    ]),
  ).toEqual([['l.element.x required'], ['l.element.y.element required'], ['l.element required']])
})
