import type { ListText, OlderItems } from './growing-list.js'
import { scanLog, type ScannedSnapshots, scanSnapshots } from './history-scan.js'
import { mayHold } from './id-marks.js'
import { type PackedList, wronglyPacked } from './packed-file.js'
import { type OlderSnapshots, repeatedId, type Scanned, scannedIds, unorderedParents } from './snapshot-index.js'
import { findCycle } from './validate.js'

/** Items of metadata's lists that stay compressed until one of them is asked for, and are checked then. */

/** Entries of the snapshot log. */
export function olderLog({ count, packed, text }: PackedList, what: string): OlderItems {
  const read = once((): ListText => {
    const found = scanLog(text())
    if (found?.spans.length !== 2 * count) throw wronglyPacked(what)
    return found
  })
  return { count, packed, text: read }
}

/** Snapshots; `newer` are those behind them. */
export function olderSnapshots(
  { count, packed, text }: PackedList,
  newer: ScannedSnapshots,
  what: string,
): OlderSnapshots {
  const marks = packed.map(({ note }) => note)
  const expected = new Set<bigint>()
  const read = once((): { readonly found: ScannedSnapshots; readonly scanned: Scanned } => {
    const found = scanSnapshots(text())
    if (found?.spans.length !== 2 * count) throw wronglyPacked(what)
    const ids = joined(found.ids, newer.ids)
    const parents = joined(found.parents, newer.parents)
    const jumps = [...found.jumps, ...newer.jumps.map((index) => count + index)]
    const cycle = findCycle(unorderedParents({ ids, parents, jumps }) ?? new Map())
    if (cycle !== undefined || repeatedId({ sortedIds: ids.slice().sort() }) !== undefined) throw wronglyPacked(what)
    const scanned = scannedIds(found, 0)
    if ([...expected].some((id) => !found.ids.includes(id))) throw wronglyPacked(what)
    return { found, scanned }
  })
  return {
    count,
    packed,
    text: () => read().found,
    load: () => read().scanned,
    mayHold: (id) => mayHold(marks, id),
    expected,
  }
}

function joined(a: BigInt64Array, b: BigInt64Array): BigInt64Array {
  const both = new BigInt64Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

function once<T extends object>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}
