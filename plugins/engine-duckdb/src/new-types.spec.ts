import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type DataFile, decodeValue, entryStatus, findField, refSnapshot, TableFiles } from '@phlo/iceberg'
import type { Snapshot, TableMetadata } from '@phlo/ports'
import type { DataType } from 'apache-arrow'
import { DuckDbHost } from './duckdb-host.js'
import { DuckDbOptions } from './options.js'
import { table, TestLake } from './testing/lake.js'

let lake: TestLake
let host: DuckDbHost
beforeEach(async () => {
  lake = await TestLake.open()
  host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, `${lake.folder}/open`)
})
afterEach(async () => {
  await host.close()
  await lake.close()
})

const v3 = "WITH ('format-version' = 3)"

async function metadata(): Promise<TableMetadata> {
  const loaded = await lake.catalog.loadTable(table('a.t'))
  if (!loaded) throw new Error('a.t')
  return loaded.metadata
}

async function files(): Promise<DataFile[]> {
  const tables = new TableFiles(lake.store, await metadata())
  const found: DataFile[] = []
  for (const manifest of await tables.manifests(refSnapshot(tables.metadata) as Snapshot))
    for await (const { status, file } of tables.entries(manifest)) if (status !== entryStatus.deleted) found.push(file)
  return found
}

/** Names and logical types of the columns of a table's files. */
async function storedTypes(): Promise<Record<string, unknown>> {
  const paths = (await files()).map(({ path }) => `'${path.replace('file://', '')}'`)
  const rows = await host.connect((connection) =>
    connection.run(
      `SELECT DISTINCT name, duckdb_type AS type, logical_type AS logical FROM parquet_schema([${paths.join(', ')}])
       WHERE name <> 'duckdb_schema' ORDER BY name`,
    ),
  )
  return Object.fromEntries(rows.map(({ name, type, logical }): [string, unknown] => [name as string, logical ?? type]))
}

const explain = async (sql: string) => {
  const files = (await lake.queries.explain(sql)).tables[0]?.files
  const { read = 0, skippedByPartition = 0, skippedByStatistics = 0 } = files ?? {}
  return `${read} of ${read + skippedByPartition + skippedByStatistics} files`
}

