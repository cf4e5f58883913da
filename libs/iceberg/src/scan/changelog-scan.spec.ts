import type { IcebergSchema } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { testFile, TestTable } from '../testing/test-table.js'
import { type ChangeTask, planChangelogScan } from './changelog-scan.js'
import { type AppendedTask, planIncrementalAppendScan } from './incremental-scan.js'
import { planScan } from './scan.js'
import { selectInterval, type SnapshotInterval } from './snapshot-interval.js'

const schema: IcebergSchema = {
  type: 'struct',
  'schema-id': 0,
  fields: [{ id: 1, name: 'id', required: true, type: 'int' }],
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

const nameOf = ({ path }: DataFile) => /(\w+)\.parquet$/.exec(path)![1]!

describe('an interval of history', () => {
  const table = async () => {
    const made = new TestTable(new MemoryObjectStore(), schema, [{ 'spec-id': 0, fields: [] }])
    await made.commit({ add: [testFile('a')] })
    await made.commit({ add: [testFile('b')] })
    await made.commit({ add: [testFile('c')] })
    await made.commit({ add: [testFile('side')], branch: 'side' })
    await made.commit({ add: [testFile('d')] })
    return made.metadata
  }

  it('follows parents from its last snapshot to its first', async () => {
    const metadata = await table()
    const ids = (interval: SnapshotInterval) =>
      selectInterval(metadata, interval).snapshots.map((snapshot) => Number(snapshot['snapshot-id']))
    expect([
      ids({}),
      ids({ fromExclusive: 2n }),
      ids({ fromInclusive: 2n }),
      ids({ fromExclusive: 1n, to: { snapshotId: 3n } }),
      ids({ fromExclusive: 5n }),
      ids({ fromInclusive: 4n, to: { ref: 'side' } }),
    ]).toEqual([[1, 2, 3, 5], [3, 5], [2, 3, 5], [2, 3], [], [4]])
  })

  it('starts after an expired snapshot, but not before', async () => {
    const whole = await table()
    const metadata = { ...whole, snapshots: whole.snapshots!.slice(1) }
    const ids = (interval: SnapshotInterval) =>
      selectInterval(metadata, interval).snapshots.map((snapshot) => snapshot['snapshot-id'])
    expect([ids({}), ids({ fromExclusive: 1n })]).toEqual([
      [2n, 3n, 5n],
      [2n, 3n, 5n],
    ])
    const missing = expect.objectContaining({ code: 'PHLO_SNAPSHOT_NOT_FOUND' })
    const unfit = (message: RegExp) =>
      expect.objectContaining({
        code: 'PHLO_SNAPSHOT_UNFIT',
        message: expect.stringMatching(message) as unknown as string,
      })
    expect(() => ids({ fromInclusive: 1n })).toThrow(missing)
    expect(() => ids({ fromExclusive: 4n })).toThrow(unfit(/^Snapshot 4 is not in the history of snapshot 5$/))
    expect(() => ids({ fromExclusive: 3n, to: { snapshotId: 2n } })).toThrow(unfit(/^Snapshot 3 came after snapshot 2/))
  })

  it('starts at what a branch, a tag or a time stood at', async () => {
    const whole = await table()
    const [first] = whole['snapshot-log'] ?? []
    const ids = (interval: SnapshotInterval, metadata = whole) =>
      selectInterval(metadata, interval).snapshots.map((snapshot) => Number(snapshot['snapshot-id']))
    const start = first?.['timestamp-ms'] ?? 0
    const log = whole['snapshot-log']!.map((entry, index) => ({ ...entry, 'timestamp-ms': start + 1000 * index }))
    const at = (seconds: number) => ({ since: { asOf: new Date(start + 1000 * seconds) } })
    const metadata = { ...whole, 'snapshot-log': log }
    expect([
      ids({ since: { snapshotId: 2n } }),
      ids({ since: { ref: 'main' } }),
      ids({ since: { ref: 'main' }, to: { ref: 'main' } }),
      ids(at(0), metadata),
      ids(at(1.5), metadata),
      ids(at(9), metadata),
      ids(at(-1), metadata),
    ]).toEqual([[3, 5], [], [], [2, 3, 5], [3, 5], [], [1, 2, 3, 5]])
    // What was before the first snapshot that is left is not known.
    const expired = { ...metadata, snapshots: metadata.snapshots!.slice(1), 'snapshot-log': log.slice(1) }
    expect(() => ids(at(-1), expired)).toThrow(expect.objectContaining({ code: 'PHLO_SNAPSHOT_NOT_FOUND' }))
    expect(() => ids({ since: { ref: 'side' } })).toThrow(expect.objectContaining({ code: 'PHLO_SNAPSHOT_UNFIT' }))
    expect(() => ids({ since: { ref: 'none' } })).toThrow(expect.objectContaining({ code: 'PHLO_REF_NOT_FOUND' }))
  })

  it('ends where parents form a circle', async () => {
    const metadata = await table()
    const snapshots = metadata.snapshots!.map((snapshot) => ({ ...snapshot, 'parent-snapshot-id': 5n }))
    expect(selectInterval({ ...metadata, snapshots }, {}).snapshots).toHaveLength(1)
    expect(() => selectInterval({ ...metadata, snapshots }, { fromExclusive: 1n })).toThrow(
      expect.objectContaining({ code: 'PHLO_SNAPSHOT_UNFIT' }),
    )
  })
})

describe('incremental append scans', () => {
  it('read what append snapshots added, and nothing that others did', async () => {
    const table = new TestTable(new MemoryObjectStore(), schema, [{ 'spec-id': 0, fields: [] }])
    const { store } = table
    await table.commit({ add: [testFile('a'), testFile('b')] })
    await table.commit({ add: [testFile('c')] })
    await table.commit({ add: [testFile('d')], remove: (file) => nameOf(file) === 'a' })
    await table.commit({ add: [testFile('e')], remove: (file) => nameOf(file) === 'c', operation: 'replace' })
    await table.commit({ add: [testFile('f')] })
    const named = (tasks: readonly AppendedTask[]) =>
      tasks.map(({ snapshotId, file }) => `${snapshotId}${nameOf(file)}`)
    const plan = async (options: Parameters<typeof planIncrementalAppendScan>[2]) =>
      named(await all(planIncrementalAppendScan(store, table.metadata, options)))
    expect([
      await plan({}),
      await plan({ fromExclusive: 1n }),
      await plan({ fromExclusive: 2n, to: { snapshotId: 4n } }),
      await plan({ filter: { op: 'false' } }),
    ]).toEqual([['1a', '1b', '2c', '5f'], ['2c', '5f'], [], []])
  })
})

/** A data file as the model knows it. */
interface ModelFile {
  readonly file: DataFile
  readonly sequenceNumber: number
  readonly ids: readonly number[]
}
/** What a delete file deletes. */
interface ModelDeletes {
  readonly file: DataFile
  readonly sequenceNumber: number
  /** By path of the data file, or of no file for equality deletes, which delete ids. */
  readonly positions: ReadonlyMap<string, readonly number[]>
  readonly ids: readonly number[]
}

type Step = { readonly kind: string; readonly pick: number; readonly bits: number }

/** A table that is changed step by step, beside what its files hold. */
class Model {
  readonly table = new TestTable(new MemoryObjectStore(), schema, [{ 'spec-id': 0, fields: [] }], 3)
  /** All that ever were, by path. */
  readonly dataFiles = new Map<string, ModelFile>()
  readonly deleteFiles = new Map<string, ModelDeletes>()
  /** The ids of the rows after each snapshot; before the first there are none. */
  readonly history: ReadonlySet<number>[] = [new Set()]
  private live: ModelFile[] = []
  private deletes: ModelDeletes[] = []
  private count = 0
  private lastId = 0

  private get next(): number {
    return this.table.metadata['last-sequence-number'] + 1
  }

  private dataFile(ids: readonly number[]): ModelFile {
    const file = testFile(`f${this.count++}`, { recordCount: ids.length })
    const made = { file, sequenceNumber: this.next, ids }
    this.dataFiles.set(file.path, made)
    return made
  }

  private deleteFile(rest: Partial<DataFile>, positions: ModelDeletes['positions'], ids: readonly number[] = []) {
    const file = testFile(`d${this.count++}`, rest)
    const made: ModelDeletes = { file, sequenceNumber: this.next, positions, ids }
    this.deleteFiles.set(file.path, made)
    return made
  }

  /** Which rows of a data file are deleted by the specification's rules, by position. */
  private gone({ file, sequenceNumber, ids }: ModelFile): Set<number> {
    const of = this.deletes.filter(({ positions, ids: equal }) => positions.has(file.path) || equal.length > 0)
    const vector = of.find((item) => item.file.format === 'PUFFIN')
    const gone = new Set<number>()
    for (const item of of) {
      if (item.ids.length > 0) {
        if (item.sequenceNumber <= sequenceNumber) continue
        ids.forEach((id, position) => item.ids.includes(id) && gone.add(position))
      } else if (!vector || item === vector) for (const position of item.positions.get(file.path)!) gone.add(position)
    }
    return gone
  }

  private rowsOf(data: ModelFile): number[] {
    const gone = this.gone(data)
    return data.ids.filter((_, position) => !gone.has(position))
  }

  async step({ kind, pick, bits }: Step): Promise<void> {
    const some = <T>(list: readonly T[]) => list.filter((_, index) => (bits >> index) & 1)
    const picked = this.live[pick % Math.max(1, this.live.length)]
    const add: (ModelFile | ModelDeletes)[] = []
    const remove = new Set<ModelFile | ModelDeletes>()
    let operation: 'append' | 'overwrite' | 'delete' | 'replace' = 'overwrite'
    if (kind === 'append' || !picked) {
      operation = 'append'
      const data = this.dataFile(Array.from({ length: 1 + (bits % 4) }, () => ++this.lastId))
      add.push(data)
      // Rows may be deleted by the commit that adds them.
      if (pick % 3 === 0)
        add.push(this.deleteFile({ content: 1, referencedDataFile: data.file.path }, new Map([[data.file.path, [0]]])))
    } else if (kind === 'positions') {
      const positions = new Map(some(this.live).map(({ file, ids }) => [file.path, some([...ids.keys()])]))
      if (positions.size > 0) add.push(this.deleteFile({ content: fileContent.positionDeletes }, positions))
    } else if (kind === 'vector') {
      const all = new Set(some([...picked.ids.keys()]))
      for (const item of this.deletes) {
        for (const position of item.positions.get(picked.file.path) ?? []) all.add(position)
        if (item.file.format === 'PUFFIN' && item.positions.has(picked.file.path)) remove.add(item)
      }
      const rest = { content: fileContent.positionDeletes, format: 'PUFFIN', referencedDataFile: picked.file.path }
      add.push(this.deleteFile(rest, new Map([[picked.file.path, [...all]]])))
    } else if (kind === 'equality') {
      const ids = some(Array.from({ length: 20 }, (_, index) => Math.max(1, this.lastId - index)))
      const rest = { content: fileContent.equalityDeletes, equalityIds: [1] }
      if (ids.length > 0) add.push(this.deleteFile(rest, new Map(), ids))
    } else {
      // Rewriting a file without some of its rows, dropping it, or merging files without a change of rows.
      const merged = kind === 'compact' ? [...new Set([picked, ...some(this.live)])] : [picked]
      for (const data of merged) {
        remove.add(data)
        for (const item of this.deletes)
          if (item.file.format === 'PUFFIN' && item.positions.has(data.file.path)) remove.add(item)
      }
      const rows = merged.flatMap((data) => this.rowsOf(data))
      operation = kind === 'compact' ? 'replace' : kind === 'drop' ? 'delete' : 'overwrite'
      const kept = kind === 'compact' ? rows : kind === 'drop' ? [] : some(rows)
      if (kept.length > 0) add.push(this.dataFile(kept))
    }
    await this.commit(add, remove, operation)
  }

  private async commit(
    add: readonly (ModelFile | ModelDeletes)[],
    remove: ReadonlySet<ModelFile | ModelDeletes>,
    operation: 'append' | 'overwrite' | 'delete' | 'replace',
  ): Promise<void> {
    const leaving = new Set([...remove].map(({ file }) => file.path))
    await this.table.commit({
      add: add.map(({ file }) => file),
      ...(remove.size > 0 && { remove: (file) => leaving.has(file.path) }),
      operation,
    })
    this.live = [...this.live, ...add.filter((item) => !('positions' in item))].filter((item) => !remove.has(item))
    this.deletes = [...this.deletes, ...add.filter((item) => 'positions' in item)].filter((item) => !remove.has(item))
    this.history.push(new Set(this.live.flatMap((data) => this.rowsOf(data))))
  }

  /** The positions of the data file that the delete files of a task delete. */
  deletedBy(data: ModelFile, deletes: ChangeTask['deletes']): Set<number> {
    return new Set(
      deletes.flatMap(({ file }) => {
        const { positions, ids } = this.deleteFiles.get(file.path)!
        const equal = [...data.ids.keys()].filter((position) => ids.includes(data.ids[position]!))
        return [...equal, ...(positions.get(data.file.path) ?? [])]
      }),
    )
  }

  /** The rows of a task by the rules that {@link ChangeTask} gives engines. */
  rows(task: ChangeTask): { readonly ids: number[]; readonly change: 1 | -1 } {
    const data = this.dataFiles.get(task.file.path)!
    expect(task.sequenceNumber).toBe(data.sequenceNumber)
    const deleted = this.deletedBy(data, task.deletes)
    const previous = this.deletedBy(data, task.previousDeletes)
    const isPart = (position: number) =>
      task.kind === 'deleted-rows' ? deleted.has(position) && !previous.has(position) : !deleted.has(position)
    return { ids: data.ids.filter((_, position) => isPart(position)), change: task.kind === 'added-rows' ? 1 : -1 }
  }
}

describe('changelog scans', () => {
  it('tell, snapshot by snapshot, exactly the rows that came and went', async () => {
    const kinds = ['append', 'append', 'positions', 'vector', 'equality', 'rewrite', 'drop', 'compact']
    const step = fc.record({ kind: fc.constantFrom(...kinds), pick: fc.nat(), bits: fc.nat({ max: 0xffff }) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), async (steps, start) => {
        const model = new Model()
        for (const one of steps) await model.step(one)
        const { metadata, store } = model.table
        const rows = new Set<number>()
        for await (const { file, deletes } of planScan(store, metadata)) {
          const data = model.dataFiles.get(file.path)!
          const gone = model.deletedBy(data, deletes)
          data.ids.forEach((id, position) => gone.has(position) || rows.add(id))
        }
        expect(rows).toEqual(model.history.at(-1))
        const from = start % steps.length
        const interval = from === 0 ? {} : { fromExclusive: BigInt(from) }
        const changing = metadata.snapshots!.slice(from).filter(({ summary }) => summary!.operation !== 'replace')
        const changes = changing.map(() => new Map<number, number>())
        for await (const task of planChangelogScan(store, metadata, interval)) {
          expect(task.commitSnapshotId).toBe(changing[task.changeOrdinal]!['snapshot-id'])
          const { ids, change } = model.rows(task)
          const net = changes[task.changeOrdinal]!
          for (const id of ids) net.set(id, (net.get(id) ?? 0) + change)
        }
        for (const [ordinal, snapshot] of changing.entries()) {
          const [before, after] = [-1, 0].map((offset) => model.history[Number(snapshot['snapshot-id']) + offset]!)
          const expected = [
            ...[...after!].filter((id) => !before!.has(id)).map((id) => [id, 1] as const),
            ...[...before!].filter((id) => !after!.has(id)).map((id) => [id, -1] as const),
          ]
          const net = [...changes[ordinal]!].filter(([, change]) => change !== 0)
          expect(new Map(net)).toEqual(new Map(expected))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('leave out files that a filter does not want, and read no deletes of a plain append', async () => {
    const reads: string[] = []
    class RecordingStore extends MemoryObjectStore {
      override async get(key: string) {
        reads.push(key.replace(/^t\/metadata\/|\.avro$/g, ''))
        return super.get(key)
      }
    }
    const table = new TestTable(new RecordingStore(), schema, [
      { 'spec-id': 0, fields: [{ 'source-id': 1, 'field-id': 1000, name: 'id', transform: 'identity' }] },
    ])
    await table.commit({ add: [testFile('a', { partition: [1] }), testFile('b', { partition: [2] })] })
    const equality = { content: fileContent.equalityDeletes, equalityIds: [1], partition: [2] }
    await table.commit({ add: [testFile('x', equality)], operation: 'delete' })
    await table.commit({ add: [testFile('c', { partition: [3] })] })
    const plan = async (interval: SnapshotInterval, value: number) =>
      (
        await all(
          planChangelogScan(table.store, table.metadata, { ...interval, filter: { op: 'eq', column: 'id', value } }),
        )
      ).map(({ kind, changeOrdinal, file, residual }) => [kind, changeOrdinal, nameOf(file), residual.op])
    expect(await plan({}, 2)).toEqual([
      ['added-rows', 0, 'b', 'true'],
      ['deleted-rows', 1, 'b', 'true'],
    ])
    expect(await plan({}, 1)).toEqual([['added-rows', 0, 'a', 'true']])
    reads.length = 0
    expect(await plan({ fromExclusive: 2n }, 3)).toEqual([['added-rows', 0, 'c', 'true']])
    expect(reads).toEqual(['snap-3', '3-a0'])
  })
})
