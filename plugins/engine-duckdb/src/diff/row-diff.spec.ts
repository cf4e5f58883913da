import { parseIdentifier, type TableIdentifier } from '@phlo/ports'
import { plainRows } from '@phlo/ports/testing'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { TestLake } from '../testing/lake.js'

let lake: TestLake
let count = 0

beforeAll(async () => {
  lake = await TestLake.open()
})
afterAll(() => lake.close())

const change = fc.record({
  ref: fc.constantFrom('main', 'other'),
  sql: fc.oneof(
    fc.tuple(fc.nat(9), fc.nat(3)).map(
      ([id, n]) =>
        (t: string) =>
          `DELETE FROM ${t} WHERE id % 10 = ${id} AND n <= ${n}`,
    ),
    fc.tuple(fc.nat(9), fc.nat(3)).map(
      ([id, n]) =>
        (t: string) =>
          `UPDATE ${t} SET n = ${n} WHERE id % 10 = ${id}`,
    ),
    fc.tuple(fc.nat(99), fc.nat(3)).map(
      ([id, n]) =>
        (t: string) =>
          `MERGE INTO ${t} USING (SELECT range::INT AS id, ${n} AS n, 'm' AS s FROM range(${id}, ${id} + 7)) AS src ON src.id = ${t.split('.')[1]}.id WHEN MATCHED THEN UPDATE SET n = src.n WHEN NOT MATCHED THEN INSERT (id, n, s) VALUES (src.id, src.n, src.s)`,
    ),
  ),
})

function table(text: string): TableIdentifier {
  return parseIdentifier(text) as TableIdentifier
}

async function sorted(sql: Promise<readonly object[]>): Promise<string[]> {
  return (await sql).map((row) => JSON.stringify(row)).sort()
}

describe('the rows in which two states differ', () => {
  it('are those of a full join of both, whatever was done to either', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          version: fc.constantFrom(2, 3),
          mode: fc.constantFrom('copy-on-write', 'merge-on-read'),
          keyed: fc.boolean(),
          changes: fc.array(change, { minLength: 1, maxLength: 4 }),
        }),
        async ({ version, mode, keyed, changes }) => {
          const name = `a.t${count++}`
          const properties = Object.fromEntries(
            ['delete', 'update', 'merge'].map((kind) => [`write.${kind}.mode`, mode] as const),
          )
          await lake.queries.execute(
            `CREATE TABLE ${name} (id INT, n INT, s VARCHAR) WITH ('format-version' = '${version}', ` +
              `${Object.entries(properties)
                .map(([key, value]) => `'${key}' = '${value}'`)
                .join(', ')})`,
            { message: 'Make it' },
          )
          for (const part of [0, 30, 60])
            await lake.queries.execute(
              `INSERT INTO ${name} SELECT range::INT, (range % 4)::INT, NULLIF(range % 5, 0)::VARCHAR FROM range(${part}, ${part} + 30)`,
              { message: 'Fill it' },
            )
          const other = `r${count}`
          await lake.catalog.createRef(other)
          for (const { ref, sql } of changes)
            await lake.queries.execute(sql(name), { message: 'Change it', ref: ref === 'main' ? 'main' : other })
          const rows = async (ref: string) => plainRows(await lake.queries.query(`SELECT * FROM ${name}`, { ref }))
          const [was, is] = [await rows('main'), await rows(other)]
          const states = { from: { ref: 'main' }, to: { ref: other } }
          const options = { keys: keyed ? ['id'] : [] }
          const found = await sorted(plainRows(await lake.queries.diffRows(table(name), states, options)))
          expect(found).toEqual(expected(was, is, keyed))
          const kinds = found.map((text) => (JSON.parse(text) as { change: string }).change)
          const times = (kind: string) => kinds.filter((item) => item === kind).length
          expect(await lake.queries.countDiff(table(name), states, options)).toEqual({
            added: times('added'),
            removed: times('removed'),
            changed: times('changed'),
          })
        },
      ),
      { numRuns: 25 },
    )
  })

  it('are told by field id where a column has another name, and without what the later state dropped', async () => {
    await lake.put('a.named', "SELECT 1 AS id, 'x' AS old, 2 AS gone UNION ALL SELECT 2, 'y', 3")
    await lake.catalog.createRef('named')
    for (const sql of [
      'ALTER TABLE a.named RENAME COLUMN old TO new',
      'ALTER TABLE a.named DROP COLUMN gone',
      'ALTER TABLE a.named ADD COLUMN more INT',
      "UPDATE a.named SET new = 'z' WHERE id = 2",
    ])
      await lake.queries.execute(sql, { message: 'Change it', ref: 'named' })
    const states = { from: { ref: 'main' }, to: { ref: 'named' } }
    expect(await sorted(plainRows(await lake.queries.diffRows(table('a.named'), states, { keys: ['id'] })))).toEqual([
      JSON.stringify({
        change: 'changed',
        columns: ['new'],
        before: { id: 2, new: 'y', more: null },
        after: { id: 2, new: 'z', more: null },
      }),
    ])
  })

  it('are refused for two tables of one name', async () => {
    await lake.put('a.twice', 'SELECT 1 AS id')
    await lake.catalog.createRef('twice')
    await lake.queries.execute('DROP TABLE a.twice', { message: 'Drop it', ref: 'twice' })
    await lake.put('a.twice', 'SELECT 1 AS id', { ref: 'twice' })
    const states = { from: { ref: 'main' }, to: { ref: 'twice' } }
    await expect(lake.queries.countDiff(table('a.twice'), states)).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
  })
})

type Row = Readonly<Record<string, unknown>>

/** A full join of the whole states. */
function expected(was: readonly Row[], is: readonly Row[], keyed: boolean): string[] {
  const [left, right] = [[...was], [...is]]
  for (const row of was) {
    const same = right.findIndex((other) => JSON.stringify(other) === JSON.stringify(row))
    if (same < 0) continue
    right.splice(same, 1)
    left.splice(left.indexOf(row), 1)
  }
  const found: object[] = []
  for (const before of left) {
    const at = keyed ? right.findIndex((other) => other['id'] === before['id']) : -1
    const [after] = at < 0 ? [null] : right.splice(at, 1)
    const columns = after ? Object.keys(before).filter((name) => before[name] !== after[name]) : null
    found.push({ change: after ? 'changed' : 'removed', columns, before, after: after ?? null })
  }
  for (const after of right) found.push({ change: 'added', columns: null, before: null, after })
  return found.map((row) => JSON.stringify(row)).sort()
}
