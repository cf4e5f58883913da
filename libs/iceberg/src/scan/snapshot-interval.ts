import { PhloError, type Snapshot, type TableMetadata } from '@phlo/ports'
import { ancestors } from '../metadata/ancestry.js'
import { type SelectedSnapshot, type SnapshotSelection, selectSnapshot } from '../metadata/select-snapshot.js'

/** A part of a table's history; without a start, all of it that is left. */
export interface SnapshotInterval {
  /** The snapshot before the first one; it may have expired. */
  readonly fromExclusive?: bigint
  /** The first snapshot. Not together with `fromExclusive`. */
  readonly fromInclusive?: bigint
  /** The last snapshot. Default: the main branch's. */
  readonly to?: SnapshotSelection
}

/** The interval's snapshots, oldest first, and the schema that its rows are to be read as. */
export interface SelectedInterval extends Pick<SelectedSnapshot, 'schema'> {
  readonly snapshots: readonly Snapshot[]
}

/**
 * The snapshots of an interval of history, which follows parents back from its last snapshot.
 * Throws PHLO_SNAPSHOT_NOT_FOUND when the first snapshot is not in the history of the last, and PHLO_REF_NOT_FOUND.
 */
export function selectInterval(metadata: TableMetadata, interval: SnapshotInterval): SelectedInterval {
  const { fromExclusive, fromInclusive, to } = interval
  const { snapshot: last, schema } = selectSnapshot(metadata, to)
  const snapshots: Snapshot[] = []
  let reached = fromExclusive === undefined && fromInclusive === undefined
  for (const snapshot of ancestors(metadata, last?.['snapshot-id'])) {
    const id = snapshot['snapshot-id']
    if (id === fromExclusive) {
      reached = true
      break
    }
    snapshots.push(snapshot)
    // The one before may have expired.
    const parent = snapshot['parent-snapshot-id'] ?? undefined
    if (id === fromInclusive || (parent !== undefined && parent === fromExclusive)) {
      reached = true
      break
    }
  }
  if (!reached) {
    const from = fromExclusive ?? fromInclusive
    throw new PhloError(
      'PHLO_SNAPSHOT_NOT_FOUND',
      `Snapshot ${String(from)} is not in the history of ${last ? `snapshot ${last['snapshot-id']}` : 'the table'}`,
      { hint: 'It is of another branch, was rolled back, or what lies between has expired.' },
    )
  }
  return { snapshots: snapshots.reverse(), schema }
}
