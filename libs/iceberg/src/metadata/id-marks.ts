import type { SnapshotIds } from './scanned-ids.js'

/** Three bytes of each id, by which nearly every id that is not among them is told to be none of them. */

const markLength = 3
/** Spreads ids that are counted up. */
const factor = 0x9e3779b97f4a7c15n

/** Of the snapshots' ids, and of the parents that none of them comes after. */
export function idMarks({ ids, parents, jumps }: SnapshotIds): Buffer {
  const marks = Buffer.alloc(markLength * (ids.length + jumps.length))
  let at = 0
  for (const id of ids) at = marks.writeUIntLE(markOf(id), at, markLength)
  for (const index of jumps) at = marks.writeUIntLE(markOf(parents[index] as bigint), at, markLength)
  return marks
}

/** Is the id perhaps among those that the marks were made of? */
export function mayHold(marks: readonly Buffer[], id: bigint): boolean {
  const mark = Buffer.alloc(markLength)
  mark.writeUIntLE(markOf(id), 0, markLength)
  return marks.some((some) => {
    let at = some.indexOf(mark)
    while (at % markLength > 0) at = some.indexOf(mark, at + 1)
    return at >= 0
  })
}

function markOf(id: bigint): number {
  return Number(BigInt.asUintN(64, id * factor) >> 40n)
}
