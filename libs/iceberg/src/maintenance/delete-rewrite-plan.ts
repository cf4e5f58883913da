import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { type DataFile, entryStatus, fileContent, isDeletionVector } from '../manifest/data-file.js'
import { partitionKey } from '../manifest/partition-key.js'
import { TableFiles } from '../manifest/table-files.js'
import { selectSnapshot } from '../metadata/select-snapshot.js'
import { planScan, type ScanTask } from '../scan/scan.js'

/** Files of position deletes of one partition, and the data files that they may be about. */
export interface DeleteGroup {
  readonly files: readonly DataFile[]
  readonly tasks: readonly ScanTask[]
}

export interface DeleteRewritePlan {
  /** The snapshot that was looked at; a table without one has nothing to rewrite. */
  readonly snapshotId: bigint | undefined
  /** The partitions whose files of position deletes are to be written anew. */
  readonly groups: readonly DeleteGroup[]
  /** How many files of position deletes the table has, without deletion vectors. */
  readonly examined: number
}

/**
 * Finds files of position deletes that are too many: in version 2 more than one a partition, or one a data file where
 * `write.delete.granularity` is `file`; from version 3 on all of them, as deletion vectors take their place.
 * Throws PHLO_REF_NOT_FOUND. Spec: "Position Delete Files", "Deletion Vectors".
 */
export async function planDeleteRewrite(
  store: ObjectStore,
  metadata: TableMetadata,
  options: {
    /** The table's branch. Default `main`. */
    readonly branch?: string
  } = {},
): Promise<DeleteRewritePlan> {
  const { snapshot } = selectSnapshot(metadata, options.branch === undefined ? {} : { ref: options.branch })
  const snapshotId = snapshot?.['snapshot-id']
  const files = new TableFiles(store, metadata)
  const groups = new Map<string, { files: DataFile[]; tasks: ScanTask[] }>()
  for (const manifest of snapshot ? await files.manifests(snapshot) : []) {
    if (manifest.content !== 1) continue
    for await (const { status, file } of files.entries(manifest, { statistics: new Set() })) {
      if (status === entryStatus.deleted || !holdsPositions(file)) continue
      const group = groups.get(partitionOf(file))
      if (group) group.files.push(file)
      else groups.set(partitionOf(file), { files: [file], tasks: [] })
    }
  }
  const all = [...groups.values()]
  const examined = all.reduce((sum, group) => sum + group.files.length, 0)
  if (snapshotId === undefined || examined === 0) return { snapshotId, groups: [], examined }
  for await (const task of planScan(store, metadata, { snapshotId })) {
    if (task.deletes.some(({ file }) => holdsPositions(file))) groups.get(partitionOf(task.file))?.tasks.push(task)
  }
  const byFile = metadata.properties?.['write.delete.granularity'] === 'file'
  const isMany = (group: DeleteGroup) =>
    metadata['format-version'] >= 3 ||
    group.files.length > (byFile ? group.tasks.length : Math.min(1, group.tasks.length))
  return { snapshotId, groups: all.filter(isMany), examined }
}

function holdsPositions(file: DataFile): boolean {
  return file.content === fileContent.positionDeletes && !isDeletionVector(file)
}

function partitionOf(file: DataFile): string {
  return `${file.specId} ${partitionKey(file)}`
}
