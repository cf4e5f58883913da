import type { Snapshot, SnapshotOperation } from '@phlo/ports'
import {
  type DataFile,
  type EntryStatus,
  entryStatus,
  fileContent,
  isDeletionVector,
  type ManifestEntry,
  type ManifestFile,
} from '../manifest/data-file.js'
import { statisticsOf } from '../manifest/file-statistics.js'
import type { TableFiles } from '../manifest/table-files.js'
import { currentSchema } from '../metadata/metadata.js'
import { deleteColumnIds, DeleteIndex } from '../scan/delete-index.js'
import { type BoundExpression, bindExpression, type Expression, referencedFields } from '../scan/expression.js'
import { projectFilter } from '../scan/projection.js'
import { fileMayMatch, manifestMayMatch, partitionMayMatch } from '../scan/pruning.js'
import type { RowRegion } from './snapshot-change.js'

/** The rows that a check is about: those that may meet a filter, or those of a region. */
export type Concerned = { readonly filter: Expression } | { readonly region: RowRegion }

type Operations = ReadonlySet<SnapshotOperation>
const addsData: Operations = new Set(['append', 'overwrite'])
const removesData: Operations = new Set(['overwrite', 'replace', 'delete'])
const replacesData: Operations = new Set(['overwrite', 'replace'])
const addsDeletes: Operations = new Set(['overwrite', 'delete'])
const changesRows: Operations = new Set(['overwrite'])

/** What others committed to a branch since a snapshot, found in the manifests that they added. */
export class ConcurrentChanges {
  private readonly lists = new Map<bigint, Promise<ManifestFile[]>>()

  private readonly files: TableFiles
  private readonly snapshots: readonly Snapshot[]

  constructor(files: TableFiles, snapshots: readonly Snapshot[]) {
    this.files = files
    this.snapshots = snapshots
  }

  /** A data file that somebody added and that may hold a row of those. */
  addedData(concerned: Concerned): Promise<DataFile | undefined> {
    return this.first(addsData, 0, entryStatus.added, concerned)
  }

  /** Every data file that somebody added and that may hold a row of those. */
  async *eachAddedData(concerned: Concerned): AsyncGenerator<DataFile> {
    for await (const { file } of this.entries(addsData, 0, entryStatus.added, concerned)) yield file
  }

  /** A data file that somebody removed and that may have held a row of those. */
  removedData(concerned: Concerned): Promise<DataFile | undefined> {
    return this.first(removesData, 0, entryStatus.deleted, concerned)
  }

  /** One of the data files, if somebody removed it; with `onlyReplaced`, not by a mere delete. */
  removedOf(paths: ReadonlySet<string>, onlyReplaced: boolean): Promise<DataFile | undefined> {
    const operations = onlyReplaced ? replacesData : removesData
    return this.first(operations, 0, entryStatus.deleted, everything, ({ path }) => paths.has(path))
  }

  /** A delete file that somebody added and that may delete a row of those; of vectors only where `vectors` says so. */
  addedDeletes(concerned: Concerned, vectors = true): Promise<DataFile | undefined> {
    return this.first(addsDeletes, 1, entryStatus.added, concerned, (file) => vectors || !isDeletionVector(file))
  }

  /** A data file that somebody removed and of which a row may have got a new version. */
  replacedData(concerned: Concerned): Promise<DataFile | undefined> {
    return this.first(changesRows, 0, entryStatus.deleted, concerned)
  }

  /** A delete file that somebody added, perhaps with new versions of rows that it deletes. */
  replacingDeletes(concerned: Concerned): Promise<DataFile | undefined> {
    return this.first(changesRows, 1, entryStatus.added, concerned)
  }

  /** A data file that somebody added and that may hold rows which these deletes would delete. */
  async addedFor(deletes: readonly DataFile[]): Promise<DataFile | undefined> {
    if (deletes.length === 0) return undefined
    // Younger than every data file, whatever their numbers.
    const index = new DeleteIndex(
      deletes.map((file) => ({ file, sequenceNumber: 1 })),
      this.files,
    )
    const has = (file: DataFile) => index.of(file, 0).length > 0
    return this.addedData({ region: { mayBeIn: () => true, has, columns: [...index.equalityColumns] } })
  }

