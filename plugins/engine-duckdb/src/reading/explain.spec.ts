import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { fileContent } from '@phlo/iceberg'
import { ForeignFiles } from '../testing/foreign-files.js'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
let foreign: ForeignFiles
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterEach(() => lake.close())

describe('what a statement reads', () => {
  it('is told from manifests over files to deletes and what is left to check, with what is passed over', async () => {
    const rows = (from: number, part: string) =>
      `SELECT ${from} + range AS id, ${part} AS part, 'x' || range AS s FROM range(10)`
    await lake.put('a.t', rows(0, 'range % 2'), { partitionBy: ['part'] })
    const early = (await foreign.tasks('a.t')).map(({ file }) => file)
    await lake.put('a.t', rows(100, 'range % 2'), { strategy: 'append' })
    await lake.put('a.t', rows(200, '7::BIGINT'), { strategy: 'append' })
    const tasks = await foreign.tasks('a.t')
    const of = (part: bigint) => tasks.filter(({ file }) => file.partition[0] === part).map(({ file }) => file)
    const even = early.find(({ partition }) => partition[0] === 0n)
    await foreign.commit('a.t', [await foreign.positions([[even?.path ?? '', 0]], { partition: [0n] })])
    await foreign.commit('a.t', [await foreign.positions([[of(7n)[0]?.path ?? '', 0]], { partition: [7n] })])
    const equality = { content: fileContent.equalityDeletes, equalityIds: [1], partition: [0n] }
    await foreign.commit('a.t', [await foreign.parquet('SELECT 4::BIGINT AS id', '{id: 1}', equality)])
    const { tables } = await lake.queries.explain("SELECT s FROM a.t WHERE part < 2 AND id = 4 AND s LIKE 'x%'")
    const [read, ...others] = tables
    expect(others).toEqual([])
    const { metadata } = await foreign.load('a.t')
    expect(read).toEqual({
      table: table('a.t'),
      snapshotId: metadata.refs?.['main']?.['snapshot-id'],
      filter: "part < 2 AND id = 4 AND s >= 'x' AND s < 'y'",
      dataManifests: { total: 3, skipped: 1 },
      deleteManifests: { total: 3, skipped: 1 },
      files: { skippedByManifest: 1, skippedByPartition: 0, skippedByStatistics: 2, read: 2 },
      rows: 10,
      bytes: early.reduce((sum, { fileSize }) => sum + fileSize, 0),
      rowGroups: 2,
      deletes: { positions: 1, vectors: 0, equality: 1, skipped: 0 },
      residuals: [{ filter: 'id = 4', files: 2 }],
    })
    const byPartition = await lake.queries.explain('SELECT 1 FROM a.t WHERE part = 0')
    expect(byPartition.tables[0]).toMatchObject({
      filter: 'part = 0',
      files: { skippedByManifest: 1, skippedByPartition: 2, skippedByStatistics: 0, read: 2 },
      residuals: [],
    })
    expect((await lake.queries.explain('SELECT count(*) FROM a.t')).tables[0]).toMatchObject({
      filter: 'true',
      dataManifests: { total: 3, skipped: 0 },
      files: { skippedByManifest: 0, skippedByPartition: 0, skippedByStatistics: 0, read: 5 },
      rows: 30,
      residuals: [],
    })
  })
})