describe('timestamptz_ns', () => {
  const text = 'SELECT id, moment::VARCHAR AS moment FROM a.t ORDER BY id'

  it('keeps every digit through statements of each kind, and files say that it is of UTC', async () => {
    await lake.execute(`CREATE TABLE a.t (id INT, moment timestamptz_ns) ${v3}`)
    expect(findField((await metadata()).schemas[0]!, 'moment')?.type).toBe('timestamptz_ns')
    await lake.execute(
      `INSERT INTO a.t VALUES (1, '2024-01-01T00:00:00.123456789Z'), (2, '1969-12-31T23:59:59.999999999+01:00'),
         (3, NULL), (4, '1677-09-22 00:00:00.000000001')`,
    )
    await lake.execute("UPDATE a.t SET moment = '2024-01-02 00:00:00.123456789' WHERE moment < '2024-01-02' AND id = 1")
    await lake.execute('DELETE FROM a.t WHERE id = 4')
    await lake.execute(
      `MERGE INTO a.t USING (VALUES (3, TIMESTAMPTZ '2024-02-29 12:00:00.000001+02'), (5, NULL)) AS s(id, moment) ON t.id = s.id
       WHEN MATCHED THEN UPDATE SET moment = s.moment WHEN NOT MATCHED THEN INSERT (id, moment) VALUES (s.id, s.moment)`,
    )
    expect(await lake.rows(text)).toEqual([
      { id: 1, moment: '2024-01-02 00:00:00.123456789' },
      { id: 2, moment: '1969-12-31 22:59:59.999999999' },
      { id: 3, moment: '2024-02-29 10:00:00.000001' },
      { id: 5, moment: null },
    ])
    expect(await storedTypes()).toMatchObject({
      moment: expect.stringMatching(/^TimestampType\(isAdjustedToUTC=1, .*NANOS=NanoSeconds\(\)/),
    })
  })

  it('is found by its bounds, by days of partitions, and by deletes of equal values', async () => {
    await lake.execute(`CREATE TABLE a.t (id INT, moment timestamptz_ns) PARTITIONED BY (day(moment)) ${v3}`)
    await lake.execute(
      "INSERT INTO a.t VALUES (1, '1969-12-31 23:59:59.999999999'), (2, '1970-01-01 00:00:00.000000001')",
    )
    const bounds = (await files()).map(({ partition, lowerBounds, upperBounds }) => ({
      partition,
      bounds: [lowerBounds, upperBounds].map((map) =>
        decodeValue({ kind: 'timestamptz_ns' }, map?.get(2) ?? new Uint8Array()),
      ),
    }))
    expect(bounds.toSorted((a, b) => Number(a.partition[0]) - Number(b.partition[0]))).toEqual([
      { partition: [-1], bounds: [-1n, -1n] },
      { partition: [0], bounds: [1n, 1n] },
    ])
    const where = async (condition: string) => [
      await explain(`SELECT id FROM a.t WHERE ${condition}`),
      (await lake.rows(`SELECT id FROM a.t WHERE ${condition} ORDER BY id`)).map(({ id }) => id),
    ]
    expect(await where("moment = '1970-01-01 00:00:00.000000001'")).toEqual(['1 of 2 files', [2]])
    expect(await where("moment < TIMESTAMP '1970-01-01 00:00:00'")).toEqual(['1 of 2 files', [1]])
    expect(await where("moment > TIMESTAMP_NS '1970-01-01 00:00:00.000000001'")).toEqual(['0 of 2 files', []])
    expect(await where("moment < '1970-01-01T00:00:00+01:00'")).toEqual(['2 of 2 files', []])
  })

  it('within other columns keeps every digit, too', async () => {
    await lake.execute(`CREATE TABLE a.t (id INT, s STRUCT(m TIMESTAMP_NS), l TIMESTAMP_NS[]) ${v3}`)
    const transaction = await lake.catalog.loadTable(table('a.t'))
    const [schema] = transaction!.metadata.schemas
    const moments = JSON.parse(JSON.stringify(schema).replaceAll('timestamp_ns', 'timestamptz_ns')) as typeof schema
    await lake.catalog.commit(
      [
        {
          kind: 'table',
          identifier: table('a.t'),
          requirements: [],
          updates: [
            { action: 'add-schema', schema: { ...moments!, 'schema-id': 1 } },
            { action: 'set-current-schema', 'schema-id': -1 },
          ],
        },
      ],
      { message: 'moments' },
    )
    await lake.execute(
      "INSERT INTO a.t VALUES (1, {'m': '2024-01-01 00:00:00.000000001'}, ['2024-01-01 00:00:00.000000002'])",
    )
    expect(await lake.rows('SELECT s.m::VARCHAR AS m, l[1]::VARCHAR AS l FROM a.t')).toEqual([
      { m: '2024-01-01 00:00:00.000000001', l: '2024-01-01 00:00:00.000000002' },
    ])
    expect(Object.values(await storedTypes()).filter((type) => /isAdjustedToUTC=1/.test(String(type)))).toHaveLength(2)
  })
})

describe('timestamp_ns', () => {
  it('is what nanoseconds become in version 3, and microseconds before', async () => {
    const query =
      "SELECT 1 AS id, TIMESTAMP_NS '2024-01-01 00:00:00.123456789' AS at_ns, [TIMESTAMP_NS '2024-01-01'] AS l"
    await lake.execute(`CREATE TABLE a.t ${v3} AS ${query}`)
    await lake.execute(`CREATE TABLE a.old AS ${query}`)
    await lake.put('a.put', query)
    const types = async (name: string) => {
      const loaded = await lake.catalog.loadTable(table(name))
      return JSON.stringify(loaded?.metadata.schemas[0]?.fields).match(/"timestamp\w*"/g)
    }
    expect(await types('a.t')).toEqual(['"timestamp_ns"', '"timestamp_ns"'])
    expect(await types('a.old')).toEqual(['"timestamp"', '"timestamp"'])
    expect(await types('a.put')).toEqual(['"timestamp"', '"timestamp"'])
    await lake.put('a.t', query, { strategy: 'append' })
    expect(await lake.rows('SELECT at_ns::VARCHAR AS at FROM a.t')).toEqual([
      { at: '2024-01-01 00:00:00.123456789' },
      { at: '2024-01-01 00:00:00.123456789' },
    ])
    expect(await explain("SELECT * FROM a.t WHERE at_ns > '2024-01-01 00:00:00.123456789'")).toBe('0 of 2 files')
    expect(await explain("SELECT * FROM a.t WHERE at_ns >= '2024-01-01 00:00:00.123456789'")).toBe('2 of 2 files')
  })
})

describe('unknown', () => {
  it('is NULL, takes nothing else, and is in no file', async () => {
    await lake.execute(`CREATE TABLE a.t (id INT, u unknown) ${v3}`)
    await lake.execute('INSERT INTO a.t VALUES (1, NULL), (2, NULL)')
    await lake.execute('INSERT INTO a.t (id) VALUES (3)')
    await lake.execute('UPDATE a.t SET u = NULL WHERE id = 1')
    await lake.execute('ALTER TABLE a.t ALTER COLUMN id SET DATA TYPE BIGINT')
    expect(await lake.rows("SELECT id::INT AS id, u, coalesce(u, 'none') AS text FROM a.t ORDER BY id")).toEqual([
      { id: 1, u: null, text: 'none' },
      { id: 2, u: null, text: 'none' },
      { id: 3, u: null, text: 'none' },
    ])
    await expect(lake.execute('INSERT INTO a.t VALUES (4, 5)')).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
    expect(Object.keys(await storedTypes())).toEqual(['_last_updated_sequence_number', '_row_id', 'id'])
    await lake.execute(`CREATE TABLE a.nothing (u unknown) ${v3}`)
    await expect(lake.execute('INSERT INTO a.nothing VALUES (NULL)')).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
    })
  })
})

