import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { SourceRow } from '@phlo/ports'
import { sourceContract } from '@phlo/ports/testing'
import { PostgresSource } from './postgres-source.js'
import { readAll, TestDatabase } from './testing/database.js'

const source = new PostgresSource()
let db: TestDatabase
beforeAll(async () => {
  db = await TestDatabase.create()
})
afterAll(() => db.drop())

const read = (options: object, cursor?: unknown) => readAll(source, { url: db.url, ...options }, { cursor })

sourceContract(
  'postgres',
  {
    create: async () => {
      await db.run('DROP TABLE IF EXISTS contract', 'CREATE TABLE contract AS SELECT generate_series(1, 3) AS id')
      return {
        source,
        options: { url: db.url, table: 'contract', incremental: { column: 'id' } },
        projectDir: '/nowhere',
      }
    },
    invalid: [
      undefined,
      null,
      {},
      { url: 'http://localhost', table: 't' },
      { url: 'postgres://localhost/d' },
      { url: 'postgres://localhost/d', table: 't', query: 'SELECT 1' },
      { url: 'postgres://localhost/d', table: 't', parallel: 0 },
      { url: 'postgres://localhost/d', query: '' },
    ],
  },
  { describe, it },
)

describe('values', () => {
  it('keep what their types say', async () => {
    await db.run(
      `CREATE TYPE mood AS ENUM ('sad', 'ok')`,
      `CREATE DOMAIN price AS numeric(30, 10)`,
      `CREATE TABLE kinds (b boolean, i8 bigint, f8 double precision, n numeric, p price, t text, u uuid, d date,
         ts timestamp, tz timestamptz, iv interval, j json, jb jsonb, by bytea, m mood, ai int[], at text[], an numeric[],
         ab boolean[], atz timestamptz[], "odd ""name" text)`,
      `INSERT INTO kinds VALUES (true, 9223372036854775807, 0.1, 12345678901234567890.123456789, 1.5, 'a "b"\\n',
         '6f9619ff-8b86-d011-b42d-00c04fc964ff', '2024-02-29', '2024-02-29 12:00:00.123456', '2024-02-29 12:00:00+02',
         '1 year 2 days 3 hours', '{"a": 12345678901234567890}', '[1, "x"]', '\\x00ff', 'ok', '{{1,NULL},{3,4}}',
         '{"a,b","c\\"d",NULL,"NULL",""}', '{1.50,12345678901234567890.1}', '{t,f}', '{"2024-01-01 00:00:00+00"}', 'x')`,
      `INSERT INTO kinds DEFAULT VALUES`,
    )
    const { rows } = await read({ table: 'kinds' })
    expect(rows[0]).toEqual({
      b: true,
      i8: '9223372036854775807',
      f8: '0.1',
      n: '12345678901234567890.123456789',
      p: '1.5000000000',
      t: 'a "b"\\n',
      u: '6f9619ff-8b86-d011-b42d-00c04fc964ff',
      d: '2024-02-29',
      ts: '2024-02-29T12:00:00.123456',
      tz: '2024-02-29T10:00:00Z',
      iv: 'P1Y2DT3H',
      j: '{"a": 12345678901234567890}',
      jb: '[1, "x"]',
      by: '\\x00ff',
      m: 'ok',
      ai: '[[1,null],[3,4]]',
      at: JSON.stringify(['a,b', 'c"d', null, 'NULL', '']),
      an: '[1.50,12345678901234567890.1]',
      ab: '[true,false]',
      atz: '["2024-01-01T00:00:00Z"]',
      'odd "name': 'x',
    })
    expect(new Set(Object.values(rows[1]!))).toEqual(new Set([null]))
  })
})

