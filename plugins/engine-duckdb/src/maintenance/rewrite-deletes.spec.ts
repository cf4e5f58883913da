import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { fileContent, isDeletionVector } from '@phlo/iceberg'
import type { RewriteDeletesRequest } from '@phlo/ports'
import { ForeignFiles } from '../testing/foreign-files.js'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
let foreign: ForeignFiles
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterEach(() => lake.close())

const rewrite = (request: Partial<RewriteDeletesRequest> = {}) =>
  lake.queries.rewriteDeletes({ table: table('a.t'), ref: 'main', message: 'Rewrite deletes', ...request })
const rows = async () => (await lake.rows('SELECT id FROM a.t ORDER BY id')).map(({ id }) => Number(id))
const paths = async () => (await foreign.tasks('a.t')).map(({ file }) => file.path).sort()

async function deleteFiles() {
  const files = (await foreign.tasks('a.t')).flatMap(({ deletes }) => deletes.map(({ file }) => file))
  return [...new Map(files.map((file) => [`${file.path} ${file.contentOffset}`, file])).values()]
}

/** Two data files of ten rows, and four files of position deletes, one of which is about a file that is not there. */
async function deleted(): Promise<readonly number[]> {
  await lake.put('a.t', 'SELECT range AS id FROM range(10)')
  await lake.put('a.t', 'SELECT 10 + range AS id FROM range(10)', { strategy: 'append' })
  const [one, other] = (await paths()) as [string, string]
  for (const positions of [
    [[one, 1]],
    [[other, 2]],
    [
      [one, 1],
      [one, 5],
      [other, 7],
    ],
    [['gone.parquet', 3]],
  ] as const)
    await foreign.commit('a.t', [await foreign.positions(positions)])
  return rows()
}