describe('variant', () => {
  it('holds values of any type, and comes as JSON', async () => {
    await lake.execute(`CREATE TABLE a.t (id INT, v VARIANT) ${v3}`)
    await lake.execute(
      `INSERT INTO a.t VALUES (1, {'a': 1, 'b': [1, 2.50, NULL]}), (2, 'text'), (3, NULL), (4, '{"k": [1, null, true]}'::JSON),
         (5, DATE '2024-01-01'), (6, 'nan'::DOUBLE), (7, 9223372036854775807)`,
    )
    await lake.execute("UPDATE a.t SET v = 'x' WHERE v.a = 1")
    await lake.execute(
      `MERGE INTO a.t USING (SELECT 9 AS id, {'z': 1.5}::VARIANT AS v) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT *`,
    )
    await lake.execute('ALTER TABLE a.t ADD COLUMN w VARIANT')
    expect(await lake.rows('SELECT id, v, w FROM a.t ORDER BY id')).toEqual(
      ['"x"', '"text"', null, '{"k":[1,null,true]}', '"2024-01-01"', '"NaN"', '9223372036854775807', '{"z":1.5}'].map(
        (v, index) => ({ id: index === 7 ? 9 : index + 1, v, w: null }),
      ),
    )
    expect(await lake.rows('SELECT v.k[1]::INT AS first FROM a.t WHERE id = 4')).toEqual([{ first: 1 }])
    const { schema } = await lake.queries.query('SELECT v, [v] AS l FROM a.t')
    expect(schema.fields.map(({ metadata: own }) => own.get('ARROW:extension:name'))).toEqual(['arrow.json', undefined])
    const { children } = schema.fields[1]?.type as DataType
    expect(children[0]?.metadata.get('ARROW:extension:name')).toBe('arrow.json')
  })

  it('within other columns is refused where it is written', async () => {
    await lake.execute(`CREATE TABLE a.t (id INT, l VARIANT[]) ${v3}`)
    await expect(lake.execute("INSERT INTO a.t VALUES (1, ['x'])")).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
      context: { column: 'l' },
    })
  })
})

