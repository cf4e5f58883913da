import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { MemoryTable } from '../testing/memory-table.js'
import { planRewrite, type RewriteOptions, type RewritePlan } from './rewrite-plan.js'

let table: MemoryTable
beforeEach(() => {
  table = new MemoryTable(true)
})

/** Adds files of these sizes, named by them, in one commit. */
async function add(sizes: readonly number[], more: Partial<DataFile> = {}): Promise<DataFile[]> {
  const files = await Promise.all(
    sizes.map((fileSize, index) =>
      table.file(`${fileSize}-${index}-${JSON.stringify(more.partition ?? '')}`, {
        fileSize,
        recordCount: 10,
        ...more,
      }),
    ),
  )
  await table.snapshot({ add: files })
  return files
}

const plan = (options: RewriteOptions = {}): Promise<RewritePlan> =>
  planRewrite(table.store, table.metadata, { targetFileSize: 100, ...options })
const sizes = ({ groups }: RewritePlan) =>
  groups.map(({ tasks }) => tasks.map(({ file }) => file.fileSize).sort((a, b) => a - b))

describe('the plan of a rewrite', () => {
  it('takes files that are too small or too large, where there are enough of them', async () => {
    await add([10, 20, 30, 40, 74, 75, 100, 180])
    expect(sizes(await plan())).toEqual([[10, 20, 30, 40, 74]])
    expect(sizes(await plan({ minInputFiles: 6 }))).toEqual([[10, 20, 30, 40, 74]])
    expect(sizes(await plan({ minInputFiles: 6, maxFileSize: 170 }))).toEqual([[10, 20, 30, 40, 74, 180]])
    expect(sizes(await plan({ minFileSize: 31 }))).toEqual([])
    expect(sizes(await plan({ minFileSize: 31, minInputFiles: 3 }))).toEqual([[10, 20, 30]])
    expect(sizes(await plan({ all: true }))).toEqual([[10, 20, 30, 40, 74, 75, 100, 180]])
  })

  it('splits one file that is far too large, and leaves one alone that is small', async () => {
    await add([181, 99], { partition: [1] })
    await add([10], { partition: [2] })
    expect(sizes(await plan())).toEqual([[181]])
  })

  it('counts what it would do', async () => {
    await add([10, 10, 10, 10, 10, 90])
    expect(await plan()).toMatchObject({
      snapshotId: table.metadata['current-snapshot-id'],
      sequenceNumber: 1,
      files: 5,
      rows: 50,
      bytes: 50,
      examined: 6,
      groups: [{ specId: 0, partition: [1], rows: 50, bytes: 50, deletes: 0 }],
    })
    table = new MemoryTable()
    expect(await plan()).toMatchObject({ snapshotId: undefined, groups: [], files: 0, examined: 0 })
  })

  it('puts together what is of one partition, and no more than a group may hold', async () => {
    await add([1, 1, 1, 1, 1], { partition: [1] })
    await add([2, 2, 2, 2, 2, 2], { partition: [2] })
    await add([3, 3], { partition: [null] })
    expect(sizes(await plan())).toEqual([
      [2, 2, 2, 2, 2, 2],
      [1, 1, 1, 1, 1],
    ])
    expect(sizes(await plan({ maxGroupSize: 6, minInputFiles: 3 }))).toEqual([
      [1, 1, 1, 1, 1],
      [2, 2, 2],
      [2, 2, 2],
    ])
  })

  it('reads only what may meet a filter', async () => {
    await add([1, 1, 1, 1, 1], { partition: [1] })
    await add([2, 2, 2, 2, 2], { partition: [2] })
    expect(sizes(await plan({ filter: { op: 'eq', column: 'part', value: 2 } }))).toEqual([[2, 2, 2, 2, 2]])
    await expect(plan({ filter: { op: 'eq', column: 'nope', value: 2 } })).rejects.toMatchObject({
      code: 'PHLO_ICEBERG_INVALID',
    })
  })

  it('takes files of which much is deleted', async () => {
    const [a, b] = (await add([90, 91, 92])) as [DataFile, DataFile]
    const deletes = (name: string, file: DataFile, recordCount: number) =>
      table.file(name, {
        content: fileContent.positionDeletes,
        partition: file.partition,
        recordCount,
        referencedDataFile: file.path,
      })
    await table.snapshot({ add: [await deletes('d1', a, 2), await deletes('d2', b, 2)] })
    expect(sizes(await plan())).toEqual([])
    expect(sizes(await plan({ deleteRatioThreshold: 0.2 }))).toEqual([[90, 91]])
    await table.snapshot({ add: [await deletes('d3', a, 1)] })
    expect(sizes(await plan())).toEqual([[90]])
    expect(sizes(await plan({ deleteFileThreshold: 2, deleteRatioThreshold: 1 }))).toEqual([[90]])
    expect((await plan()).groups[0]?.deletes).toBe(2)
  })

  it('looks at the branch that is named', async () => {
    await add([1, 1, 1, 1])
    await table.commit(
      [],
      [
        {
          action: 'set-snapshot-ref',
          'ref-name': 'audit',
          type: 'branch',
          'snapshot-id': table.metadata['current-snapshot-id']!,
        },
      ],
    )
    await table.snapshot({ branch: 'audit', add: [await table.file('e', { fileSize: 1 })] })
    expect(sizes(await plan())).toEqual([])
    expect(sizes(await plan({ branch: 'audit' }))).toEqual([[1, 1, 1, 1, 1]])
  })

  it('comes to an end: what has been packed well is not packed again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 30 }), async (found) => {
        table = new MemoryTable(true)
        await add(found)
        for (const group of (await plan()).groups) {
          // A writer that fills its files to the target, and puts what is left into a last one.
          const full = Math.floor(group.bytes / 100)
          const rest = group.bytes % 100
          const left = [...Array.from({ length: full }, () => 100), ...(rest > 0 ? [rest] : [])]
          const files = await Promise.all(
            left.map((fileSize, index) => table.file(`new-${index}`, { fileSize, recordCount: 1 })),
          )
          await table.snapshot({
            add: files,
            removePaths: new Set(group.tasks.map(({ file }) => file.path)),
            operation: 'replace',
          })
        }
        expect(sizes(await plan())).toEqual([])
      }),
      { numRuns: 60 },
    )
  })
})
