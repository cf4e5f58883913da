import type { DescribedFile, ObjectStore, SharedKeyLookup, TableMetadata, TableUpdate } from '@phlo/ports'
import type { AddedFile, SnapshotChange } from '../commit/snapshot-change.js'
import { TableTransaction } from '../commit/transaction.js'
import { deletionVectorBlob, readDeletionVector } from '../deletes/deletion-vector.js'
import { PositionSet } from '../deletes/position-set.js'
import { type DataFile, fileContent, isDeletionVector } from '../manifest/data-file.js'
import { lineageIds } from '../manifest/row-lineage.js'
import { ancestors } from '../metadata/ancestry.js'
import { mainTableBranch } from '../metadata/metadata.js'
import { checkRequirements } from '../metadata/requirements.js'
import { applyUpdates } from '../metadata/updates.js'
import { writePuffin } from '../puffin/puffin-writer.js'
import type { DeleteFile } from '../scan/delete-index.js'
import { planScan, type ScanTask } from '../scan/scan.js'
import { parsePrimitive } from '../types/primitive.js'
import { encodeValue } from '../types/value.js'
import { equalityDeleteFile } from './equality-delete-file.js'
import { column } from './example-files.js'

/** A version of a row of a table with the columns `key` (1), `value` (2) and `part` (3), by which it is partitioned. */
export interface RowVersion {
  readonly id: string
  readonly key: number
  readonly value: number
  readonly part: number
}

/** A row in a file; a copy brings the `_row_id` that it had. Spec: "Row Lineage". */
interface StoredRow extends RowVersion {
  readonly rowId?: number
}

/** A live row, where it is and which `_row_id` it has. */
export interface FoundRow {
  readonly row: RowVersion
  readonly rowId: number | undefined
}

/** A data file with its rows; those that are deleted are told by their positions. */
export interface FoundFile {
  readonly file: DataFile
  readonly rows: readonly StoredRow[]
  readonly gone: ReadonlySet<number>
}

const [int, long] = [parsePrimitive('int'), parsePrimitive('long')]

/** What the files of several states of one table hold; data files exist as descriptions only, vectors in the store. */
export class FileContents {
  readonly store: ObjectStore
  private readonly rows = new Map<string, readonly StoredRow[]>()
  private readonly positions = new Map<string, ReadonlyMap<string, ReadonlySet<number>>>()
  private readonly values = new Map<string, number>()
  private count = 0

  private readonly tellsRowIds: boolean

  /** With `tellsRowIds`, manifests have the bounds of the ids that rows bring along. */
  constructor(store: ObjectStore, tellsRowIds = true) {
    this.store = store
    this.tellsRowIds = tellsRowIds
  }

  data(rows: readonly StoredRow[]): DataFile {
    const path = this.path('data')
    this.rows.set(path, rows)
    const bounds = (pick: (...values: number[]) => number) =>
      new Map([
        [1, encodeValue(int, pick(...rows.map(({ key }) => key)))],
        [2, encodeValue(int, pick(...rows.map(({ value }) => value)))],
      ])
    const counts = (count: number) => new Map([1, 2].map((id) => [id, count]))
    const brought = rows.flatMap(({ rowId }) => rowId ?? [])
    const told = this.tellsRowIds
    const ofIds = (pick: (...values: number[]) => number): [number, Uint8Array][] =>
      told && brought.length > 0 ? [[lineageIds._row_id, encodeValue(long, BigInt(pick(...brought)))]] : []
    const nulls = rows.length - brought.length
    return {
      content: fileContent.data,
      specId: 0,
      path,
      format: 'PARQUET',
      partition: [rows[0]?.part ?? 0],
      recordCount: rows.length,
      fileSize: 100,
      valueCounts: counts(rows.length),
      nullCounts: new Map([...counts(0), ...(told ? [[lineageIds._row_id, nulls] as const] : [])]),
      lowerBounds: new Map([...bounds(Math.min), ...ofIds(Math.min)]),
      upperBounds: new Map([...bounds(Math.max), ...ofIds(Math.max)]),
    }
  }

  /** Rows of files of one partition, in version 2's form; it names the data file when there is one and it is asked to. */
  positionDeletes(
    of: readonly { readonly file: DataFile; readonly positions: ReadonlySet<number> }[],
    named: boolean,
  ): DataFile {
    const path = this.path('positions')
    this.positions.set(path, new Map(of.map(({ file, positions }) => [file.path, positions])))
    const [only] = of
    return {
      content: fileContent.positionDeletes,
      specId: 0,
      path,
      format: 'PARQUET',
      partition: only?.file.partition ?? [],
      recordCount: of.reduce((sum, { positions }) => sum + positions.size, 0),
      fileSize: 50,
      ...(named && of.length === 1 && only && { referencedDataFile: only.file.path }),
    }
  }

