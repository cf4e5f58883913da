import type { Snapshot } from '@phlo/ports'
import { listOfText, sharedBy } from './growing-list.js'
import type { ScannedSnapshots } from './history-scan.js'
import { noParent } from './scanned-ids.js'

/** Which snapshots a list has, and which are parents, without a look at each of them. */

/** The snapshots of a list's text. */
interface Scanned extends ScannedSnapshots {
  readonly sortedIds: BigInt64Array
  readonly sortedParents: BigInt64Array
}

/** Of lists that grew out of each other. */
interface Index {
  readonly scanned: Scanned | undefined
  /** Where the other snapshots are in the lists. */
  readonly others: Map<bigint, number>
  /** Where the first of the other snapshots is that has this parent. */
  readonly children: Map<bigint, number>
  /** How many of the shared items are in here. */
  known: number
}

/** By the items that such lists share. */
const indexes = new WeakMap<object, Index>()

/** The list of snapshots of which the text was scanned. */
export function scannedSnapshots(found: ScannedSnapshots): readonly Snapshot[] {
  const sorted = { sortedIds: found.ids.slice().sort(), sortedParents: found.parents.slice().sort() }
  return listOfText<Snapshot>(found, { ...found, ...sorted } satisfies Scanned)
}

/** What was found in the list's text, `undefined` for a list with snapshots that came otherwise. */
export function scannedText(list: readonly Snapshot[]): Scanned | undefined {
  const scanned = sharedBy(list)?.scanned as Scanned | undefined
  return scanned?.ids.length === list.length ? scanned : undefined
}

/** An id that two of the snapshots have. */
export function repeatedId({ sortedIds }: Scanned): bigint | undefined {
  return sortedIds.find((id, index) => id === sortedIds[index + 1])
}

/** Parents by their children, unless nearly every parent comes before its children, so that there is no circle. */
export function unorderedParents({ ids, parents, jumps }: Scanned): ReadonlyMap<bigint, bigint> | undefined {
  const mostLookups = 100
  const isBefore = (index: number) => {
    const at = ids.indexOf(parents[index] as bigint)
    return at < index
  }
  if (jumps.length <= mostLookups && jumps.every(isBefore)) return undefined
  const all = new Map<bigint, bigint>()
  for (const [index, id] of ids.entries()) {
    const parent = parents[index] as bigint
    if (parent !== noParent) all.set(id, parent)
  }
  return all
}

/** The snapshot with the id. */
export function findSnapshot(list: readonly Snapshot[], id: bigint): Snapshot | undefined {
  const index = indexOf(list)
  if (!index) return list.find((snapshot) => snapshot['snapshot-id'] === id)
  const { scanned, others } = index
  const position = scanned && includes(scanned.sortedIds, id) ? scanned.ids.indexOf(id) : others.get(id)
  return position === undefined || position >= list.length ? undefined : list[position]
}

/** Is there a snapshot with the id? */
export function hasSnapshot(list: readonly Snapshot[], id: bigint): boolean {
  const index = indexOf(list)
  if (!index) return list.some((snapshot) => snapshot['snapshot-id'] === id)
  const { scanned, others } = index
  return (scanned !== undefined && includes(scanned.sortedIds, id)) || (others.get(id) ?? Infinity) < list.length
}

/** Is a snapshot with that id the parent of one in the list? */
export function hasChild(list: readonly Snapshot[], id: bigint): boolean {
  const index = indexOf(list)
  if (!index) return list.some((snapshot) => snapshot['parent-snapshot-id'] === id)
  const { scanned, children } = index
  return (scanned !== undefined && includes(scanned.sortedParents, id)) || (children.get(id) ?? Infinity) < list.length
}

/** `undefined` for a list that did not grow. */
function indexOf(list: readonly Snapshot[]): Index | undefined {
  const shared = sharedBy(list)
  if (!shared) return undefined
  let index = indexes.get(shared.items)
  if (!index) {
    const scanned = shared.scanned as Scanned | undefined
    index = { scanned, others: new Map(), children: new Map(), known: scanned?.ids.length ?? 0 }
    indexes.set(shared.items, index)
  }
  for (; index.known < shared.items.length; index.known++) {
    const { 'snapshot-id': id, 'parent-snapshot-id': parent } = shared.items[index.known] as Snapshot
    if (!index.others.has(id)) index.others.set(id, index.known)
    if (typeof parent === 'bigint' && !index.children.has(parent)) index.children.set(parent, index.known)
  }
  return index
}

/** Is the id among those, which are sorted? */
function includes(sorted: BigInt64Array, id: bigint): boolean {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as bigint) < id) low = middle + 1
    else high = middle
  }
  return sorted[low] === id
}
