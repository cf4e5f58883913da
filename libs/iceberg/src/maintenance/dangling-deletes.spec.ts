import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { planScan } from '../scan/scan.js'
import { MemoryTable } from '../testing/memory-table.js'
import { planDanglingDeletes, removeDanglingDeletes } from './dangling-deletes.js'

let table: MemoryTable
beforeEach(() => {
  table = new MemoryTable(true)
})

const named = async () => {
  const { files, examined } = await planDanglingDeletes(table.store, table.metadata)
  return { files: files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)).sort(), examined }
}
const file = (name: string, part: number | null, more: Partial<DataFile> = {}) =>
  table.file(name, { partition: [part], ...more })
const positions = { content: fileContent.positionDeletes }
const equality = { content: fileContent.equalityDeletes, equalityIds: [1] }
const leave = (...gone: readonly DataFile[]) => ({
  remove: { mayHold: () => true, matches: ({ path }: DataFile) => gone.some((item) => item.path === path) },
})

/** Each data file with the deletes that apply to it. */
async function tasks(): Promise<string[]> {
  const found: string[] = []
  for await (const { file: data, deletes } of planScan(table.store, table.metadata))
    found.push([data.path, ...deletes.map((item) => item.file.path).sort()].join(' '))
  return found.sort()
}

describe('dangling deletes', () => {
  it('are those that no data file is old enough for, or that are about one that left', async () => {
    const a = await file('a', 1)
    await table.snapshot({ add: [a, await file('b', 2)] })
    await table.snapshot({
      add: [await file('p1', 1, positions), await file('p2', 2, positions), await file('e1', 1, equality)],
    })
    expect(await named()).toEqual({ files: [], examined: 3 })
    await table.snapshot({ add: [await file('c', 1)], ...leave(a) })
    expect(await named()).toEqual({ files: ['e1', 'p1'], examined: 3 })
    const before = await tasks()
    expect(await removeDanglingDeletes(table)).toEqual({
      removed: 2,
      bytes: 4,
      snapshotId: table.metadata['current-snapshot-id'],
    })
    expect(await tasks()).toEqual(before)
    expect(await removeDanglingDeletes(table)).toEqual({ removed: 0, bytes: 0 })
  })

  it('keep a deletion vector that shares its file with one that dangles', async () => {
    await table.commit([], [{ action: 'upgrade-format-version', 'format-version': 3 }])
    const [a, b] = [await file('a', 1), await file('b', 1)]
    await table.snapshot({ add: [a, b] })
    const vector = (of: DataFile, contentOffset: number): Partial<DataFile> => ({
      ...positions,
      format: 'PUFFIN',
      referencedDataFile: of.path,
      contentOffset,
      contentSize: 10,
    })
    const shared = await file('v', 1)
    await table.snapshot({
      add: [
        { ...shared, ...vector(a, 4) },
        { ...shared, ...vector(b, 14) },
      ],
    })
    await table.snapshot({ add: [], ...leave(a) })
    await removeDanglingDeletes(table)
    expect(await tasks()).toEqual([`${b.path} ${shared.path}`])
  })

  it('are looked for again when the table went back meanwhile', async () => {
    const a = await file('a', 1)
    await table.snapshot({ add: [a] })
    const old = await table.snapshot({ add: [await file('p', 1, positions)] })
    await table.snapshot({ add: [], ...leave(a) })
    const commit = table.commit.bind(table)
    table.commit = async (requirements, updates) => {
      table.commit = commit
      await commit([], [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': old }])
      return commit(requirements, updates)
    }
    expect(await removeDanglingDeletes(table)).toEqual({ removed: 0, bytes: 0 })
    expect(await tasks()).toHaveLength(1)
  })

  it('are never those that a data file needs', async () => {
    const step = fc.record({
      kind: fc.constantFrom('data', 'positions', 'equality', 'leave'),
      part: fc.option(fc.nat(2)),
      at: fc.nat(9),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        table = new MemoryTable(true)
        const data: DataFile[] = []
        for (const [index, { kind, part, at }] of steps.entries()) {
          if (kind === 'leave') {
            const [gone] = data.splice(at % Math.max(1, data.length), 1)
            if (gone) await table.snapshot({ add: [], ...leave(gone) })
            continue
          }
          const more = kind === 'data' ? {} : kind === 'positions' ? positions : equality
          const made = await file(`${kind}-${index}`, part, more)
          await table.snapshot({ add: [made] })
          if (kind === 'data') data.push(made)
        }
        const before = await tasks()
        await removeDanglingDeletes(table)
        expect(await tasks()).toEqual(before)
        const used = new Set(before.flatMap((line) => line.split(' ').slice(1)))
        const { examined } = await named()
        expect(examined).toBe(used.size)
      }),
      { numRuns: 60 },
    )
  })
})