  async vectors(
    of: readonly { readonly file: DataFile; readonly positions: ReadonlySet<number> }[],
  ): Promise<DataFile[]> {
    const puffin = writePuffin(
      of.map(({ file, positions }) => deletionVectorBlob(file.path, new PositionSet(positions))),
    )
    const path = this.path('vectors')
    await this.store.put(this.store.key(path) as string, puffin.bytes)
    return of.map(({ file, positions }, index) => ({
      content: fileContent.positionDeletes,
      specId: 0,
      path,
      format: 'PUFFIN',
      partition: file.partition,
      recordCount: positions.size,
      fileSize: puffin.bytes.length,
      referencedDataFile: file.path,
      contentOffset: puffin.blobs[index]!.offset,
      contentSize: puffin.blobs[index]!.length,
    }))
  }

  /** Deletes the rows of a partition with that value. */
  equalityDeletes(part: number, value: number): DataFile {
    const path = this.path('equality')
    this.values.set(path, value)
    return equalityDeleteFile(path, part, 2, value)
  }

  /** The live data files as a reader finds them. */
  async files(metadata: TableMetadata, ref = mainTableBranch): Promise<FoundFile[]> {
    return metadata.refs?.[ref] ? this.read(planScan(this.store, metadata, { ref })) : []
  }

  /** What a reader finds in the data files with their deletes. */
  async read(tasks: Iterable<Pick<ScanTask, 'file' | 'deletes'>> | AsyncIterable<ScanTask>): Promise<FoundFile[]> {
    const found: FoundFile[] = []
    for await (const { file, deletes } of tasks) {
      const rows = this.rows.get(file.path) ?? []
      const gone = new Set<number>()
      for (const item of deletes) for (const position of await this.deleted(item, file, rows)) gone.add(position)
      found.push({ file, rows, gone })
    }
    return found
  }

  /** Compares keys as an engine does that reads the files. */
  readonly sharedKey: SharedKeyLookup = async ({ ours, theirs }) => {
    const keysOf = (files: readonly DescribedFile[]) =>
      files.flatMap(({ path }) => (this.rows.get(path) ?? []).map(({ key }) => key))
    const known = new Set(keysOf(theirs))
    const key = keysOf(ours).find((each) => known.has(each))
    return key === undefined ? undefined : [String(key)]
  }

  async live(metadata: TableMetadata, ref?: string): Promise<FoundRow[]> {
    return liveRows(await this.files(metadata, ref))
  }

  private async deleted(
    { file: deletes }: DeleteFile,
    file: DataFile,
    rows: readonly StoredRow[],
  ): Promise<Iterable<number>> {
    if (isDeletionVector(deletes)) return readDeletionVector(this.store, deletes)
    const value = this.values.get(deletes.path)
    if (value !== undefined) return rows.flatMap((row, position) => (row.value === value ? [position] : []))
    return this.positions.get(deletes.path)?.get(file.path) ?? []
  }

  private path(kind: string): string {
    return this.store.uri(`t/data/${kind}-${this.count++}`)
  }
}

export function liveRows(files: readonly FoundFile[]): FoundRow[] {
  return files.flatMap(({ file, rows, gone }) =>
    rows.flatMap(({ rowId, ...row }, position) =>
      gone.has(position)
        ? []
        : [{ row, rowId: rowId ?? (file.firstRowId === undefined ? undefined : file.firstRowId + position) }],
    ),
  )
}

/** One of the states that a table came to. */
export class DivergingTable {
  readonly contents: FileContents
  metadata: TableMetadata

  constructor(contents: FileContents, metadata: TableMetadata) {
    this.contents = contents
    this.metadata = metadata
  }

  static create(
    contents: FileContents,
    formatVersion: 2 | 3,
    properties: Readonly<Record<string, string>> = {},
  ): DivergingTable {
    const { metadata } = TableTransaction.create(contents.store, {
      location: contents.store.uri('t'),
      rows: { columns: [column('key', 'int'), column('value', 'int'), column('part', 'int')] },
      partitioning: [{ column: 'part', transform: 'identity' }],
      formatVersion,
      properties,
    })
    return new DivergingTable(contents, metadata)
  }

  /** Another state that begins as this one is. */
  fork(): DivergingTable {
    return new DivergingTable(this.contents, this.metadata)
  }

