import type { ObjectStore, Snapshot, TableMetadata } from '@phlo/ports'
import { type DataFile, entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import { statisticsOf } from '../manifest/file-statistics.js'
import { TableFiles } from '../manifest/table-files.js'
import { type DeleteFile, DeleteIndex } from './delete-index.js'
import { type BoundExpression, bindExpression } from './expression.js'
import type { IncrementalScanOptions } from './incremental-scan.js'
import { selectInterval } from './snapshot-interval.js'
import { isLive, TableFilter } from './table-filter.js'

/**
 * Rows that a snapshot inserted or deleted. To make rows of a changelog, an engine gives them `_change_type`, and
 * `_change_ordinal` and `_commit_snapshot_id` of the task:
 *
 * - `added-rows`: the file's rows but those of `deletes` are `insert`.
 * - `deleted-file`: the file's rows but those of `deletes`, which were gone before, are `delete`.
 * - `deleted-rows`: the file's rows of `deletes` but those of `previousDeletes`, which were gone before, are `delete`.
 *
 * Where a writer copied rows that it did not change, they come as a `delete` and an equal `insert` of one ordinal, which
 * cancel out. A `delete` and an `insert` of one ordinal that are left with equal identifier fields are `update_before` and
 * `update_after`.
 */
export interface ChangeTask {
  readonly kind: 'added-rows' | 'deleted-file' | 'deleted-rows'
  /** 0 for the interval's first snapshot that changed rows. */
  readonly changeOrdinal: number
  readonly commitSnapshotId: bigint
  readonly file: DataFile
  /** The file's data sequence number. */
  readonly sequenceNumber: number
  readonly deletes: readonly DeleteFile[]
  readonly previousDeletes: readonly DeleteFile[]
  /** What is left of the filter for the file's rows. */
  readonly residual: BoundExpression
}

/**
 * What the snapshots of an interval changed, oldest first; snapshots that only replaced files by others with the same rows
 * change nothing. One snapshot's changed files and the deletes that matter to them are held in memory.
 * Throws PHLO_SNAPSHOT_NOT_FOUND, PHLO_SNAPSHOT_UNFIT for a start that the end did not come from, PHLO_REF_NOT_FOUND, and
 * PHLO_ICEBERG_INVALID for a filter that does not bind.
 */
export async function* planChangelogScan(
  store: ObjectStore,
  metadata: TableMetadata,
  options: IncrementalScanOptions = {},
): AsyncGenerator<ChangeTask> {
  const { snapshots, schema } = selectInterval(metadata, options)
  const filter = bindExpression(options.filter ?? { op: 'true' }, schema, options)
  const files = new TableFiles(store, metadata, schema)
  const table = new TableFilter(files, filter)
  const changing = snapshots.filter(({ summary }) => summary?.operation !== 'replace')
  for (const [changeOrdinal, snapshot] of changing.entries()) {
    const base = { changeOrdinal, commitSnapshotId: snapshot['snapshot-id'] }
    for await (const change of changesOf(files, table, snapshot)) yield { ...base, ...change }
  }
}

type Change = Omit<ChangeTask, 'changeOrdinal' | 'commitSnapshotId'>

async function* changesOf(files: TableFiles, table: TableFilter, snapshot: Snapshot): AsyncGenerator<Change> {
  const id = snapshot['snapshot-id']
  const manifests = await files.manifests(snapshot)
  const data = manifests.filter((manifest) => manifest.content === 0 && table.mayHold(manifest))
  const changed: (ManifestEntry & { residual: BoundExpression })[] = []
  const own = data.filter(({ addedSnapshotId }) => addedSnapshotId === id)
  for await (const entry of wantedEntries(files, table, own))
    if (entry.snapshotId === id && entry.status !== entryStatus.existing) changed.push(entry)
  const addsDeletes = manifests.some(
    ({ content, addedSnapshotId, addedFiles }) => content === 1 && addedSnapshotId === id && addedFiles !== 0,
  )
  // Added deletes may be for any file; otherwise only those for changed files matter.
  const oldest = addsDeletes
    ? 0
    : changed.reduce((lowest, { sequenceNumber }) => Math.min(lowest, sequenceNumber), Infinity)
  const deletes = await SnapshotDeletes.read(files, table, manifests, id, oldest)
  for (const { status, file, sequenceNumber, residual } of changed) {
    const isAdded = status === entryStatus.added
    yield {
      kind: isAdded ? 'added-rows' : 'deleted-file',
      file,
      sequenceNumber,
      deletes: (isAdded ? deletes.after : deletes.before).of(file, sequenceNumber),
      previousDeletes: [],
      residual,
    }
  }
  if (!deletes.addsAny) return
  for await (const entry of wantedEntries(
    files,
    table,
    data.filter((manifest) => deletes.mayConcern(manifest)),
  )) {
    const { file, sequenceNumber, residual } = entry
    if (!isLive(entry) || (entry.status === entryStatus.added && entry.snapshotId === id)) continue
    const added = deletes.after.of(file, sequenceNumber).filter((item) => deletes.added.has(keyOf(item.file)))
    if (added.length === 0) continue
    const previousDeletes = deletes.before.of(file, sequenceNumber)
    yield { kind: 'deleted-rows', file, sequenceNumber, deletes: added, previousDeletes, residual }
  }
}

/** Entries of data manifests that may hold a wanted row, with what is left of the filter. */
async function* wantedEntries(
  files: TableFiles,
  table: TableFilter,
  manifests: readonly ManifestFile[],
): AsyncGenerator<ManifestEntry & { readonly residual: BoundExpression }> {
  for await (const { manifest, entries } of files.open(manifests)) {
    for (const entry of entries) {
      const { file } = entry
      const residual = table.ofSpec(manifest.specId).residual({ ...statisticsOf(file), partition: file.partition })
      if (residual.op !== 'false') yield { ...entry, residual }
    }
  }
}

/** The delete files of the table before and after a snapshot. */
class SnapshotDeletes {
  readonly before: DeleteIndex
  readonly after: DeleteIndex
  /** By {@link keyOf}. */
  readonly added: ReadonlySet<string>
  private readonly addedTo: readonly DataFile[]
  private readonly files: TableFiles

  private constructor(
    files: TableFiles,
    before: readonly ManifestEntry[],
    after: readonly ManifestEntry[],
    added: readonly DataFile[],
  ) {
    this.files = files
    this.before = new DeleteIndex(before, files)
    this.after = new DeleteIndex(after, files)
    this.added = new Set(added.map(keyOf))
    this.addedTo = added
  }

  static async read(
    files: TableFiles,
    table: TableFilter,
    manifests: readonly ManifestFile[],
    id: bigint,
    oldest: number,
  ): Promise<SnapshotDeletes> {
    const before: ManifestEntry[] = []
    const after: ManifestEntry[] = []
    const added: DataFile[] = []
    for await (const entry of table.deletes(manifests, oldest)) {
      const isOwn = entry.snapshotId === id
      if (isLive(entry)) after.push(entry)
      if (isOwn && entry.status === entryStatus.added) added.push(entry.file)
      // What the snapshot removed was there before; what others removed was not.
      else if (isLive(entry) || isOwn) before.push(entry)
    }
    return new SnapshotDeletes(files, before, after, added)
  }

  get addsAny(): boolean {
    return this.added.size > 0
  }

  /** May added deletes be for files of the data manifest? */
  mayConcern(manifest: ManifestFile): boolean {
    return this.addedTo.some((file) => file.specId === manifest.specId || this.files.spec(file.specId).length === 0)
  }
}

/** Several deletion vectors share a Puffin file. */
function keyOf(file: DataFile): string {
  return `${file.path} ${file.contentOffset ?? ''}`
}
