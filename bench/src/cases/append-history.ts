import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { type DataFile, fileContent, planScan, serializeMetadata, TableTransaction } from '@phlo/iceberg'
import type { LoadedTable, ObjectStore, RowSchema, TableIdentifier, TableMetadata } from '@phlo/ports'
import { LocalObjectStore } from '@phlo/storage-local'
import { BenchError } from '../bench-error.js'
import { type BenchCase, type CaseContext, type Findings, judge } from '../case.js'
import { latencyMeasure } from '../latency-measure.js'
import { rotated } from '../rounds.js'
import { median } from '../statistics.js'
import { settle } from '../workplace.js'

const histories = [10, 10_000] as const
/** Appends of each kind in a round. */
const appendsPerRound = 30
const wantedRatio = 2

const identifier: TableIdentifier = { namespace: ['bronze'], name: 'orders' }

const rows: RowSchema = {
  columns: [
    { name: 'id', type: 'long', required: true, optional: false, rules: [], unique: false },
    { name: 'name', type: 'string', required: false, optional: false, rules: [], unique: false },
  ],
}

/** Whether the process knows the table from the commit before; or only the disk's part of what a new process does. */
type Acquaintance = 'known' | 'fresh' | 'disk'
const appending = ['known', 'fresh'] as const

const descriptions: Readonly<Record<(typeof appending)[number], string>> = {
  known: 'by a process that made the commit before',
  fresh: 'by a catalog opened for it, which reads the metadata first, as a new process does',
}

/** A table of some history whose present snapshot is the same as that of any other. */
class Table {
  readonly name: string
  readonly what: string
  private readonly folder: string
  private readonly history: number
  private readonly acquaintance: Acquaintance
  private catalog: EmbeddedCatalog | undefined
  private store: ObjectStore | undefined
  /** The key of the metadata file that the first append wrote. */
  private file = ''
  private appended = 0
  private copied = 0

  constructor(folder: string, history: number, acquaintance: Acquaintance) {
    this.name = nameOf(history, acquaintance)
    const table = `a table of ${history.toLocaleString('en-US')} snapshots`
    this.what =
      acquaintance === 'disk'
        ? `the limit: the metadata file of ${table}, read and stored as another one, without a look at it`
        : `an append to ${table} ${descriptions[acquaintance]}`
    this.folder = path.join(folder, this.name)
    this.history = history
    this.acquaintance = acquaintance
  }

  async create(): Promise<void> {
    await mkdir(this.folder, { recursive: true })
    const { catalog, store } = await this.open()
    const location = catalog.newTableLocation(identifier)
    const transaction = TableTransaction.create(store, { location, rows, partitioning: [] })
    await transaction.addSnapshot({ add: [dataFile(location, 0)] })
    const { requirements, updates } = transaction
    await catalog.commit(
      [
        { kind: 'create-namespace', namespace: identifier.namespace },
        { kind: 'table', identifier, requirements, updates },
      ],
      { message: 'Table' },
    )
    const { metadata } = await this.load(catalog)
    const key = await this.metadataFile(store, catalog)
    await writeFile(path.join(this.folder, key), serializeMetadata(withHistory(metadata, this.history)))
    // Nobody has read the file that was replaced.
    this.catalog = undefined
    // Now there is a file as commits make them.
    const opened = await this.open()
    await this.commit(opened.store, opened.catalog)
    this.file = await this.metadataFile(opened.store, opened.catalog)
  }

  private async load(catalog: EmbeddedCatalog): Promise<LoadedTable> {
    const table = await catalog.loadTable(identifier)
    if (!table) throw new BenchError('The table is not there')
    return table
  }

  private async metadataFile(store: ObjectStore, catalog: EmbeddedCatalog): Promise<string> {
    const key = store.key((await this.load(catalog)).metadataLocation)
    if (key === undefined) throw new BenchError('The metadata file is not in the store')
    return key
  }

  async append(): Promise<number> {
    const startedAt = performance.now()
    if (this.acquaintance === 'disk') {
      const store = await LocalObjectStore.open(this.folder)
      const bytes = (await store.get(this.file))?.bytes
      if (!bytes) throw new BenchError('The metadata file is not there')
      await store.put(`${this.file}-${++this.copied}`, bytes, { ifAbsent: true })
      return performance.now() - startedAt
    }
    const { catalog, store } = await this.open()
    await this.commit(store, catalog)
    return performance.now() - startedAt
  }

  private async commit(store: ObjectStore, catalog: EmbeddedCatalog): Promise<void> {
    const table = await this.load(catalog)
    const transaction = TableTransaction.change(store, table.metadata)
    await transaction.addSnapshot({ add: [dataFile(table.metadata.location, ++this.appended)] })
    const { requirements, updates } = transaction
    await catalog.commit([{ kind: 'table', identifier, requirements, updates }], { message: 'Append' })
  }

  private async open(): Promise<{ catalog: EmbeddedCatalog; store: ObjectStore }> {
    if (this.acquaintance === 'fresh' || !this.catalog || !this.store) {
      this.store = await LocalObjectStore.open(this.folder)
      this.catalog = await EmbeddedCatalog.open(this.store)
    }
    return { catalog: this.catalog, store: this.store }
  }

