import type { IcebergSchema, PartitionSpec } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { bindSpec, specById } from '../partition/partition-spec.js'
import { applyTransform } from '../partition/transform.js'
import { type Cell, meets as rowMeets } from '../testing/meets.js'
import { testFile, TestTable } from '../testing/test-table.js'
import { lowerBound, upperBound } from '../types/bounds.js'
import { parsePrimitive } from '../types/primitive.js'
import { compareValues, type Value } from '../types/value.js'
import { deleteColumnIds } from './delete-index.js'
import { type BoundExpression, bindExpression, type Expression } from './expression.js'
import { planScan, type ScanTask } from './scan.js'

const schema: IcebergSchema = {
  type: 'struct',
  'schema-id': 0,
  fields: [
    { id: 1, name: 'id', required: true, type: 'int' },
    { id: 2, name: 'k', required: false, type: 'int' },
    { id: 3, name: 's', required: false, type: 'string' },
    { id: 4, name: 'x', required: false, type: 'double' },
  ],
}
const specs: readonly PartitionSpec[] = [
  { 'spec-id': 0, fields: [] },
  { 'spec-id': 1, fields: [{ 'source-id': 2, 'field-id': 1000, name: 'k', transform: 'identity' }] },
  {
    'spec-id': 2,
    fields: [
      { 'source-id': 1, 'field-id': 1001, name: 'id_bucket', transform: 'bucket[2]' },
      { 'source-id': 3, 'field-id': 1002, name: 's_trunc', transform: 'truncate[1]' },
    ],
  },
]
const columns = schema.fields.map(({ id, type }) => ({ id, type: parsePrimitive(type as string) }))

/** The columns' values in the schema's order. */
type Row = readonly Cell[]

const rowOf = fc.tuple(
  fc.nat({ max: 9 }),
  fc.option(fc.integer({ min: -2, max: 2 })),
  fc.option(fc.constantFrom('a', 'ab', 'abc', 'b', 'ba', '')),
  fc.option(fc.constantFrom(-1, 0, 1.5, NaN)),
)

function partitionOf(specId: number, row: Row): (Value | null)[] {
  const spec = bindSpec(specById(specs, specId), schema)
  return spec.map(({ field, transform, sourceType }) =>
    applyTransform(transform, sourceType, row[field['source-id']! - 1] ?? null),
  )
}

/** The statistics that a writer gives the columns of these ids. */
function statistics(rows: readonly Row[], ids: readonly number[]): Partial<DataFile> {
  const wanted = columns.filter(({ id }) => ids.includes(id))
  const cells = (id: number) => rows.map((row) => row[id - 1] ?? null)
  const ordered = (id: number) =>
    cells(id)
      .filter((cell): cell is Value => cell !== null && !Number.isNaN(cell))
      .sort(compareValues)
  const map = <T>(of: (column: (typeof columns)[number]) => T | undefined) =>
    new Map(
      wanted.flatMap((column): [number, T][] => {
        const value = of(column)
        return value === undefined ? [] : [[column.id, value]]
      }),
    )
  return {
    valueCounts: map(() => rows.length),
    nullCounts: map(({ id }) => cells(id).filter((cell) => cell === null).length),
    nanCounts: map(({ id, type }) => (type.kind === 'double' ? cells(id).filter(Number.isNaN).length : undefined)),
    lowerBounds: map(({ id, type }) => {
      const [lowest] = ordered(id)
      return lowest === undefined ? undefined : lowerBound(type, lowest)
    }),
    upperBounds: map(({ id, type }) => {
      const highest = ordered(id).at(-1)
      return highest === undefined ? undefined : upperBound(type, highest)
    }),
  }
}

const filters = fc.letrec<{ node: Expression }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      op: fc.constantFrom('lt' as const, 'gte' as const, 'eq' as const, 'neq' as const),
      column: fc.constantFrom('id', 'k'),
      value: fc.integer({ min: -2, max: 9 }),
    }),
    fc.record({
      op: fc.constantFrom('starts-with' as const, 'not-starts-with' as const),
      column: fc.constant('s'),
      value: fc.constantFrom('a', 'ab', 'b', 'c', ''),
    }),
    fc.record({ op: fc.constantFrom('is-null' as const, 'not-null' as const), column: fc.constantFrom('k', 's', 'x') }),
    fc.record({ op: fc.constantFrom('is-nan' as const, 'not-nan' as const), column: fc.constant('x') }),
    fc.record({ op: fc.constantFrom('and' as const, 'or' as const), left: tie('node'), right: tie('node') }),
    fc.record({ op: fc.constant('not' as const), child: tie('node') }),
  ),
})).node

const meets = (filter: BoundExpression, row: Row) => rowMeets(filter, (fieldId) => row[fieldId - 1] ?? null)

/** A file as the model knows it. */
interface ModelFile {
  readonly file: DataFile
  readonly sequenceNumber: number
  /** Of a data or an equality-delete file. */
  readonly rows: readonly Row[]
  /** Of position deletes: the data files with deleted rows. */
  readonly paths: readonly string[]
}

