import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { entryStatus } from '../manifest/data-file.js'
import { statisticsOf } from '../manifest/file-statistics.js'
import { TableFiles } from '../manifest/table-files.js'
import { type BindOptions, bindExpression, type Expression, referencedFields } from './expression.js'
import type { ScanTask } from './scan.js'
import { selectInterval, type SnapshotInterval } from './snapshot-interval.js'
import { TableFilter } from './table-filter.js'

/** A data file that a snapshot appended. */
export interface AppendedTask extends ScanTask {
  /** Nothing that came later is taken from an append. */
  readonly deletes: readonly []
  /** The snapshot that appended it. */
  readonly snapshotId: bigint
}

export interface IncrementalScanOptions extends SnapshotInterval, BindOptions {
  /** Files that certainly hold no row that meets it are left out. */
  readonly filter?: Expression
}

/**
 * The data files that the append snapshots of an interval added, snapshot by snapshot, oldest first. Snapshots of other
 * operations are passed over. Throws PHLO_SNAPSHOT_NOT_FOUND, PHLO_SNAPSHOT_UNFIT for a start that the end did not come from,
 * PHLO_REF_NOT_FOUND, and PHLO_ICEBERG_INVALID for a filter that does not bind.
 */
export async function* planIncrementalAppendScan(
  store: ObjectStore,
  metadata: TableMetadata,
  options: IncrementalScanOptions = {},
): AsyncGenerator<AppendedTask> {
  const { snapshots, schema } = selectInterval(metadata, options)
  const filter = bindExpression(options.filter ?? { op: 'true' }, schema, options)
  const files = new TableFiles(store, metadata, schema)
  const table = new TableFilter(files, filter)
  const projection = { statistics: referencedFields(filter) }
  for (const snapshot of snapshots) {
    const snapshotId = snapshot['snapshot-id']
    if (snapshot.summary?.operation !== 'append') continue
    const manifests = (await files.manifests(snapshot)).filter(
      (manifest) => manifest.content === 0 && manifest.addedSnapshotId === snapshotId && table.mayHold(manifest),
    )
    for await (const { manifest, entries } of files.open(manifests, () => projection)) {
      for (const { status, snapshotId: addedBy, file, sequenceNumber } of entries) {
        if (status !== entryStatus.added || addedBy !== snapshotId) continue
        const residual = table.ofSpec(manifest.specId).residual({ ...statisticsOf(file), partition: file.partition })
        if (residual.op !== 'false') yield { file, sequenceNumber, deletes: [], residual, snapshotId }
      }
    }
  }
}
