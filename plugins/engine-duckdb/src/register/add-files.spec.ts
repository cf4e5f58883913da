import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { DuckDBInstance } from '@duckdb/node-api'
import { decodeValue, nameMappingProperty, planScan } from '@phlo/iceberg'
import path from 'node:path'
import { ForeignFiles } from '../testing/foreign-files.js'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
let foreign: ForeignFiles
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterEach(() => lake.close())

/** Puts a Parquet file of a SELECT's rows into the store, without field ids but for those given. */
async function file(key: string, select: string, options = ''): Promise<string> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const local = path.join(lake.folder, 'landing.parquet')
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run(`COPY (${select}) TO '${local}' (FORMAT parquet${options})`)
  instance.closeSync()
  await lake.store.putFile(key, local)
  return lake.store.uri(key)
}

const add = (files: readonly string[], dryRun = false) =>
  lake.queries.addFiles({ table: table('a.t'), ref: 'main', files, message: 'Add files', dryRun })
const rows = (sql = 'SELECT * FROM a.t ORDER BY ALL') => lake.rows(sql)

describe('adding files', () => {
  it('reads their columns by name, in any order, with what they lack as NULL', async () => {
    await lake.put('a.t', "SELECT 1::BIGINT AS id, 'x' AS name, 1.5::DOUBLE AS amount")
    const first = await file('landing/1.parquet', "SELECT 'y' AS name, 2::INTEGER AS id, 7 AS more")
    const second = await file('landing/2.parquet', 'SELECT 2.5::FLOAT AS amount, 3::BIGINT AS id')
    const planned = await add([first, second], true)
    expect(planned).toMatchObject({ rows: 2, nameMapping: true, files: [{ path: first, rows: 1 }, { path: second }] })
    expect(await rows('SELECT count(*)::INT AS n FROM a.t')).toEqual([{ n: 1 }])
    const added = await add([first, second])
    const { metadata } = await foreign.load('a.t')
    expect(added).toEqual({ ...planned, snapshotId: metadata['current-snapshot-id'] })
    expect(metadata.properties?.[nameMappingProperty]).toBeDefined()
    expect(await rows('SELECT id::INT AS id, name, amount FROM a.t ORDER BY id')).toEqual([
      { id: 1, name: 'x', amount: 1.5 },
      { id: 2, name: 'y', amount: null },
      { id: 3, name: null, amount: 2.5 },
    ])
  })

  it('finds columns by field id before it looks at names', async () => {
    await lake.put('a.t', 'SELECT 1::BIGINT AS id')
    const own = await file('landing/1.parquet', 'SELECT 2::BIGINT AS other_name', ', FIELD_IDS {other_name: 1}')
    expect(await add([own])).toMatchObject({ nameMapping: true, rows: 1 })
    const second = await file('landing/2.parquet', 'SELECT 3::BIGINT AS id')
    expect(await add([second])).toMatchObject({ nameMapping: false, rows: 1 })
    expect(await rows('SELECT id::INT AS id FROM a.t ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
  })

  it('takes counts, sizes, bounds and split offsets from footers', async () => {
    await lake.put('a.t', "SELECT 0::BIGINT AS id, 'x' AS name, TIMESTAMP '2024-01-01' AS at WHERE FALSE")
    const uri = await file(
      'landing/1.parquet',
      `SELECT range AS id, CASE WHEN range % 2 = 0 THEN 'name-' || lpad(range::VARCHAR, 6, '0') END AS name,
         TIMESTAMP '2024-01-01' + INTERVAL (range) SECOND AS at FROM range(5000)`,
      ', ROW_GROUP_SIZE 2048',
    )
    await add([uri])
    const { metadata } = await foreign.load('a.t')
    const filter = { op: 'gt', column: 'id', value: 4999 } as const
    for await (const task of planScan(lake.store, metadata, { filter })) throw new Error(task.file.path)
    const { TableFiles, refSnapshot } = await import('@phlo/iceberg')
    const files = new TableFiles(lake.store, metadata)
    const [manifest] = await files.manifests(refSnapshot(metadata) as never)
    for await (const { file: described } of files.entries(manifest as never)) {
      const { recordCount, splitOffsets, nullCounts, valueCounts, lowerBounds, upperBounds, columnSizes } = described
      expect([recordCount, splitOffsets?.length, splitOffsets?.[0]]).toEqual([5000, 3, 4])
      expect([...(nullCounts ?? [])]).toEqual([
        [1, 0],
        [2, 2500],
        [3, 0],
      ])
      expect([...(valueCounts ?? [])].map(([, count]) => count)).toEqual([5000, 5000, 5000])
      expect([...(columnSizes ?? [])].every(([, size]) => size > 0)).toBe(true)
      expect(decodeValue({ kind: 'long' }, lowerBounds?.get(1) as Uint8Array)).toBe(0n)
      expect(decodeValue({ kind: 'long' }, upperBounds?.get(1) as Uint8Array)).toBe(4999n)
      expect(decodeValue({ kind: 'string' }, lowerBounds?.get(2) as Uint8Array)).toBe('name-000000')
      expect(decodeValue({ kind: 'timestamp' }, upperBounds?.get(3) as Uint8Array)).toBe(
        1704067200000000n + 4999n * 1_000_000n,
      )
    }
  })

  it('takes partitions from paths as Hive has them, and from statistics', async () => {
    await lake.put('a.t', "SELECT 1::BIGINT AS id, 'north' AS region", { partitionBy: ['region'] })
    const hive = await file('landing/region=south/1.parquet', 'SELECT 2::BIGINT AS id')
    const plain = await file('landing/2.parquet', "SELECT 3::BIGINT AS id, 'west' AS region")
    await add([hive, plain])
    expect(await rows("SELECT id::INT AS id, region FROM a.t WHERE region <> 'north' ORDER BY id")).toEqual([
      { id: 2, region: 'south' },
      { id: 3, region: 'west' },
    ])
    const mixed = await file('landing/3.parquet', "SELECT unnest([4, 5])::BIGINT AS id, unnest(['a', 'b']) AS region")
    await expect(add([mixed])).rejects.toMatchObject({
      code: 'PHLO_FILE_UNFIT',
      message: expect.stringContaining('region'),
    })
  })

  it('refuses what does not fit, what is there already and what is elsewhere, and changes nothing then', async () => {
    await lake.put('a.t', "SELECT 1::INTEGER AS id, 'x' AS name, [1] AS list")
    const before = (await foreign.load('a.t')).metadataLocation
    const unfit = { code: 'PHLO_FILE_UNFIT' }
    const good = await file('landing/good.parquet', 'SELECT 2::INTEGER AS id')
    for (const [key, select] of [
      ['wide', 'SELECT 2::BIGINT AS id'],
      ['text', "SELECT 'two' AS id"],
      ['none', 'SELECT 2 AS nobody_knows'],
      ['list', "SELECT 2::INTEGER AS id, 'a' AS list"],
      ['nested', "SELECT 2::INTEGER AS id, ['a'] AS list"],
    ] as const)
      await expect(add([good, await file(`landing/${key}.parquet`, select)])).rejects.toMatchObject(unfit)
    await expect(add([good, good])).rejects.toMatchObject(unfit)
    await expect(add(['s3://elsewhere/a.parquet'])).rejects.toMatchObject(unfit)
    await expect(add([lake.store.uri('landing/missing.parquet')])).rejects.toMatchObject({
      code: 'PHLO_OBJECT_NOT_FOUND',
    })
    expect((await foreign.load('a.t')).metadataLocation).toBe(before)
    await add([good])
    await expect(add([good])).rejects.toMatchObject(unfit)
    expect(await rows('SELECT count(*)::INT AS n FROM a.t')).toEqual([{ n: 2 }])
  })
})
