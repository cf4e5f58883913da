import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type DataFile, decodeValue, entryStatus, indexById, refSnapshot, TableFiles } from '@phlo/iceberg'
import type { IcebergSchema, Snapshot, TableMetadata, TableUpdate } from '@phlo/ports'
import { DuckDbHost } from '../duckdb-host.js'
import { DuckDbOptions } from '../options.js'
import { table, TestLake } from '../testing/lake.js'

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

async function change(...updates: TableUpdate[]) {
  await lake.catalog.commit([{ kind: 'table', identifier: table('a.t'), requirements: [], updates }], { message: 'x' })
}

const sort = (...fields: [number, string, 'asc' | 'desc', 'nulls-first' | 'nulls-last'][]): TableUpdate[] => [
  {
    action: 'add-sort-order',
    'sort-order': {
      'order-id': 1,
      fields: fields.map(([source, transform, direction, nulls]) => ({
        'source-id': source,
        transform,
        direction,
        'null-order': nulls,
      })),
    },
  },
  { action: 'set-default-sort-order', 'sort-order-id': -1 },
]

it('rows are written in the table’s sort order, which its files name', async () => {
  await lake.execute('CREATE TABLE a.t (id INT, part INT, s VARCHAR) PARTITIONED BY (part)')
  await change(...sort([3, 'truncate[1]', 'desc', 'nulls-last'], [1, 'identity', 'asc', 'nulls-first']))
  await lake.execute(
    'INSERT INTO a.t SELECT CASE WHEN range % 10 <> 9 THEN range END, range % 2, chr(97 + (range * 7 % 3)::INT) || range FROM range(20)',
  )
  await lake.execute("UPDATE a.t SET s = 'z' WHERE id = 4")
  for (const { sortOrderId, path } of await files()) {
    expect(sortOrderId).toBe(1)
    const rows = await host.connect((connection) =>
      connection.run(
        `SELECT id, s[1] AS s FROM (SELECT id, s, file_row_number AS n FROM read_parquet('${path.replace('file://', '')}')) ORDER BY n`,
      ),
    )
    const key = ({ id, s }: (typeof rows)[number]): [string, number] => [s as string, id === null ? -1 : Number(id)]
    const sorted = rows.toSorted((a, b) => {
      const [[as, ai], [bs, bi]] = [key(a), key(b)]
      return as === bs ? ai - bi : as < bs ? 1 : -1
    })
    expect(rows).toEqual(sorted)
  }
  expect(await lake.rows('SELECT count(*)::INT AS n FROM a.t')).toEqual([{ n: 20 }])
})

it('files end at about the size that the table wants, in partitions and in order, too', async () => {
  const rows = 'SELECT range AS id, range % 2 AS part, hash(range)::VARCHAR AS h FROM range(400000)'
  await lake.execute(
    `CREATE TABLE a.t PARTITIONED BY (part) WITH ('write.target-file-size-bytes' = 1000000) AS ${rows}`,
  )
  const parts = await files()
  expect(new Set(parts.map(({ partition }) => partition[0]))).toEqual(new Set([0n, 1n]))
  expect(parts.length).toBeGreaterThan(2)
  await change(...sort([3, 'identity', 'asc', 'nulls-first']))
  await lake.execute(`INSERT INTO a.t ${rows}`)
  const sorted = (await files()).filter(({ sortOrderId }) => sortOrderId === 1)
  expect(sorted.length).toBeGreaterThan(2)
  expect(await lake.rows('SELECT count(*)::INT AS n, count(DISTINCT id)::INT AS d FROM a.t')).toEqual([
    { n: 800_000, d: 400_000 },
  ])
})

