import { PhloError, type SnapshotRef, type TableMetadata, type TableRequirement, type TableUpdate } from '@phlo/ports'
import { ancestors, isAncestor } from '../metadata/ancestry.js'
import { mainTableBranch, refSnapshot, snapshotById } from '../metadata/metadata.js'
import type { MetadataChange } from './metadata-change.js'

/**
 * Changes of a table's own branches and tags, to be given to a transaction's `change`. Every one throws
 * PHLO_REF_NOT_FOUND, PHLO_SNAPSHOT_NOT_FOUND, and PHLO_REF_INVALID where the ref is not of the kind that is needed.
 * Spec: "Snapshot References".
 */
export type RefChange = (metadata: TableMetadata) => MetadataChange

/** How long a ref and the snapshots of a branch are kept, where not as the table's properties say. */
export interface RefRetention {
  /** Of a branch. */
  readonly minSnapshotsToKeep?: number
  /** Of a branch; milliseconds. */
  readonly maxSnapshotAgeMs?: number
  /** Of the ref itself; milliseconds. main is kept forever. */
  readonly maxRefAgeMs?: number
}

/** Makes a branch or tag at the snapshot, by default the one that main stands at. Throws PHLO_REF_EXISTS. */
export function createRef(
  name: string,
  type: 'branch' | 'tag',
  options: RefRetention & { readonly snapshotId?: bigint } = {},
): RefChange {
  // A later attempt means the same snapshot.
  let { snapshotId } = options
  return (metadata) => {
    if (metadata.refs?.[name])
      throw new PhloError('PHLO_REF_EXISTS', `The table has a ${metadata.refs[name].type} ${name} already`)
    snapshotId ??= refSnapshot(metadata)?.['snapshot-id']
    if (snapshotId === undefined)
      throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `The table has no snapshot that ${name} could stand at`)
    return setRef(metadata, name, { type, 'snapshot-id': known(metadata, snapshotId), ...retention(options) })
  }
}

/** Moves a branch or tag to any snapshot of the table. */
export function replaceRef(name: string, snapshotId: bigint): RefChange {
  return (metadata) => {
    const ref = existing(metadata, name)
    return setRef(metadata, name, { ...ref, 'snapshot-id': known(metadata, snapshotId) })
  }
}

/** Changes how long a ref and its snapshots are kept; what is left out stays. */
export function setRetention(name: string, changed: RefRetention): RefChange {
  return (metadata) => setRef(metadata, name, { ...existing(metadata, name), ...retention(changed) })
}

/** Moves a branch to where another ref stands, which must have come from it. Throws PHLO_SNAPSHOT_UNFIT otherwise. */
export function fastForward(branch: string, to: string): RefChange {
  return (metadata) => {
    const ref = existing(metadata, branch, 'branch')
    const target = existing(metadata, to)['snapshot-id']
    if (!isAncestor(metadata, target, ref['snapshot-id']))
      throw unfit(`${branch} cannot be fast-forwarded to ${to}, which did not come from it`)
    return setRef(metadata, branch, { ...ref, 'snapshot-id': target })
  }
}

/** Deletes a branch or tag; main stays. Snapshots that no other ref needs go when the table's snapshots expire. */
export function removeRef(name: string): RefChange {
  return (metadata) => {
    refuseMain(name, 'be deleted')
    const ref = existing(metadata, name)
    return { updates: [{ action: 'remove-snapshot-ref', 'ref-name': name }], requirements: [standsAt(name, ref)] }
  }
}

/** Gives a branch another name; main keeps its own. Throws PHLO_REF_EXISTS. */
export function renameBranch(name: string, newName: string): RefChange {
  return (metadata) => {
    refuseMain(name, 'be renamed')
    const ref = existing(metadata, name, 'branch')
    if (metadata.refs?.[newName]) throw new PhloError('PHLO_REF_EXISTS', `The table has a ref ${newName} already`)
    return {
      updates: [setting(newName, ref), { action: 'remove-snapshot-ref', 'ref-name': name }],
      requirements: [standsAt(name, ref), standsAt(newName, undefined)],
    }
  }
}