interface RowOperation {
  readonly kind: 'data' | 'equality'
  readonly specId: number
  readonly rows: readonly Row[]
  readonly ids: readonly number[]
}
interface PositionOperation {
  readonly kind: 'path' | 'bounds' | 'partition' | 'vector'
  readonly pick: number
  readonly known: boolean
}
type Operation = RowOperation | PositionOperation

const operations: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('data' as const, 'data' as const, 'equality' as const),
    specId: fc.constantFrom(0, 1, 2),
    rows: fc.array(rowOf, { minLength: 1, maxLength: 5 }),
    ids: fc.subarray([1, 2, 3, 4], { minLength: 1 }),
  }),
  fc.record({
    kind: fc.constantFrom('path' as const, 'bounds' as const, 'partition' as const, 'vector' as const),
    pick: fc.nat(),
    known: fc.boolean(),
  }),
)

const samePartition = (a: DataFile, b: DataFile) =>
  a.specId === b.specId && a.partition.every((value, index) => Object.is(value, b.partition[index]))

class Model {
  readonly data: ModelFile[] = []
  readonly deletes: ModelFile[] = []
  private count = 0

  /** The files that the operation adds; more than one when its rows are of several partitions. */
  apply(operation: Operation, sequenceNumber: number): ModelFile[] {
    return 'rows' in operation ? this.addRows(operation, sequenceNumber) : this.addPositions(operation, sequenceNumber)
  }

  private addRows(operation: RowOperation, sequenceNumber: number): ModelFile[] {
    const { kind, specId, rows, ids } = operation
    const byPartition = new Map<string, Row[]>()
    for (const row of rows) {
      const key = partitionOf(specId, row).map(String).join('|')
      byPartition.set(key, [...(byPartition.get(key) ?? []), row])
    }
    return [...byPartition.values()].map((group) => {
      const file = testFile(`f${this.count++}`, {
        content: kind === 'data' ? fileContent.data : fileContent.equalityDeletes,
        specId,
        partition: partitionOf(specId, group[0]!),
        recordCount: group.length,
        ...(kind === 'equality' && { equalityIds: ids }),
        // Data files have statistics of some columns only.
        ...statistics(group, ids),
      })
      const added = { file, sequenceNumber, rows: group, paths: [] }
      ;(kind === 'data' ? this.data : this.deletes).push(added)
      return added
    })
  }

  private addPositions(operation: PositionOperation, sequenceNumber: number): ModelFile[] {
    const picked = this.data[operation.pick % Math.max(1, this.data.length)]
    if (!picked) return []
    const { kind, known } = operation
    if (kind === 'vector' && this.vectorOf(picked.file)) return []
    const same = this.data.filter(({ file }) => samePartition(file, picked.file)).map(({ file }) => file.path)
    const paths = kind === 'partition' ? same : [picked.file.path]
    const bytes = paths.map((path) => Buffer.from(path)).sort((a, b) => Buffer.compare(a, b))
    const file = testFile(`f${this.count++}`, {
      content: fileContent.positionDeletes,
      specId: picked.file.specId,
      partition: picked.file.partition,
      ...(kind === 'vector' && { format: 'PUFFIN' }),
      ...((kind === 'path' || kind === 'vector') && { referencedDataFile: picked.file.path }),
      ...((kind === 'bounds' || (kind === 'partition' && known)) && {
        lowerBounds: new Map([[deleteColumnIds.path, bytes[0]!]]),
        upperBounds: new Map([[deleteColumnIds.path, bytes.at(-1)!]]),
      }),
    })
    const added = { file, sequenceNumber, rows: [], paths }
    this.deletes.push(added)
    return [added]
  }

  private vectorOf(file: DataFile): ModelFile | undefined {
    return this.deletes.find((item) => item.file.format === 'PUFFIN' && item.paths.includes(file.path))
  }

  /** What the specification's rules apply to the data file, without a look at statistics. */
  private applicable({ file, sequenceNumber }: ModelFile): ModelFile[] {
    const vector = this.vectorOf(file)
    return this.deletes.filter((item) => {
      const global = item.file.content === fileContent.equalityDeletes && item.file.specId === 0
      if (!global && !samePartition(item.file, file)) return false
      if (item.file.content === fileContent.equalityDeletes) return item.sequenceNumber > sequenceNumber
      if (vector) return item === vector
      return item.sequenceNumber >= sequenceNumber
    })
  }

  /** The delete files that a task for the file must have for a filter, and those that it may have. */
  deletesOf(data: ModelFile, filter: BoundExpression): { must: string[]; may: string[] } {
    const applicable = this.applicable(data)
    const equal = (ids: readonly number[], a: Row, b: Row) => ids.every((id) => Object.is(a[id - 1], b[id - 1]))
    const must = applicable.filter((item) =>
      item.file.content === fileContent.equalityDeletes
        ? data.rows.some(
            (row) =>
              meets(filter, row) && item.rows.some((deleted) => equal(item.file.equalityIds ?? [], row, deleted)),
          )
        : item.paths.includes(data.file.path),
    )
    const paths = (items: readonly ModelFile[]) => items.map(({ file }) => file.path)
    return { must: paths(must), may: paths(applicable) }
  }
}

