import type { Snapshot, SnapshotOperation } from '@phlo/ports'
import { isCount, summaryKeys } from '../commit/snapshot-summary.js'
import { type DataFile, entryStatus, fileContent, type ManifestEntry } from '../manifest/data-file.js'
import type { TableFiles } from '../manifest/table-files.js'
import { originOf } from './branch-history.js'

/** A file that a snapshot added, of the data sequence number that it has where that is not the snapshot's own. */
export interface StepFile {
  readonly file: DataFile
  readonly sequenceNumber?: number
}

/** What one snapshot did, read from the manifests that it wrote. */
export interface SnapshotStep {
  readonly snapshot: Snapshot
  readonly operation: SnapshotOperation
  readonly addedData: readonly StepFile[]
  readonly addedDeletes: readonly StepFile[]
  readonly removedData: readonly DataFile[]
  readonly removedDeletes: readonly DataFile[]
  /** What is told of the snapshot beside counts, and that it is done again. */
  readonly summary: Readonly<Record<string, string>>
}

/** What the snapshot did. Reads the manifests that it added. */
export async function readStep(files: TableFiles, snapshot: Snapshot): Promise<SnapshotStep> {
  const id = snapshot['snapshot-id']
  const own = (await files.manifests(snapshot)).filter(({ addedSnapshotId }) => addedSnapshotId === id)
  const added: ManifestEntry[] = []
  const removed: DataFile[] = []
  for await (const { entries } of files.open(own)) {
    for (const entry of entries) {
      if (entry.snapshotId !== id) continue
      if (entry.status === entryStatus.added) added.push(entry)
      else if (entry.status === entryStatus.deleted) removed.push(entry.file)
    }
  }
  const number = snapshot['sequence-number'] ?? 0
  const stepFiles = added.map(({ file, sequenceNumber }): StepFile => ({
    file,
    ...(sequenceNumber !== number && { sequenceNumber }),
  }))
  return stepOf(snapshot, stepFiles, removed)
}

/** What a snapshot did, or several, of which the newest is given. */
export function stepOf(snapshot: Snapshot, added: readonly StepFile[], removed: readonly DataFile[]): SnapshotStep {
  const isData = (file: DataFile) => file.content === fileContent.data
  const told = Object.entries(snapshot.summary ?? {}).filter(([key]) => key !== 'operation' && !isCount(key))
  return {
    snapshot,
    operation: snapshot.summary?.operation ?? 'overwrite',
    addedData: added.filter(({ file }) => isData(file)),
    addedDeletes: added.filter(({ file }) => !isData(file)),
    removedData: removed.filter(isData),
    removedDeletes: removed.filter((file) => !isData(file)),
    summary: { ...Object.fromEntries(told), [summaryKeys.sourceSnapshot]: originOf(snapshot) },
  }
}
