import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { plainRows } from '@phlo/ports/testing'
import { ForeignFiles } from '../testing/foreign-files.js'
import { table, TestLake } from '../testing/lake.js'
import { findAtClause, withoutStates } from './at-clause.js'

let lake: TestLake
let foreign: ForeignFiles
let ids: readonly bigint[]
let times: readonly number[]
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
  for (const id of [1, 2, 3]) await lake.put('a.t', `SELECT ${id}::INT AS id`, { strategy: 'append' })
  const { metadata } = await foreign.load('a.t')
  const snapshots = metadata.snapshots ?? []
  ids = snapshots.map((snapshot) => snapshot['snapshot-id'])
  times = (metadata['snapshot-log'] ?? []).map((entry) => entry['timestamp-ms'])
})
afterEach(() => lake.close())

const rows = async (sql: string, options = {}) => plainRows(await lake.queries.query(sql, options))
const iso = (millis: number) => new Date(millis).toISOString().replace('T', ' ').replace('Z', '')

describe('AT in a statement', () => {
  it('reads a table at a snapshot, a tag, a branch of its own, or a time, each reference by itself', async () => {
    await foreign.update('a.t', [
      { action: 'set-snapshot-ref', 'ref-name': 'first', type: 'tag', 'snapshot-id': ids[0] ?? 0n },
      { action: 'set-snapshot-ref', 'ref-name': 'audit é', type: 'branch', 'snapshot-id': ids[1] ?? 0n },
    ])
    const count = async (from: string) => (await rows(`SELECT count(*)::INT AS n FROM ${from}`))[0]?.['n']
    expect(await count(`a.t AT (VERSION => ${ids[1]})`)).toBe(2)
    expect(await count(`a.t AT (VERSION => '${ids[1]}')`)).toBe(2)
    expect(await count(`a.t AT (VERSION => 'first')`)).toBe(1)
    expect(await count(`"a"."t" x AT (VERSION => 'audit é') WHERE x.id > 1`)).toBe(1)
    expect(await count(`a.t AT (TIMESTAMP => '${iso(times[1] ?? 0)}')`)).toBe(2)
    expect(await count(`a.t AT (TIMESTAMP => TIMESTAMPTZ '${iso(times[0] ?? 0)}+00')`)).toBe(1)
    expect(await count(`a.t AT (TIMESTAMP => now() + INTERVAL 1 DAY) WHERE t.id = 2`)).toBe(1)
    expect(
      await rows(
        `WITH old AS (SELECT id FROM A.T AT (VERSION => 'first'))
         SELECT t.id FROM a.t EXCEPT SELECT id FROM old EXCEPT SELECT t.id FROM a.t AT (VERSION => ${ids[1]}) ORDER BY 1`,
      ),
    ).toEqual([{ id: 3 }])
  })

  it('goes before the time or snapshot that is given beside the statement', async () => {
    const options = { snapshots: [{ table: table('a.t'), snapshotId: ids[0] ?? 0n }] }
    const sql = `SELECT (SELECT count(*)::INT FROM a.t) AS pinned, (SELECT count(*)::INT FROM a.t AT (VERSION => ${ids[1]})) AS at_two`
    expect(await rows(sql, options)).toEqual([{ pinned: 1, at_two: 2 }])
  })

  it('sees the columns of then, and those of now on a branch', async () => {
    await foreign.update('a.t', [
      { action: 'set-snapshot-ref', 'ref-name': 'tag', type: 'tag', 'snapshot-id': ids[0] ?? 0n },
      { action: 'set-snapshot-ref', 'ref-name': 'branch', type: 'branch', 'snapshot-id': ids[0] ?? 0n },
    ])
    const { metadata } = await foreign.load('a.t')
    const [schema] = metadata.schemas
    const [id] = schema?.fields ?? []
    if (!schema || !id) throw new Error('no schema')
    await foreign.update('a.t', [
      { action: 'add-schema', schema: { ...schema, 'schema-id': 1, fields: [{ ...id, name: 'number' }] } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ])
    expect(await rows("SELECT * FROM a.t AT (VERSION => 'tag')")).toEqual([{ id: 1 }])
    expect(await rows("SELECT * FROM a.t AT (VERSION => 'branch')")).toEqual([{ number: 1 }])
    expect(await rows("SELECT number FROM a.t AT (VERSION => 'branch') WHERE number = 1")).toEqual([{ number: 1 }])
  })

  it('says what it does not find, and leaves errors elsewhere where they are', async () => {
    for (const [at, code] of [
      ["VERSION => 'nowhere'", 'PHLO_SQL_INVALID'],
      ['VERSION => 17', 'PHLO_SNAPSHOT_NOT_FOUND'],
      ['VERSION => NULL', 'PHLO_SQL_INVALID'],
      ['VERSION => id', 'PHLO_SQL_INVALID'],
      ["TIMESTAMP => '2001-01-01'", 'PHLO_SNAPSHOT_NOT_FOUND'],
      ["TIMESTAMP => 'yesterday'", 'PHLO_SQL_INVALID'],
    ]) {
      await expect(rows(`SELECT * FROM a.t AT (${at})`)).rejects.toMatchObject({ code })
    }
    await expect(rows(`SELECT 'é'\nFROM a.t AT (VERSION\n => ${ids[0]}) WHERE nope = 1`)).rejects.toMatchObject({
      code: 'PHLO_SQL_INVALID',
      location: { line: 3, column: ` => ${ids[0]}) WHERE `.length + 1 },
    })
  })

  it('is found behind aliases, comments and brackets', () => {
    const sql = `SELECT * FROM a."at(" AS "AT" /* AT (1) */ -- AT
      at (version => (SELECT ')' || 'x=>y')) WHERE 1`
    const clause = findAtClause(sql, 14)
    expect(clause).toMatchObject({ unit: 'VERSION', expression: " (SELECT ')' || 'x=>y')" })
    const without = withoutStates(sql, [{ start: 14, clause, name: '"@1"' }])
    expect(without.replace(/\s+/g, ' ')).toBe('SELECT * FROM "@1"."at(" AS "AT" /* AT (1) */ -- AT WHERE 1')
    expect(without.length).toBe(sql.length)
  })
})
