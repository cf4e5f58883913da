import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { plainRows } from '@phlo/ports/testing'
import { TestLake } from '../testing/lake.js'
import { tableAtRef } from './table-at-ref.js'

let lake: TestLake
/** Between the first and the second row of main. */
let between: string
/** The commit with one row. */
let first: string

beforeEach(async () => {
  lake = await TestLake.open()
  await lake.put('a.t', 'SELECT 1::INT AS id')
  first = (await lake.catalog.getRef('main'))?.commit ?? ''
  await lake.catalog.createRef('v1', { type: 'tag' })
  await lake.catalog.createRef('dev/x')
  await lake.put('a.t', 'SELECT 10::INT AS id, true AS fresh', { ref: 'dev/x' })
  await new Promise((resolve) => setTimeout(resolve, 5))
  between = new Date().toISOString()
  await new Promise((resolve) => setTimeout(resolve, 5))
  await lake.put('a.t', 'SELECT 2::INT AS id', { strategy: 'append' })
})
afterEach(() => lake.close())

const rows = async (sql: string, options = {}) => plainRows(await lake.queries.query(sql, options))
const ids = async (from: string, options = {}) =>
  (await rows(`SELECT id FROM ${from} ORDER BY id`, options)).map(({ id }) => id)

describe('A table’s name with a ref', () => {
  it.each([
    ['a', 't', undefined],
    ['', 't@v1', undefined],
    ['a', '@v1', undefined],
    ['a', 't@', undefined],
    ['a', 't@v1', { identifier: { namespace: ['a'], name: 't' }, ref: 'v1' }],
    ['', 'a.t@{2026-01-01}', { identifier: { namespace: ['a'], name: 't' }, ref: '@{2026-01-01}' }],
    ['a', 't@dev@{2026-01-01}', { identifier: { namespace: ['a'], name: 't' }, ref: 'dev@{2026-01-01}' }],
  ])('is read: %j %j', (namespace, name, expected) => {
    expect(tableAtRef(namespace, name)).toEqual(expected)
  })

  it('means the table at that branch, tag, commit or time, wherever the statement itself is run', async () => {
    for (const options of [{}, { ref: 'dev/x' }]) {
      expect(await ids('a."t@v1"', options)).toEqual([1])
      expect(await ids('"a.t@v1"', options)).toEqual([1])
      expect(await ids('a."t@dev/x" WHERE fresh', options)).toEqual([10])
      expect(await ids('a."t@main"', options)).toEqual([1, 2])
      expect(await ids(`a."T@${first}"`, options)).toEqual([1])
      expect(await ids(`a."t@${first.slice(0, 12)}"`, options)).toEqual([1])
      expect(await ids(`a."t@{${between}}"`, options)).toEqual([1])
      expect(await ids(`"a.t@main@{${between}}"`, options)).toEqual([1])
    }
  })

  it('stands beside the table itself, with an alias or under the name that was written', async () => {
    expect(
      await rows(
        `SELECT t.id, "t@v1".id AS was, d.id AS other FROM a.t LEFT JOIN a."t@v1" USING (id)
         CROSS JOIN "a.t@dev/x" d WHERE t.id > 0 ORDER BY t.id`,
      ),
    ).toEqual([
      { id: 1, was: 1, other: 10 },
      { id: 2, was: null, other: 10 },
    ])
    expect(await rows('SELECT "a.t@v1".id FROM "a.t@v1" WHERE "a.t@v1".id = 1')).toEqual([{ id: 1 }])
    expect(await rows('WITH "a.t@v1" AS (SELECT 7 AS id) SELECT id FROM "a.t@v1"')).toEqual([{ id: 7 }])
  })

  it('goes with AT, with what is about the table, and with its changes', async () => {
    const [snapshot] = await rows('SELECT snapshot_id AS id FROM a."t$snapshots@v1"')
    expect(await ids(`a."t@main" AT (VERSION => ${String(snapshot?.['id'])})`)).toEqual([1])
    expect(await ids(`"a.t@main" AT (VERSION => ${String(snapshot?.['id'])})`)).toEqual([1])
    expect(await rows(`SELECT id FROM table_changes('a.t@v1')`)).toEqual([{ id: 1 }])
    expect(await lake.queries.tables('SELECT 1 FROM a.t, a."t@v1", "a.t@main"')).toEqual([
      { identifier: { namespace: ['a'], name: 't' } },
    ])
  })

  it('is refused where there is no such ref, table or time, and for what the engine keeps', async () => {
    await expect(ids('a."t@v2"')).rejects.toMatchObject({ code: 'PHLO_REF_NOT_FOUND', hint: 'Did you mean v1?' })
    await expect(ids('a."u@v1"')).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
    await expect(ids('a."t@{then}"')).rejects.toMatchObject({ code: 'PHLO_REF_INVALID' })
    await expect(ids('"t@v1"')).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
    await expect(ids('"information_schema.tables@v1"')).rejects.toMatchObject({ code: 'PHLO_SQL_FORBIDDEN' })
    await expect(lake.put('a.t@v1', 'SELECT 1 AS id')).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
  })

  it.each([
    `INSERT INTO a."t@v1" VALUES (3)`,
    `UPDATE "a.t@v1" SET id = 3`,
    `DELETE FROM a."t@dev/x"`,
    `CREATE TABLE a."t@new" (id INT)`,
    `DROP TABLE a."t@v1"`,
    `INSERT INTO a.t SELECT id FROM a."t@v1"`,
    `MERGE INTO a.t USING "a.t@v1" s ON t.id = s.id WHEN MATCHED THEN DELETE`,
  ])('is refused in what changes rows: %s', async (sql) => {
    await expect(lake.queries.execute(sql, { message: 'm' })).rejects.toMatchObject({
      code: 'PHLO_SQL_INVALID',
      message: expect.stringMatching(/^table@ref.* understood in queries alone$/),
      location: { line: 1 },
    })
  })
})
