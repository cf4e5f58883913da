import { type ObjectStore, PhloError, type Snapshot, type TableMetadata } from '@phlo/ports'
import { type DataFile, entryStatus } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'
import { ancestors, isAncestor } from '../metadata/ancestry.js'
import { mainTableBranch, refSnapshot, snapshotById } from '../metadata/metadata.js'
import type { ChangedSince, MetadataChange, Producer } from './metadata-change.js'
import type { SnapshotChange } from './snapshot-change.js'
import { SnapshotProducer } from './snapshot-producer.js'
import { setCurrentSnapshot, unfit } from './snapshot-refs.js'
import { summaryKeys } from './snapshot-summary.js'

/**
 * Puts what a snapshot did on top of a branch that does not hold it. Rules are the reference implementation's: appends
 * and dynamic overwrites can be done again, anything else only where the snapshot comes next.
 */
export class CherryPick implements Producer {
  private producer: SnapshotProducer | undefined

  private readonly store: ObjectStore
  private readonly picked: bigint
  private readonly branch: string

  constructor(store: ObjectStore, picked: bigint, branch: string = mainTableBranch) {
    this.store = store
    this.picked = picked
    this.branch = branch
  }

  /** That of the snapshot that is made, or of the picked one. */
  get snapshotId(): bigint {
    return this.producer?.snapshotId ?? this.picked
  }

  abandoned(which: 'unneeded' | 'all'): string[] {
    return this.producer?.abandoned(which) ?? []
  }

  async stage(metadata: TableMetadata, now: number, since?: ChangedSince): Promise<MetadataChange> {
    const { picked, branch } = this
    const snapshot = snapshotById(metadata, picked)
    if (!snapshot) throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `The table has no snapshot ${picked}`)
    const head = refSnapshot(metadata, branch)?.['snapshot-id']
    if (head !== undefined) this.refuseSecondTime(metadata, snapshot, head)
    if ((snapshot['parent-snapshot-id'] ?? undefined) === head) return setCurrentSnapshot(picked, branch)(metadata)
    this.producer ??= new SnapshotProducer(this.store, await this.change(metadata, snapshot, head))
    return this.producer.stage(metadata, now, since)
  }

  private refuseSecondTime(metadata: TableMetadata, { summary, 'snapshot-id': id }: Snapshot, head: bigint): void {
    const wapId = summary?.[summaryKeys.stagedAs]
    for (const { summary: done, 'snapshot-id': ancestor } of ancestors(metadata, head)) {
      if (ancestor === id) throw unfit(`${this.branch} holds snapshot ${id} already`)
      if (done?.[summaryKeys.sourceSnapshot] === String(id))
        throw unfit(`${this.branch} holds what snapshot ${id} did already, as snapshot ${ancestor}`)
      if (wapId && (done?.[summaryKeys.stagedAs] === wapId || done?.[summaryKeys.publishedAs] === wapId))
        throw unfit(`What was staged as ${wapId} is published already, as snapshot ${ancestor}`)
    }
  }

  private async change(metadata: TableMetadata, snapshot: Snapshot, head: bigint | undefined): Promise<SnapshotChange> {
    const { 'snapshot-id': id, summary } = snapshot
    const parent = snapshot['parent-snapshot-id'] ?? undefined
    const replaces = summary?.operation === 'overwrite' && summary[summaryKeys.replacePartitions] === 'true'
    if (summary?.operation !== 'append' && !replaces)
      throw unfit(`Snapshot ${id} neither appended nor replaced partitions, and is not the next one of ${this.branch}`)
    if (replaces && parent !== undefined && !(head !== undefined && isAncestor(metadata, head, parent)))
      throw unfit(`Snapshot ${id} replaced partitions of a state that ${this.branch} did not come from`)
    const { added, removed } = await changedData(new TableFiles(this.store, metadata), snapshot)
    const wapId = summary[summaryKeys.stagedAs]
    return {
      branch: this.branch,
      add: added,
      ...(replaces && {
        removePaths: new Set(removed.map(({ path }) => path)),
        replacePartitions: true,
        validation: { from: parent ?? null },
      }),
      summary: {
        [summaryKeys.sourceSnapshot]: String(id),
        ...(wapId && { [summaryKeys.publishedAs]: wapId }),
      },
    }
  }
}

/** The one snapshot that was staged under the id. Throws PHLO_SNAPSHOT_NOT_FOUND, PHLO_SNAPSHOT_UNFIT for several. */
export function stagedSnapshot(metadata: TableMetadata, wapId: string): Snapshot {
  const found = (metadata.snapshots ?? []).filter(({ summary }) => summary?.[summaryKeys.stagedAs] === wapId)
  const [snapshot] = found
  if (!snapshot) throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `The table has no snapshot staged as ${wapId}`)
  if (found.length > 1) throw unfit(`${found.length} snapshots were staged as ${wapId}`)
  return snapshot
}

async function changedData(files: TableFiles, snapshot: Snapshot): Promise<{ added: DataFile[]; removed: DataFile[] }> {
  const id = snapshot['snapshot-id']
  const added: DataFile[] = []
  const removed: DataFile[] = []
  for (const manifest of await files.manifests(snapshot)) {
    if (manifest.addedSnapshotId !== id || manifest.content !== 0) continue
    for await (const { status, snapshotId, file } of files.entries(manifest)) {
      if (snapshotId !== id) continue
      if (status === entryStatus.added) added.push(file)
      if (status === entryStatus.deleted) removed.push(file)
    }
  }
  return { added, removed }
}
