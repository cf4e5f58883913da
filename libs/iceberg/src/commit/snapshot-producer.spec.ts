import type { ColumnSchema, RowSchema, TableMetadata } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  type DataFile,
  entryStatus,
  fileContent,
  type FormatVersion,
  type ManifestFile,
} from '../manifest/data-file.js'
import type { EntryGlance } from '../manifest/entry-glance.js'
import { type FileStatistics, statisticsOf } from '../manifest/file-statistics.js'
import { type ManifestProjection, readManifest } from '../manifest/manifest-reader.js'
import { type NewManifestEntry, writeManifest } from '../manifest/manifest.js'
import { readManifestList, summarizePartitions, writeManifestList } from '../manifest/manifest-list.js'
import { refSnapshot } from '../metadata/metadata.js'
import { bindSpec, newPartitionSpec, type PartitionColumn } from '../partition/partition-spec.js'
import { planScan } from '../scan/scan.js'
import { newSchema } from '../schema/field-ids.js'
import type { FileRemoval, SnapshotChange } from './snapshot-change.js'
import { TableFiles } from '../manifest/table-files.js'
import { damaged, primitives, valuesOf } from '../testing/arbitraries.js'
import { TableTransaction } from './transaction.js'
import { formatPrimitive } from '../types/primitive.js'
import type { Value } from '../types/value.js'

const column = (name: string, type: string): ColumnSchema => ({
  name,
  type,
  required: false,
  optional: false,
  rules: [],
  unique: false,
})
const rows: RowSchema = { columns: [column('id', 'int'), column('day', 'date')] }
const byDay: readonly PartitionColumn[] = [{ column: 'day', transform: 'day' }]

function file(name: string, day: number | null, recordCount = 1): DataFile {
  return {
    content: fileContent.data,
    specId: metadata['default-spec-id'],
    path: `memory:///${name}.parquet`,
    format: 'PARQUET',
    partition: [day],
    recordCount,
    fileSize: 100,
  }
}

let store: MemoryObjectStore
let metadata: TableMetadata
let clock: number
beforeEach(() => {
  store = new MemoryObjectStore()
  clock = 1000
  metadata = TableTransaction.create(store, { location: store.uri('t'), rows, partitioning: byDay }, clock).metadata
})

/** Commits a snapshot, as a catalog would. */
async function commit(change: SnapshotChange): Promise<void> {
  const transaction = TableTransaction.change(store, metadata, ++clock)
  await transaction.addSnapshot(change)
  metadata = transaction.metadata
}

const removing = (matches: (file: DataFile) => boolean): FileRemoval => ({
  mayHold: () => true,
  matches,
})

async function planned(snapshotId?: bigint): Promise<string[]> {
  const names: string[] = []
  for await (const task of planScan(store, metadata, snapshotId === undefined ? {} : { snapshotId }))
    names.push(task.file.path.replace(/^memory:\/\/\/|\.parquet$/g, ''))
  return names.sort()
}

async function manifests(): Promise<ManifestFile[]> {
  return new TableFiles(store, metadata).manifests(refSnapshot(metadata)!)
}

const summaryOf = () => refSnapshot(metadata)?.summary

