import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { readPuffinBlob, readPuffinMetadata, ThetaSketch } from '@phlo/iceberg'
import type { AnalyzeRequest, StatisticsFile } from '@phlo/ports'
import { ForeignFiles } from '../testing/foreign-files.js'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
let foreign: ForeignFiles
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterEach(() => lake.close())

const analyze = (request: Partial<AnalyzeRequest> = {}) =>
  lake.queries.analyze({ table: table('a.t'), ref: 'main', message: 'Analyze a.t', ...request })
const statistics = async () => (await foreign.load('a.t')).metadata.statistics ?? []

/** The estimates in the file itself, by field id. */
async function stored(file: StatisticsFile | undefined): Promise<Record<number, number>> {
  const path = file?.['statistics-path'] ?? ''
  const found: Record<number, number> = {}
  for (const blob of (await readPuffinMetadata(lake.store, path)).blobs)
    found[blob.fields[0] as number] = ThetaSketch.decode(await readPuffinBlob(lake.store, path, blob), path).estimate
  return found
}

const everyType = `SELECT
  n % 2 = 0 AS flag, n::INT AS int, n AS long, (n % 3)::FLOAT AS float, (n % 5)::DOUBLE AS double,
  (n % 7)::DECIMAL(9, 2) AS decimal, DATE '1960-02-29' + (n % 11)::INT AS date, TIME '00:00' + INTERVAL (n % 13) MINUTE AS time,
  TIMESTAMP '1969-12-31' + INTERVAL (n % 4) HOUR AS stamp,
  (TIMESTAMP '1969-12-31' + INTERVAL (n % 6) HOUR) AT TIME ZONE 'UTC' AS instant,
  'ä' || n % 17 AS text, uuid() AS id, encode('b' || n % 19) AS bytes, NULLIF(n % 8, 0) AS some, [n] AS list
FROM (SELECT range AS n FROM range(100))`

describe('statistics', () => {
  it('tell how many distinct values columns of each type have', async () => {
    await lake.put('a.t', everyType)
    const { columns, snapshotId, path } = await analyze()
    expect(Object.fromEntries(columns.map(({ column, ndv }) => [column, ndv]))).toEqual({
      ...{ flag: 2, int: 100, long: 100, float: 3, double: 5, decimal: 7, date: 11, time: 13, stamp: 4, instant: 6 },
      ...{ text: 17, id: 100, bytes: 19, some: 7 },
    })
    const [file, ...others] = await statistics()
    expect([file?.['snapshot-id'], file?.['statistics-path'], others]).toEqual([snapshotId, path, []])
    expect(Object.values(await stored(file))).toEqual(columns.map(({ ndv }) => ndv))
    expect(file?.['blob-metadata'].map(({ properties }) => properties?.['ndv'])).toEqual(
      columns.map(({ ndv }) => String(ndv)),
    )
  })

  it('keep what is known of other columns, and leave out deleted rows', async () => {
    await lake.put('a.t', 'SELECT range AS a, range % 10 AS b FROM range(50)')
    await analyze()
    expect(await stored((await statistics())[0])).toEqual({ 1: 50, 2: 10 })
    await analyze({ columns: ['b'] })
    expect(await stored((await statistics())[0])).toEqual({ 1: 50, 2: 10 })
    await lake.execute('DELETE FROM a.t WHERE a >= 5')
    expect((await analyze({ columns: ['b', 'a'] })).columns).toEqual([
      { column: 'b', ndv: 5 },
      { column: 'a', ndv: 5 },
    ])
    expect(await statistics()).toHaveLength(2)
  })

  it('of many values are near the truth', async () => {
    await lake.put('a.t', 'SELECT range AS a FROM range(100_000)')
    const [column] = (await analyze()).columns
    // Five standard errors.
    expect(Math.abs((column?.ndv ?? 0) / 100_000 - 1)).toBeLessThan(0.08)
  })

  it('are told and not kept with a dry run, and refused for columns that are not there or hold lists', async () => {
    await lake.put('a.t', 'SELECT 1 AS a, [1] AS list')
    const before = await foreign.load('a.t')
    expect((await analyze({ dryRun: true })).columns).toEqual([{ column: 'a', ndv: 1 }])
    expect((await foreign.load('a.t')).metadataLocation).toBe(before.metadataLocation)
    await expect(analyze({ columns: ['b'] })).rejects.toMatchObject({ code: 'PHLO_SCHEMA_COLUMN_MISSING' })
    await expect(analyze({ columns: ['list'] })).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
    await expect(analyze({ table: table('a.u') })).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
  })
})
