import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import type { MergeResult } from '@phlo/ports'
import { plainRows } from '@phlo/ports/testing'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { DuckDbHost } from '../duckdb-host.js'
import { DuckDbQueryEngine } from '../duckdb-query-engine.js'
import { DuckDbOptions } from '../options.js'
import { TestLake } from '../testing/lake.js'

let lake: TestLake
let count = 0
let dev: string
let table: string

beforeAll(async () => {
  lake = await TestLake.open()
})
afterAll(() => lake.close())

beforeEach(async () => {
  ;[dev, table] = [`dev${++count}`, `a.t${count}`]
  await lake.put(table, "SELECT 1 AS id, 'x' AS day, 0 AS n UNION ALL SELECT 3, 'y', 0", { partitionBy: ['day'] })
  await lake.catalog.createRef(dev)
})

function upsert(ref: string, on: string, ...rows: string[]) {
  return lake.queries.execute(
    `MERGE INTO ${table} AS t USING (VALUES ${rows.join(', ')}) AS s(id, day, n) ON ${on} ` +
      'WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, day, n) VALUES (s.id, s.day, s.n)',
    { message: 'Merge rows', ref },
  )
}

async function merge(): Promise<MergeResult['tables'][number] | undefined> {
  const options = { dryRun: true, sharedKey: lake.queries.sharedKey.bind(lake.queries) }
  return (await lake.catalog.merge(dev, 'main', options)).tables[0]
}

describe('a MERGE that a condition of its own holds to one partition', () => {
  it('goes together with one of the same keys in another partition', async () => {
    await upsert(dev, "t.day = 'x' AND t.id = s.id", "(1, 'x', 5)", "(2, 'x', 5)")
    await upsert('main', "t.id = s.id AND 'y' = t.day", "(2, 'y', 6)", "(3, 'y', 6)")
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
  })

  it('stands against one that brought the same row', async () => {
    await upsert(dev, "t.day = 'x' AND t.id = s.id", "(1, 'x', 5)", "(2, 'x', 5)")
    await upsert('main', "t.day = 'x' AND t.id = s.id", "(2, 'x', 6)")
    expect(await merge()).toMatchObject({ outcome: 'conflict', reason: 'Both sides added a row with id 2, day x' })
  })

  it('is told apart by its other columns alone where it writes elsewhere, too', async () => {
    await upsert(dev, "t.day = 'x' AND t.id = s.id", "(1, 'x', 5)", "(2, 'z', 5)")
    await upsert('main', "t.day = 'y' AND t.id = s.id", "(2, 'y', 6)")
    expect(await merge()).toMatchObject({ outcome: 'conflict', reason: 'Both sides added a row with id 2' })
  })

  it('is committed beside a change of another partition that came first', async () => {
    const main = `MERGE INTO ${table} AS t USING (VALUES (2, 'y', 6)) AS s(id, day, n) ON t.day = 'y' AND t.id = s.id `
    let isFirst = true
    const racing = Object.create(lake.catalog, {
      commit: {
        value: async (...args: Parameters<EmbeddedCatalog['commit']>) => {
          if (isFirst) await upsert('main', "t.day = 'x' AND t.id = s.id", "(1, 'x', 5)", "(2, 'x', 5)")
          isFirst = false
          return lake.catalog.commit(...args)
        },
      },
    }) as EmbeddedCatalog
    const scratch = path.join(lake.folder, 'tmp')
    const host = new DuckDbHost(
      DuckDbOptions.parse({}),
      { kind: 'closed', folders: async () => [await lake.store.localRoot(), scratch] },
      path.join(scratch, `r${count}`),
    )
    const engine = new DuckDbQueryEngine(host, lake.store, racing, scratch)
    await engine.execute(`${main} WHEN NOT MATCHED THEN INSERT (id, day, n) VALUES (s.id, s.day, s.n)`, {
      message: 'Merge rows',
    })
    await engine.close()
    expect(isFirst).toBe(false)
    expect(await plainRows(await lake.queries.query(`SELECT * FROM ${table} ORDER BY day, id`))).toEqual([
      { id: 1, day: 'x', n: 5 },
      { id: 2, day: 'x', n: 5 },
      { id: 2, day: 'y', n: 6 },
      { id: 3, day: 'y', n: 0 },
    ])
  })
})

it.each(['copy-on-write', 'merge-on-read'])(
  'several changes of one partition of a version 3 table go together with one of another: %s',
  async (mode) => {
    await lake.execute(
      `ALTER TABLE ${table} SET ('format-version' = 3, 'write.update.mode' = '${mode}', 'write.delete.mode' = '${mode}')`,
    )
    await lake.execute(`INSERT INTO ${table} VALUES (5, 'x', 0), (6, 'x', 0), (7, 'y', 0)`)
    await lake.catalog.assignRef(dev, 'main')
    await lake.execute(`UPDATE ${table} SET n = 1 WHERE day = 'x' AND id < 6`, { ref: dev })
    await lake.execute(`UPDATE ${table} SET n = n + 1 WHERE day = 'x' AND id > 1`, { ref: dev })
    await lake.execute(`DELETE FROM ${table} WHERE day = 'x' AND id = 1`, { ref: dev })
    await lake.execute(`UPDATE ${table} SET n = 9 WHERE day = 'y' AND id = 3`)
    expect(await merge()).toMatchObject({ outcome: 'rebased' })
    await lake.catalog.merge(dev, 'main')
    expect(await lake.rows(`SELECT * FROM ${table} ORDER BY day, id`)).toEqual([
      { id: 5, day: 'x', n: 2 },
      { id: 6, day: 'x', n: 1 },
      { id: 3, day: 'y', n: 9 },
      { id: 7, day: 'y', n: 0 },
    ])
  },
)