describe('snapshots', () => {
  it('append, and count', async () => {
    await commit({ add: [file('a', 1, 3), file('b', 2, 4)], summary: { 'phlo.run': 'r' } })
    expect(summaryOf()).toEqual({
      operation: 'append',
      'phlo.run': 'r',
      'added-data-files': '2',
      'added-records': '7',
      'added-files-size': '200',
      'changed-partition-count': '2',
      'total-data-files': '2',
      'total-records': '7',
      'total-files-size': '200',
      'total-delete-files': '0',
      'total-position-deletes': '0',
      'total-equality-deletes': '0',
      'manifests-created': '1',
      'manifests-kept': '0',
      'manifests-replaced': '0',
    })
    await commit({ add: [file('c', 1)] })
    expect(summaryOf()).toMatchObject({ 'manifests-created': '1', 'manifests-kept': '1', 'manifests-replaced': '0' })
    expect(await planned()).toEqual(['a', 'b', 'c'])
    const [, newer] = metadata.snapshots!
    expect(newer).toMatchObject({
      'parent-snapshot-id': metadata.snapshots![0]!['snapshot-id'],
      'sequence-number': 2,
      'timestamp-ms': 1002,
    })
    expect(await planned(metadata.snapshots![0]!['snapshot-id'])).toEqual(['a', 'b'])
  })

  it('leave manifests alone that lose nothing, and read none that cannot hold it', async () => {
    await commit({ add: [file('a', 1), file('b', 2)] })
    await commit({ add: [file('c', 3)] })
    const before = await manifests()
    const seen: (number | undefined)[] = []
    await commit({
      add: [file('d', 3)],
      remove: {
        mayHold: (manifest) => manifest.path === before.find(({ sequenceNumber }) => sequenceNumber === 2)!.path,
        matches: (candidate) => {
          seen.push(candidate.partition[0] as number)
          return candidate.partition[0] === 3
        },
      },
    })
    expect(seen).toEqual([3])
    expect(await planned()).toEqual(['a', 'b', 'd'])
    const after = await manifests()
    expect(after.filter(({ path }) => before.some((old) => old.path === path))).toHaveLength(1)
    expect(summaryOf()).toMatchObject({ operation: 'overwrite', 'deleted-data-files': '1', 'total-data-files': '3' })
    expect(
      after.map(({ addedFiles, existingFiles, deletedFiles }) => [addedFiles, existingFiles, deletedFiles]),
    ).toEqual([
      [1, 0, 0],
      [0, 0, 1],
      [2, 0, 0],
    ])
    // The next snapshot need not carry what this one deleted.
    await commit({ add: [] })
    expect(await manifests()).toHaveLength(2)
    expect(summaryOf()).toMatchObject({ operation: 'append', 'total-data-files': '3' })
  })

  it('keep the sequence numbers of what stays', async () => {
    await commit({ add: [file('a', 1), file('b', 1)] })
    await commit({ add: [], remove: removing(({ path }) => path.includes('a.')) })
    expect(summaryOf()?.operation).toBe('delete')
    const [manifest] = await manifests()
    expect(manifest).toMatchObject({ sequenceNumber: 2, minSequenceNumber: 1, existingFiles: 1, deletedFiles: 1 })
    const entries = []
    for await (const entry of new TableFiles(store, metadata).entries(manifest!)) entries.push(entry)
    const [first, second] = metadata.snapshots!.map((item) => item['snapshot-id'])
    expect(entries.map(({ status, snapshotId, sequenceNumber }) => [status, snapshotId, sequenceNumber])).toEqual([
      [entryStatus.deleted, second, 1],
      [entryStatus.existing, first, 1],
    ])
  })

  it('give totals only where the snapshot before has them', async () => {
    await commit({ add: [file('a', 1)] })
    const [first] = metadata.snapshots!
    metadata = { ...metadata, snapshots: [{ ...first!, summary: { operation: 'append', 'total-records': '1' } }] }
    await commit({ add: [file('b', 1)] })
    expect(summaryOf()).toEqual({
      operation: 'append',
      'added-data-files': '1',
      'added-records': '1',
      'added-files-size': '100',
      'changed-partition-count': '1',
      'total-records': '2',
      'manifests-created': '1',
      'manifests-kept': '1',
      'manifests-replaced': '0',
    })
    await commit({ add: [], removePaths: new Set([file('b', 1).path]) })
    expect(summaryOf()).toMatchObject({ 'manifests-created': '1', 'manifests-kept': '1', 'manifests-replaced': '1' })
  })

  it('need main to be as it was, and the table to be the same', async () => {
    await commit({ add: [file('a', 1)] })
    const transaction = TableTransaction.change(store, metadata)
    await transaction.addSnapshot({ add: [file('b', 1)] })
    expect(transaction.requirements).toEqual([
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': metadata['current-snapshot-id'] },
    ])
    expect(await planned()).toEqual(['a'])
  })

  it('do not lose the manifests of a list whose counts a writer of version 1 left out', async () => {
    await commit({ add: [file('a', 1, 5), file('b', 2)] })
    const snapshot = refSnapshot(metadata)!
    const key = store.key(snapshot['manifest-list']!)!
    const [listed] = await manifests()
    const container = await import('../avro/container.js')
    const { addedFiles: _a, existingFiles: _e, deletedFiles: _d, addedRows: _r, ...rest } = listed!
    const bytes = await container.writeContainer(
      {
        type: 'record',
        name: 'manifest_file',
        fields: [
          { name: 'manifest_path', type: 'string', 'field-id': 500 },
          { name: 'manifest_length', type: 'long', 'field-id': 501 },
          { name: 'partition_spec_id', type: 'int', 'field-id': 502 },
          { name: 'added_snapshot_id', type: 'long', 'field-id': 503 },
          { name: 'added_files_count', type: ['null', 'int'], 'field-id': 504 },
        ],
      },
      {},
      1,
      (writer) => {
        writer.string(rest.path)
        writer.long(rest.length)
        writer.long(rest.specId)
        writer.long(rest.addedSnapshotId)
        writer.long(0)
      },
    )
    await store.put(key, bytes)
    await commit({ add: [file('c', 1)] })
    expect(await planned()).toEqual(['a', 'b', 'c'])
    expect((await manifests())[1]).toMatchObject({ addedFiles: 2, existingFiles: 0, addedRows: 6 })
  })

  it('of any history hold what was added and not removed, with totals that add up', async () => {
    const change = fc.record({
      add: fc.array(fc.tuple(fc.option(fc.nat({ max: 3 })), fc.integer({ min: 1, max: 9 })), { maxLength: 3 }),
      remove: fc.option(fc.subarray([null, 0, 1, 2, 3])),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        store = new MemoryObjectStore()
        metadata = TableTransaction.create(
          store,
          { location: store.uri('t'), rows, partitioning: byDay },
          clock,
        ).metadata
        let live: DataFile[] = []
        const history: { readonly id: bigint; readonly files: readonly DataFile[] }[] = []
        for (const [index, { add, remove }] of changes.entries()) {
          const added = add.map(([day, records], at) => file(`${index}-${at}`, day, records))
          const leaves = (candidate: DataFile) => remove?.includes(candidate.partition[0] as number | null) ?? false
          await commit({ add: added, ...(remove && { remove: removing(leaves) }) })
          live = [...live.filter((candidate) => !leaves(candidate)), ...added]
          history.push({ id: metadata['current-snapshot-id']!, files: live })
          const sum = (of: (candidate: DataFile) => number) => String(live.reduce((total, item) => total + of(item), 0))
          expect(summaryOf()).toMatchObject({
            'total-data-files': String(live.length),
            'total-records': sum(({ recordCount }) => recordCount),
            'total-files-size': sum(({ fileSize }) => fileSize),
          })
        }
        for (const { id, files } of history)
          expect(await planned(id)).toEqual(
            files.map(({ path }) => path.replace(/^memory:\/\/\/|\.parquet$/g, '')).sort(),
          )
      }),
      { numRuns: 40 },
    )
  })
})

