import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { type DataFile, entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import type { EntryGlance } from '../manifest/entry-glance.js'
import type { ManifestProjection } from '../manifest/manifest-reader.js'
import { TableFiles } from '../manifest/table-files.js'
import { type SnapshotSelection, selectSnapshot } from '../metadata/select-snapshot.js'
import { type DeleteFile, DeleteIndex } from './delete-index.js'
import {
  type BindOptions,
  type BoundExpression,
  bindExpression,
  type Expression,
  referencedFields,
} from './expression.js'
import type { ScanMetrics } from './scan-metrics.js'
import { hasLiveFiles, isLive, TableFilter } from './table-filter.js'

/**
 * A data file to read. Where a row of format version 3 has no `_row_id` of its own in the file, it is the file's
 * `firstRowId` and the row's position; `_last_updated_sequence_number` is the task's sequence number then.
 * Spec: "Row Lineage".
 */
export interface ScanTask {
  readonly file: DataFile
  /** The file's data sequence number. Spec: "Sequence Numbers". */
  readonly sequenceNumber: number
  /** What may delete rows of the file. */
  readonly deletes: readonly DeleteFile[]
  /** What is left of the filter for the file's rows: `true` when all of them meet it. */
  readonly residual: BoundExpression
}

/** What to read; without a snapshot, time or ref, the table's main branch. */
export type ScanOptions = SnapshotSelection &
  BindOptions & {
    /** Files that certainly hold no row that meets it are left out. */
    readonly filter?: Expression
    /** Told of what is read and what is passed over. */
    readonly metrics?: ScanMetrics
  }

/**
 * The data files that a read needs, found by manifest list, then manifest, then file, one at a time. At most a few
 * manifests are held in memory, and the delete files that can matter. A table without a snapshot has none.
 * Throws PHLO_ICEBERG_INVALID for a filter that does not bind, PHLO_SNAPSHOT_NOT_FOUND and PHLO_REF_NOT_FOUND.
 * Spec: "Scan Planning".
 */
export async function* planScan(
  store: ObjectStore,
  metadata: TableMetadata,
  options: ScanOptions = {},
): AsyncGenerator<ScanTask> {
  const { snapshot, schema } = selectSnapshot(metadata, options)
  const filter = bindExpression(options.filter ?? { op: 'true' }, schema, options)
  const { metrics } = options
  metrics?.start(filter, schema)
  if (!snapshot || filter.op === 'false') return
  // Filter and partition values have to be of the same types, which change when columns are widened.
  const files = new TableFiles(store, metadata, schema)
  const table = new TableFilter(files, filter)
  const manifests = (await files.manifests(snapshot)).filter(hasLiveFiles)
  const data = manifests.filter((manifest) => {
    if (manifest.content !== 0) return false
    const read = table.mayHold(manifest)
    metrics?.manifest(manifest, read)
    return read
  })
  const deletes = await liveDeletes(files, table, manifests, data, metrics)
  const statistics = new Set([...referencedFields(filter), ...(deletes?.equalityColumns ?? [])])
  // Told by the glance at the entry that comes next.
  let residual = filter
  const projectionOf = ({ specId }: ManifestFile): ManifestProjection => {
    if (filter.op === 'true') return { statistics }
    const specFilter = table.ofSpec(specId)
    const keep = (entry: EntryGlance) => {
      if (entry.status === entryStatus.deleted) return false
      residual = specFilter.residual(entry)
      if (residual.op !== 'false') return true
      metrics?.skippedFile(specFilter.partitionMayMatch(entry.partition) ? 'statistics' : 'partition')
      return false
    }
    return { statistics, keep }
  }
  for await (const { entries } of files.open(data, projectionOf)) {
    for (const entry of entries) {
      if (!isLive(entry)) continue
      const { file, sequenceNumber } = entry
      const task = { file, sequenceNumber, deletes: deletes?.of(file, sequenceNumber) ?? [], residual }
      metrics?.task(task)
      yield task
    }
  }
}

/** The deletes that can apply to files of the data manifests; `undefined` when there are none. */
async function liveDeletes(
  files: TableFiles,
  table: TableFilter,
  manifests: readonly ManifestFile[],
  data: readonly ManifestFile[],
  metrics: ScanMetrics | undefined,
): Promise<DeleteIndex | undefined> {
  // Deletes from before the oldest file apply to none.
  const oldest = data.reduce((lowest, { minSequenceNumber }) => Math.min(lowest, minSequenceNumber), Infinity)
  const kept: ManifestEntry[] = []
  for await (const entry of table.deletes(manifests, oldest, metrics)) if (isLive(entry)) kept.push(entry)
  return kept.length === 0 ? undefined : new DeleteIndex(kept, files)
}
