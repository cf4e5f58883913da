import { invalid, unsupported } from '../invalid.js'
import { xxHash32 } from './xx-hash-32.js'

const frameMagic = 0x184d2204
/** Bits of a frame's first byte. */
const flags = { dictionary: 1, contentChecksum: 4, contentSize: 8, blockChecksum: 16 } as const
const uncompressedBlock = 0x80000000

/**
 * Decompresses one LZ4 frame that says how long its content is, as Puffin asks for; with that, hostile bytes cost no more
 * than `most` bytes of memory. Throws PHLO_ICEBERG_INVALID for bytes that are no such frame, and PHLO_ICEBERG_UNSUPPORTED
 * for one that needs a dictionary. Spec: "Puffin", "Compression codecs"; LZ4 frame format 1.6.
 */
export function decompressLz4Frame(bytes: Uint8Array, most: number, what: string): Uint8Array {
  const fail = (problem: string) => invalid(what, `is no LZ4 frame: it ${problem}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 15 || view.getUint32(0, true) !== frameMagic) throw fail('does not start like one')
  const descriptor = view.getUint8(4)
  if (descriptor >> 6 !== 1) throw fail(`is of version ${descriptor >> 6}`)
  if (descriptor & flags.dictionary) throw unsupported(`An LZ4 dictionary of ${what}`)
  if (!(descriptor & flags.contentSize)) throw fail('does not say how long its content is')
  const size = view.getBigUint64(6, true)
  if (size > BigInt(most)) throw fail(`claims ${size} bytes, of which ${most} are allowed`)
  if (((xxHash32(bytes.subarray(4, 14)) >>> 8) & 0xff) !== view.getUint8(14)) throw fail('has a damaged header')
  const content = new Uint8Array(Number(size))
  let at = 15
  let written = 0
  for (;;) {
    if (at + 4 > bytes.length) throw fail('ends too early')
    const block = view.getUint32(at, true)
    at += 4
    if (block === 0) break
    const length = block & 0x7fffffff
    const end = at + length
    if (end + (descriptor & flags.blockChecksum ? 4 : 0) > bytes.length) throw fail('ends too early')
    const data = bytes.subarray(at, end)
    if (descriptor & flags.blockChecksum && xxHash32(data) !== view.getUint32(end, true))
      throw fail('has a damaged block')
    if (block >= uncompressedBlock) {
      if (written + length > content.length) throw fail('is longer than it claims')
      content.set(data, written)
      written += length
    } else written = decompressBlock(data, content, written, fail)
    at = end + (descriptor & flags.blockChecksum ? 4 : 0)
  }
  if (written !== content.length) throw fail(`has ${written} of ${content.length} bytes`)
  const checksum = descriptor & flags.contentChecksum ? 4 : 0
  if (at + checksum !== bytes.length) throw fail('does not end where its blocks do')
  if (checksum > 0 && xxHash32(content) !== view.getUint32(at, true)) throw fail('has damaged content')
  return content
}

/** Writes a block's content behind what is there, which it may copy from; gives the end of both. */
function decompressBlock(
  block: Uint8Array,
  content: Uint8Array,
  start: number,
  fail: (problem: string) => Error,
): number {
  let at = 0
  let written = start
  const byte = () => {
    const value = block[at++]
    if (value === undefined) throw fail('ends within a block')
    return value
  }
  /** Lengths of 15 and more go on in the bytes that follow. */
  const length = (first: number) => {
    let value = first
    if (first === 15) for (let more = 255; more === 255; value += more) more = byte()
    return value
  }
  while (at < block.length) {
    const token = byte()
    const literals = length(token >> 4)
    if (at + literals > block.length) throw fail('ends within a block')
    if (written + literals > content.length) throw fail('is longer than it claims')
    content.set(block.subarray(at, at + literals), written)
    at += literals
    written += literals
    // The last sequence has literals alone.
    if (at === block.length) break
    const distance = byte() | (byte() << 8)
    const count = length(token & 15) + 4
    if (distance === 0 || distance > written) throw fail('copies from before its start')
    if (written + count > content.length) throw fail('is longer than it claims')
    if (distance >= count) content.copyWithin(written, written - distance, written - distance + count)
    // A copy may run into what it writes itself.
    else
      for (let index = 0; index < count; index++)
        content[written + index] = content[written + index - distance] as number
    written += count
  }
  return written
}