describe('scans', () => {
  it('say what is wrong with a table’s files', async () => {
    await commit({ add: [file('a', 1)] })
    const [manifest] = await manifests()
    const listKey = store.key(refSnapshot(metadata)!['manifest-list']!)!
    const list = (await store.get(listKey))!.bytes
    const mislabelled = await writeManifestList({
      version: 2,
      snapshotId: 1n,
      parentSnapshotId: undefined,
      sequenceNumber: 1,
      manifests: [manifest!, { ...manifest!, content: 1 }],
    })
    await store.put(listKey, mislabelled)
    await expect(planned()).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    await store.put(listKey, Buffer.from('no Avro'))
    await expect(planned()).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    await store.put(listKey, list)
    await store.delete([store.key(manifest!.path)!])
    await expect(planned()).rejects.toMatchObject({ code: 'PHLO_OBJECT_NOT_FOUND' })
    const [snapshot] = metadata.snapshots!
    metadata = { ...metadata, snapshots: [{ ...snapshot!, 'manifest-list': '/etc/passwd' }] }
    await expect(planned()).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    metadata = { ...metadata, snapshots: [{ ...snapshot!, 'manifest-list': undefined } as never] }
    await expect(planned()).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
  })

  it('of a table without snapshots find nothing, but refuse a wrong filter', async () => {
    expect(await planned()).toEqual([])
    const tasks = planScan(store, metadata, { filter: { op: 'is-null', column: 'none' } })
    await expect(tasks.next()).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
  })
})