  /** Throws when a snapshot or a file is not there. */
  async verify(): Promise<void> {
    const store = await LocalObjectStore.open(this.folder)
    const table = await (await EmbeddedCatalog.open(store)).loadTable(identifier)
    const snapshots = table?.metadata.snapshots?.length
    let files = 0
    if (table) for await (const _task of planScan(store, table.metadata)) files++
    if (snapshots !== this.history + this.appended || files !== 1 + this.appended)
      throw new BenchError(`${this.name} has ${snapshots} snapshots and ${files} files after ${this.appended} appends`)
  }
}

/** Snapshots as that many appends leave them behind. No append reads the manifest lists of older ones: there are none. */
function withHistory(metadata: TableMetadata, count: number): TableMetadata {
  const [first] = metadata.snapshots ?? []
  if (!first) throw new BenchError('The table has no snapshot')
  const ids = Array.from({ length: count }, (_, index) => (index === 0 ? first['snapshot-id'] : randomId()))
  const id = (index: number) => ids[index] as bigint
  const sequence = (index: number) => (first['sequence-number'] ?? 0) + index
  // Random numbers and changing totals, as real ones have: what is all the same would be compressed to nothing.
  const snapshots = Array.from({ length: count }, (_, index) => ({
    ...first,
    ...(index > 0 && { 'parent-snapshot-id': id(index - 1) }),
    'snapshot-id': id(index),
    'sequence-number': sequence(index),
    'timestamp-ms': first['timestamp-ms'] - (count - 1 - index) * 59_000 - randomInt(1000),
    ...(index < count - 1 && {
      'manifest-list': `${metadata.location}/metadata/snap-${id(index)}-0-${randomUUID()}.avro`,
    }),
    summary: {
      ...first.summary,
      operation: 'append' as const,
      'added-records': String(randomInt(100_000)),
      'added-files-size': String(randomInt(10_000_000)),
      'total-records': String(index * 50_000 + randomInt(50_000)),
      'total-files-size': String(index * 5_000_000 + randomInt(5_000_000)),
      'total-data-files': String(index + 1),
    },
  }))
  const current = id(count - 1)
  return {
    ...metadata,
    snapshots,
    'snapshot-log': snapshots.map((item) => ({
      'timestamp-ms': item['timestamp-ms'],
      'snapshot-id': item['snapshot-id'],
    })),
    'current-snapshot-id': current,
    'last-sequence-number': sequence(count - 1),
    refs: { main: { type: 'branch', 'snapshot-id': current } },
  }
}

/** Any of 63 bits. */
function randomId(): bigint {
  return randomBytes(8).readBigUInt64LE() >> 1n
}

function nameOf(history: number, acquaintance: Acquaintance): string {
  return `${acquaintance}-${history}`
}

function dataFile(location: string, count: number): DataFile {
  return {
    content: fileContent.data,
    specId: 0,
    path: `${location}/data/${count}.parquet`,
    format: 'PARQUET',
    partition: [],
    recordCount: 1,
    fileSize: 1024,
  }
}

/** Whether commits get slower with the commits that were before. */
export const appendHistory: BenchCase = {
  name: 'append-history',
  description: 'an append to a table of 10,000 snapshots, beside one to a table of 10',
  rows: undefined,
  needsPython: false,
  async run({ workplace, runs, report }: CaseContext): Promise<Findings> {
    const times = new Map<string, number[][]>()
    let tables: Table[] = []
    for (let round = 0; round < runs; round++) {
      const folder = path.join(workplace.work, 'tables')
      tables = ([...appending, 'disk'] as const).flatMap((acquaintance) =>
        histories.map((history) => new Table(folder, history, acquaintance)),
      )
      for (const table of tables) {
        await table.create()
        // What the first commits load and compile is not the history's doing.
        await table.append()
      }
      await settle()
      const roundTimes = new Map<string, number[]>(tables.map(({ name }) => [name, []]))
      for (let count = 0; count < appendsPerRound; count++) {
        for (const table of rotated(tables, count)) roundTimes.get(table.name)?.push(await table.append())
      }
      for (const table of tables) await table.verify()
      for (const [name, milliseconds] of roundTimes) times.set(name, [...(times.get(name) ?? []), milliseconds])
      await rm(folder, { recursive: true })
      report(`round ${round + 1} of ${runs}`)
    }
    const typical = (history: number, acquaintance: Acquaintance) =>
      median((times.get(nameOf(history, acquaintance)) as number[][]).map(median))
    const [short, long] = histories
    return {
      yardstick: nameOf(short, 'known'),
      measures: tables.map((table) =>
        latencyMeasure(table, times.get(table.name) as number[][], typical(short, 'known')),
      ),
      targets: appending.map((acquaintance) =>
        judge(
          {
            text: `${long} snapshots, as a multiple of ${short}, ${descriptions[acquaintance]}`,
            kind: 'at most',
            wanted: wantedRatio,
            found: typical(long, acquaintance) / typical(short, acquaintance),
            unit: '×',
          },
          true,
        ),
      ),
    }
  },
}