it('manifests say as much of columns as the table’s properties ask for', async () => {
  await lake.execute(
    `CREATE TABLE a.t WITH ('write.metadata.metrics.default' = 'counts', 'write.metadata.metrics.column.b' = 'truncate(2)',
       'write.metadata.metrics.column.c' = 'full', 'write.metadata.metrics.column.d' = 'none')
     AS SELECT 'aaaa' AS a, 'bbbb' AS b, repeat('c', 40) AS c, 'dddd' AS d`,
  )
  const [file] = await files()
  const text = (bound: Uint8Array | undefined) => bound && decodeValue({ kind: 'string' }, bound)
  const bounds = ['a', 'b', 'c', 'd'].map((column, index) => [
    column,
    file?.valueCounts?.get(index + 1),
    text(file?.lowerBounds?.get(index + 1)),
    text(file?.upperBounds?.get(index + 1)),
  ])
  expect(bounds).toEqual([
    ['a', 1, undefined, undefined],
    ['b', 1, 'bb', 'bc'],
    ['c', 1, 'c'.repeat(40), 'c'.repeat(40)],
    ['d', undefined, undefined, undefined],
  ])
  await expect(
    lake.execute("CREATE TABLE a.u WITH ('write.metadata.metrics.default' = 'some') AS SELECT 1 AS x"),
  ).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
})

it('manifests count NaN at every depth, and bound the other values', async () => {
  await lake.execute(
    `CREATE TABLE a.t AS SELECT i AS id, 1.5::DOUBLE AS clean, x::FLOAT AS f, [x, x, 1] AS list, {'d': x} AS struct,
       map {x: [{'in': x}]} AS map, CASE WHEN i < 3 THEN 'nan'::DOUBLE END AS nans
     FROM (VALUES (1, 'nan'::DOUBLE), (2, 'nan'), (3, '-inf'), (4, 2.5), (5, NULL)) AS t(i, x) WHERE i < 5`,
  )
  await lake.execute("INSERT INTO a.t (id, f) VALUES (5, 'nan'), (6, NULL)")
  const { schemas } = await metadata()
  const names = new Map([...indexById(schemas[0] as IcebergSchema)].map(([id, { path }]) => [id, path.join('.')]))
  const named = <T>(map: ReadonlyMap<number, T> | undefined) =>
    Object.fromEntries<T>([...(map ?? [])].map(([id, value]) => [names.get(id) ?? String(id), value] as const))
  const double = (bound: Uint8Array) => decodeValue({ kind: bound.length === 4 ? 'float' : 'double' }, bound)
  const found = await files()
  expect(
    found
      .toSorted((a, b) => b.recordCount - a.recordCount)
      .map(({ nanCounts, lowerBounds, upperBounds }) => ({
        nans: named(nanCounts),
        lower: named(new Map([...(lowerBounds ?? [])].filter(([id]) => id > 1).map(([id, b]) => [id, double(b)]))),
        upper: named(new Map([...(upperBounds ?? [])].filter(([id]) => id > 1).map(([id, b]) => [id, double(b)]))),
      })),
  ).toEqual([
    {
      nans: {
        clean: 0,
        f: 2,
        'list.element': 4,
        'struct.d': 2,
        'map.key': 2,
        'map.value.element.in': 2,
        nans: 2,
      },
      lower: { clean: 1.5, f: -Infinity, 'struct.d': -Infinity },
      upper: { clean: 1.5, f: 2.5, 'struct.d': 2.5 },
    },
    {
      nans: { clean: 0, f: 1, 'list.element': 0, 'struct.d': 0, 'map.key': 0, 'map.value.element.in': 0, nans: 0 },
      lower: {},
      upper: {},
    },
  ])
})

it('NaN is not counted of columns that manifests are to say nothing of, nor bounded where they only count', async () => {
  await lake.execute(
    `CREATE TABLE a.t WITH ('write.metadata.metrics.column.b' = 'counts', 'write.metadata.metrics.column.c' = 'none')
     AS SELECT x AS a, x AS b, x AS c FROM (VALUES ('nan'::DOUBLE), (1)) AS t(x)`,
  )
  const [file] = await files()
  expect(file?.nanCounts).toEqual(
    new Map([
      [1, 1],
      [2, 1],
    ]),
  )
  expect([...(file?.lowerBounds?.keys() ?? [])]).toEqual([1])
})
