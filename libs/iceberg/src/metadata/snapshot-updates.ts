import { PhloError, type Snapshot, type SnapshotRef } from '@phlo/ports'
import { failing, type NextMetadata } from './layout-updates.js'
import { mainTableBranch } from './metadata.js'
import type { Fail } from './shape.js'
import { checkRef, checkSnapshot, findCycle } from './validate.js'
import { appended } from './growing-list.js'
import { hasChild, hasSnapshot } from './snapshot-index.js'

/**
 * Adds a snapshot; numbers that another commit has used meanwhile are a conflict that is worth another try. Is it the
 * parent of one that was there before? Then {@link checkAncestry} has to be asked, once all are added.
 * Spec: "Sequence Numbers", "Snapshot Row IDs".
 */
export function addSnapshot(next: NextMetadata, added: Snapshot): boolean {
  const fail = failing('add-snapshot')
  checkSnapshot(added, fail)
  const { 'sequence-number': sequence = 0, ...unnumbered } = added
  const id = added['snapshot-id']
  const parent = added['parent-snapshot-id']
  const snapshots = next.snapshots ?? []
  if (hasSnapshot(snapshots, id)) fail(`there is a snapshot ${id} already`)
  if (next['format-version'] === 1) {
    // Version 1 has no sequence numbers: all of its files count as equally old.
    next.snapshots = appended(snapshots, unnumbered)
  } else {
    const last = next['last-sequence-number']
    if (sequence <= last && parent !== undefined)
      throw conflict(`Sequence number ${sequence} is not above the table's ${last}`)
    next['last-sequence-number'] = Math.max(last, sequence)
    next.snapshots = appended(snapshots, added)
  }
  if (next['format-version'] >= 3) advanceRowIds(next, added, fail)
  return parent !== undefined && (parent === id || hasChild(snapshots, id))
}

/** Throws PHLO_ICEBERG_INVALID when added snapshots close a circle of ancestors. */
export function checkAncestry({ snapshots = [] }: NextMetadata): void {
  const parents = snapshots.map((item) => [item['snapshot-id'], item['parent-snapshot-id']] as const)
  const cycle = findCycle(new Map(parents))
  if (cycle !== undefined) failing('add-snapshot')(`snapshot ${cycle} would be an ancestor of its own`)
}

/** Spec: "Row Lineage" — ids of rows are never given out twice. */
function advanceRowIds(next: NextMetadata, added: Snapshot, fail: Fail): void {
  const { 'first-row-id': first, 'added-rows': rows } = added
  if (first === undefined || rows === undefined)
    return fail('a snapshot of format version 3 needs first-row-id and added-rows')
  if (rows < 0) fail('added-rows is below 0')
  const free = next['next-row-id'] ?? 0
  if (first < free) throw conflict(`The first row id ${first} is below the table's next, ${free}`)
  next['next-row-id'] = first + rows
}

function conflict(message: string): PhloError {
  return new PhloError('PHLO_COMMIT_CONFLICT', message, { retryable: true })
}

/** Makes a branch or tag, or moves it. `now` goes to the log of main. Spec: "Snapshot References". */
export function setRef(next: NextMetadata, name: string, ref: SnapshotRef, now: number): void {
  const fail = failing('set-snapshot-ref')
  const id = ref['snapshot-id']
  if (!hasSnapshot(next.snapshots ?? [], id)) fail(`there is no snapshot ${id}`)
  checkRef(name, ref, fail)
  if (name === mainTableBranch && ref.type !== 'branch') fail(`${name} must be a branch`)
  for (const key of ['min-snapshots-to-keep', 'max-snapshot-age-ms', 'max-ref-age-ms'] as const) {
    if ((ref[key] ?? 1) <= 0) fail(`${key} of ${name} has to be above 0`)
    if (ref.type === 'tag' && key !== 'max-ref-age-ms' && ref[key] !== undefined) fail(`${key} is for branches only`)
  }
  next.refs = { ...next.refs, [name]: ref }
  if (name !== mainTableBranch || next['current-snapshot-id'] === id) return
  next['current-snapshot-id'] = id
  next['snapshot-log'] = appended(next['snapshot-log'] ?? [], { 'timestamp-ms': now, 'snapshot-id': id })
}

export function removeRef(next: NextMetadata, name: string): void {
  const { [name]: removed, ...refs } = next.refs ?? {}
  next.refs = refs
  if (removed && name === mainTableBranch) {
    delete next['current-snapshot-id']
    next['snapshot-log'] = []
  }
}

/** Removes snapshots, and with them their statistics and the refs that name them. */
export function removeSnapshots(next: NextMetadata, removed: ReadonlySet<bigint>): void {
  const stays = (item: { readonly 'snapshot-id': bigint }) => !removed.has(item['snapshot-id'])
  next.snapshots = (next.snapshots ?? []).filter(stays)
  next.refs = Object.fromEntries(Object.entries(next.refs ?? {}).filter(([, ref]) => stays(ref)))
  if (next.statistics) next.statistics = next.statistics.filter(stays)
  if (next['partition-statistics']) next['partition-statistics'] = next['partition-statistics'].filter(stays)
  // The log must have no gap before an entry that stays. Spec: `snapshot-log`.
  const log = next['snapshot-log'] ?? []
  next['snapshot-log'] = log.slice(log.findLastIndex((entry) => !stays(entry)) + 1)
  const current = next['current-snapshot-id']
  if (current !== undefined && removed.has(current)) delete next['current-snapshot-id']
}

/** One statistics file a snapshot: a new one takes the place of the old. */
export function replaceOfSnapshot<T extends { readonly 'snapshot-id': bigint }>(
  files: readonly T[] | undefined,
  snapshotId: bigint,
  file?: T,
): readonly T[] {
  const others = (files ?? []).filter((other) => other['snapshot-id'] !== snapshotId)
  return file ? [...others, file] : others
}
