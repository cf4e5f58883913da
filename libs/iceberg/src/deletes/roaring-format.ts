import { invalid } from '../invalid.js'
import { PositionSet } from './position-set.js'
import { bitmapBytes, type Container, countBits, largestArray, smallest } from './roaring-container.js'

/**
 * The portable form of 64-bit Roaring bitmaps: a count, then for each upper half of the positions a 32-bit bitmap.
 * Source: the RoaringFormatSpec, "General layout" and "Extension for 64-bit implementations".
 */

/** A 32-bit bitmap without runs; the count of its containers follows. */
const plainCookie = 12346
/** A 32-bit bitmap with runs; the count of its containers, less one, is in the upper half. */
const runsCookie = 12347
/** Below this many containers, a bitmap with runs has no offsets. */
const fewContainers = 4
/** Positions above 2^53 are no rows of a real file; their upper half is below this. */
const keysEnd = 2 ** 21
/** Containers of a 32-bit bitmap, and 32-bit bitmaps of a 64-bit one. */
const containersPerKey = 0x10000

/** The bytes of the set; every container in the form that takes the fewest. */
export function encodePositions(positions: PositionSet): Buffer {
  const bitmaps = new Map<number, { key: number; container: Container }[]>()
  for (const [at, container] of positions.entries()) {
    const key = at % containersPerKey
    const high = (at - key) / containersPerKey
    const list = bitmaps.get(high)
    const entry = { key, container: smallest(container) }
    if (list) list.push(entry)
    else bitmaps.set(high, [entry])
  }
  let size = 8
  for (const list of bitmaps.values())
    size += 4 + headerBytes(list) + list.reduce((sum, { container }) => sum + byteSize(container), 0)
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32LE(bitmaps.size, 0)
  let at = 8
  for (const [high, list] of bitmaps) {
    bytes.writeUInt32LE(high, at)
    at = writeBitmap(bytes, at + 4, list)
  }
  return bytes
}

type BitmapEntries = readonly { readonly key: number; readonly container: Container }[]

function byteSize(container: Container): number {
  if (container.kind === 'bitmap') return bitmapBytes
  return container.kind === 'array' ? container.size * 2 : 2 + container.runs.length * 2
}

function headerBytes(list: BitmapEntries): number {
  const hasRuns = list.some(({ container }) => container.kind === 'runs')
  if (!hasRuns) return 8 + list.length * 8
  return 4 + Math.ceil(list.length / 8) + list.length * (list.length < fewContainers ? 4 : 8)
}

/** Returns the offset behind what it wrote. */
function writeBitmap(bytes: Buffer, start: number, list: BitmapEntries): number {
  const hasRuns = list.some(({ container }) => container.kind === 'runs')
  let at = start
  if (hasRuns) {
    at = bytes.writeUInt32LE((runsCookie | ((list.length - 1) << 16)) >>> 0, at)
    list.forEach(({ container }, index) => {
      const flag = at + (index >> 3)
      if (container.kind === 'runs') bytes[flag] = (bytes[flag] as number) | (1 << (index & 7))
    })
    at += Math.ceil(list.length / 8)
  } else {
    at = bytes.writeUInt32LE(plainCookie, at)
    at = bytes.writeUInt32LE(list.length, at)
  }
  for (const { key, container } of list) {
    at = bytes.writeUInt16LE(key, at)
    at = bytes.writeUInt16LE(container.size - 1, at)
  }
  if (!hasRuns || list.length >= fewContainers) {
    let offset = start + headerBytes(list)
    for (const { container } of list) {
      at = bytes.writeUInt32LE(offset - start, at)
      offset += byteSize(container)
    }
  }
  for (const { container } of list) at = writeContainer(bytes, at, container)
  return at
}

function writeContainer(bytes: Buffer, start: number, container: Container): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = start
  if (container.kind === 'bitmap') {
    for (let index = 0; index < container.words.length; index++, at += 4)
      view.setUint32(at, container.words[index] as number, true)
    return at
  }
  const [values, size] =
    container.kind === 'array' ? [container.values, container.size] : [container.runs, container.runs.length]
  if (container.kind === 'runs') {
    view.setUint16(at, size >>> 1, true)
    at += 2
  }
  for (let index = 0; index < size; index++, at += 2) view.setUint16(at, values[index] as number, true)
  return at
}

