import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { plainRows } from '@phlo/ports/testing'
import fc from 'fast-check'
import { TestLake } from '../testing/lake.js'

let lake: TestLake
beforeAll(async () => {
  lake = await TestLake.open({ threads: 2 })
  // One file for each value of part; `a` has bounds, `s` and `d` too.
  const columns = `range AS id, range % 10 AS a, (range % 10 - 5) / 2.0 AS f, CASE WHEN range % 7 = 0 THEN NULL ELSE range % 3 END AS n,
    'k' || (range // 10) AS s, DATE '2024-01-01' + (range // 10)::INT AS d, TIMESTAMP '2024-01-01 06:00:00' + INTERVAL (range // 10) DAY AS ts,
    (range // 10) AS part, range % 2 = 0 AS b, ((range % 10) * 1.25)::DECIMAL(9, 2) AS m`
  await lake.put('a.t', `SELECT ${columns} FROM range(100)`, { partitionBy: ['part'] })
  await lake.put('a.u', `SELECT ${columns.replaceAll('range', 'v')} FROM (SELECT range + 50 AS v FROM range(100))`, {
    partitionBy: ['part'],
  })
  await lake.put('a.nulls', 'SELECT NULL::BIGINT AS part, 1 AS x UNION ALL SELECT range, 2 FROM range(3)', {
    partitionBy: ['part'],
  })
})
afterAll(() => lake.close())

/** The numbers of files that the tables of the statement are read from, in the order of their first mention. */
async function files(sql: string, params: readonly (string | number | bigint | boolean | null)[] = []) {
  const { tables } = await lake.queries.explain(sql, { params })
  return tables.map((read) => read.files.read)
}
const rows = async (sql: string, params: readonly (string | number)[] = []) =>
  plainRows(await lake.queries.query(sql, { params }))