describe('manifests', () => {
  // One partition field of every type.
  const all: RowSchema = { columns: primitives.map((type, index) => column(`c ${index}`, formatPrimitive(type))) }
  const schema = newSchema(all)
  const spec = newPartitionSpec(
    schema,
    all.columns.map(({ name }) => ({ column: name, transform: 'identity' })),
  )
  const partition = bindSpec(spec, schema)
  const counts = fc.option(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 99 }), fc.nat())).map((pairs) => new Map(pairs)),
    { nil: undefined },
  )
  const bounds = fc.option(
    fc
      .array(fc.tuple(fc.integer({ min: 1, max: 99 }), fc.uint8Array({ maxLength: 16 })))
      .map((pairs) => new Map(pairs)),
    { nil: undefined },
  )
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
  const entry: fc.Arbitrary<NewManifestEntry> = fc
    .record({
      status: fc.constantFrom(0 as const, 1 as const, 2 as const),
      snapshotId: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
      sequenceNumber: optional(fc.nat()),
      fileSequenceNumber: optional(fc.nat()),
      file: fc.record({
        content: fc.constantFrom(1 as const, 2 as const),
        specId: fc.constant(0),
        path: fc.string({ unit: 'binary' }),
        format: fc.constant('PARQUET'),
        partition: fc.tuple<(Value | null)[]>(...primitives.map((type) => fc.option(valuesOf(type)))),
        recordCount: fc.nat({ max: 2 ** 40 }),
        fileSize: fc.nat({ max: 2 ** 40 }),
        columnSizes: counts,
        valueCounts: counts,
        nullCounts: counts,
        nanCounts: counts,
        lowerBounds: bounds,
        upperBounds: bounds,
        keyMetadata: optional(fc.uint8Array()),
        splitOffsets: optional(fc.array(fc.nat({ max: 2 ** 40 }))),
        equalityIds: optional(fc.array(fc.nat())),
        sortOrderId: optional(fc.nat()),
        referencedDataFile: optional(fc.string()),
        contentOffset: optional(fc.nat({ max: 2 ** 40 })),
        contentSize: optional(fc.nat({ max: 2 ** 40 })),
        firstRowId: optional(fc.nat({ max: 2 ** 40 })),
      }),
    })
    .map((item) => item as unknown as NewManifestEntry)
  const line: ManifestFile = {
    path: 'memory:///m.avro',
    length: 1,
    specId: 0,
    content: 0,
    sequenceNumber: 7,
    minSequenceNumber: 7,
    addedSnapshotId: 5n,
  }
  const deletes: ManifestFile = { ...line, content: 1 }
  const write = (
    entries: readonly NewManifestEntry[],
    version: FormatVersion = 3,
    content: 'data' | 'deletes' = 'deletes',
  ) => writeManifest({ version, schema, spec, partition, content, entries })
  /** Fields of an entry and its file that came with a version. */
  const since: Readonly<Record<string, FormatVersion>> = {
    sequenceNumber: 2,
    fileSequenceNumber: 2,
    equalityIds: 2,
    referencedDataFile: 2,
    contentOffset: 3,
    contentSize: 3,
    firstRowId: 3,
  }
  const inVersion = <T extends object>(version: FormatVersion, item: T): T =>
    Object.fromEntries(Object.entries(item).filter(([key]) => (since[key] ?? 1) <= version)) as T

  function plain(value: unknown): unknown {
    if (ArrayBuffer.isView(value)) return `bytes ${Buffer.from(value as Uint8Array).toString('hex')}`
    if (value instanceof Map) return [...(value as Map<number, unknown>)].map(plain)
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  }

  it('come back as they were written, with the sequence numbers that they inherit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 6 }),
        fc.constantFrom<FormatVersion>(1, 2, 3),
        fc.boolean(),
        async (items, version, ofData) => {
          const content = version === 1 || ofData ? 'data' : 'deletes'
          const entries = items
            .map((item) => (content === 'data' ? { ...item, file: { ...item.file, content: 0 as const } } : item))
            .map((item) => inVersion(version, { ...item, file: inVersion(version, item.file) }))
          const expected = entries.map((item) => ({
            ...item,
            sequenceNumber: item.sequenceNumber ?? 7,
            fileSequenceNumber: item.fileSequenceNumber ?? 7,
          }))
          const manifest = content === 'data' ? line : deletes
          const read = [...readManifest(await write(entries, version, content), manifest, partition)]
          expect(plain(read)).toEqual(plain(expected))
        },
      ),
      { numRuns: 90 },
    )
  })

  it('number the rows of data files that have no number of their own, deleted ones aside', async () => {
    const added = (
      name: string,
      recordCount: number,
      more: Partial<NewManifestEntry['file']> = {},
    ): NewManifestEntry => ({
      status: entryStatus.added,
      snapshotId: 1n,
      file: { ...file(name, null, recordCount), partition: primitives.map(() => null), specId: 0, ...more },
    })
    const bytes = await write(
      [
        added('a', 10),
        added('b', 5, { firstRowId: 3 }),
        { ...added('c', 7), status: entryStatus.deleted },
        added('d', 1),
      ],
      3,
      'data',
    )
    const first = (manifest: ManifestFile, projection?: ManifestProjection) =>
      [...readManifest(bytes, manifest, partition, projection)].map((item) => item.file.firstRowId)
    expect(first({ ...line, firstRowId: 100 })).toEqual([100, 3, undefined, 110])
    const last = { statistics: new Set<number>(), keep: ({ recordCount }: EntryGlance) => recordCount === 1 }
    expect(first({ ...line, firstRowId: 100 }, last)).toEqual([110])
    expect(first(line)).toEqual([undefined, 3, undefined, undefined])
  })

  it('give scans the statistics of the columns that they ask for alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 3 }), async (entries) => {
        const some = [...readManifest(await write(entries), deletes, partition, { statistics: new Set([3]) })]
        const only = <T>(map: ReadonlyMap<number, T> | undefined) => map && new Map([...map].filter(([id]) => id === 3))
        expect(plain(some.map((item) => [item.file.nullCounts, item.file.upperBounds, item.file.columnSizes]))).toEqual(
          plain(entries.map((item) => [only(item.file.nullCounts), only(item.file.upperBounds), undefined])),
        )
      }),
      { numRuns: 30 },
    )
  })

  it('tell of an entry before it is decoded what they tell of it afterwards', async () => {
    const columns = [70, 3, 99, 4]
    const about = (status: number, file: FileStatistics, values: readonly (Value | null)[]) =>
      plain([
        status,
        file.recordCount,
        values,
        columns.map((id) => [
          file.valueCount(id),
          file.nullCount(id),
          file.nanCount(id),
          file.lowerBound(id, { kind: 'binary' }),
          file.upperBound(id, { kind: 'binary' }),
        ]),
      ])
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 6 }), fc.array(fc.boolean()), async (items, choices) => {
        const bytes = await write(items)
        const decoded = [...readManifest(bytes, deletes, partition)]
        const glances: unknown[] = []
        const keep = (glance: EntryGlance) => {
          glances.push(about(glance.status, glance, glance.partition))
          return choices[glances.length - 1] === true
        }
        const kept = [...readManifest(bytes, deletes, partition, { statistics: new Set(columns), keep })]
        expect(glances).toEqual(decoded.map(({ status, file }) => about(status, statisticsOf(file), file.partition)))
        const chosen = decoded.filter((_, index) => choices[index])
        expect(kept.map(({ file }) => [file.path, file.fileSize])).toEqual(
          chosen.map(({ file }) => [file.path, file.fileSize]),
        )
      }),
      { numRuns: 100 },
    )
  })

  it('that are damaged give an error of their own or other entries, and nothing worse', async () => {
    const entries = fc.sample(entry, { numRuns: 5, seed: 11 })
    const bytes = await write(entries)
    const list = await writeManifestList({
      version: 2,
      snapshotId: 1n,
      parentSnapshotId: undefined,
      sequenceNumber: 1,
      manifests: Array.from({ length: 3 }, () => ({
        ...line,
        addedFiles: 1,
        existingFiles: 2,
        deletedFiles: 3,
        addedRows: 4,
        existingRows: 5,
        deletedRows: 6,
        partitions: summarizePartitions(entries, partition),
      })),
    })
    const int = { kind: 'int' } as const
    const attempt = (read: () => unknown) => {
      try {
        read()
      } catch (error) {
        expect((error as { code?: string }).code).toMatch(/^PHLO_ICEBERG_(INVALID|UNSUPPORTED)$/)
      }
    }
    fc.assert(
      fc.property(damaged(bytes), damaged(list), (brokenManifest, brokenList) => {
        attempt(() => [...readManifest(brokenManifest, deletes, partition)])
        attempt(() => [...readManifest(brokenManifest, deletes, partition, { statistics: new Set([1]) })])
        const keep = (glance: EntryGlance) => {
          const { partition: values } = glance
          return values.length + glance.recordCount + (glance.nullCount(1) ?? 0) === -1 || !!glance.lowerBound(2, int)
        }
        attempt(() => [...readManifest(brokenManifest, deletes, partition, { statistics: new Set([1, 2]), keep })])
        attempt(() => readManifestList(brokenList, 'list'))
      }),
      { numRuns: 800 },
    )
  })

  it('lists come back as they were written', async () => {
    const count = fc.nat({ max: 2 ** 31 - 1 })
    const manifest: fc.Arbitrary<ManifestFile> = fc
      .record({
        path: fc.string(),
        length: count,
        specId: count,
        content: fc.constantFrom(0 as const, 1 as const),
        sequenceNumber: count,
        minSequenceNumber: count,
        addedSnapshotId: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
        addedFiles: count,
        existingFiles: count,
        deletedFiles: count,
        addedRows: count,
        existingRows: count,
        deletedRows: count,
        partitions: optional(
          fc.array(
            fc.record({
              containsNull: fc.boolean(),
              containsNan: optional(fc.boolean()),
              lowerBound: optional(fc.uint8Array()),
              upperBound: optional(fc.uint8Array()),
            }),
          ),
        ),
        keyMetadata: optional(fc.uint8Array()),
      })
      .map((item) => item as unknown as ManifestFile)
    await fc.assert(
      fc.asyncProperty(fc.array(manifest, { maxLength: 5 }), async (items) => {
        const bytes = await writeManifestList({
          version: 2,
          snapshotId: 1n,
          parentSnapshotId: 2n,
          sequenceNumber: 3,
          manifests: items,
        })
        expect(plain(readManifestList(bytes, 'list'))).toEqual(plain(items))
      }),
      { numRuns: 60 },
    )
  })
})

