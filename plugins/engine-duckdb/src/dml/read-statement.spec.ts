import { describe, expect, it } from '@jest/globals'
import { isPhloError } from '@phlo/ports'
import fc from 'fast-check'
import type { Span } from './change-statement.js'
import { readChangeStatement } from './read-statement.js'

/** The statement with its spans as the texts that they are. */
function read(sql: string): unknown {
  const texts = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(texts)
    if (typeof value !== 'object' || value === null) return value
    const { start, end } = value as Span
    if (typeof start === 'number') return sql.slice(start, end)
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key, child]) => key !== 'span' && child !== undefined)
        .map(([key, child]) => [key, texts(child)]),
    )
  }
  return texts(readChangeStatement(sql))
}

const target = { table: { namespace: ['a'], name: 't' } }
const column = (name: string) => ({ name })

describe('statements are taken apart', () => {
  it.each<[string, unknown]>([
    ['SELECT 1', undefined],
    ['', undefined],
    ['"insert" into a.t', undefined],
    [
      '/* ; */ insert INTO a.t (x, "Y""z") SELECT \';\' FROM b.u -- end\n;',
      {
        kind: 'insert',
        target,
        columns: [column('x'), column('Y"z')],
        byName: false,
        query: "SELECT ';' FROM b.u",
      },
    ],
    ['INSERT INTO a.t (SELECT 1)', { kind: 'insert', target, byName: false, query: '(SELECT 1)' }],
    ['INSERT INTO a.t DEFAULT VALUES', { kind: 'insert', target, byName: false }],
    [
      'UPDATE a.t AS x SET a = CASE WHEN b IS DISTINCT FROM c THEN 1 END, (b, c) = (DEFAULT, f(1, 2)) FROM (SELECT 1 WHERE TRUE) AS y WHERE x.from = $$ WHERE $$',
      {
        kind: 'update',
        target: { ...target, alias: 'x' },
        assignments: [
          { column: column('a'), value: 'CASE WHEN b IS DISTINCT FROM c THEN 1 END' },
          { column: column('b') },
          { column: column('c'), value: 'f(1, 2)' },
        ],
        from: '(SELECT 1 WHERE TRUE) AS y',
        where: 'x.from = $$ WHERE $$',
      },
    ],
    ["DELETE FROM a.t WHERE x = E'\\';' ;", { kind: 'delete', target, where: "x = E'\\';'" }],
    ['DELETE FROM a.t USING b.u', { kind: 'delete', target, using: 'b.u' }],
    ['TRUNCATE TABLE a.t', { kind: 'truncate', target }],
    ['DROP TABLE IF EXISTS a.t CASCADE', { kind: 'drop', target, ifExists: true }],
    [
      `MERGE INTO a.t x USING b.u JOIN b.v ON u.i = v.i ON x.i = u.i AND (CASE WHEN TRUE THEN 1 END) = 1
       WHEN MATCHED AND CASE WHEN a THEN b END THEN UPDATE SET a = 1, b = DEFAULT
       WHEN NOT MATCHED BY SOURCE THEN DELETE
       WHEN NOT MATCHED THEN INSERT (a) VALUES (f(1, 2))
       WHEN MATCHED THEN DO NOTHING`,
      {
        kind: 'merge',
        target: { ...target, alias: 'x' },
        source: 'b.u JOIN b.v ON u.i = v.i',
        on: 'x.i = u.i AND (CASE WHEN TRUE THEN 1 END) = 1',
        clauses: [
          {
            when: 'matched',
            condition: 'CASE WHEN a THEN b END',
            action: { kind: 'update', assignments: [{ column: column('a'), value: '1' }, { column: column('b') }] },
          },
          { when: 'not-matched-by-source', action: { kind: 'delete' } },
          {
            when: 'not-matched-by-target',
            action: { kind: 'insert', columns: [column('a')], values: ['f(1, 2)'] },
          },
          { when: 'matched', action: { kind: 'nothing' } },
        ],
      },
    ],
    [
      "CREATE TABLE IF NOT EXISTS a.t (i DECIMAL(4, 2) NOT NULL, s STRUCT(x INT, y INT[]) COMMENT 'it''s') PARTITIONED BY (i, bucket(4, i)) WITH (a.b = 'c', 'd' = 1)",
      {
        kind: 'create',
        target,
        orReplace: false,
        ifNotExists: true,
        columns: [
          { column: column('i'), type: 'DECIMAL(4, 2)', required: true },
          { column: column('s'), type: 'STRUCT(x INT, y INT[])', required: false, doc: "it's" },
        ],
        partitionedBy: ['i', 'bucket(4, i)'],
        sortedBy: [],
        properties: { 'a.b': 'c', d: '1' },
      },
    ],
    [
      'ALTER TABLE a.t ALTER COLUMN s.x SET DATA TYPE BIGINT',
      {
        kind: 'alter',
        target,
        ifExists: false,
        alteration: { kind: 'set-type', at: { path: ['s', 'x'] }, type: 'BIGINT' },
      },
    ],
    [
      'ALTER TABLE a.t SET SORTED BY (bucket(2, i) DESC NULLS FIRST, s)',
      {
        kind: 'alter',
        target,
        ifExists: false,
        alteration: {
          kind: 'set-sort-order',
          by: [
            { by: 'bucket(2, i)', descending: true, nullsFirst: true },
            { by: 's', descending: false },
          ],
        },
      },
    ],
    [
      'COMMENT ON COLUMN a.t.s.x IS NULL',
      { kind: 'alter', target, ifExists: false, alteration: { kind: 'set-doc', at: { path: ['s', 'x'] } } },
    ],
  ])('%s', (sql, statement) => {
    expect(read(sql)).toEqual(statement)
  })

  it.each([
    ['INSERT INTO t VALUES (1)', 1, 13],
    ['INSERT INTO a.t VALUES (1) RETURNING *', 1, 28],
    ['DELETE FROM a.t WHERE x; SELECT 1', 1, 26],
    ['DELETE FROM a.t WHERE (x', 1, 25],
    ['DELETE FROM a.t\nWHERE x)', 2, 8],
    ['UPDATE a.t SET x = 1, X = 2', 1, 23],
    ['UPDATE a.t SET x =', 1, 19],
    ['MERGE INTO a.t USING b.u WHEN MATCHED THEN DELETE', 1, 26],
    ['MERGE INTO a.t USING b.u ON x WHEN MATCHED THEN INSERT *', 1, 49],
    ['MERGE INTO a.t USING b.u ON x', 1, 30],
    ['CREATE VIEW a.t AS SELECT 1', 1, 8],
    ['CREATE TABLE a.t (i INT PRIMARY KEY)', 1, 25],
    ['DROP SCHEMA a', 1, 6],
    ['ALTER TABLE a.t RENAME TO b', 1, 17],
  ])('%s is refused at its place', (sql, line, place) => {
    const thrown = (() => {
      try {
        return readChangeStatement(sql)
      } catch (error) {
        return error
      }
    })()
    expect(thrown).toMatchObject({ location: { line, column: place } })
  })
})

const words =
  'INSERT INTO UPDATE SET DELETE FROM MERGE USING ON WHEN MATCHED NOT BY SOURCE THEN AND a.t b.u x y = , ( ) [ ] { } ; \' " $$ $1 ? /* */ -- \n CASE END VALUES SELECT 1 * . CREATE TABLE OR REPLACE AS ALTER ADD COLUMN TYPE INT DEFAULT NULL WHERE DROP COMMENT IS WITH'.split(
    ' ',
  )

it('any text is a statement, none, or an error of the user’s', () => {
  const text = fc.oneof(
    fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((list) => list.join(' ')),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc
      .tuple(fc.constantFrom('INSERT INTO a.t ', 'UPDATE a.t SET x = ', 'MERGE INTO a.t USING '), fc.string())
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (sql) => {
      try {
        readChangeStatement(sql)
      } catch (error) {
        if (!isPhloError(error)) throw error
        expect(error.code).toMatch(/^PHLO_(SQL_INVALID|SQL_FORBIDDEN|UNSUPPORTED)$/)
      }
    }),
    { numRuns: 3000 },
  )
})