/**
 * Reads a whole 64-bit bitmap; `what` names it in errors. Memory stays in proportion to the bytes, whatever they claim.
 * Throws PHLO_ICEBERG_INVALID.
 */
export function decodePositions(bytes: Uint8Array, what: string): PositionSet {
  const reader = new BitmapReader(bytes, what)
  const set = PositionSet.of(reader.containers())
  if (reader.remaining > 0) throw invalid(what, `has ${reader.remaining} bytes after its end`)
  return set
}

class BitmapReader {
  private at = 0
  private readonly view: DataView
  private readonly what: string

  constructor(bytes: Uint8Array, what: string) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.what = what
  }

  get remaining(): number {
    return this.view.byteLength - this.at
  }

  /** With the upper bits of their positions, ascending. */
  *containers(): Generator<[number, Container]> {
    const count = this.u32()
    if (this.u32() !== 0) throw this.fail('claims more than 2^32 bitmaps')
    let last = -1
    for (let index = 0; index < count; index++) {
      const high = this.u32()
      if (high <= last) throw this.fail('has keys out of order')
      if (high >= keysEnd) throw this.fail('has a position above 2^53')
      last = high
      for (const [key, container] of this.bitmap()) yield [high * containersPerKey + key, container]
    }
  }

  private *bitmap(): Generator<[number, Container]> {
    const cookie = this.u32()
    const hasRuns = (cookie & 0xffff) === runsCookie
    if (!hasRuns && cookie !== plainCookie) throw this.fail(`has a bitmap with the cookie ${cookie}`)
    const count = hasRuns ? (cookie >>> 16) + 1 : this.u32()
    if (count > containersPerKey) throw this.fail(`claims ${count} containers`)
    const flags = this.skip(hasRuns ? Math.ceil(count / 8) : 0)
    const header = this.skip(count * 4)
    // Containers follow each other; their offsets say nothing new.
    if (!hasRuns || count >= fewContainers) this.skip(count * 4)
    let last = -1
    for (let index = 0; index < count; index++) {
      const key = this.view.getUint16(header + 4 * index, true)
      const size = this.view.getUint16(header + 4 * index + 2, true) + 1
      if (key <= last) throw this.fail('has keys out of order')
      last = key
      const isRuns = hasRuns && (this.view.getUint8(flags + (index >> 3)) & (1 << (index & 7))) !== 0
      yield [key, isRuns ? this.runs(size) : size <= largestArray ? this.array(size) : this.words(size)]
    }
  }

  private array(size: number): Container {
    const start = this.skip(size * 2)
    const values = new Uint16Array(size)
    let last = -1
    for (let index = 0; index < size; index++) {
      const value = this.view.getUint16(start + 2 * index, true)
      if (value <= last) throw this.fail('has values out of order')
      values[index] = last = value
    }
    return { kind: 'array', values, size }
  }

  private words(size: number): Container {
    const start = this.skip(bitmapBytes)
    const words = new Uint32Array(bitmapBytes / 4)
    for (let index = 0; index < words.length; index++) words[index] = this.view.getUint32(start + 4 * index, true)
    if (countBits(words) !== size) throw this.fail('has a container of another size than it claims')
    return { kind: 'bitmap', words, size }
  }

  private runs(claimed: number): Container {
    const count = this.view.getUint16(this.skip(2), true)
    const start = this.skip(count * 4)
    const runs = new Uint16Array(count * 2)
    let used = -2
    let size = 0
    let last = -1
    for (let index = 0; index < count; index++) {
      const first = this.view.getUint16(start + 4 * index, true)
      const more = this.view.getUint16(start + 4 * index + 2, true)
      if (first <= last || first + more > 0xffff) throw this.fail('has runs out of order')
      // Runs that touch are one.
      if (used >= 0 && first === last + 1) runs[used + 1] = (runs[used + 1] as number) + more + 1
      else {
        runs[(used += 2)] = first
        runs[used + 1] = more
      }
      size += more + 1
      last = first + more
    }
    if (size !== claimed) throw this.fail('has a container of another size than it claims')
    return { kind: 'runs', runs: runs.subarray(0, used + 2), size }
  }

  private u32(): number {
    return this.view.getUint32(this.skip(4), true)
  }

  /** Moves on, and returns where it was. */
  private skip(count: number): number {
    if (count > this.remaining) throw this.fail('ends too early')
    const at = this.at
    this.at += count
    return at
  }

  private fail(problem: string) {
    return invalid(this.what, problem)
  }
}