describe('scan planning', () => {
  it('reads every file with a wanted row, with exactly the deletes that apply to it', async () => {
    const commits = fc.array(fc.array(operations, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(commits, fc.array(filters, { minLength: 1, maxLength: 6 }), async (history, expressions) => {
        const store = new MemoryObjectStore()
        const table = new TestTable(store, schema, specs, 3)
        const model = new Model()
        for (const [index, list] of history.entries()) {
          const added = list.flatMap((operation) => model.apply(operation, index + 1))
          await table.commit({ add: added.map(({ file }) => file) })
        }
        for (const expression of [{ op: 'true' } as const, ...expressions]) {
          const filter = bindExpression(expression, schema)
          const tasks = new Map<string, ScanTask>()
          for await (const task of planScan(store, table.metadata, { filter: expression }))
            tasks.set(task.file.path, task)
          const known = new Set(model.data.map(({ file }) => file.path))
          expect([...tasks.keys()].filter((path) => !known.has(path))).toEqual([])
          for (const data of model.data) {
            const task = tasks.get(data.file.path)
            const wanted = data.rows.filter((row) => meets(filter, row))
            if (!task) {
              expect(wanted).toEqual([])
              continue
            }
            expect(task.sequenceNumber).toBe(data.sequenceNumber)
            expect(data.rows.filter((row) => meets(task.residual, row))).toEqual(wanted)
            const { must, may } = model.deletesOf(data, filter)
            const attached = task.deletes.map(({ file }) => file.path)
            expect(new Set(attached).size).toBe(attached.length)
            expect(must.filter((path) => !attached.includes(path))).toEqual([])
            expect(attached.filter((path) => !may.includes(path))).toEqual([])
          }
        }
      }),
      { numRuns: 150 },
    )
  })

  it('reads no manifest of deletes that cannot matter, and ahead no more than a few', async () => {
    const reads: string[] = []
    let underway = 0
    let most = 0
    class RecordingStore extends MemoryObjectStore {
      override async get(key: string) {
        reads.push(key.replace(/^t\/metadata\/|\.avro$/g, ''))
        most = Math.max(most, ++underway)
        await new Promise((resolve) => setImmediate(resolve))
        underway--
        return super.get(key)
      }
    }
    const table = new TestTable(new RecordingStore(), schema, specs)
    const equality = { content: fileContent.equalityDeletes, equalityIds: [1] }
    await table.commit({ add: [testFile('old', { specId: 1, partition: [7] })] })
    await table.commit({ add: [testFile('old-deletes', { ...equality, specId: 1, partition: [7] })] })
    await table.commit({ remove: () => true })
    for (let index = 0; index < 9; index++) await table.commit({ add: [testFile(`f${index}`)] })
    await table.commit({ add: [testFile('other', { ...equality, specId: 1, partition: [3] })] })
    await table.commit({ add: [testFile('mine', { ...equality, specId: 0 })] })
    reads.length = 0
    most = 0
    const store = table.store
    const names: string[] = []
    const filter: Expression = { op: 'eq', column: 'k', value: 5 }
    for await (const { file, deletes } of planScan(store, table.metadata, { filter }))
      names.push([file, ...deletes.map((item) => item.file)].map(({ path }) => /(\w+)\.parquet$/.exec(path)![1]).join())
    expect(names).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0].map((index) => `f${index},mine`))
    expect(reads.slice(0, 2)).toEqual(['snap-14', '14-a0'])
    expect(reads.slice(2).sort()).toEqual(
      ['12-a0', '11-a0', '10-a0', '4-a0', '5-a0', '6-a0', '7-a0', '8-a0', '9-a0'].sort(),
    )
    expect(most).toBe(4)
  })

  it('refuses deletes that contradict each other', async () => {
    const { path } = testFile('a')
    const vector = { content: fileContent.positionDeletes, format: 'PUFFIN', referencedDataFile: path }
    const plan = async (deletes: readonly DataFile[]) => {
      const table = new TestTable(new MemoryObjectStore(), schema, specs)
      await table.commit({ add: [testFile('a')] })
      await table.commit({ add: deletes })
      const tasks: ScanTask[] = []
      for await (const task of planScan(table.store, table.metadata)) tasks.push(task)
      return tasks
    }
    expect(await plan([testFile('v', vector)])).toHaveLength(1)
    const refused = { code: 'PHLO_ICEBERG_INVALID' }
    await expect(plan([testFile('v', vector), testFile('w', vector)])).rejects.toMatchObject(refused)
    await expect(plan([testFile('v', { ...vector, specId: 1, partition: [1] })])).rejects.toMatchObject(refused)
    const byPath = { ...vector, format: 'PARQUET', specId: 1, partition: [1] }
    await expect(plan([testFile('v', byPath)])).rejects.toMatchObject(refused)
    const { referencedDataFile: _, ...nameless } = vector
    await expect(plan([testFile('v', nameless)])).rejects.toMatchObject(refused)
  })
})
