import { PhloError, type Snapshot, type TableMetadata } from '@phlo/ports'
import { ancestors, isAncestor } from '../metadata/ancestry.js'
import { snapshotById } from '../metadata/metadata.js'
import { type SelectedSnapshot, type SnapshotSelection, selectSnapshot } from '../metadata/select-snapshot.js'

/** A part of a table's history; without a start, all of it that is left. */
export interface SnapshotInterval {
  /** The snapshot before the first one; it may have expired. */
  readonly fromExclusive?: bigint
  /** The first snapshot. Not together with `fromExclusive`. */
  readonly fromInclusive?: bigint
  /**
   * The state before the first one, in other words than an id: what a branch or tag stands at, or what was current at a
   * time, which is all of the history for a time before the table's first snapshot. Not together with another start.
   */
  readonly since?: SnapshotSelection
  /** The last snapshot. Default: the main branch's. */
  readonly to?: SnapshotSelection
}

/** The interval's snapshots, oldest first, and the schema that its rows are to be read as. */
export interface SelectedInterval extends Pick<SelectedSnapshot, 'schema'> {
  readonly snapshots: readonly Snapshot[]
}

/**
 * The snapshots of an interval of history, which follows parents back from its last snapshot. Throws PHLO_SNAPSHOT_UNFIT
 * when the first snapshot is not in the history of the last, PHLO_SNAPSHOT_NOT_FOUND when the table has no such snapshot,
 * and PHLO_REF_NOT_FOUND.
 */
export function selectInterval(metadata: TableMetadata, interval: SnapshotInterval): SelectedInterval {
  const { fromInclusive, since, to } = interval
  const { snapshot: last, schema } = selectSnapshot(metadata, to)
  const history = [...ancestors(metadata, last?.['snapshot-id'])]
  const fromExclusive = since ? startOf(metadata, since, history) : interval.fromExclusive
  const from = fromExclusive ?? fromInclusive
  if (from === undefined) return { snapshots: history.reverse(), schema }
  const snapshots: Snapshot[] = []
  for (const snapshot of history) {
    const id = snapshot['snapshot-id']
    if (id === fromExclusive) return { snapshots: snapshots.reverse(), schema }
    snapshots.push(snapshot)
    // The one before may have expired.
    if (id === fromInclusive || (fromExclusive !== undefined && snapshot['parent-snapshot-id'] === fromExclusive))
      return { snapshots: snapshots.reverse(), schema }
  }
  throw notBefore(metadata, from, last)
}

/** The id of a state that an interval starts behind; `undefined` when that is before all history. */
function startOf(metadata: TableMetadata, since: SnapshotSelection, history: readonly Snapshot[]): bigint | undefined {
  if (since.snapshotId !== undefined) return since.snapshotId
  const time = since.asOf?.getTime()
  const isBefore = time !== undefined && !metadata['snapshot-log']?.some((entry) => entry['timestamp-ms'] <= time)
  // A first snapshot without a parent is the table's first indeed.
  if (isBefore && (history.at(-1)?.['parent-snapshot-id'] ?? undefined) === undefined) return undefined
  return selectSnapshot(metadata, since).snapshot?.['snapshot-id']
}

function notBefore(metadata: TableMetadata, from: bigint, last: Snapshot | undefined): PhloError {
  const end = last ? `snapshot ${last['snapshot-id']}` : 'the table, which has none'
  if (!snapshotById(metadata, from)) {
    return new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `Snapshot ${from} is not in the history of ${end}`, {
      hint: 'The table has no such snapshot: it has expired, and so has what came next.',
    })
  }
  const isReversed = last !== undefined && isAncestor(metadata, from, last['snapshot-id'])
  return new PhloError(
    'PHLO_SNAPSHOT_UNFIT',
    isReversed
      ? `Snapshot ${from} came after ${end}: a part of history starts at the older one`
      : `Snapshot ${from} is not in the history of ${end}`,
    { hint: isReversed ? 'Exchange start and end.' : 'It is of another branch, or was rolled back.' },
  )
}
