import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type DataFile, decodeValue, entryStatus, partitionKey, refSnapshot, TableFiles } from '@phlo/iceberg'
import { PhloError, type Snapshot } from '@phlo/ports'
import { DuckDbHost } from '../duckdb-host.js'
import { DuckDbOptions } from '../options.js'
import { table, TestLake, z } from '../testing/lake.js'

let lake: TestLake
let host: DuckDbHost
const open = async (threads: number) => {
  lake = await TestLake.open({ threads })
  host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, `${lake.folder}/open`)
}
const close = async () => {
  await host.close()
  await lake.close()
}
beforeEach(() => open(4))
afterEach(close)

const inspect = (sql: string) => host.connect((connection) => connection.one(sql))

async function files(name = 'a.t'): Promise<DataFile[]> {
  const loaded = await lake.catalog.loadTable(table(name))
  if (!loaded) throw new PhloError('PHLO_TABLE_NOT_FOUND', name)
  const tables = new TableFiles(lake.store, loaded.metadata)
  const found: DataFile[] = []
  for (const manifest of await tables.manifests(refSnapshot(loaded.metadata) as Snapshot))
    for await (const { status, file } of tables.entries(manifest)) if (status !== entryStatus.deleted) found.push(file)
  return found
}

/** How many files each partition has, most first. */
async function filesByPartition(name?: string): Promise<number[]> {
  const counts = new Map<string, number>()
  for (const file of await files(name)) counts.set(partitionKey(file), (counts.get(partitionKey(file)) ?? 0) + 1)
  return [...counts.values()].sort((a, b) => b - a)
}

