import { PhloError, type SnapshotRef, type TableMetadata } from '@phlo/ports'
import { ancestors } from '../metadata/ancestry.js'
import { mainTableBranch, snapshotById } from '../metadata/metadata.js'
import { numberProperty } from '../metadata/properties.js'

/** Which snapshots of a table go. What is left out comes from the table's own properties. */
export interface RetentionPolicy {
  /**
   * Snapshots that were made at this time or later stay. Default: `history.expire.max-snapshot-age-ms` (5 days) before
   * now. A branch with an age of its own follows that.
   */
  readonly olderThan?: Date
  /**
   * How many snapshots of every branch stay whatever their age. Default: `history.expire.min-snapshots-to-keep` (1).
   * A branch with a number of its own follows that.
   */
  readonly keepLast?: number
  /** Only these go, whatever their age. */
  readonly snapshotIds?: readonly bigint[]
}

/** Snapshots and refs that no longer have to be kept. */
export interface Expired {
  readonly snapshotIds: readonly bigint[]
  /** Branches and tags whose `max-ref-age-ms` has passed. */
  readonly refs: readonly string[]
}

const defaults = { maxSnapshotAge: 5 * 24 * 60 * 60 * 1000, minSnapshots: 1 }

/**
 * Decides which snapshots and refs of a table have outlived their retention. Snapshots that a kept branch or tag names
 * never go, and main itself stays. Spec: "Snapshot Retention Policy".
 *
 * Throws PHLO_SNAPSHOT_NOT_FOUND for an explicit id that the table has not, and PHLO_MAINTENANCE_REFUSED for one that a
 * branch or tag needs.
 */
export function expiredBy(metadata: TableMetadata, policy: RetentionPolicy, now: number): Expired {
  if (policy.snapshotIds) return explicitlyExpired(metadata, policy.snapshotIds)
  const oldest =
    policy.olderThan?.getTime() ??
    now - numberProperty(metadata, 'history.expire.max-snapshot-age-ms', defaults.maxSnapshotAge)
  const keepLast =
    policy.keepLast ?? numberProperty(metadata, 'history.expire.min-snapshots-to-keep', defaults.minSnapshots)
  const maxRefAge = numberProperty(metadata, 'history.expire.max-ref-age-ms', Number.POSITIVE_INFINITY)
  const refs = Object.entries(metadata.refs ?? {})
  const expiredRefs = refs.filter(([name, ref]) => {
    if (name === mainTableBranch) return false
    const made = snapshotById(metadata, ref['snapshot-id'])?.['timestamp-ms'] ?? now
    return now - made > (ref['max-ref-age-ms'] ?? maxRefAge)
  })
  const gone = new Set(expiredRefs.map(([name]) => name))
  const kept = new Set<bigint>()
  const referenced = new Set<bigint>()
  for (const [name, ref] of refs) {
    if (gone.has(name)) continue
    kept.add(ref['snapshot-id'])
    referenced.add(ref['snapshot-id'])
    if (ref.type === 'branch') keepOfBranch(metadata, ref, { oldest, keepLast, now }, kept, referenced)
  }
  for (const snapshot of metadata.snapshots ?? []) {
    // One that no ref leads to may be staged for publishing, or of a branch that was rolled back.
    if (!referenced.has(snapshot['snapshot-id']) && snapshot['timestamp-ms'] >= oldest)
      kept.add(snapshot['snapshot-id'])
  }
  const current = metadata['current-snapshot-id']
  if (current !== undefined) kept.add(current)
  return {
    snapshotIds: (metadata.snapshots ?? []).map((snapshot) => snapshot['snapshot-id']).filter((id) => !kept.has(id)),
    refs: [...gone],
  }
}

function keepOfBranch(
  metadata: TableMetadata,
  ref: SnapshotRef,
  limits: { oldest: number; keepLast: number; now: number },
  kept: Set<bigint>,
  referenced: Set<bigint>,
): void {
  const age = ref['max-snapshot-age-ms']
  const oldest = age === undefined ? limits.oldest : limits.now - age
  const least = ref['min-snapshots-to-keep'] ?? limits.keepLast
  let count = 0
  let keeping = true
  for (const snapshot of ancestors(metadata, ref['snapshot-id'])) {
    const id = snapshot['snapshot-id']
    referenced.add(id)
    keeping &&= count++ < least || snapshot['timestamp-ms'] >= oldest
    if (keeping) kept.add(id)
  }
}

function explicitlyExpired(metadata: TableMetadata, ids: readonly bigint[]): Expired {
  for (const id of ids) {
    if (!snapshotById(metadata, id)) throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `The table has no snapshot ${id}`)
    const names = Object.entries(metadata.refs ?? {})
      .filter(([, ref]) => ref['snapshot-id'] === id)
      .map(([name]) => name)
    if (names.length > 0 || metadata['current-snapshot-id'] === id) {
      throw new PhloError(
        'PHLO_MAINTENANCE_REFUSED',
        `Snapshot ${id} cannot go: ${names.join(', ') || mainTableBranch} stands at it`,
      )
    }
  }
  return { snapshotIds: [...new Set(ids)], refs: [] }
}