  /** The newest deletion vector that somebody added for a data file, by its path, and whether that snapshot added rows. */
  async vectors(): Promise<Map<string, ConcurrentVector>> {
    const found = new Map<string, ConcurrentVector>()
    for await (const { file, sequenceNumber, snapshotId } of this.entries(
      removesData,
      1,
      entryStatus.added,
      everything,
    )) {
      const { referencedDataFile: path } = file
      if (path === undefined || !isDeletionVector(file)) continue
      const known = found.get(path)
      const added = this.snapshots.find((snapshot) => snapshot['snapshot-id'] === snapshotId)?.summary?.[
        'added-records'
      ]
      const withRows = added !== undefined || known?.withRows === true
      const newest = known && known.sequenceNumber > sequenceNumber ? known : { file, sequenceNumber }
      found.set(path, { ...newest, withRows })
    }
    return found
  }

  /** A deletion vector that somebody added for one of the data files. */
  addedVector(paths: ReadonlySet<string>): Promise<DataFile | undefined> {
    return this.first(
      removesData,
      1,
      entryStatus.added,
      everything,
      (file) => isDeletionVector(file) && file.referencedDataFile !== undefined && paths.has(file.referencedDataFile),
    )
  }

  /** One of the data files for which somebody added deletes that may be for the filter's rows. */
  async deletedFrom(
    dataFiles: readonly DataFile[],
    filter: Expression,
    options: { readonly ignoreEqualityDeletes: boolean },
  ): Promise<DataFile | undefined> {
    if (dataFiles.length === 0) return undefined
    const added: ManifestEntry[] = []
    for await (const entry of this.entries(addsDeletes, 1, entryStatus.added, { filter })) {
      if (!(options.ignoreEqualityDeletes && entry.file.content === fileContent.equalityDeletes)) added.push(entry)
    }
    if (added.length === 0) return undefined
    const index = new DeleteIndex(added, this.files)
    // All of them are younger than the data files, whatever their numbers.
    return dataFiles.find((file) => index.of(file, 0).length > 0)
  }

  private async first(
    operations: Operations,
    content: 0 | 1,
    status: EntryStatus,
    concerned: Concerned,
    matches: (file: DataFile) => boolean = () => true,
  ): Promise<DataFile | undefined> {
    for await (const { file } of this.entries(operations, content, status, concerned)) if (matches(file)) return file
    return undefined
  }

  private async *entries(
    operations: Operations,
    content: 0 | 1,
    status: EntryStatus,
    concerned: Concerned,
  ): AsyncGenerator<ManifestEntry> {
    const filter: BoundExpression =
      'filter' in concerned ? bindExpression(concerned.filter, currentSchema(this.files.metadata)) : { op: 'true' }
    const projected = new Map<number, BoundExpression>()
    const columns = 'region' in concerned ? (concerned.region.columns ?? []) : referencedFields(filter)
    const statistics = new Set([...columns, deleteColumnIds.path])
    for (const snapshot of this.snapshots) {
      const id = snapshot['snapshot-id']
      const operation = snapshot.summary?.operation
      // A snapshot that does not say what it did may have done anything.
      if (operation !== undefined && !operations.has(operation)) continue
      for (const manifest of await this.manifests(snapshot)) {
        if (manifest.content !== content || manifest.addedSnapshotId !== id) continue
        const wanted = projected.get(manifest.specId) ?? projectFilter(filter, this.files.spec(manifest.specId))
        projected.set(manifest.specId, wanted)
        if (!manifestMayMatch(wanted, manifest.partitions)) continue
        if ('region' in concerned && !concerned.region.mayBeIn(manifest)) continue
        for await (const entry of this.files.entries(manifest, { statistics })) {
          if (entry.status !== status || entry.snapshotId !== id) continue
          if (!partitionMayMatch(wanted, entry.file.partition) || !fileMayMatch(filter, statisticsOf(entry.file)))
            continue
          if (!('region' in concerned) || concerned.region.has(entry.file)) yield entry
        }
      }
    }
  }

  private manifests(snapshot: Snapshot): Promise<ManifestFile[]> {
    const id = snapshot['snapshot-id']
    let list = this.lists.get(id)
    if (!list) this.lists.set(id, (list = this.files.manifests(snapshot)))
    return list
  }
}

/** A deletion vector that somebody else added. */
export interface ConcurrentVector {
  readonly file: DataFile
  readonly sequenceNumber: number
  /** Rows came with it, perhaps new versions of those that it deletes. */
  readonly withRows: boolean
}

const everything: Concerned = { filter: { op: 'true' } }
