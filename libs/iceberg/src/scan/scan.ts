import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { type DataFile, entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import type { EntryGlance } from '../manifest/entry-glance.js'
import { deleteColumnIds, type DeleteFile, DeleteIndex } from './delete-index.js'
import { type BoundExpression, bindExpression, type Expression, referencedFields } from './expression.js'
import { currentSchema, refSnapshot, schemaById, snapshotById } from '../metadata/metadata.js'
import { fileMayMatch, manifestMayMatch, partitionMayMatch, projectFilter } from './pruning.js'
import { TableFiles } from '../manifest/table-files.js'

/** A data file to read. */
export interface ScanTask {
  readonly file: DataFile
  /** The file's data sequence number. Spec: "Sequence Numbers". */
  readonly sequenceNumber: number
  /** What may delete rows of the file. */
  readonly deletes: readonly DeleteFile[]
}

export interface ScanOptions {
  /** Default: the snapshot of the table's main branch. */
  readonly snapshotId?: bigint
  /** Files that certainly hold no row that meets it are left out. */
  readonly filter?: Expression
}

/**
 * The data files that a read needs, found by manifest list, then manifest, then file, one at a time.
 * A table without a snapshot has none. Throws PHLO_ICEBERG_INVALID for a filter that does not bind. Spec: "Scan Planning".
 */
export async function* planScan(
  store: ObjectStore,
  metadata: TableMetadata,
  options: ScanOptions = {},
): AsyncGenerator<ScanTask> {
  const snapshot = options.snapshotId === undefined ? refSnapshot(metadata) : snapshotById(metadata, options.snapshotId)
  const schema =
    snapshot?.['schema-id'] === undefined || options.snapshotId === undefined
      ? currentSchema(metadata)
      : schemaById(metadata, snapshot['schema-id'])
  const filter: BoundExpression = bindExpression(options.filter ?? { op: 'true' }, schema)
  if (!snapshot || filter.op === 'false') return
  // Filter and partition values have to be of the same types, which change when columns are widened.
  const files = new TableFiles(store, metadata, schema)
  const statistics = referencedFields(filter)
  const projected = new Map<number, BoundExpression>()
  const manifests = await files.manifests(snapshot)
  const deletes = await readDeletes(
    files,
    manifests.filter(({ content }) => content === 1),
  )
  for (const manifest of manifests) {
    if (manifest.content !== 0) continue
    const partitionFilter = projected.get(manifest.specId) ?? projectFilter(filter, files.spec(manifest.specId))
    projected.set(manifest.specId, partitionFilter)
    if (!manifestMayMatch(partitionFilter, manifest.partitions)) continue
    const keep = (entry: EntryGlance) =>
      entry.status !== entryStatus.deleted &&
      partitionMayMatch(partitionFilter, entry.partition) &&
      fileMayMatch(filter, entry)
    for await (const { file, sequenceNumber } of files.entries(manifest, { statistics, keep }))
      yield { file, sequenceNumber, deletes: deletes?.of(file, sequenceNumber) ?? [] }
  }
}

async function readDeletes(files: TableFiles, manifests: readonly ManifestFile[]): Promise<DeleteIndex | undefined> {
  if (manifests.length === 0) return undefined
  const entries: ManifestEntry[] = []
  // Bounds of the path tell which data file position deletes are about.
  const projection = { statistics: new Set([deleteColumnIds.path]) }
  for (const manifest of manifests) {
    for await (const entry of files.entries(manifest, projection))
      if (entry.status !== entryStatus.deleted) entries.push(entry)
  }
  return new DeleteIndex(entries, (specId) => files.spec(specId).length === 0)
}
