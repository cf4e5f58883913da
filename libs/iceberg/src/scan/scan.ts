import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { type DataFile, entryStatus, fileContent } from '../manifest/data-file.js'
import { type BoundExpression, bindExpression, type Expression, referencedFields } from './expression.js'
import { unsupported } from '../invalid.js'
import { currentSchema, refSnapshot, schemaById, snapshotById } from '../metadata/metadata.js'
import { fileMayMatch, manifestMayMatch, partitionMayMatch, projectFilter } from './pruning.js'
import { TableFiles } from '../manifest/table-files.js'

/** A data file to read. */
export interface ScanTask {
  readonly file: DataFile
  readonly specId: number
}

export interface ScanOptions {
  /** Default: the snapshot of the table's main branch. */
  readonly snapshotId?: bigint
  /** Files that certainly hold no row that meets it are left out. */
  readonly filter?: Expression
}

/**
 * The data files that a read needs, found by manifest list, then manifest, then file, one at a time.
 * A table without a snapshot has none. Throws PHLO_ICEBERG_INVALID for a filter that does not bind, and
 * PHLO_ICEBERG_UNSUPPORTED for tables with delete files. Spec: "Scan Planning".
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
  const projection = { statistics: referencedFields(filter) }
  const projected = new Map<number, BoundExpression>()
  for (const manifest of await files.manifests(snapshot)) {
    if (manifest.content !== 0) throw unsupported(`Reading a table with delete files (${manifest.path})`)
    let partitionFilter = projected.get(manifest.specId)
    if (!partitionFilter) {
      partitionFilter = projectFilter(filter, files.spec(manifest.specId))
      projected.set(manifest.specId, partitionFilter)
    }
    if (!manifestMayMatch(partitionFilter, manifest.partitions)) continue
    for await (const { status, file } of files.entries(manifest, projection)) {
      if (status === entryStatus.deleted || file.content !== fileContent.data) continue
      if (partitionMayMatch(partitionFilter, file.partition) && fileMayMatch(filter, file))
        yield { file, specId: manifest.specId }
    }
  }
}