describe('geometry and geography', () => {
  it('are shapes, bounded by boxes where these are of planes, and marked with their systems', async () => {
    await lake.execute(
      `CREATE TABLE a.t (id INT, g GEOMETRY, h geometry('EPSG:3857'), y geography('OGC:CRS84', 'karney'), l GEOMETRY[]) ${v3}`,
    )
    expect((await metadata()).schemas[0]?.fields.slice(1, 4).map(({ type }) => type)).toEqual([
      'geometry',
      'geometry(EPSG:3857)',
      'geography(OGC:CRS84, karney)',
    ])
    await lake.execute(
      `INSERT INTO a.t VALUES (1, 'POINT(1 2)', 'POINT Z(1 2 3)', 'POINT(1 2)', ['POINT(0 0)']), (2, NULL, 'POINT Z(-1 5 2)', NULL, NULL)`,
    )
    await lake.execute("UPDATE a.t SET g = 'LINESTRING(1 3, 4 5)' WHERE id = 1")
    const shapes =
      'SELECT id, ST_AsText(g) AS g, ST_AsText(h) AS h, ST_AsText(y) AS y, ST_AsText(l[1]) AS l FROM a.t ORDER BY id'
    expect(await lake.rows(shapes)).toEqual([
      { id: 1, g: 'LINESTRING (1 3, 4 5)', h: 'POINT Z (1 2 3)', y: 'POINT (1 2)', l: 'POINT (0 0)' },
      { id: 2, g: null, h: 'POINT Z (-1 5 2)', y: null, l: null },
    ])
    expect(await storedTypes()).toMatchObject({
      g: 'GeometryType(crs=<null>)',
      h: 'GeometryType(crs=EPSG:3857)',
      y: 'GeographyType(crs=<null>, algorithm=KARNEY)',
    })
    const [file, ...more] = await files()
    expect(more).toEqual([])
    const doubles = (bytes: Uint8Array | undefined) => bytes && [...new Float64Array(Uint8Array.from(bytes).buffer)]
    expect([2, 3, 4].map((id) => [file?.lowerBounds, file?.upperBounds].map((map) => doubles(map?.get(id))))).toEqual([
      [
        [1, 3],
        [4, 5],
      ],
      [
        [-1, 2, 2],
        [1, 5, 3],
      ],
      [undefined, undefined],
    ])
    const { schema } = await lake.queries.query('SELECT g FROM a.t')
    expect(schema.fields[0]?.metadata.get('ARROW:extension:name')).toBe('geoarrow.wkb')
    await expect(lake.execute("INSERT INTO a.t (id, g) VALUES (3, 'no shape')")).rejects.toMatchObject({
      code: 'PHLO_SQL_INVALID',
    })
    await expect(lake.execute(`CREATE TABLE a.u (g geography('x', 'y', 'z')) ${v3}`)).rejects.toMatchObject({
      code: 'PHLO_SQL_INVALID',
    })
  })
})

it('types of version 3 go through files that are sorted, partitioned and rewritten', async () => {
  await lake.execute(
    `CREATE TABLE a.t (id INT, p INT, m timestamptz_ns, u unknown, v VARIANT, g GEOMETRY, y geography) PARTITIONED BY (p)
       SORTED BY (m DESC) WITH ('format-version' = 3, 'write.delete.mode' = 'merge-on-read')`,
  )
  const values = [1, 2, 3, 4].map((id) => {
    const point = `'POINT(${id} 0)'`
    return `(${id}, ${id % 2}, '2024-01-01 00:00:00.00000000${id}', NULL, {'id': ${id}}, ${point}, ${point})`
  })
  await lake.execute(`INSERT INTO a.t VALUES ${values.join(', ')}`)
  await lake.execute('DELETE FROM a.t WHERE id = 3')
  const rows = 'SELECT id, m::VARCHAR AS m, u, v, ST_AsText(g) AS g, ST_AsText(y) AS y FROM a.t ORDER BY id'
  const expected = [1, 2, 4].map((id) => {
    const point = `POINT (${id} 0)`
    return { id, m: `2024-01-01 00:00:00.00000000${id}`, u: null, v: `{"id":${id}}`, g: point, y: point }
  })
  expect(await lake.rows(rows)).toEqual(expected)
  for (const strategy of [{ kind: 'binpack' }, { kind: 'sort', by: [{ column: 'm' }] }] as const) {
    await lake.queries.rewrite({ table: table('a.t'), ref: 'main', message: 'anew', strategy, all: true })
    expect(await lake.rows(rows)).toEqual(expected)
  }
})

it('types of version 3 are refused in older tables', async () => {
  for (const type of ['VARIANT', 'GEOMETRY', 'geography', 'timestamptz_ns', 'unknown'])
    await expect(lake.execute(`CREATE TABLE a.t (id INT, c ${type})`)).rejects.toMatchObject({
      code: 'PHLO_ICEBERG_INVALID',
    })
})
