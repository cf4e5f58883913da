import { readFile, stat, truncate } from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { field, table, TestLake, z } from './testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
})
afterEach(() => lake.close())

const Reading = z.object({
  id: z.int(),
  at: z.iso.datetime({ local: true }),
  value: z.number().min(0).max(100),
  note: z.string().nullable(),
})

const csv = (path: string) => ({ type: 'files', format: 'csv', paths: [path] }) as const
const ndjson = (...paths: string[]) => ({ type: 'files', format: 'ndjson', paths }) as const

const good = `id,at,value,note
1,2024-01-01 00:00:00,10.5,hello
2,2024-01-01T01:00:00,20,
`

async function quarantined() {
  const rows = await lake.rows('SELECT source_row, rules, reason, "row" FROM quarantine.t ORDER BY source_row')
  return rows.map((row): Record<string, unknown> & { rules: string[] } => ({
    ...row,
    source_row: Number(row['source_row']),
    rules: [...(row['rules'] as Iterable<string>)],
  }))
}

describe('ingestion of CSV', () => {
  it('takes rows in with their declared types', async () => {
    const result = await lake.ingest(Reading, { inputs: [csv(await lake.file('a.csv', good))] })
    expect(result).toMatchObject({ read: 2, written: 2, rejected: 0, duplicates: 0, outside: 0, files: 1 })
    expect(
      await lake.rows('SELECT id::INT AS id, "at"::VARCHAR AS "at", value, note FROM bronze.t ORDER BY id'),
    ).toEqual([
      { id: 1, at: '2024-01-01 00:00:00', value: 10.5, note: 'hello' },
      { id: 2, at: '2024-01-01 01:00:00', value: 20, note: null },
    ])
  })

  it('quarantines rows that break rules or types, with reason and place, and takes in the others', async () => {
    const text = `${good}3,2024-01-01,101,too big\nx,2024-01-01,5,no int\n4,yesterday,5,no time\n,2024-01-01,-1,two faults\n`
    const result = await lake.ingest(Reading, { inputs: [csv(await lake.file('a.csv', text))] })
    expect(result).toMatchObject({ read: 6, written: 2, rejected: 4 })
    expect(result.rejectedRules).toEqual([
      { rule: 'at type', rows: 1 },
      { rule: 'id required', rows: 1 },
      { rule: 'id type', rows: 1 },
      { rule: 'value max', rows: 1 },
      { rule: 'value min', rows: 1 },
    ])
    expect(await quarantined()).toEqual([
      {
        source_row: 3,
        rules: ['value max'],
        reason: 'value must be at most 100, not 101',
        row: '{"id":"3","at":"2024-01-01","value":"101","note":"too big"}',
      },
      {
        source_row: 4,
        rules: ['id type'],
        reason: 'id must be a long, not "x"',
        row: '{"id":"x","at":"2024-01-01","value":"5","note":"no int"}',
      },
      {
        source_row: 5,
        rules: ['at type'],
        reason: 'at must be a timestamp, not "yesterday"',
        row: '{"id":"4","at":"yesterday","value":"5","note":"no time"}',
      },
      {
        source_row: 6,
        rules: ['id required', 'value min'],
        reason: 'id must not be null; value must be at least 0, not -1',
        row: '{"id":null,"at":"2024-01-01","value":"-1","note":"two faults"}',
      },
    ])
    expect(await lake.rows(result.rejectedSql as string)).toHaveLength(4)
  })

  it('quarantines lines with too few or too many fields, and loses none', async () => {
    const text = `${good}3,2024-01-01\n4,2024-01-01,5,x,extra\n5,2024-01-01,5,fine\n`
    const result = await lake.ingest(Reading, { inputs: [csv(await lake.file('a.csv', text))] })
    expect(result).toMatchObject({ read: 5, written: 3, rejected: 2 })
    expect((await quarantined()).map(({ rules, row }) => ({ rules, row }))).toEqual([
      { rules: ['malformed'], row: '3,2024-01-01' },
      { rules: ['malformed'], row: '4,2024-01-01,5,x,extra' },
    ])
  })

  it('refuses a quote that is never closed, with its line, and takes nothing in', async () => {
    const file = await lake.file('a.csv', `${good}3,2024-01-01,5,"open\n4,2024-01-01,5,x\n`)
    await expect(lake.ingest(Reading, { inputs: [csv(file)] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
      location: { file, line: 4 },
    })
    expect(await lake.catalog.listTables()).toEqual([])
  })

  it('refuses an empty file and a missing one', async () => {
    await expect(lake.ingest(Reading, { inputs: [csv(await lake.file('a.csv', ''))] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_EMPTY',
    })
    await expect(lake.ingest(Reading, { inputs: [csv(path.join(lake.folder, 'none.csv'))] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_NOT_FOUND',
    })
    await expect(lake.ingest(Reading, { inputs: [csv(await lake.file('b.csv', '\n'))] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_EMPTY',
    })
  })

  it('takes in a file of a header alone as no rows', async () => {
    const result = await lake.ingest(Reading, { inputs: [csv(await lake.file('a.csv', 'id,at,value,note\n'))] })
    expect(result).toMatchObject({ read: 0, written: 0, rejected: 0 })
    expect(await lake.rows('SELECT * FROM bronze.t')).toEqual([])
  })

  it('refuses a missing column and an unexpected one, naming them', async () => {
    const missing = await lake.file('a.csv', 'id,at,val\n1,2024-01-01,5\n')
    await expect(lake.ingest(Reading, { inputs: [csv(missing)] })).rejects.toMatchObject({
      code: 'PHLO_SCHEMA_COLUMN_MISSING',
      context: { columns: ['value', 'note'] },
    })
    const extra = await lake.file('b.csv', 'id,at,value,note,more\n1,2024-01-01,5,x,y\n')
    await expect(lake.ingest(Reading, { inputs: [csv(extra)] })).rejects.toMatchObject({
      code: 'PHLO_SCHEMA_COLUMN_UNEXPECTED',
      context: { columns: ['more'] },
    })
    expect(await lake.ingest(Reading, { inputs: [csv(extra)], unexpectedColumns: 'discard_value' })).toMatchObject({
      written: 1,
    })
  })

  it('finds columns by name, whatever their order, separator, quotes and byte order mark', async () => {
    const text = '\uFEFF"note";value;id;at\n"a;""b""";1,5;1;2024-01-01\n'.replace('1,5', '1.5')
    expect(await lake.ingest(Reading, { inputs: [csv(await lake.file('a.csv', text))] })).toMatchObject({ written: 1 })
    expect(await lake.rows('SELECT note, value FROM bronze.t')).toEqual([{ note: 'a;"b"', value: 1.5 }])
  })

  it('reads files that mix line endings, compressed, and names the given file in quarantine', async () => {
    const text = 'id,at,value,note\r\n1,2024-01-01,5,"two\r\nlines"\r\n2,2024-01-01,500,x\n3,2024-01-01,7,y'
    const file = await lake.file('a.csv.gz', gzipSync(text))
    const result = await lake.ingest(Reading, { inputs: [csv(file)] })
    expect(result).toMatchObject({ read: 3, written: 2, rejected: 1 })
    expect(await lake.rows('SELECT note FROM bronze.t ORDER BY id')).toEqual([{ note: 'two\r\nlines' }, { note: 'y' }])
    expect(await lake.rows('SELECT source_file, source_row::INT AS source_row FROM quarantine.t')).toEqual([
      { source_file: file, source_row: 2 },
    ])
  })

  it('reads several files with different columns where those are optional', async () => {
    const schema = Reading.extend({ note: z.string().optional() })
    const a = await lake.file('a.csv', good)
    const b = await lake.file('b.csv', 'value,id,at\n5,7,2024-02-01\n')
    const input = { type: 'files', format: 'csv', paths: [a, b] } as const
    expect(await lake.ingest(schema, { inputs: [input] })).toMatchObject({ read: 3, written: 3 })
    expect(await lake.rows('SELECT note FROM bronze.t WHERE id = 7')).toEqual([{ note: null }])
  })

  it('tells empty text from no text by the quotes', async () => {
    const schema = z.object({ a: z.string().nullable(), b: z.string().nullable() })
    await lake.ingest(schema, { inputs: [csv(await lake.file('a.csv', 'a,b\n"",\n'))] })
    expect(await lake.rows('SELECT a, b FROM bronze.t')).toEqual([{ a: '', b: null }])
  })
})

describe('ingestion of JSON', () => {
  const rows = [
    { id: 1, at: '2024-01-01T00:00:00', value: 10.5, note: 'hello' },
    { id: 2, at: '2024-01-01T01:00:00', value: 20, note: null },
  ]
  const lines = (items: readonly unknown[]) => items.map((item) => JSON.stringify(item)).join('\n')

  it('takes in lines and arrays alike', async () => {
    const a = await lake.file('a.ndjson', lines(rows))
    expect(await lake.ingest(Reading, { inputs: [ndjson(a)] })).toMatchObject({ read: 2, written: 2, rejected: 0 })
    const b = await lake.file('b.json', JSON.stringify(rows))
    expect(await lake.ingest(Reading, { inputs: [{ type: 'files', format: 'json', paths: [b] }] })).toMatchObject({
      read: 2,
      written: 2,
    })
    expect(await lake.rows('SELECT id::INT AS id, note FROM bronze.t ORDER BY id')).toEqual([
      { id: 1, note: 'hello' },
      { id: 2, note: null },
    ])
  })

  it('rejects values that would change on the way: 12.7 and true are no integers', async () => {
    const items = [12.7, true, '12', 12, 1e3, 12.0, 'x', 9007199254740993].map((id) => ({ ...rows[0], id }))
    const result = await lake.ingest(Reading, { inputs: [ndjson(await lake.file('a.ndjson', lines(items)))] })
    expect(result).toMatchObject({ read: 8, written: 4, rejected: 4 })
    expect((await quarantined()).map(({ source_row: row, rules }) => [row, ...rules])).toEqual([
      [1, 'id type'],
      [2, 'id type'],
      [7, 'id type'],
      [8, 'id max'],
    ])
  })

  it('reads rows whose keys come in any order or are absent', async () => {
    const items = [...rows, { value: 1, at: '2024-01-01', id: 3 }, { id: 4, note: 'x', at: '2024-01-01', value: 2 }]
    expect(await lake.ingest(Reading, { inputs: [ndjson(await lake.file('a.ndjson', lines(items)))] })).toMatchObject({
      read: 4,
      written: 4,
    })
    expect(await lake.rows('SELECT id::INT AS id, value, note FROM bronze.t WHERE id > 2 ORDER BY id')).toEqual([
      { id: 3, value: 1, note: null },
      { id: 4, value: 2, note: 'x' },
    ])
  })

  it('finds a row of other keys far behind the sample', async () => {
    const many = Array.from({ length: 5000 }, (_, id) => ({ ...rows[0], id }))
    const swapped = { note: 'swapped', value: 1, at: '2024-01-01', id: 9999 }
    const file = await lake.file('a.ndjson', lines([...many, swapped]))
    expect(await lake.ingest(Reading, { inputs: [ndjson(file)] })).toMatchObject({ read: 5001, written: 5001 })
    expect(await lake.rows('SELECT note FROM bronze.t WHERE id = 9999')).toEqual([{ note: 'swapped' }])
    const extra = await lake.file('b.ndjson', lines([...many, { ...swapped, more: 1 }]))
    await expect(lake.ingest(Reading, { inputs: [ndjson(extra)] })).rejects.toMatchObject({
      code: 'PHLO_SCHEMA_COLUMN_UNEXPECTED',
      context: { columns: ['more'] },
    })
  })

  it('refuses a row that names a key twice, with its line', async () => {
    const file = await lake.file(
      'a.ndjson',
      `${lines(rows)}\n{"id":3,"id":4,"at":"2024-01-01","value":1,"note":null}\n`,
    )
    await expect(lake.ingest(Reading, { inputs: [ndjson(file)] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
      location: { file, line: 3 },
    })
  })

  it('refuses broken JSON with its line, rows that are no objects, and a missing column', async () => {
    const broken = await lake.file('a.ndjson', `${lines(rows)}\n{"id": 3,\n`)
    await expect(lake.ingest(Reading, { inputs: [ndjson(broken)] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
      location: { file: broken },
    })
    const list = await lake.file('b.ndjson', '[1,2]\n')
    await expect(lake.ingest(Reading, { inputs: [ndjson(list)] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
    })
    const lacking = await lake.file('c.ndjson', lines(rows.map(({ id: _, ...rest }) => rest)))
    await expect(lake.ingest(Reading, { inputs: [ndjson(lacking)] })).rejects.toMatchObject({
      code: 'PHLO_SCHEMA_COLUMN_MISSING',
      context: { columns: ['id'] },
    })
    expect(await lake.catalog.listTables()).toEqual([])
  })

  it('keeps nested values as lists, structs and maps', async () => {
    const schema = z.object({
      id: z.int(),
      tags: z.array(z.string()),
      place: z.object({ city: z.string(), lat: z.number().nullable() }),
      counts: z.record(z.string(), z.int()),
    })
    const items = [
      { id: 1, tags: ['a', 'b'], place: { city: 'Rome', lat: 41.9 }, counts: { x: 1 } },
      { id: 2, tags: ['a', null], place: { city: 'Oslo', lat: null }, counts: {} },
      { id: 3, tags: [], place: { lat: 1 }, counts: {} },
    ]
    const result = await lake.ingest(schema, { inputs: [ndjson(await lake.file('a.ndjson', lines(items)))] })
    expect(result).toMatchObject({ written: 1, rejected: 2 })
    expect(await lake.rows("SELECT tags[2] AS tag, place.city AS city, counts['x']::INT AS x FROM bronze.t")).toEqual([
      { tag: 'b', city: 'Rome', x: 1 },
    ])
    expect((await quarantined()).map(({ rules }) => rules)).toEqual([
      ['tags.element required'],
      ['place.city required'],
    ])
  })

  it('takes in rows of a program, with dates and bigints', async () => {
    async function* generate() {
      yield { id: 1, at: new Date('2024-01-01T00:00:00Z'), big: 2n ** 60n }
      yield { id: 2, at: new Date('2024-01-02T00:00:00Z'), big: -1n }
    }
    const schema = z.object({ id: z.int(), at: z.date(), big: z.bigint() })
    expect(
      await lake.ingest(schema, { inputs: [{ type: 'rows', name: 'generator', rows: generate() }] }),
    ).toMatchObject({ written: 2 })
    expect(await lake.rows('SELECT big FROM bronze.t WHERE id = 1')).toEqual([{ big: 2n ** 60n }])
  })

  it('takes in a program that gives nothing, and reports one that fails', async () => {
    expect(await lake.ingest(Reading, { inputs: [{ type: 'rows', name: 'nothing', rows: [] }] })).toMatchObject({
      read: 0,
      written: 0,
    })
    function* failing() {
      yield rows[0] as Record<string, unknown>
      throw new Error('the API is down')
    }
    await expect(
      lake.ingest(Reading, { inputs: [{ type: 'rows', name: 'api', rows: failing() }] }),
    ).rejects.toMatchObject({
      code: 'PHLO_SOURCE_FAILED',
      message: 'api failed after 1 rows: the API is down',
    })
  })
})

describe('ingestion of Parquet', () => {
  /** Makes a Parquet file through the lake itself: a table's data file. */
  async function parquet(select: string): Promise<string> {
    await lake.queries.materialize({
      target: table('src.t'),
      sql: select,
      ref: 'main',
      strategy: 'replace',
      message: 'source',
    })
    const files: string[] = []
    for await (const { key } of lake.store.list('tables/src/'))
      if (key.endsWith('.parquet')) files.push(await lake.store.localFile(key))
    const newest = files.sort().at(-1) as string
    return lake.file(path.basename(newest), await readFile(newest))
  }
  const input = (...paths: string[]) => ({ type: 'files', format: 'parquet', paths }) as const

  it('takes in typed columns as they are, and casts others without loss', async () => {
    const file = await parquet(
      "SELECT i::INT AS id, TIMESTAMP '2024-01-01' + to_hours(i::INT) AS at, i * 10.0::DOUBLE AS value, 'n' || i AS note FROM range(5) t(i)",
    )
    expect(await lake.ingest(Reading, { inputs: [input(file)] })).toMatchObject({ read: 5, written: 5, rejected: 0 })
    const lossy = await parquet(
      "SELECT 1.5::DOUBLE AS id, DATE '2024-01-01' AS at, 5 AS value, 1 AS note UNION ALL SELECT 2.0, DATE '2024-01-02', 6, 2",
    )
    expect(await lake.ingest(Reading, { inputs: [input(lossy)] })).toMatchObject({ read: 2, written: 1, rejected: 1 })
    expect((await quarantined())[0]?.rules).toEqual(['id type'])
  })

  it('refuses a truncated file, and a type that can never fit', async () => {
    const file = await parquet("SELECT 1 AS id, TIMESTAMP '2024-01-01' AS at, 5.0 AS value, 'x' AS note")
    const wrong = await parquet("SELECT TRUE AS id, TIMESTAMP '2024-01-01' AS at, 5.0 AS value, 'x' AS note")
    await expect(lake.ingest(Reading, { inputs: [input(wrong)] })).rejects.toMatchObject({
      code: 'PHLO_SCHEMA_TYPE_MISMATCH',
      context: { column: 'id' },
    })
    await truncate(file, (await stat(file)).size - 20)
    await expect(lake.ingest(Reading, { inputs: [input(file)] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
    })
    const text = await lake.file('no.parquet', 'this is no parquet file at all')
    await expect(lake.ingest(Reading, { inputs: [input(text)] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
    })
    expect((await lake.catalog.listTables()).map(({ name, namespace }) => `${namespace.join()}.${name}`)).toEqual([
      'src.t',
    ])
  })

  it('reads files of different shapes together', async () => {
    const a = await parquet("SELECT 1 AS id, TIMESTAMP '2024-01-01' AS at, 5.0::DOUBLE AS value, 'x' AS note")
    const b = await parquet("SELECT 6 AS value, 2::BIGINT AS id, TIMESTAMP '2024-01-02' AS at, 'y' AS note")
    expect(await lake.ingest(Reading, { inputs: [input(a, b)] })).toMatchObject({ read: 2, written: 2 })
    expect(await lake.rows('SELECT id::INT AS id, value FROM bronze.t ORDER BY id')).toEqual([
      { id: 1, value: 5 },
      { id: 2, value: 6 },
    ])
  })
})

describe('writing', () => {
  const Event = z.object({ id: z.string(), day: z.iso.date(), n: z.int() })
  const events = (...items: [string, string, number][]) => ({
    type: 'rows' as const,
    name: 'events',
    rows: items.map(([id, day, n]) => ({ id, day, n })),
  })
  const all = async () =>
    (await lake.rows('SELECT id, day::VARCHAR AS day, n::INT AS n FROM bronze.t ORDER BY ALL')).map(
      ({ id, day, n }) => [id, day, n],
    )
  const interval = (from: string, to: string) => ({
    interval: { column: 'day', from, to },
    partitioning: [{ column: 'day', transform: 'day' }],
  })

  it('appends', async () => {
    await lake.ingest(Event, { inputs: [events(['a', '2024-01-01', 1])], strategy: { kind: 'append' } })
    await lake.ingest(Event, { inputs: [events(['b', '2024-01-01', 2])], strategy: { kind: 'append' } })
    expect(await all()).toEqual([
      ['a', '2024-01-01', 1],
      ['b', '2024-01-01', 2],
    ])
  })

  it('overwrites a partition interval, leaves the others, and takes only rows within', async () => {
    await lake.ingest(Event, {
      inputs: [events(['a', '2024-01-01', 1], ['b', '2024-01-02', 1], ['c', '2024-01-03', 1])],
      ...interval('2024-01-01', '2024-01-04'),
    })
    const result = await lake.ingest(Event, {
      inputs: [events(['x', '2024-01-02', 2], ['y', '2024-01-09', 2])],
      ...interval('2024-01-02', '2024-01-03'),
    })
    expect(result).toMatchObject({ read: 1, written: 1, outside: 1 })
    expect(await all()).toEqual([
      ['a', '2024-01-01', 1],
      ['c', '2024-01-03', 1],
      ['x', '2024-01-02', 2],
    ])
  })

  it('gives the same table when a partition is taken in twice, its rejected rows included', async () => {
    const schema = Event.extend({ n: z.int().max(5) })
    const request = {
      inputs: [events(['a', '2024-01-01', 1], ['bad', '2024-01-01', 9], ['worse', '2024-01-02', 9])],
      ...interval('2024-01-01', '2024-01-03'),
    }
    await lake.ingest(schema, request)
    await lake.ingest(schema, { ...request, runId: 'run-2' })
    expect(await all()).toEqual([['a', '2024-01-01', 1]])
    expect(await lake.rows('SELECT run_id, "partition", "row" FROM quarantine.t ORDER BY 2')).toEqual([
      { run_id: 'run-2', partition: '2024-01-01', row: '{"id":"bad","day":"2024-01-01","n":9}' },
      { run_id: 'run-2', partition: '2024-01-02', row: '{"id":"worse","day":"2024-01-02","n":9}' },
    ])
    await lake.ingest(schema, { inputs: [events(['b', '2024-01-01', 2])], ...interval('2024-01-01', '2024-01-02') })
    expect(await lake.rows('SELECT "partition" FROM quarantine.t')).toEqual([{ partition: '2024-01-02' }])
  })

  it('merges by key, keeping the last, the first, or all that differ', async () => {
    const merge = (keep: 'first' | 'last' | 'hash') => ({ strategy: { kind: 'merge', key: ['id'], keep } as const })
    const batch = events(
      ['a', '2024-01-01', 100],
      ['b', '2024-01-01', 200],
      ['a', '2024-01-01', 150],
      ['c', '2024-01-01', 300],
    )
    const value = async () =>
      (await lake.rows("SELECT list(n::INT ORDER BY n) AS n FROM bronze.t WHERE id = 'a'")).map(({ n }) => [
        ...(n as Iterable<number>),
      ])[0]
    expect(await lake.ingest(Event, { inputs: [batch], ...merge('last') })).toMatchObject({
      read: 4,
      written: 3,
      duplicates: 1,
    })
    expect(await value()).toEqual([150])
    expect(await lake.ingest(Event, { inputs: [batch], ...merge('first') })).toMatchObject({
      written: 3,
      duplicates: 1,
    })
    expect(await value()).toEqual([100])
    expect(await lake.ingest(Event, { inputs: [batch], ...merge('hash') })).toMatchObject({ written: 4, duplicates: 0 })
    expect(await value()).toEqual([100, 150])
    expect(await all()).toHaveLength(4)
  })

  it('merges into what is there: replaces, adds, and keeps the rest, touching only the files it must', async () => {
    const strategy = { kind: 'merge', key: ['id'], keep: 'last' } as const
    for (const letter of ['a', 'b', 'c']) {
      await lake.ingest(Event, {
        inputs: [events([`${letter}1`, '2024-01-01', 1], [`${letter}2`, '2024-01-01', 2])],
        strategy,
      })
    }
    const before = await lake.catalog.loadTable(table('bronze.t'))
    await lake.ingest(Event, { inputs: [events(['b1', '2024-01-01', 10], ['d1', '2024-01-01', 1])], strategy })
    expect((await all()).map(([id, , n]) => `${id as string}=${n as number}`)).toEqual([
      'a1=1',
      'a2=2',
      'b1=10',
      'b2=2',
      'c1=1',
      'c2=2',
      'd1=1',
    ])
    const after = await lake.catalog.loadTable(table('bronze.t'))
    const summary = after?.metadata.snapshots?.at(-1)?.summary
    expect({
      operation: summary?.operation,
      removed: summary?.['deleted-data-files'],
      total: summary?.['total-records'],
    }).toEqual({ operation: 'overwrite', removed: '1', total: '7' })
    expect(before?.metadata.snapshots).toHaveLength(3)
  })

  it.each([2, 3])(
    'merges by deletes where a table of version %i asks for that, and keeps its files',
    async (version) => {
      await lake.execute(
        `CREATE TABLE bronze.t (id VARCHAR NOT NULL, day DATE NOT NULL, n BIGINT NOT NULL)
       WITH ('write.merge.mode' = 'merge-on-read', 'format-version' = ${version})`,
      )
      const merge = (...rows: Parameters<typeof events>) =>
        lake.ingest(Event, {
          inputs: [events(...rows)],
          strategy: { kind: 'merge', key: ['id', 'day'], keep: 'last' },
        })
      await merge(['a', '2024-01-01', 1], ['b', '2024-01-01', 2], ['c', '2024-01-01', 3])
      await merge(['b', '2024-01-01', 20], ['d', '2024-01-01', 4])
      await merge(['c', '2024-01-01', 30], ['a', '2024-02-01', 10], ['a', '2024-01-01', 5], ['a', '2024-01-01', 6])
      expect(await all()).toEqual([
        ['a', '2024-01-01', 6],
        ['a', '2024-02-01', 10],
        ['b', '2024-01-01', 20],
        ['c', '2024-01-01', 30],
        ['d', '2024-01-01', 4],
      ])
      const snapshots = (await lake.catalog.loadTable(table('bronze.t')))?.metadata.snapshots
      expect(snapshots?.[1]?.summary).toMatchObject({ operation: 'overwrite', 'added-position-deletes': '1' })
      expect(snapshots?.map(({ summary }) => summary?.['deleted-data-files'])).toEqual([undefined, undefined, '1'])
    },
  )

  it('partitions by every transform, with the values that other readers expect', async () => {
    const schema = z.object({
      id: z.int(),
      at: z.iso.datetime(),
      s: z.string(),
      d: field(z.number(), { type: 'decimal(9, 2)' }),
    })
    const rows = [
      { id: 34, at: '2017-11-16T22:31:08Z', s: 'iceberg', d: 10.65 },
      { id: -7, at: '1969-12-31T23:59:59Z', s: 'ice', d: -0.05 },
    ]
    const partitioning = ['year', 'month', 'day', 'hour'].map((transform) => ({ column: 'at', transform }))
    await lake.ingest(schema, {
      inputs: [{ type: 'rows', name: 'rows', rows }],
      partitioning: [
        ...partitioning,
        { column: 'id', transform: 'bucket[16]' },
        { column: 'id', transform: 'truncate[10]' },
        { column: 's', transform: 'bucket[16]' },
        { column: 's', transform: 'truncate[3]' },
        { column: 'd', transform: 'truncate[50]' },
      ],
    })
    const loaded = await lake.catalog.loadTable(table('bronze.t'))
    if (!loaded) throw new Error('no table')
    const { planScan } = await import('@phlo/iceberg')
    const partitions: unknown[] = []
    for await (const { file } of planScan(lake.store, loaded.metadata)) partitions.push(file.partition)
    // bucket(34) of 16 is 2017239379 % 16, bucket('iceberg') 1210000089 % 16: the hashes of the specification's Appendix B.
    expect(partitions).toContainEqual([47, 574, 17486, 419686, 2017239379 % 16, 30n, 1210000089 % 16, 'ice', 1050n])
    expect(partitions).toContainEqual([-1, -1, -1, -1, expect.any(Number), -10n, expect.any(Number), 'ice', -50n])
  })

  it('follows safe schema changes and refuses others', async () => {
    await lake.ingest(Event, { inputs: [events(['a', '2024-01-01', 1])], strategy: { kind: 'append' } })
    const wider = Event.extend({ note: z.string().optional() })
    await lake.ingest(wider, {
      inputs: [{ type: 'rows', name: 'r', rows: [{ id: 'b', day: '2024-01-01', n: 2, note: 'new' }] }],
      strategy: { kind: 'append' },
    })
    expect(await lake.rows('SELECT id, note FROM bronze.t ORDER BY id')).toEqual([
      { id: 'a', note: null },
      { id: 'b', note: 'new' },
    ])
    await expect(
      lake.ingest(Event.extend({ n: z.string() }), {
        inputs: [{ type: 'rows', name: 'r', rows: [{ id: 'b', day: '2024-01-01', n: 'x' }] }],
      }),
    ).rejects.toMatchObject({ code: 'PHLO_SCHEMA_BREAKING' })
  })

  it('stops when it is cancelled, and leaves nothing behind', async () => {
    const controller = new AbortController()
    controller.abort()
    await expect(
      lake.ingest(Event, { inputs: [events(['a', '2024-01-01', 1])], signal: controller.signal }),
    ).rejects.toThrow()
    expect(await lake.catalog.listTables()).toEqual([])
  })
})
