import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { currentSchema } from '@phlo/iceberg'
import { plainRows } from '@phlo/ports/testing'
import { ForeignFiles } from '../testing/foreign-files.js'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
let foreign: ForeignFiles
let ids: readonly bigint[]
let times: readonly number[]
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
  await lake.put('a.t', 'SELECT 1::INT AS id')
  await lake.put('a.t', 'SELECT 2::INT AS id', { strategy: 'append' })
  await lake.put('a.t', 'SELECT unnest([2, 3])::INT AS id')
  await lake.put('a.t', 'SELECT 4::INT AS id', { strategy: 'append' })
  const { metadata } = await foreign.load('a.t')
  ids = (metadata.snapshots ?? []).map((snapshot) => snapshot['snapshot-id'])
  times = (metadata['snapshot-log'] ?? []).map((entry) => entry['timestamp-ms'])
})
afterEach(() => lake.close())

const rows = async (sql: string, options = {}) => plainRows(await lake.queries.query(sql, options))
const changes = async (call: string) =>
  (await rows(`SELECT id, _change_type AS type FROM ${call} ORDER BY _change_ordinal, id`)).map(
    ({ id, type }) => `${String(type)} ${String(id)}`,
  )
const time = (millis: number) => `TIMESTAMPTZ '${new Date(millis).toISOString()}'`
const ref = (name: string, type: 'branch' | 'tag', id: bigint | undefined) =>
  foreign.update('a.t', [{ action: 'set-snapshot-ref', 'ref-name': name, type, 'snapshot-id': id ?? 0n }])

