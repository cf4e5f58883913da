import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type { IcebergType } from '@phlo/ports'
import { JavaTables } from './java-tables.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

/** A struct that may be missing, and of which `a` may not. */
const struct: IcebergType = {
  type: 'struct',
  fields: [
    { id: 100, name: 'a', type: 'int', required: true },
    { id: 101, name: 'b', type: 'string', required: false },
  ],
}

it.each([2, 3] as const)('required fields within structs that Iceberg Java made, version %s', async (version) => {
  const name = `required_${version}`
  const { lake } = tables.readers
  const run = (sql: string) => lake.execute(sql.replaceAll('tbl', `java.${name}`))
  await tables.create(name, { id: 'int!', s: struct }, { version })
  await tables.change(name, { do: 'append', rows: [{ id: 1, s: { a: 1, b: 'x' } }] })
  await run("INSERT INTO tbl VALUES (2, {'a': 2, 'b': NULL}), (3, NULL)")
  await run("UPDATE tbl SET s = {'a': 10, 'b': 'y'} WHERE id = 1")
  await run(`MERGE INTO tbl AS t USING (VALUES (3, 30), (4, 40)) AS s(id, a) ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET s = {'a': s.a, 'b': 'z'}
    WHEN NOT MATCHED THEN INSERT VALUES (s.id, {'a': s.a, 'b': NULL})`)
  const rows = [
    { id: 1, s: { a: 10, b: 'y' } },
    { id: 2, s: { a: 2, b: null } },
    { id: 3, s: { a: 30, b: 'z' } },
    { id: 4, s: { a: 40, b: null } },
  ]
  await tables.expectRows(name, rows)
  for (const sql of [
    "INSERT INTO tbl VALUES (5, {'a': NULL, 'b': 'x'})",
    "UPDATE tbl SET s = {'a': NULL, 'b': 'x'} WHERE id = 1",
  ])
    await expect(run(sql)).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
  await tables.expectRows(name, rows)
})
