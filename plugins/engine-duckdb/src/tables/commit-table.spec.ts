import type { IngestRequest, SourceInput } from '@phlo/ports'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { TestLake, z } from '../testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
})
afterEach(() => lake.close())

/** Has others commit just before the next commit reaches the catalog. */
function beforeCommit(others: () => Promise<unknown>): void {
  const { catalog } = lake
  const commit = catalog.commit.bind(catalog)
  catalog.commit = async (changes, options) => {
    catalog.commit = commit
    await others()
    return commit(changes, options)
  }
}

const rows = (name = 'bronze.t') => lake.rows(`SELECT id::INT AS id, v FROM ${name} ORDER BY ALL`)
const Thing = z.object({ id: z.int(), v: z.string() })

async function ingest(name: string, content: string, strategy: IngestRequest['strategy']): Promise<void> {
  const input: SourceInput = {
    type: 'files',
    format: 'csv',
    paths: [await lake.file(name, `id,v\n${content}`)],
  }
  await lake.ingest(Thing, { inputs: [input], strategy, runId: name })
}

describe('a commit that another overtakes', () => {
  it('of an append is made on top of it, with its quarantine', async () => {
    await ingest('a.csv', '1,a\nw,wrong\n', { kind: 'append' })
    beforeCommit(() => ingest('b.csv', '2,b\nx,wrong\n', { kind: 'append' }))
    await ingest('c.csv', '3,c\ny,wrong\n', { kind: 'append' })
    expect(await rows()).toEqual([
      { id: 1, v: 'a' },
      { id: 2, v: 'b' },
      { id: 3, v: 'c' },
    ])
    expect(await lake.rows('SELECT count(*)::INT AS n FROM quarantine.t')).toEqual([{ n: 3 }])
  })

  it('of a replacement replaces what it brought', async () => {
    await ingest('a.csv', '1,a\n', { kind: 'append' })
    beforeCommit(() => ingest('b.csv', '2,b\n', { kind: 'append' }))
    await ingest('c.csv', '3,c\n', { kind: 'overwrite' })
    expect(await rows()).toEqual([{ id: 3, v: 'c' }])
    await lake.put('gold.t', `SELECT 1 AS id, 'a' AS v`)
    beforeCommit(() => lake.put('gold.t', `SELECT 2 AS id, 'b' AS v`, { strategy: 'append' }))
    await lake.put('gold.t', `SELECT 3 AS id, 'c' AS v`)
    expect(await rows('gold.t')).toEqual([{ id: 3, v: 'c' }])
  })

  it('of a merge by key is refused where it may have brought the same keys', async () => {
    const merge = { kind: 'merge', key: ['id'], keep: 'last' } as const
    await ingest('a.csv', '1,a\n2,b\n', { kind: 'append' })
    beforeCommit(() => ingest('b.csv', '3,other\n', merge))
    await expect(ingest('c.csv', '3,mine\n', merge)).rejects.toMatchObject({ code: 'PHLO_COMMIT_CONFLICT' })
    expect(await rows()).toEqual([
      { id: 1, v: 'a' },
      { id: 2, v: 'b' },
      { id: 3, v: 'other' },
    ])
    await ingest('d.csv', '3,mine\n', merge)
    expect((await rows()).at(-1)).toEqual({ id: 3, v: 'mine' })
  })

  it('of a statement is refused where both changed the same rows', async () => {
    await lake.put('gold.t', `SELECT 1 AS id, 'a' AS v`)
    beforeCommit(() => lake.execute(`UPDATE gold.t SET v = 'other'`))
    await expect(lake.execute(`UPDATE gold.t SET v = 'mine'`)).rejects.toMatchObject({ code: 'PHLO_COMMIT_CONFLICT' })
    beforeCommit(() => lake.execute(`INSERT INTO gold.t VALUES (2, 'b')`))
    await lake.execute(`INSERT INTO gold.t VALUES (3, 'c')`)
    expect(await rows('gold.t')).toEqual([
      { id: 1, v: 'other' },
      { id: 2, v: 'b' },
      { id: 3, v: 'c' },
    ])
  })

  it('of a new column keeps the one that the other brought, with their rows', async () => {
    await ingest('a.csv', '1,a\n', { kind: 'append' })
    const ingestWider = async (name: string) => {
      const file = await lake.file(`${name}.csv`, `id,v,${name}\n2,b,c\n`)
      const input: SourceInput = { type: 'files', format: 'csv', paths: [file] }
      const wider = Thing.extend({ [name]: z.string().nullable() })
      await lake.ingest(wider, { inputs: [input], strategy: { kind: 'append' } })
    }
    beforeCommit(() => ingestWider('other'))
    await ingestWider('mine')
    expect(await lake.rows('SELECT id::INT AS id, v, other, mine FROM bronze.t ORDER BY ALL')).toEqual([
      { id: 1, v: 'a', other: null, mine: null },
      { id: 2, v: 'b', other: 'c', mine: null },
      { id: 2, v: 'b', other: null, mine: 'c' },
    ])
    // One after the other, the schema is what the asset says.
    await expect(ingestWider('mine')).rejects.toMatchObject({ code: 'PHLO_SCHEMA_BREAKING' })
  })
})