describe('conditions of a statement', () => {
  it('leave out the files that cannot meet them', async () => {
    for (const [condition, expected] of [
      ['part = 3', 1],
      ['3 = part', 1],
      ['part > 7', 2],
      ['7 < part AND part <= 8', 1],
      ['part BETWEEN 2 AND 4', 3],
      ['part NOT BETWEEN 2 AND 4', 7],
      ['part IN (1, 5)', 2],
      ['part NOT IN (1, 5)', 8],
      ['NOT (part = 3 OR part = 4)', 8],
      ['part = 3 OR part = 4', 2],
      ['part = 3 OR random() < 2', 10],
      ['part IS NULL', 0],
      ['part IS NOT NULL', 10],
      ['(part = 3 AND random() < 2) OR (part = 4 AND b)', 2],
      ['NOT (part = 3 AND random() < 2)', 10],
      ["s = 'k3'", 1],
      ["s LIKE 'k3%'", 1],
      ["s LIKE 'k3'", 1],
      ["starts_with(s, 'k3')", 1],
      ["s ^@ 'k3'", 1],
      ["d = '2024-01-03'", 1],
      ["d >= DATE '2024-01-08'", 3],
      ["ts >= TIMESTAMP '2024-01-09'", 2],
      ["ts < '2024-01-02'", 1],
      // DuckDB drops the time here.
      ["ts >= DATE '2024-01-09 23:00'", 10],
      ["ts >= DATE '2024-01-09'", 2],
      ['id = 37', 1],
      ['id::INT = 37', 10],
      ['f < -2.5', 0],
      ['f <= -2.5', 10],
      ['m > 11.25', 0],
      ['part = CAST(3 AS BIGINT)', 1],
      ["part = '3'", 1],
      ['part = 3.5', 10],
      ['part = 9999999999999999999', 10],
      ['part = NULL', 10],
      ['"PART" = 3', 1],
      ['t.part = 3', 1],
      ['a.t.part = 3', 1],
      ['part = 3 AND id IN (SELECT id FROM a.t WHERE part = 4)', 2],
    ] as const) {
      expect([condition, await files(`SELECT * FROM a.t WHERE ${condition}`)]).toEqual([condition, [expected]])
    }
  })

  it('may have values that are bound to parameters', async () => {
    const sql = 'SELECT count(*)::INT AS n FROM a.t WHERE part = $2 AND d > $1'
    expect(await rows(sql, ['2024-01-01', 3])).toEqual([{ n: 10 }])
    expect(await files(sql, ['2024-01-01', 3])).toEqual([1])
    expect(await files('SELECT 1 FROM a.t WHERE part = $1', [null])).toEqual([10])
  })

  it('are about the table that they name, in joins of each kind', async () => {
    for (const [from, expected] of [
      ['a.t, a.u WHERE t.part = 3', [1, 10]],
      ['a.t JOIN a.u USING (id) WHERE t.part = 3 AND u.part = 6', [1, 1]],
      ['a.t x JOIN a.u y ON x.id = y.id AND y.part = 6 AND x.part < 2', [2, 1]],
      ['a.t x LEFT JOIN a.u y ON x.id = y.id AND y.part = 6 AND x.part < 2', [10, 1]],
      ['a.t x RIGHT JOIN a.u y ON x.id = y.id AND y.part = 6 AND x.part < 2', [2, 10]],
      ['a.t x FULL JOIN a.u y ON x.id = y.id AND y.part = 6 AND x.part < 2', [10, 10]],
      ['a.t x LEFT JOIN a.u y ON x.id = y.id WHERE y.part = 6', [10, 1]],
      ['a.t x LEFT JOIN a.u y ON x.id = y.id WHERE y.part IS NULL', [10, 10]],
      ['a.t x LEFT JOIN a.u y ON x.id = y.id WHERE y.part = 6 OR y.part IS NULL', [10, 10]],
      ['a.t x LEFT JOIN a.u y ON x.id = y.id WHERE NOT (y.part IS NOT NULL)', [10, 10]],
      ['a.t x LEFT JOIN a.u y ON x.id = y.id WHERE x.part = 1', [1, 10]],
      ['a.t x FULL JOIN a.u y ON x.id = y.id WHERE x.part = 1', [1, 10]],
      ['a.t x SEMI JOIN a.u y ON x.id = y.id AND x.part = 7 AND y.part = 7', [1, 1]],
      ['a.t x ANTI JOIN a.u y ON x.id = y.id AND x.part = 7 AND y.part = 7', [10, 1]],
      ['a.t x ANTI JOIN a.u y ON x.id = y.id WHERE x.part = 7', [1, 10]],
      ['a.t x POSITIONAL JOIN a.u y WHERE x.part = 1', [10, 10]],
      ['a.t x ASOF JOIN a.u y ON x.id >= y.id WHERE x.part = 9 AND y.part = 6', [1, 10]],
      ['a.t TABLESAMPLE 50% WHERE part = 1', [10]],
      ['a.t x, a.t y WHERE x.part = 1 AND y.part = 2', [2]],
      ['a.t x, a.t y WHERE x.part = 1', [10]],
      ['a.t WHERE part = 1 UNION ALL SELECT 1 FROM a.t WHERE part = 2', [2]],
      ['a.t JOIN a.u USING (part) WHERE part = 6', [10, 10]],
      ['a.t NATURAL JOIN a.u WHERE part = 6', [10, 10]],
    ] as const) {
      expect([from, await files(`SELECT 1 FROM ${from}`)]).toEqual([from, expected])
    }
  })

  it('reach through subqueries and WITH that pass rows on', async () => {
    for (const [sql, expected] of [
      ['SELECT * FROM (SELECT * FROM a.t) WHERE part = 3', [1]],
      ['SELECT * FROM (SELECT id, part AS p FROM a.t) s WHERE s.p = 3', [1]],
      ['SELECT * FROM (SELECT part + 1 AS part FROM a.t) WHERE part = 3', [10]],
      ['SELECT * FROM (SELECT * EXCLUDE (id) FROM a.t) WHERE part = 3', [1]],
      ['SELECT * FROM (SELECT * REPLACE (part + 1 AS part) FROM a.t) WHERE part = 3', [10]],
      ['SELECT * FROM (SELECT * FROM a.t LIMIT 5) WHERE part = 3', [10]],
      ['SELECT * FROM (SELECT DISTINCT part FROM a.t ORDER BY 1) WHERE part = 3', [1]],
      ['SELECT * FROM (SELECT DISTINCT ON (a) part, a FROM a.t) WHERE part = 3', [10]],
      ['SELECT * FROM (SELECT part, row_number() OVER () AS r FROM a.t) WHERE part = 3', [10]],
      ['SELECT * FROM (SELECT part, count(*) FROM a.t GROUP BY part) WHERE part = 3', [10]],
      ['SELECT * FROM (SELECT part, count(*) FROM a.t WHERE a > 3 AND part < 5 GROUP BY ALL) WHERE part = 3', [5]],
      ['SELECT * FROM (SELECT * FROM (SELECT 1 AS part) q, a.t) s WHERE part = 1', [10]],
      ['SELECT * FROM (SELECT * FROM a.t) AS s(part, x) WHERE part = 1', [10]],
      ['WITH q AS (SELECT * FROM a.t) SELECT * FROM q AS z WHERE z.part = 3', [1]],
      ['WITH q AS (SELECT * FROM a.t), r AS (SELECT * FROM q WHERE part > 2) SELECT * FROM r WHERE part < 5', [2]],
      ['WITH q AS (SELECT * FROM a.t) SELECT * FROM q WHERE part = 3 UNION ALL SELECT * FROM q WHERE part = 4', [2]],
      ['WITH q AS (SELECT * FROM a.t) SELECT * FROM q x JOIN q y USING (id) WHERE x.part = 3', [10]],
      ['WITH q AS (SELECT * FROM a.t WHERE part = 1) SELECT * FROM a.t WHERE part = 2', [10]],
      ['WITH q AS (SELECT 1 AS part) SELECT (SELECT max(part) FROM q WHERE part = 2) FROM a.t WHERE part = 1', [1]],
      [
        'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT r.n + 1 FROM r, a.t WHERE part = 1 AND r.n < 3 AND id = 10) SELECT n FROM r',
        [1],
      ],
      ['SELECT EXISTS (SELECT 1 FROM a.u WHERE u.id = t.id AND u.part = 6) FROM a.t WHERE part = 6', [1, 1]],
      ['SELECT part + 1 AS part FROM a.t WHERE part = 3', [1]],
      ['DESCRIBE a.t', [10]],
    ] as const) {
      const found = await files(sql)
      expect([sql, found.toSorted((x, y) => x - y)]).toEqual([sql, expected])
    }
  })

  it('do not look beyond a thousand uses', async () => {
    const chain = Array.from({ length: 12 }, (_, index) => `q${index + 1} AS (FROM q${index} UNION ALL FROM q${index})`)
    const sql = `WITH q0 AS (SELECT part FROM a.t WHERE part = 1), ${chain.join(', ')} SELECT count(*) FROM q12`
    expect(await files(sql)).toEqual([10])
  })
})

