import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type Connection, DuckDbHost } from '../duckdb-host.js'
import { DuckDbOptions } from '../options.js'
import { TestLake } from '../testing/lake.js'

const small = fc.integer({ min: 0, max: 7 })
const value = fc.oneof(fc.integer({ min: -3, max: 3 }).map(String), fc.constant('NULL'))
const text = fc.constantFrom("'a'", "'b'", "'it''s'", 'NULL')
const row = fc.tuple(small, value, text).map((items) => `(${items.join(', ')})`)
const rows = fc.array(row, { minLength: 1, maxLength: 5 }).map((list) => list.join(', '))
/** Rows with distinct keys, for sources that must not match a row twice. */
const keyed = fc
  .uniqueArray(fc.tuple(small, value, text), { selector: ([id]) => id, minLength: 1, maxLength: 5 })
  .map((list) => `(VALUES ${list.map((items) => `(${items.join(', ')})`).join(', ')})`)
const condition = (of: string) =>
  fc.oneof(
    small.map((id) => `${of}id = ${id}`),
    small.map((id) => `${of}id > ${id}`),
    value.map((n) => `${of}n IS DISTINCT FROM ${n}`),
    value.map((n) => `${of}n < ${n}`),
    text.map((s) => `${of}s = ${s}`),
    fc.constant(`${of}s IS NULL`),
    fc.constant(`${of}id IN (SELECT max(id) FROM a.t)`),
    fc.constant('TRUE'),
  )
const assignment = fc.constantFrom(
  'n = n + 1',
  "s = coalesce(s, '') || 'x'",
  'n = id, id = n',
  'n = NULL',
  'id = id + 1',
)
const clause = fc.oneof(
  fc
    .tuple(
      condition('t.'),
      fc.constantFrom('DELETE', 'UPDATE SET n = v.n, s = v.s', 'UPDATE SET n = t.n + v.n', 'DO NOTHING'),
    )
    .map(([when, then]) => `WHEN MATCHED AND ${when} THEN ${then}`),
  fc
    .tuple(
      condition('v.'),
      fc.constantFrom('INSERT (id, n, s) VALUES (v.id, v.n, v.s)', 'INSERT (s) VALUES (v.s)', 'DO NOTHING'),
    )
    .map(([when, then]) => `WHEN NOT MATCHED AND ${when} THEN ${then}`),
  fc
    .tuple(condition('t.'), fc.constantFrom('DELETE', 'UPDATE SET n = 9', 'DO NOTHING'))
    .map(([when, then]) => `WHEN NOT MATCHED BY SOURCE AND ${when} THEN ${then}`),
)
/** Every row of the source becomes one of the table. */
const copies = fc
  .tuple(
    fc.constantFrom('SET n = v.n, s = v.s', 'SET s = v.s, N = v.N, id = v.id', '', 'SET n = v.n'),
    fc.constantFrom('INSERT', 'INSERT (s, id, n) VALUES (v.s, v.id, v.n)', 'INSERT (id, n, s) VALUES (v.n, v.id, v.s)'),
    fc.boolean(),
  )
  .map(([update, insert, turned]) => {
    const clauses = [`WHEN MATCHED THEN UPDATE ${update}`, `WHEN NOT MATCHED THEN ${insert}`]
    return (turned ? clauses.reverse() : clauses).join(' ')
  })
const statement = fc.oneof(
  rows.map((list) => `INSERT INTO a.t VALUES ${list}`),
  fc.constant('INSERT INTO a.t (s, id) SELECT s, id + 1 FROM a.t WHERE id < 2'),
  fc.tuple(assignment, condition('')).map(([set, where]) => `UPDATE a.t SET ${set} WHERE ${where}`),
  keyed.map((source) => `UPDATE a.t SET n = v.x FROM ${source} v(k, x, y) WHERE k = t.id AND t.s IS NOT NULL`),
  condition('').map((where) => `DELETE FROM a.t WHERE ${where}`),
  rows.map((list) => `DELETE FROM a.t AS t USING (VALUES ${list}) v(x, y, z) WHERE t.id = v.x`),
  fc
    .tuple(keyed, copies, fc.constantFrom('', ' AND t.n IS DISTINCT FROM v.n'))
    .map(
      ([source, clauses, more]) =>
        `MERGE INTO a.t AS t USING ${source} AS v(id, n, s) ON t.id = v.id${more} ${clauses}`,
    ),
  fc
    .tuple(keyed, fc.array(clause, { minLength: 1, maxLength: 4 }))
    .map(
      ([source, clauses]) => `MERGE INTO a.t AS t USING ${source} AS v(id, n, s) ON t.id = v.id ${clauses.join(' ')}`,
    ),
)

const ordered = 'SELECT id, n, s FROM a.t ORDER BY ALL'

async function plainCount(connection: Connection, sql: string): Promise<number> {
  const [counted] = await connection.run(sql)
  return Number(counted?.['Count'])
}

it.each([
  ['copy-on-write', 2, ''],
  ['merge-on-read', 2, 'PARTITIONED BY (s)'],
  ['copy-on-write', 3, 'PARTITIONED BY (bucket(2, id))'],
  ['merge-on-read', 3, ''],
])(
  'statements on %s tables of version %i %s give the rows that DuckDB’s own tables have',
  async (mode, version, partitions) => {
    const lake = await TestLake.open()
    const host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, `${lake.folder}/plain`)
    const properties = ['delete', 'update', 'merge'].map((command) => `'write.${command}.mode' = '${mode}'`)
    try {
      await host.connect(async (connection) => {
        await connection.run('CREATE SCHEMA a')
        await fc.assert(
          fc.asyncProperty(rows, fc.array(statement, { minLength: 2, maxLength: 6 }), async (first, statements) => {
            await connection.run('CREATE OR REPLACE TABLE a.t (id INTEGER, n INTEGER, s VARCHAR)')
            await lake.execute(
              `CREATE OR REPLACE TABLE a.t (id INTEGER, n INTEGER, s VARCHAR) ${partitions} WITH ('format-version' = ${version}, ${properties.join(', ')})`,
            )
            for (const sql of [`INSERT INTO a.t VALUES ${first}`, ...statements]) {
              const changed = await plainCount(connection, sql)
              const { inserted, updated, deleted } = await lake.execute(sql)
              expect(inserted + updated + deleted).toBe(changed)
              expect(await lake.rows(ordered)).toEqual(await connection.run(ordered))
            }
          }),
          { numRuns: 12, seed: 4 },
        )
      })
    } finally {
      await host.close()
      await lake.close()
    }
  },
)