describe('rewriting position deletes', () => {
  it('puts those of a partition into one file, without those that are about nothing', async () => {
    const before = await deleted()
    expect(before).toHaveLength(16)
    const { metadataLocation } = await foreign.load('a.t')
    expect(await rewrite({ dryRun: true })).toMatchObject({ examined: 4, removedFiles: 4, addedFiles: 0 })
    expect((await foreign.load('a.t')).metadataLocation).toBe(metadataLocation)
    expect(await rewrite()).toMatchObject({ examined: 4, removedFiles: 4, addedFiles: 1, positions: 4 })
    expect((await deleteFiles()).map(({ format, recordCount }) => [format, recordCount])).toEqual([['PARQUET', 4]])
    expect(await rows()).toEqual(before)
    const { metadata } = await foreign.load('a.t')
    expect(metadata.snapshots?.at(-1)?.summary).toMatchObject({
      operation: 'replace',
      'removed-position-delete-files': '4',
      'added-position-delete-files': '1',
      'total-position-deletes': '4',
    })
    expect(await rewrite()).toMatchObject({ examined: 1, removedFiles: 0, addedFiles: 0 })
  })

  it('writes one a data file where the table says so', async () => {
    const before = await deleted()
    await foreign.update('a.t', [{ action: 'set-properties', updates: { 'write.delete.granularity': 'file' } }])
    expect(await rewrite()).toMatchObject({ removedFiles: 4, addedFiles: 2, positions: 4 })
    expect(await rows()).toEqual(before)
    expect((await deleteFiles()).map(({ referencedDataFile }) => referencedDataFile).sort()).toEqual(await paths())
  })

  it('makes deletion vectors of them once the table is of version 3', async () => {
    const before = await deleted()
    await foreign.update('a.t', [{ action: 'upgrade-format-version', 'format-version': 3 }])
    expect(await rewrite()).toMatchObject({ removedFiles: 4, addedFiles: 1, positions: 4 })
    const vectors = await deleteFiles()
    expect(vectors.map(isDeletionVector)).toEqual([true, true])
    expect(vectors.map(({ content, recordCount }) => [content, recordCount])).toEqual([
      [fileContent.positionDeletes, 2],
      [fileContent.positionDeletes, 2],
    ])
    expect(await rows()).toEqual(before)
    expect(await rewrite()).toMatchObject({ examined: 0, removedFiles: 0 })
    await lake.execute('DELETE FROM a.t WHERE id = 0')
    expect(await rows()).toEqual(before.filter((id) => id !== 0))
  })

  it('works on any branch of the table, and leaves the others', async () => {
    const before = await deleted()
    const { metadata } = await foreign.load('a.t')
    const head = metadata.refs?.['main']?.['snapshot-id'] ?? 0n
    await foreign.update('a.t', [
      { action: 'set-snapshot-ref', 'ref-name': 'audit', type: 'branch', 'snapshot-id': head },
    ])
    expect(await rewrite({ tableBranch: 'audit' })).toMatchObject({ removedFiles: 4, addedFiles: 1, positions: 4 })
    expect(await deleteFiles()).toHaveLength(4)
    const audit = await lake.rows("SELECT id FROM a.t AT (VERSION => 'audit') ORDER BY id")
    expect(audit.map(({ id }) => Number(id))).toEqual(before)
    expect(await rewrite({ tableBranch: 'audit' })).toMatchObject({ examined: 1, removedFiles: 0, snapshotIds: [] })
    await expect(rewrite({ tableBranch: 'none' })).rejects.toMatchObject({ code: 'PHLO_REF_NOT_FOUND' })
  })

  /** Three partitions of two data files each, whose rows were deleted by two files a partition. */
  async function partitioned(): Promise<readonly number[]> {
    for (const from of [0, 30])
      await lake.put('a.t', `SELECT ${from} + range AS id, range % 3 AS part FROM range(30)`, {
        strategy: 'append',
        partitionBy: ['part'],
      })
    for (const { file } of await foreign.tasks('a.t'))
      await foreign.commit('a.t', [await foreign.positions([[file.path, 4]], { partition: file.partition })])
    return rows()
  }

  it('commits a few partitions at a time, and goes on where it was interrupted', async () => {
    const before = await partitioned()
    expect(before).toHaveLength(54)
    const abort = new AbortController()
    const commit = lake.catalog.commit.bind(lake.catalog)
    lake.catalog.commit = async (...args) => {
      const done = await commit(...args)
      abort.abort()
      return done
    }
    await expect(rewrite({ signal: abort.signal })).rejects.toMatchObject({ code: 'PHLO_RUN_CANCELLED' })
    lake.catalog.commit = commit
    expect(await deleteFiles()).toHaveLength(5)
    expect(await rows()).toEqual(before)
    expect(await rewrite({ maxCommits: 1 })).toMatchObject({
      groups: 2,
      removedFiles: 4,
      addedFiles: 2,
      snapshotIds: [expect.anything()],
    })
    expect(await deleteFiles()).toHaveLength(3)
    expect(await rows()).toEqual(before)
  })

  it('keeps what others commit meanwhile, and leaves the partitions that they changed', async () => {
    const before = await partitioned()
    await foreign.update('a.t', [{ action: 'upgrade-format-version', 'format-version': 3 }])
    const [file] = (await foreign.tasks('a.t')).map((task) => task.file).filter(({ partition }) => partition[0] === 1n)
    const commit = lake.catalog.commit.bind(lake.catalog)
    lake.catalog.commit = async (...args) => {
      lake.catalog.commit = commit
      await lake.put('a.t', 'SELECT 100::BIGINT AS id, 2::BIGINT AS part', { strategy: 'append' })
      // A vector holds the positions that were deleted before.
      await foreign.commit('a.t', [{ ...(await foreign.vector(file?.path ?? '', [4, 6])), partition: [1n] }])
      return commit(...args)
    }
    const done = await rewrite({ maxCommits: 1 })
    expect(done).toMatchObject({ groups: 2, conflicts: 1, removedFiles: 4 })
    expect(done.snapshotIds).toHaveLength(2)
    const gone = before.filter((id) => id === 19 || id === 49)
    const after = await rows()
    expect(after.filter((id) => !before.includes(id))).toEqual([100])
    expect(before.filter((id) => !after.includes(id))).toHaveLength(1)
    expect(gone).toContain(before.find((id) => !after.includes(id)))
    // The rest is done the next time.
    expect(await rewrite()).toMatchObject({ groups: 1, conflicts: 0, removedFiles: 2 })
    expect((await deleteFiles()).every(isDeletionVector)).toBe(true)
    expect(await rows()).toEqual(after)
  })

  it('leaves the table as it is when somebody else removes the deletes meanwhile', async () => {
    const before = await deleted()
    const load = lake.catalog.loadTable.bind(lake.catalog)
    const held = await load(table('a.t'))
    await rewrite()
    const after = await foreign.load('a.t')
    // Plans on the table as it was before.
    let first = true
    lake.catalog.loadTable = async (...args) => {
      if (!first) return load(...args)
      first = false
      return held
    }
    expect(await rewrite()).toMatchObject({ groups: 0, conflicts: 1, removedFiles: 0, snapshotIds: [] })
    expect((await foreign.load('a.t')).metadataLocation).toBe(after.metadataLocation)
    expect(await rows()).toEqual(before)
  })
})