describe('writers at the same time', () => {
  it('all append', async () => {
    await lake.put('gold.t', `SELECT 0 AS id, 'a' AS v`)
    await Promise.all([1, 2, 3, 4].map((id) => lake.execute(`INSERT INTO gold.t VALUES (${id}, 'a')`)))
    expect(await lake.rows('SELECT count(*)::INT AS n, sum(id)::INT AS sum FROM gold.t')).toEqual([{ n: 5, sum: 10 }])
  })
})

describe('a table that another makes first', () => {
  const merge = { kind: 'merge', key: ['id'], keep: 'last' } as const

  it('takes what an ingestion appends, and its quarantine', async () => {
    beforeCommit(() => ingest('a.csv', '1,a\nw,wrong\n', { kind: 'append' }))
    await ingest('b.csv', '2,b\nx,wrong\n', { kind: 'append' })
    expect(await rows()).toEqual([
      { id: 1, v: 'a' },
      { id: 2, v: 'b' },
    ])
    expect(await lake.rows('SELECT count(*)::INT AS n FROM quarantine.t')).toEqual([{ n: 2 }])
    const files = await lake.rows(`SELECT count(*)::INT AS n FROM bronze."t$files"`)
    const keys = []
    for await (const { key } of lake.store.list('')) if (/bronze.*\.parquet$/.test(key)) keys.push(key)
    expect([{ n: keys.length }]).toEqual(files)
  })

  it('has its rows merged with, and those of rows that are given but once', async () => {
    beforeCommit(() => ingest('a.csv', '1,a\n2,other\n', merge))
    let given = 0
    const input: SourceInput = {
      type: 'rows',
      name: 'api',
      rows: (async function* () {
        given++
        yield { id: 2, v: 'mine' }
        await Promise.resolve()
      })(),
    }
    await lake.ingest(Thing, { inputs: [input], strategy: merge })
    expect(given).toBe(1)
    expect(await rows()).toEqual([
      { id: 1, v: 'a' },
      { id: 2, v: 'mine' },
    ])
  })

  it('is refused where the schemas do not agree', async () => {
    beforeCommit(() => lake.put('bronze.t', `SELECT DATE '2024-01-31' AS id, 'x' AS v`))
    await expect(ingest('b.csv', '2,b\n', { kind: 'append' })).rejects.toMatchObject({ code: 'PHLO_SCHEMA_BREAKING' })
  })

  it('is left, replaced or in the way as CREATE TABLE says', async () => {
    const other = (name: string) => () => lake.execute(`CREATE TABLE a.${name} AS SELECT 1 AS id, 'first' AS v`)
    beforeCommit(other('x'))
    await lake.execute(`CREATE TABLE IF NOT EXISTS a.x AS SELECT 2 AS id, 'second' AS v`)
    expect(await rows('a.x')).toEqual([{ id: 1, v: 'first' }])
    beforeCommit(other('y'))
    await lake.execute(`CREATE OR REPLACE TABLE a.y AS SELECT 2 AS id, 'second' AS v`)
    expect(await rows('a.y')).toEqual([{ id: 2, v: 'second' }])
    beforeCommit(other('z'))
    await expect(lake.execute(`CREATE TABLE a.z AS SELECT 2 AS id, 'second' AS v`)).rejects.toMatchObject({
      code: 'PHLO_TABLE_EXISTS',
    })
    expect(await rows('a.z')).toEqual([{ id: 1, v: 'first' }])
    beforeCommit(other('m'))
    await lake.put('a.m', `SELECT 2 AS id, 'second' AS v`, { strategy: 'append' })
    expect(await rows('a.m')).toEqual([
      { id: 1, v: 'first' },
      { id: 2, v: 'second' },
    ])
  })

  it('is made once by many at once', async () => {
    await Promise.all(Array.from({ length: 5 }, (_, n) => ingest(`${n}.csv`, `${n},x\n`, { kind: 'append' })))
    expect((await rows()).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4])
  })
})

describe('columns that several add at once', () => {
  it('are all there, whoever was first', async () => {
    await lake.execute('CREATE TABLE a.t AS SELECT 1 AS id')
    beforeCommit(() => lake.execute('ALTER TABLE a.t ADD COLUMN x INT'))
    await lake.execute('ALTER TABLE a.t ADD COLUMN y VARCHAR')
    beforeCommit(() => lake.execute('ALTER TABLE a.t ADD COLUMN z INT'))
    await expect(lake.execute('ALTER TABLE a.t ADD COLUMN z VARCHAR')).rejects.toMatchObject({
      code: 'PHLO_COMMIT_CONFLICT',
    })
    await lake.execute("UPDATE a.t SET x = 5, y = 'y'")
    expect(await lake.rows('SELECT * FROM a.t')).toEqual([{ id: 1, x: 5, y: 'y', z: null }])
  })
})