describe('partition specs', () => {
  const schema = newSchema({ columns: [column('id', 'int'), column('id_bucket', 'int'), column('at', 'timestamp')] })
  const names = (...columns: [string, string][]) =>
    newPartitionSpec(
      schema,
      columns.map(([name, transform]) => ({ column: name, transform })),
    ).fields.map(({ name }) => name)

  it('name their fields as Iceberg’s writers do, and no two alike', () => {
    expect(names(['at', 'day'], ['at', 'hour'], ['id', 'identity'], ['id', 'truncate[10]'])).toEqual([
      'at_day',
      'at_hour',
      'id',
      'id_trunc',
    ])
    expect(names(['id', 'bucket[4]'], ['id', 'bucket[8]'], ['id_bucket', 'identity'])).toEqual([
      'id_bucket_4',
      'id_bucket_8',
      'id_bucket',
    ])
    expect(names(['id', 'truncate[4]'], ['id', 'truncate[8]'])).toEqual(['id_trunc', 'id_trunc_8'])
  })

  it('use a field again that the table had, and never another’s id or name', () => {
    const first = newPartitionSpec(schema, [{ column: 'id', transform: 'identity' }])
    const second = newPartitionSpec(schema, [{ column: 'at', transform: 'day' }], [first], 1000)
    const third = newPartitionSpec(
      schema,
      [
        { column: 'id', transform: 'identity' },
        { column: 'at', transform: 'month' },
      ],
      [first, second],
      1001,
    )
    expect(third.fields.map((field) => [field['field-id'], field.name])).toEqual([
      [1000, 'id'],
      [1002, 'at_month'],
    ])
    // The column came anew, with another id: its partitions are another field.
    const renewed = { ...schema, fields: schema.fields.map((field) => ({ ...field, id: field.id + 10 })) }
    const fourth = newPartitionSpec(renewed, [{ column: 'id', transform: 'identity' }], [first], 1002)
    expect(fourth.fields).toEqual([{ 'source-id': 11, 'field-id': 1003, name: 'id_2', transform: 'identity' }])
  })

  it.each<[string, [string, string][]]>([
    ['a column that is not there', [['none', 'identity']]],
    ['a transform that does not fit', [['id', 'day']]],
    [
      'the same twice',
      [
        ['id', 'identity'],
        ['id', 'identity'],
      ],
    ],
  ])('refuse %s', (_name, columns) => {
    expect(() => names(...columns)).toThrow(expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }))
  })
})
