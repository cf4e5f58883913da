import type { Snapshot, TableMetadata } from '@phlo/ports'

/**
 * The snapshot and those that it came from, newest first, as far as the table still has them. Ends at a snapshot that
 * was there before, so that circles in metadata do no harm.
 */
export function* ancestors(metadata: TableMetadata, id: bigint | undefined): Generator<Snapshot> {
  const byId = new Map((metadata.snapshots ?? []).map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  for (let next = id; next !== undefined && next !== null;) {
    const snapshot = byId.get(next)
    if (!snapshot) return
    byId.delete(next)
    yield snapshot
    next = snapshot['parent-snapshot-id']
  }
}

/** Is the one snapshot the other, or did it come from it? */
export function isAncestor(metadata: TableMetadata, id: bigint, ancestor: bigint): boolean {
  for (const snapshot of ancestors(metadata, id)) if (snapshot['snapshot-id'] === ancestor) return true
  return false
}

/**
 * The snapshots after `older` up to `newer`, newest first; without `older`, from the first on. `undefined` when `newer`
 * did not come from `older`, or the table no longer has all that lie between.
 */
export function snapshotsBetween(
  metadata: TableMetadata,
  older: bigint | undefined,
  newer: bigint | undefined,
): Snapshot[] | undefined {
  const between: Snapshot[] = []
  if (older === newer) return between
  for (const snapshot of ancestors(metadata, newer)) {
    if (snapshot['snapshot-id'] === older) return between
    between.push(snapshot)
    // The older one itself may have expired.
    if (older !== undefined && snapshot['parent-snapshot-id'] === older) return between
  }
  return older === undefined && (between.at(-1)?.['parent-snapshot-id'] ?? undefined) === undefined
    ? between
    : undefined
}