describe('a statement', () => {
  /** Conditions in SQL on the columns of one table. */
  const condition = (alias: string): fc.Arbitrary<string> => {
    const small = fc.integer({ min: -1, max: 11 })
    const leaf = fc.oneof(
      fc
        .tuple(fc.constantFrom('part', 'a', 'n', 'id', 'm'), fc.constantFrom('=', '<>', '<', '<=', '>', '>='), small)
        .map(([column, op, value]) => `${alias}.${column} ${op} ${value}`),
      fc
        .tuple(fc.constantFrom('part', 'n'), fc.constantFrom('IN', 'NOT IN'), fc.array(small, { minLength: 1 }))
        .map(([column, op, values]) => `${alias}.${column} ${op} (${values.join(', ')})`),
      fc.tuple(small, small).map(([low, high]) => `${alias}.part BETWEEN ${low} AND ${high}`),
      fc.constantFrom(`${alias}.n IS NULL`, `${alias}.part IS NOT NULL`, `${alias}.b`, `${alias}.part IS NULL`),
      small.map((value) => `${alias}.s LIKE 'k${value}%'`),
      small.map((value) => `${alias}.d > DATE '2024-01-01' + ${value}`),
      small.map((value) => `${alias}.ts >= '2024-01-${String(Math.max(value, 1)).padStart(2, '0')} 06:00'`),
      small.map((value) => `${alias}.a + ${alias}.part = ${value}`),
    )
    return fc.letrec<{ node: string }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.tuple(tie('node'), fc.constantFrom('AND', 'OR'), tie('node')).map(([x, op, y]) => `(${x} ${op} ${y})`),
        tie('node').map((child) => `NOT (${child})`),
      ),
    })).node
  }

  it('gives the same rows as over tables whose files are all read', async () => {
    const joins = fc.constantFrom('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'SEMI JOIN', 'ANTI JOIN')
    await fc.assert(
      fc.asyncProperty(
        condition('x'),
        condition('y'),
        condition('x'),
        condition('y'),
        joins,
        fc.boolean(),
        async (ofX, ofY, onX, onY, join, mixed) => {
          const oneSided = /SEMI|ANTI/.test(join)
          const where = oneSided ? ofX : mixed ? `(${ofX}) OR (${ofY})` : `(${ofX}) AND (${ofY})`
          const query = (t: string, u: string) =>
            `SELECT x.id AS x, ${oneSided ? 'NULL::BIGINT' : 'y.id'} AS y FROM ${t} x ${join} ${u} y ON x.id = y.id AND ((${onX}) OR (${onY})) AND ${onX} WHERE ${where} ORDER BY ALL`
          const whole = query('(SELECT * FROM a.t OFFSET 0)', '(SELECT * FROM a.u OFFSET 0)')
          expect(await rows(query('a.t', 'a.u'))).toEqual(await rows(whole))
          expect(await rows(query('(SELECT * FROM a.t)', '(FROM a.u)'))).toEqual(await rows(whole))
        },
      ),
      { numRuns: 60 },
    )
  })
})
