import { crc32 } from 'node:zlib'
import { combinedCrc, type DeflatedPart, emptyLastBlock } from './deflated-part.js'

/**
 * A gzip file of parts, and behind it an index of these. To whoever inflates the file it is one member as any other, and
 * then members that hold nothing: the index is in their extra fields, as in the empty block that ends a BGZF file.
 * Readers that look at one member alone pass over it.
 */
export interface IndexedPart {
  readonly part: DeflatedPart
  /** One of 256 of the writer's own. */
  readonly kind: number
  /** What the writer wants to know of the part without inflating it. */
  readonly note: Buffer
}

/** Spec: RFC 1952, 2.3.1: deflated, without or with an extra field, no time, system unknown. */
const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
const extraHeader = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255])
/** The subfield's two letters. */
const subfield = Buffer.from('PH', 'latin1')
const subfieldStart = extraHeader.length + 2
const chunkStart = subfieldStart + 4
/** CRC-32 and length of what is inflated. */
const trailerLength = 8
const emptyEnd = Buffer.concat([emptyLastBlock, Buffer.alloc(trailerLength)])
/** Ends the index, behind its length, the length of its members, and the CRC-32 of its entries. */
const closing = Buffer.from('PhloIdx1', 'latin1')
const closingLength = 12 + closing.length
const mostInMember = 65_535 - 4
const entryLength = 17

/** The file. It has an index when there is more than one part. */
export function gzipOf(parts: readonly IndexedPart[]): Buffer {
  const trailer = Buffer.alloc(trailerLength)
  const contents = parts.map(({ part }) => part)
  trailer.writeUInt32LE(combinedCrc(contents), 0)
  trailer.writeUInt32LE(contents.reduce((sum, part) => sum + part.length, 0) % 2 ** 32, 4)
  const index = parts.length > 1 ? indexMembers(parts) : []
  return Buffer.concat([header, ...contents.map(({ bytes }) => bytes), emptyLastBlock, trailer, ...index])
}

function indexMembers(parts: readonly IndexedPart[]): Buffer[] {
  const index = parts.flatMap(({ part, kind, note }) => {
    const entry = Buffer.alloc(entryLength)
    entry.writeUInt8(kind, 0)
    entry.writeUInt32LE(part.bytes.length, 1)
    entry.writeUInt32LE(part.length, 5)
    entry.writeUInt32LE(part.crc, 9)
    entry.writeUInt32LE(note.length, 13)
    return [entry, note]
  })
  const bytes = Buffer.concat([...index, Buffer.alloc(closingLength)])
  const members = Math.ceil(bytes.length / mostInMember)
  const end = bytes.length - closingLength
  bytes.writeUInt32LE(bytes.length, end)
  bytes.writeUInt32LE(bytes.length + members * (chunkStart + emptyEnd.length), end + 4)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end + 8)
  bytes.set(closing, end + 12)
  return Array.from({ length: members }, (_, member) => {
    // All are of nearly the same length, so that what closes the index is in one piece.
    const chunk = bytes.subarray(
      Math.floor((member * bytes.length) / members),
      Math.floor(((member + 1) * bytes.length) / members),
    )
    const start = Buffer.alloc(chunkStart)
    start.set(extraHeader)
    start.writeUInt16LE(chunk.length + 4, extraHeader.length)
    start.set(subfield, subfieldStart)
    start.writeUInt16LE(chunk.length, subfieldStart + 2)
    return Buffer.concat([start, chunk, emptyEnd])
  })
}

/** The parts of a file that {@link gzipOf} wrote with an index; `undefined` when it is none, or not whole. */
export function indexedParts(file: Buffer): IndexedPart[] | undefined {
  const end = file.length - emptyEnd.length - closingLength
  if (end < header.length || file.compare(closing, 0, closing.length, end + 12, end + closingLength) !== 0)
    return undefined
  const indexLength = file.readUInt32LE(end)
  const membersStart = file.length - file.readUInt32LE(end + 4)
  const dataEnd = membersStart - trailerLength - emptyLastBlock.length
  if (dataEnd < header.length || file.compare(header, 0, header.length, 0, header.length) !== 0) return undefined
  const chunks: Buffer[] = []
  for (let at = membersStart; at < file.length;) {
    if (at + chunkStart > file.length) return undefined
    const chunkEnd = at + chunkStart + file.readUInt16LE(at + subfieldStart + 2)
    chunks.push(file.subarray(at + chunkStart, chunkEnd))
    at = chunkEnd + emptyEnd.length
    if (at > file.length) return undefined
  }
  const index = Buffer.concat(chunks).subarray(0, -closingLength)
  if (index.length + closingLength !== indexLength || crc32(index) !== file.readUInt32LE(end + 8)) return undefined
  const parts = entriesOf(index, file.subarray(header.length, dataEnd))
  const length = parts?.reduce((sum, { part }) => sum + part.length, 0)
  return file.readUInt32LE(dataEnd + emptyLastBlock.length + 4) === length ? parts : undefined
}

/** The parts have to be all of the data. */
function entriesOf(index: Buffer, data: Buffer): IndexedPart[] | undefined {
  const parts: IndexedPart[] = []
  let from = 0
  for (let at = 0; at < index.length;) {
    if (at + entryLength > index.length) return undefined
    const to = from + index.readUInt32LE(at + 1)
    const noteEnd = at + entryLength + index.readUInt32LE(at + 13)
    if (to > data.length || noteEnd > index.length) return undefined
    parts.push({
      part: { bytes: data.subarray(from, to), length: index.readUInt32LE(at + 5), crc: index.readUInt32LE(at + 9) },
      kind: index.readUInt8(at),
      note: index.subarray(at + entryLength, noteEnd),
    })
    from = to
    at = noteEnd
  }
  return from === data.length ? parts : undefined
}