describe('a table', () => {
  it('is read in parts of one snapshot, each row once, however it changes meanwhile', async () => {
    await db.run(
      `CREATE TABLE big AS SELECT i AS id, repeat('x', 400) AS filler FROM generate_series(1, 60000) i`,
      'ANALYZE big',
    )
    const { inputs } = await source.read(
      { url: db.url, table: 'big', columns: ['id'], parallel: 3 },
      { projectDir: '/nowhere', signal: new AbortController().signal },
    )
    const [input] = inputs
    if (input?.type !== 'rows') throw new Error('no rows')
    const ids: number[] = []
    for await (const { id } of input.rows as AsyncIterable<SourceRow>) {
      if (ids.length === 0) await db.run('DELETE FROM big WHERE id % 2 = 0', `INSERT INTO big VALUES (0, 'new')`)
      ids.push(Number(id))
    }
    expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 60_000 }, (_, index) => index + 1))
  })

  it('ends with an error when a connection is cut, and is whole the next time', async () => {
    await db.run(`CREATE TABLE cut AS SELECT i AS id, repeat('x', 400) AS filler FROM generate_series(1, 60000) i`)
    const { inputs } = await source.read(
      { url: db.url, table: 'cut', parallel: 2 },
      { projectDir: '/nowhere', signal: new AbortController().signal },
    )
    const [input] = inputs
    if (input?.type !== 'rows') throw new Error('no rows')
    const reading = async () => {
      let rows = 0
      for await (const _ of input.rows) if (++rows === 1) expect(await db.cutReaders()).toBeGreaterThan(0)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'PHLO_SOURCE_FAILED', retryable: true })
    expect((await read({ table: 'cut', columns: ['id'] })).rows).toHaveLength(60_000)
  })

  it('gives what is new behind a column’s value, and with a lag what came late', async () => {
    await db.run(
      'CREATE TABLE events (id int PRIMARY KEY, at timestamptz)',
      `INSERT INTO events VALUES (1, '2024-01-01 10:00:00.000001+00'), (2, '2024-01-01 12:00+00'), (3, NULL)`,
    )
    const options = { table: 'events', columns: ['id', 'at'], incremental: { column: 'at' } }
    const first = await read(options)
    expect(first.rows.map(({ id }) => id)).toEqual(['1', '2', '3'])
    expect((await read(options, first.cursor)).cursor).toBeUndefined()
    await db.run(`INSERT INTO events VALUES (4, '2024-01-01 11:30+00'), (5, '2024-01-01 12:00:00.000001+00')`)
    expect((await read(options, first.cursor)).rows.map(({ id }) => id)).toEqual(['5'])
    const late = { ...options, incremental: { column: 'at', lag: '1 hour' } }
    expect((await read(late, first.cursor)).rows.map(({ id }) => id).sort()).toEqual(['2', '4', '5'])
    const initial = { ...options, incremental: { column: 'id', initial: 3 } }
    const behind = await read(initial)
    expect(behind.rows.map(({ id }) => id)).toEqual(['4', '5'])
    // Another column's cursor is none of this one's.
    expect((await read(initial, first.cursor)).rows).toHaveLength(2)
    expect(
      (
        await read(
          { table: 'events', incremental: { column: 'id', lag: 1 } },
          (await read({ table: 'events', incremental: { column: 'id' } })).cursor,
        )
      ).rows,
    ).toHaveLength(2)
  })

  it('that is not there, and columns that it has not, are named', async () => {
    await expect(read({ table: 'nowhere' })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_NOT_FOUND',
      message: 'There is no table "public"."nowhere", or it is not for this user',
    })
    await expect(read({ table: 'events', columns: ['id', 'nme'] })).rejects.toMatchObject({
      code: 'PHLO_CONFIG_INVALID',
      hint: 'It has id, at.',
    })
  })
})

describe('a query', () => {
  it('has its values bound, and changes nothing', async () => {
    await db.run('CREATE TABLE words AS SELECT 1 AS id')
    const evil = `'; DROP TABLE words; --`
    const { rows } = await read({ query: 'SELECT $1::text AS said, count(*) AS n FROM words', parameters: [evil] })
    expect(rows).toEqual([{ said: evil, n: '1' }])
    await expect(read({ query: 'DELETE FROM words RETURNING id' })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_FAILED',
      context: { code: '25006' },
    })
    await expect(read({ query: 'SELEC' })).rejects.toMatchObject({ code: 'PHLO_SOURCE_FAILED' })
  })

  it('ends with the run', async () => {
    const controller = new AbortController()
    const reading = readAll(source, { url: db.url, query: 'SELECT pg_sleep(600)' }, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('cancelled')), 200)
    await expect(reading).rejects.toThrow('cancelled')
  })
})

describe('a server', () => {
  it('that refuses is told of without the password', async () => {
    const url = new URL(db.url)
    url.password = 'open-sesame'
    const error = await readAll(source, { url: url.href, table: 'x' }).catch((reason: unknown) => reason as Error)
    expect(error).toMatchObject({ code: 'PHLO_SOURCE_FAILED', context: { code: '28P01' } })
    expect(JSON.stringify([error, (error as Error).message])).not.toContain('open-sesame')
    await expect(readAll(source, { url: 'postgres://127.0.0.1:2/x', table: 'x' })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_FAILED',
      retryable: true,
    })
  })
})