/** The least and greatest id of each file, by these. */
function ranges(of: readonly DataFile[]): [bigint, bigint][] {
  const bound = (bytes: Uint8Array | undefined) => decodeValue({ kind: 'long' }, bytes as Uint8Array) as bigint
  return of
    .map((file): [bigint, bigint] => [bound(file.lowerBounds?.get(1)), bound(file.upperBounds?.get(1))])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

function overlaps(of: readonly DataFile[]): boolean {
  return ranges(of).some(([low], index, all) => index > 0 && low <= (all[index - 1]?.[1] as bigint))
}

/** Is every file in the order that it names? */
async function areSorted(of: readonly DataFile[]): Promise<boolean> {
  for (const { path, sortOrderId } of of) {
    expect(sortOrderId).toBe(1)
    const { sorted } = await inspect(
      `SELECT bool_and(id >= before) AS sorted FROM (SELECT id, lag(id) OVER (ORDER BY file_row_number) AS before
       FROM read_parquet('${path.replace('file://', '')}', file_row_number = true))`,
    )
    if (sorted !== true) return false
  }
  return true
}

// Ids are spread over the whole range everywhere, so that nothing is in order by chance.
const scattered = (rows: number, partitions: number) =>
  `SELECT (range * 7919) % ${rows} AS id, (hash(range) % ${partitions})::INT AS part, hash(range)::VARCHAR AS text FROM range(${rows})`
const total = () => lake.rows('SELECT count(*)::INT AS n, count(DISTINCT id)::INT AS ids FROM a.t')
const make = (how: string, properties: Readonly<Record<string, string>>, rows: string) =>
  lake.execute(
    `CREATE TABLE a.t ${how} WITH (${Object.entries({ 'commit.retry.num-retries': '1', ...properties })
      .map(([key, value]) => `'${key}' = '${value}'`)
      .join(', ')}) AS ${rows}`,
  )

describe('a partitioned table', () => {
  it.each([{}, { 'write.distribution-mode': 'hash' }, { 'write.distribution-mode': 'range' }])(
    'has one file a partition, whatever the number of threads: %j',
    async (properties) => {
      await make('PARTITIONED BY (part)', properties, scattered(1_000_000, 5))
      expect(await filesByPartition()).toEqual([1, 1, 1, 1, 1])
      expect(await total()).toEqual([{ n: 1_000_000, ids: 1_000_000 }])
    },
  )

  it.each(['hash', 'range'])('has one file a partition by %s, also of more partitions than are open', async (mode) => {
    await make('PARTITIONED BY (part)', { 'write.distribution-mode': mode }, scattered(200_000, 600))
    expect(await filesByPartition()).toEqual(Array.from({ length: 600 }, () => 1))
    expect(await total()).toEqual([{ n: 200_000, ids: 200_000 }])
  })

  it('gets files as rows come by none, and takes them together when it is asked to later', async () => {
    await make('PARTITIONED BY (part)', { 'write.distribution-mode': 'none' }, scattered(2_500_000, 4))
    const before = await filesByPartition()
    expect(before).toHaveLength(4)
    expect(before[0]).toBeGreaterThan(1)
    expect(await total()).toEqual([{ n: 2_500_000, ids: 2_500_000 }])
    // Commands gather by default, and a write after another one is not affected by it.
    await lake.execute("UPDATE a.t SET text = 'x' WHERE part = 0")
    expect((await filesByPartition()).filter((count) => count === 1)).toHaveLength(1)
    await lake.execute("ALTER TABLE a.t SET ('write.distribution-mode' = 'hash')")
    await lake.execute('CREATE TABLE a.u PARTITIONED BY (part) AS SELECT * FROM a.t')
    expect(await filesByPartition('a.u')).toEqual([1, 1, 1, 1])
  })

  it.each([
    ['delete', 'DELETE FROM a.t WHERE id % 2 = 0'],
    ['update', "UPDATE a.t SET text = 'x' WHERE id % 2 = 0"],
    [
      'merge',
      "MERGE INTO a.t USING (SELECT 2 * range AS id FROM range(1000000)) AS s USING (id) WHEN MATCHED THEN UPDATE SET text = 'x'",
    ],
  ])('follows a mode of its own for %s', async (command, sql) => {
    // Threads that write at the same time share their files, as luck would have it.
    await close()
    await open(1)
    // One file with rows of every partition.
    await make('', {}, scattered(2_500_000, 3))
    await lake.execute('ALTER TABLE a.t SET PARTITIONED BY (part)')
    await lake.execute('CREATE TABLE a.u AS SELECT * FROM a.t')
    await lake.execute('ALTER TABLE a.u SET PARTITIONED BY (part)')
    await lake.execute(`ALTER TABLE a.u SET ('write.${command}.distribution-mode' = 'none')`)
    await lake.execute(sql)
    expect(await filesByPartition()).toEqual([1, 1, 1])
    await lake.execute(sql.replaceAll('a.t', 'a.u'))
    const scatteredFiles = await filesByPartition('a.u')
    expect(scatteredFiles).toHaveLength(3)
    expect(scatteredFiles[0]).toBeGreaterThan(1)
  })
})

describe('a sorted table', () => {
  const small = { 'write.target-file-size-bytes': '2000000' }

  it('is divided into ranges by default', async () => {
    await make('SORTED BY (id)', small, scattered(1_500_000, 1))
    const found = await files()
    expect(found.length).toBeGreaterThan(3)
    expect(overlaps(found)).toBe(false)
    expect(await areSorted(found)).toBe(true)
  })

  it.each(['none', 'hash'])('has sorted files that overlap without partitions by %s', async (mode) => {
    await make('SORTED BY (id)', { ...small, 'write.distribution-mode': mode }, scattered(1_000_000, 1))
    const found = await files()
    expect(found.length).toBeGreaterThan(2)
    expect(overlaps(found)).toBe(true)
    expect(await areSorted(found)).toBe(true)
    expect(await total()).toEqual([{ n: 1_000_000, ids: 1_000_000 }])
  })

  it.each(['hash', 'range', 'none'])('has partitions of sorted files by %s', async (mode) => {
    const properties = { ...small, 'write.distribution-mode': mode }
    await make('PARTITIONED BY (part) SORTED BY (id)', properties, scattered(1_500_000, 2))
    const found = await files()
    expect(await areSorted(found)).toBe(true)
    for (const part of [0, 1]) {
      const own = found.filter((file) => file.partition[0] === part)
      expect(own.length).toBeGreaterThan(2)
      expect(overlaps(own)).toBe(mode === 'none')
      expect(Math.max(...own.map(({ fileSize }) => fileSize))).toBeLessThan(8_000_000)
    }
    expect(await total()).toEqual([{ n: 1_500_000, ids: 1_500_000 }])
  })
})

it('ingestion and rewrites follow the mode', async () => {
  await close()
  await open(1)
  const Row = z.object({ id: z.int(), part: z.int() })
  const select = 'SELECT range AS id, hash(range) % 3 AS part FROM range(2500000)'
  const source = `${lake.folder}/rows.parquet`
  await inspect(`COPY (${select}) TO '${source}' (FORMAT parquet)`)
  const ingest = (mode: string) =>
    lake.ingest(Row, {
      inputs: [{ type: 'files', format: 'parquet', paths: [source] }],
      partitioning: [{ column: 'part', transform: 'identity' }],
      properties: { 'write.distribution-mode': mode },
    })
  await ingest('none')
  expect((await filesByPartition('bronze.t'))[0]).toBeGreaterThan(1)
  await lake.queries.rewrite({ table: table('bronze.t'), ref: 'main', message: 'compact', minInputFiles: 2 })
  expect(await filesByPartition('bronze.t')).toEqual([1, 1, 1])
  await ingest('hash')
  expect(await filesByPartition('bronze.t')).toEqual([1, 1, 1])
  // Into another spec, the rows of each old partition come together whatever the table says.
  await lake.execute("ALTER TABLE bronze.t SET ('write.distribution-mode' = 'none')")
  await lake.execute('ALTER TABLE bronze.t SET PARTITIONED BY (truncate(1000000, id))')
  await lake.queries.rewrite({ table: table('bronze.t'), ref: 'main', message: 'compact', all: true })
  expect(await filesByPartition('bronze.t')).toEqual([3, 3, 3])
})

it('another mode is none', async () => {
  await expect(make('', { 'write.distribution-mode': 'some' }, 'SELECT 1 AS id')).rejects.toMatchObject({
    code: 'PHLO_UNSUPPORTED',
    message: 'write.distribution-mode some is none: none, hash or range',
  })
})