  async change(work: (transaction: TableTransaction) => unknown): Promise<void> {
    const transaction = TableTransaction.change(this.contents.store, this.metadata)
    await work(transaction)
    this.apply(transaction.requirements, transaction.updates)
  }

  apply(requirements: Parameters<typeof checkRequirements>[1], updates: readonly TableUpdate[]): void {
    checkRequirements(this.metadata, requirements, 't')
    this.metadata = applyUpdates(this.metadata, updates, { now: Date.now() })
  }

  write(change: SnapshotChange): Promise<void> {
    return this.change((transaction) => transaction.addSnapshot(change))
  }

  append(rows: readonly RowVersion[], options: Partial<SnapshotChange> = {}): Promise<void> {
    return this.write({ add: this.filesOf(rows), ...options })
  }

  /** One data file for each partition. */
  filesOf(rows: readonly StoredRow[]): AddedFile[] {
    return groups(rows, ({ part }) => String(part)).map((of) => this.contents.data(of))
  }

  /**
   * Deletes the rows that match and adds others: by copying what stays of their files, or by marking the rows. Does nothing
   * and answers false where none matches and nothing is added.
   */
  async replaceRows(
    matches: (row: RowVersion) => boolean,
    added: readonly RowVersion[],
    mode: 'copy' | 'mark',
    options: Partial<SnapshotChange> & { readonly named?: boolean } = {},
  ): Promise<boolean> {
    const { named = true, ...change } = options
    const touched = (await this.contents.files(this.metadata)).flatMap(({ file, rows, gone }) => {
      const leaving = rows.flatMap((row, position) => (!gone.has(position) && matches(row) ? [position] : []))
      return leaving.length === 0 ? [] : [{ file, rows, gone, leaving: new Set(leaving) }]
    })
    const fresh = this.filesOf(added)
    if (touched.length === 0 && fresh.length === 0) return false
    if (mode === 'copy') {
      const kept = touched.flatMap(({ file, rows, gone, leaving }) => {
        const left = rows.flatMap((row, position) =>
          gone.has(position) || leaving.has(position) ? [] : [{ ...row, ...rowIdOf(row, file, position) }],
        )
        return left.length > 0 ? [this.contents.data(left)] : []
      })
      await this.write({
        add: [...kept, ...fresh],
        removePaths: new Set(touched.map(({ file }) => file.path)),
        ...change,
      })
      return true
    }
    const all = touched.map(({ file, gone, leaving }) => ({
      file,
      positions: this.metadata['format-version'] >= 3 ? new Set([...gone, ...leaving]) : leaving,
    }))
    const deletes =
      this.metadata['format-version'] >= 3
        ? await this.contents.vectors(all)
        : groups(all, ({ file }) => (named ? file.path : String(file.partition[0]))).map((group) =>
            this.contents.positionDeletes(group, named),
          )
    await this.write({ add: [...fresh, ...deletes], ...change })
    return true
  }

  /** Writes the files of a partition anew as one, with the sequence number that the table has. */
  async compact(part: number): Promise<boolean> {
    const files = (await this.contents.files(this.metadata)).filter(({ file }) => file.partition[0] === part)
    if (files.length === 0) return false
    const rows = files.flatMap(({ file, rows: all, gone }) =>
      all.flatMap((row, position) => (gone.has(position) ? [] : [{ ...row, ...rowIdOf(row, file, position) }])),
    )
    const sequenceNumber = this.metadata['last-sequence-number']
    await this.write({
      add: rows.length > 0 ? [{ ...this.contents.data(rows), sequenceNumber }] : [],
      removePaths: new Set(files.map(({ file }) => file.path)),
      operation: 'replace',
      validation: {},
    })
    return true
  }

  /** Takes all but the newest snapshots of main out of the metadata; files stay, as other states need them. */
  expire(keep: number): boolean {
    const old = [...ancestors(this.metadata, this.metadata['current-snapshot-id'])].slice(keep)
    if (old.length === 0) return false
    this.apply([], [{ action: 'remove-snapshots', 'snapshot-ids': old.map((snapshot) => snapshot['snapshot-id']) }])
    return true
  }
}

function rowIdOf(row: StoredRow, file: DataFile, position: number): { rowId?: number } {
  const id = row.rowId ?? (file.firstRowId === undefined ? undefined : file.firstRowId + position)
  return id === undefined ? {} : { rowId: id }
}

function groups<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const found = new Map<string, T[]>()
  for (const item of items) found.set(keyOf(item), [...(found.get(keyOf(item)) ?? []), item])
  return [...found.values()]
}
