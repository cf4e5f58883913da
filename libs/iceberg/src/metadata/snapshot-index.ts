import type { Snapshot } from '@phlo/ports'
import { listOfText, type OlderItems, sharedBy } from './growing-list.js'
import type { ScannedSnapshots } from './history-scan.js'
import { noParent, type SnapshotIds } from './scanned-ids.js'

/** Which snapshots a list has, and which are parents, without a look at each of them. */

/** Snapshots of a list's text. */
export interface Scanned extends SnapshotIds {
  /** Where the first of them is in the list. */
  readonly from: number
  readonly sortedIds: BigInt64Array
  readonly sortedParents: BigInt64Array
}

/** The first snapshots of a list, which are still compressed. */
export interface OlderSnapshots extends OlderItems {
  /** Is the id perhaps that of a snapshot, or of a parent? What is not is known without reading them. */
  readonly mayHold: (id: bigint) => boolean
  /** Reads them, once. Throws PHLO_ICEBERG_INVALID. */
  readonly load: () => Scanned
  /** Ids that are taken to be there: {@link load} makes sure. */
  readonly expected: Set<bigint>
}

/** What is known of a list that was read. */
interface Found {
  readonly scanned: Scanned
  readonly older: OlderSnapshots | undefined
}

/** Of lists that grew out of each other. */
interface Index {
  readonly found: Found | undefined
  /** Where the other snapshots are in the lists. */
  readonly others: Map<bigint, number>
  /** Where the first of the other snapshots is that has this parent. */
  readonly children: Map<bigint, number>
  /** How many of the shared items are in here. */
  known: number
}

/** By the items that such lists share. */
const indexes = new WeakMap<object, Index>()

/** The list of snapshots of which the text was scanned, behind older ones. */
export function scannedSnapshots(text: ScannedSnapshots, older?: OlderSnapshots): readonly Snapshot[] {
  const found: Found = { scanned: scannedIds(text, older?.count ?? 0), older }
  return listOfText<Snapshot>(text, found, older)
}

export function scannedIds({ ids, parents, jumps }: SnapshotIds, from: number): Scanned {
  return { ids, parents, jumps, from, sortedIds: ids.slice().sort(), sortedParents: parents.slice().sort() }
}

/** What was found in the list's text, without older ones; `undefined` for a list with snapshots that came otherwise. */
export function scannedText(list: readonly Snapshot[]): Scanned | undefined {
  const found = sharedBy(list)?.scanned as Found | undefined
  return found && found.scanned.from + found.scanned.ids.length === list.length ? found.scanned : undefined
}

/** An id that two of the snapshots have. */
export function repeatedId({ sortedIds }: Pick<Scanned, 'sortedIds'>): bigint | undefined {
  return sortedIds.find((id, index) => id === sortedIds[index + 1])
}

/** Parents by their children, unless nearly every parent comes before its children, so that there is no circle. */
export function unorderedParents({ ids, parents, jumps }: SnapshotIds): ReadonlyMap<bigint, bigint> | undefined {
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
  const position = positionOf(index, id)
  return position >= list.length ? undefined : list[position]
}

/** Is there a snapshot with the id? */
export function hasSnapshot(list: readonly Snapshot[], id: bigint): boolean {
  const index = indexOf(list)
  if (!index) return list.some((snapshot) => snapshot['snapshot-id'] === id)
  return positionOf(index, id) < list.length
}

/** As {@link hasSnapshot}, without reading what is compressed: if what seems to be there is not, reading it will fail. */
export function expectSnapshot(list: readonly Snapshot[], id: bigint): boolean {
  const { scanned, older } = (sharedBy(list)?.scanned ?? {}) as Partial<Found>
  if (!older?.mayHold(id) || (scanned && includes(scanned.sortedIds, id))) return hasSnapshot(list, id)
  older.expected.add(id)
  return true
}

/** Is a snapshot with that id the parent of one in the list? */
export function hasChild(list: readonly Snapshot[], id: bigint): boolean {
  const index = indexOf(list)
  if (!index) return list.some((snapshot) => snapshot['parent-snapshot-id'] === id)
  const { found, children } = index
  if (found && includes(found.scanned.sortedParents, id)) return true
  if ((children.get(id) ?? Infinity) < list.length) return true
  return found?.older?.mayHold(id) === true && includes(found.older.load().sortedParents, id)
}

/** Where the snapshot is in the lists, `Infinity` when it is not. */
function positionOf({ found, others }: Index, id: bigint): number {
  const added = others.get(id)
  if (added !== undefined) return added
  if (!found) return Infinity
  const { scanned, older } = found
  if (includes(scanned.sortedIds, id)) return scanned.from + scanned.ids.indexOf(id)
  const first = older?.mayHold(id) ? older.load() : undefined
  return first && includes(first.sortedIds, id) ? first.ids.indexOf(id) : Infinity
}

/** `undefined` for a list that did not grow. */
function indexOf(list: readonly Snapshot[]): Index | undefined {
  const shared = sharedBy(list)
  if (!shared) return undefined
  let index = indexes.get(shared.items)
  if (!index) {
    const found = shared.scanned as Found | undefined
    const known = found ? found.scanned.from + found.scanned.ids.length : 0
    index = { found, others: new Map(), children: new Map(), known }
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
