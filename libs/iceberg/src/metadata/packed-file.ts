import { constants } from 'node:zlib'
import type { PhloError } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { deflatedPart, highestRatio, inflatedParts } from './deflated-part.js'
import type { PackedItems } from './growing-list.js'
import { gzipOf, type IndexedPart, indexedParts } from './gzip-index.js'

/**
 * A compressed metadata file whose long lists are packed in parts of their own. What is left without these parts is the
 * JSON of the same metadata, with the newest items of the lists only.
 */

export const packedLists = ['snapshots', 'snapshot-log'] as const
type PackedListName = (typeof packedLists)[number]

/** The first items of a list. */
export interface PackedList {
  /** Where the items belong in the rest. */
  readonly at: number
  readonly count: number
  readonly packed: readonly PackedItems[]
  /** Inflates them. Throws PHLO_ICEBERG_INVALID. */
  readonly text: () => Buffer
}

export interface PackedFile extends Partial<Readonly<Record<PackedListName, PackedList>>> {
  readonly rest: Buffer
}

/** Kinds of parts in the index; lists come after it, in their order. */
const restKind = 0
/** At the start of a list's part's note: how many items there are. */
const countLength = 4
/** A snapshot or an entry of the log is no shorter: `{"snapshot-id":1,"timestamp-ms":1},`. */
const shortestItem = 34

/** Text, and between it packed items. */
export type FilePiece = Buffer | { readonly list: PackedListName; readonly packed: readonly PackedItems[] }

/** The file of these pieces, one after the other. */
export function packedFile(pieces: readonly FilePiece[]): Buffer {
  const parts: IndexedPart[] = []
  let text: Buffer[] = []
  const endText = () => {
    if (text.length === 0) return
    const part = deflatedPart(Buffer.concat(text), constants.Z_BEST_SPEED)
    parts.push({ part, kind: restKind, note: Buffer.alloc(0) })
    text = []
  }
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) text.push(piece)
    else if (piece.packed.length > 0) {
      endText()
      const kind = 1 + packedLists.indexOf(piece.list)
      for (const { part, count, note } of piece.packed) {
        const counted = Buffer.alloc(countLength + note.length)
        counted.writeUInt32LE(count)
        counted.set(note, countLength)
        parts.push({ part, kind, note: counted })
      }
    }
  }
  endText()
  return gzipOf(parts)
}

/**
 * Opens such a file, of no more than `largest` bytes without compression; `undefined` for any other, which has to be
 * inflated as a whole. Throws PHLO_ICEBERG_INVALID when the rest is damaged.
 */
export function openPackedFile(file: Buffer, largest: number, what: string): PackedFile | undefined {
  const parts = indexedParts(file)
  if (!parts || parts.reduce((sum, { part }) => sum + part.length, 0) > largest) return undefined
  const rest: Buffer[] = []
  let restLength = 0
  const lists: Partial<Record<PackedListName, PackedList>> = {}
  for (let index = 0; index < parts.length;) {
    const { kind } = parts[index] as IndexedPart
    const first = index
    while (parts[index]?.kind === kind) index++
    const run = parts.slice(first, index)
    if (kind === restKind) {
      for (const { part } of run) rest.push(inflatedParts(part.bytes, [part], what))
      restLength = rest.reduce((sum, { length }) => sum + length, 0)
      continue
    }
    const name = packedLists[kind - 1]
    const packed = packedItems(run)
    if (!name || lists[name] || !packed) return undefined
    const bytes = together(run)
    const contents = run.map(({ part: { length, crc } }) => ({ length, crc }))
    lists[name] = {
      at: restLength,
      count: packed.reduce((sum, { count }) => sum + count, 0),
      packed,
      text: () => inflatedParts(bytes, contents, what),
    }
  }
  return { rest: Buffer.concat(rest), ...lists }
}

/** `undefined` when a part cannot hold what it is said to. */
function packedItems(run: readonly IndexedPart[]): PackedItems[] | undefined {
  const packed: PackedItems[] = []
  for (const { part, note } of run) {
    const count = note.length < countLength ? 0 : note.readUInt32LE()
    if (count < 1 || count * shortestItem > part.length || part.length > highestRatio * part.bytes.length)
      return undefined
    packed.push({ part, count, note: note.subarray(countLength) })
  }
  return packed
}

/** The bytes of parts that lie one behind the other. */
function together(run: readonly IndexedPart[]): Buffer {
  const { buffer, byteOffset } = (run[0] as IndexedPart).part.bytes
  const length = run.reduce((sum, { part }) => sum + part.bytes.length, 0)
  return Buffer.from(buffer, byteOffset, length)
}

/** Packed items that do not fit to what they were said to be. */
export function wronglyPacked(what: string): PhloError {
  return invalid(what, 'has packed items that are not what its index says')
}