/** Moves a branch (default `main`) to any snapshot of the table, whether it was there before or not. */
export function setCurrentSnapshot(snapshotId: bigint, branch: string = mainTableBranch): RefChange {
  return (metadata) => {
    const ref = metadata.refs?.[branch] ? existing(metadata, branch, 'branch') : undefined
    if (!ref && branch !== mainTableBranch) throw missing(branch)
    return setRef(metadata, branch, { ...(ref ?? { type: 'branch' }), 'snapshot-id': known(metadata, snapshotId) })
  }
}

/** Moves a branch (default `main`) back to a snapshot that it stood at. Throws PHLO_SNAPSHOT_UNFIT for another. */
export function rollbackTo(snapshotId: bigint, branch: string = mainTableBranch): RefChange {
  return (metadata) => {
    const ref = existing(metadata, branch, 'branch')
    if (!isAncestor(metadata, ref['snapshot-id'], known(metadata, snapshotId)))
      throw unfit(`${branch} cannot go back to snapshot ${snapshotId}, which it did not come from`)
    return setRef(metadata, branch, { ...ref, 'snapshot-id': snapshotId })
  }
}

/** Moves a branch (default `main`) back to its newest snapshot from before that time. Throws PHLO_SNAPSHOT_UNFIT. */
export function rollbackToTime(time: Date, branch: string = mainTableBranch): RefChange {
  return (metadata) => {
    const ref = existing(metadata, branch, 'branch')
    let newest
    for (const snapshot of ancestors(metadata, ref['snapshot-id'])) {
      const at = snapshot['timestamp-ms']
      if (at < time.getTime() && at > (newest?.['timestamp-ms'] ?? -Infinity)) newest = snapshot
    }
    if (!newest) throw unfit(`${branch} has no snapshot from before ${time.toISOString()}`)
    return setRef(metadata, branch, { ...ref, 'snapshot-id': newest['snapshot-id'] })
  }
}

/** The updates that make a ref stand so, as long as nobody else moves it. */
function setRef(metadata: TableMetadata, name: string, ref: SnapshotRef): MetadataChange {
  return { updates: [setting(name, ref)], requirements: [standsAt(name, metadata.refs?.[name])] }
}

function setting(name: string, ref: SnapshotRef): TableUpdate {
  return { action: 'set-snapshot-ref', 'ref-name': name, ...ref }
}

function standsAt(ref: string, at: SnapshotRef | undefined): TableRequirement {
  return { type: 'assert-ref-snapshot-id', ref, 'snapshot-id': at?.['snapshot-id'] ?? null }
}

function existing(metadata: TableMetadata, name: string, type?: 'branch'): SnapshotRef {
  const ref = metadata.refs?.[name]
  if (!ref) throw missing(name)
  if (type && ref.type !== type) throw new PhloError('PHLO_REF_INVALID', `${name} is a tag of the table, no branch`)
  return ref
}

function missing(name: string): PhloError {
  return new PhloError('PHLO_REF_NOT_FOUND', `The table has no branch or tag ${name}`)
}

function known(metadata: TableMetadata, id: bigint): bigint {
  if (!snapshotById(metadata, id)) throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `The table has no snapshot ${id}`)
  return id
}

function refuseMain(name: string, what: string): void {
  if (name === mainTableBranch) throw new PhloError('PHLO_REF_INVALID', `The branch ${name} cannot ${what}`)
}

function retention({ minSnapshotsToKeep, maxSnapshotAgeMs, maxRefAgeMs }: RefRetention): Partial<SnapshotRef> {
  return {
    ...(minSnapshotsToKeep !== undefined && { 'min-snapshots-to-keep': minSnapshotsToKeep }),
    ...(maxSnapshotAgeMs !== undefined && { 'max-snapshot-age-ms': maxSnapshotAgeMs }),
    ...(maxRefAgeMs !== undefined && { 'max-ref-age-ms': maxRefAgeMs }),
  }
}

/** The snapshot exists, but what was asked cannot be done with it. */
export function unfit(message: string): PhloError {
  return new PhloError('PHLO_SNAPSHOT_UNFIT', message)
}