describe('table_changes', () => {
  it('gives what changed after one state of a table, up to another', async () => {
    await ref('v1', 'tag', ids[1])
    await ref('work', 'branch', ids[2])
    const all = ['insert 1', 'insert 2', 'delete 1', 'insert 3', 'insert 4']
    const [, , ...later] = all
    expect(await changes(`table_changes('a.t')`)).toEqual(all)
    expect(await changes(`table_changes('a.t', NULL, NULL)`)).toEqual(all)
    expect(await changes(`table_changes('A.T', ${ids[1]})`)).toEqual(later)
    expect(await changes(`Table_Changes ( 'a.t' , '${ids[1]}', (SELECT 'wo' || 'rk') ) AS c`)).toEqual(
      later.slice(0, 2),
    )
    expect(await changes(`"table_changes"('a.t', 'v1', 'main')`)).toEqual(later)
    expect(await changes(`table_changes('a.t', ${time(times[0] ?? 0)}, ${time(times[1] ?? 0)})`)).toEqual(['insert 2'])
    expect(await changes(`table_changes('a.t', DATE '2001-01-01', ${ids[0]})`)).toEqual(['insert 1'])
    expect(await changes(`table_changes('a.t', 'work', 'work')`)).toEqual([])
    expect(await changes(`table_changes('a.t', now() + INTERVAL 1 DAY)`)).toEqual([])
  })

  it('is a table like others: with an alias, joined, filtered, several times', async () => {
    expect(
      await rows(
        `WITH fresh AS (SELECT table_changes.id FROM table_changes('a.t', ${ids[2]}, ${ids[3]}))
         SELECT c.id, fresh.id AS f, t.id AS t FROM table_changes('a.t', ${ids[0]}, ${ids[1]}) c, fresh, a.t WHERE t.id = 3`,
      ),
    ).toEqual([{ id: 2, f: 4, t: 3 }])
    expect(await changes(`table_changes('a.t', ${ids[0]}) WHERE id >= 3`)).toEqual(['insert 3', 'insert 4'])
    expect(await lake.queries.tables(`SELECT 1 FROM table_changes('a.t', 1)`)).toEqual([{ identifier: table('a.t') }])
    // Its end is the state that the query is about.
    const pinned = { snapshots: [{ table: table('a.t'), snapshotId: ids[1] ?? 0n }] }
    expect(await rows(`SELECT id FROM table_changes('a.t', ${ids[0]})`, pinned)).toEqual([{ id: 2 }])
  })

  it('has images from before and after where identifier fields tell which row became which', async () => {
    await lake.put('b.t', "SELECT range AS id, 'old' AS s FROM range(2)")
    const of = currentSchema((await foreign.load('b.t')).metadata)
    const fields = of.fields.map((field) => ({ ...field, required: field.name === 'id' }))
    await foreign.update('b.t', [
      { action: 'add-schema', schema: { ...of, 'schema-id': 1, fields, 'identifier-field-ids': [1] } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ])
    const [first] = ((await foreign.load('b.t')).metadata.snapshots ?? []).map((snapshot) => snapshot['snapshot-id'])
    await lake.queries.execute("UPDATE b.t SET s = 'new' WHERE id = 1", { message: 'm' })
    expect(
      await rows(`SELECT id::INT AS id, s, _change_type AS type FROM table_changes('b.t', ${first}) ORDER BY type`),
    ).toEqual([
      { id: 1, s: 'new', type: 'update_after' },
      { id: 1, s: 'old', type: 'update_before' },
    ])
  })

  it('refuses ends that are none, the wrong way round, or of two histories', async () => {
    await ref('side', 'branch', ids[0])
    for (const [call, code] of [
      [`'a.t', ${ids[2]}, ${ids[1]}`, 'PHLO_SNAPSHOT_UNFIT'],
      [`'a.t', 'main', 'side'`, 'PHLO_SNAPSHOT_UNFIT'],
      [`'a.t', 17`, 'PHLO_SNAPSHOT_NOT_FOUND'],
      [`'a.t', 1, 17`, 'PHLO_SNAPSHOT_NOT_FOUND'],
      [`'a.t', 'nowhere'`, 'PHLO_SQL_INVALID'],
      [`'a.t', 1 / 'x'`, 'PHLO_SQL_INVALID'],
      [`'a.t', nothing`, 'PHLO_SQL_INVALID'],
      [`'a.t', 1, 2, 3`, 'PHLO_SQL_INVALID'],
      [`'a.t', start => 1`, 'PHLO_SQL_INVALID'],
      [`'t'`, 'PHLO_SQL_INVALID'],
      [`(SELECT 'a.t')`, 'PHLO_SQL_INVALID'],
      [``, 'PHLO_SQL_INVALID'],
      [`'a.none'`, 'PHLO_TABLE_NOT_FOUND'],
      [`'information_schema.tables'`, 'PHLO_SQL_FORBIDDEN'],
    ])
      await expect(rows(`SELECT * FROM table_changes(${call})`)).rejects.toMatchObject({ code })
    await expect(rows(`SELECT * FROM main.table_changes('a.t')`)).rejects.toMatchObject({ code: 'PHLO_SQL_FORBIDDEN' })
    await expect(rows(`SELECT 1\nFROM table_changes('a.t', ${ids[0]}) WHERE nope = 1`)).rejects.toMatchObject({
      code: 'PHLO_SQL_INVALID',
      location: { line: 2, column: `FROM table_changes('a.t', ${ids[0]}) WHERE `.length + 1 },
    })
  })
})

describe('table_appends', () => {
  it('gives the rows that were appended between two states, and "$appends" those of all the history', async () => {
    const appended = async (from: string) =>
      (await rows(`SELECT id, _change_ordinal::INT AS n FROM ${from} ORDER BY n`)).map(({ id, n }) => [id, n])
    expect(await appended(`table_appends('a.t', ${ids[0]})`)).toEqual([
      [2, 0],
      [4, 1],
    ])
    expect(await appended(`table_appends('a.t', ${ids[2]}, ${ids[3]})`)).toEqual([[4, 0]])
    expect(await appended(`a."t$appends" AT (VERSION => ${ids[1]})`)).toEqual([
      [1, 0],
      [2, 1],
    ])
    expect(await rows(`SELECT _commit_snapshot_id = ${ids[3]} AS same FROM a."t$appends" WHERE id = 4`)).toEqual([
      { same: true },
    ])
    expect(await appended(`table_appends('a.t', 'main')`)).toEqual([])
  })
})
