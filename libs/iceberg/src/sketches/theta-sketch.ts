import type { Snapshot } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { blobTypes } from '../puffin/puffin-footer.js'
import type { NewPuffinBlob } from '../puffin/puffin-writer.js'
import { murmur3Of128 } from './murmur3-128.js'

/**
 * Theta sketches: how many distinct values there are, estimated from the smallest of their hashes.
 * Source: Apache DataSketches, the compact sketch of serial version 3.
 */

const seed = 9001
/** The first 16 bits of the hash of the seed, by which readers know it. */
const seedHash = 0x93cc
const serialVersion = 3
const compactFamily = 3
const flag = { bigEndian: 1, readOnly: 2, empty: 4, compact: 8, ordered: 16 } as const
/** After a cut, this many hashes are left; the estimate's standard error is one in its root, 1.6 %. */
const nominal = 4096
/** A cut is made beyond this many, as DataSketches does it. */
const mostHashes = (nominal * 2 * 15) / 16
/** All hashes count, which have 63 bits. */
const everything = 2n ** 63n - 1n
/** More than any writer keeps; a larger number is hostile. */
const mostEntries = 2 ** 26

export class ThetaSketch {
  /** By their upper halves; hashes are positive and below `theta`. */
  private hashes = new Map<number, number[]>()
  private count = 0
  private theta = everything
  private thetaHigh = Number(everything >> 32n)
  private thetaLow = Number(everything & 0xffffffffn)

  /** Adds a value, as the single-value serialization has it. Spec: Appendix D, "Binary single-value serialization". */
  add(value: Uint8Array): void {
    // An empty value is none to DataSketches.
    if (value.length === 0) return
    const { high, low } = murmur3Of128(value, seed)
    this.insert(high >>> 1, ((high << 31) | (low >>> 1)) >>> 0)
    if (this.count > mostHashes) this.cut()
  }

  /** Adds everything that the other sketch has seen. */
  addAll(other: ThetaSketch): void {
    if (other.theta < this.theta) this.lowerTheta(other.theta)
    for (const [high, lows] of other.hashes) for (const low of lows) this.insert(high, low)
    if (this.count > mostHashes) this.cut()
  }

  /** The number of distinct values; exact while there are few. */
  get estimate(): number {
    return this.theta === everything ? this.count : (this.count * Number(everything)) / Number(this.theta)
  }

  private insert(high: number, low: number): void {
    if (high > this.thetaHigh || (high === this.thetaHigh && low >= this.thetaLow)) return
    if (high === 0 && low === 0) return
    const lows = this.hashes.get(high)
    if (!lows) this.hashes.set(high, [low])
    else if (lows.includes(low)) return
    else lows.push(low)
    this.count++
  }

  /** Keeps the smallest hashes; the next one is where they end from now on. */
  private cut(): void {
    this.lowerTheta(this.sorted()[nominal] as bigint)
  }

  private lowerTheta(theta: bigint): void {
    const kept = this.sorted().filter((hash) => hash < theta)
    this.theta = theta
    this.thetaHigh = Number(theta >> 32n)
    this.thetaLow = Number(theta & 0xffffffffn)
    this.hashes = new Map()
    this.count = 0
    for (const hash of kept) this.insert(Number(hash >> 32n), Number(hash & 0xffffffffn))
  }

  private sorted(): BigUint64Array {
    const all = new BigUint64Array(this.count)
    let index = 0
    for (const [high, lows] of this.hashes) for (const low of lows) all[index++] = (BigInt(high) << 32n) | BigInt(low)
    return all.sort()
  }

  /** The compact, ordered form. */
  encode(): Buffer {
    const isExact = this.theta === everything
    const longs = isExact ? (this.count <= 1 ? 1 : 2) : 3
    const bytes = Buffer.alloc(longs * 8 + this.count * 8)
    bytes[0] = longs
    bytes[1] = serialVersion
    bytes[2] = compactFamily
    bytes[5] = flag.readOnly | flag.compact | flag.ordered | (isExact && this.count === 0 ? flag.empty : 0)
    bytes.writeUInt16LE(seedHash, 6)
    if (longs > 1) bytes.writeUInt32LE(this.count, 8)
    if (longs > 2) bytes.writeBigUInt64LE(this.theta, 16)
    this.sorted().forEach((hash, index) => bytes.writeBigUInt64LE(hash, (longs + index) * 8))
    return bytes
  }

  /** Reads a compact sketch of serial version 3, ordered or not. Throws PHLO_ICEBERG_INVALID. */
  static decode(blob: Uint8Array, what: string): ThetaSketch {
    const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength)
    const longs = bytes.length < 8 ? 0 : (bytes[0] as number) & 0x3f
    const flags = bytes[5] ?? 0
    if (longs < 1 || longs > 3 || bytes[1] !== serialVersion || bytes[2] !== compactFamily)
      throw invalid(what, 'is no compact theta sketch')
    if ((flags & flag.bigEndian) !== 0) throw invalid(what, 'is a theta sketch in big endian')
    const sketch = new ThetaSketch()
    if ((flags & flag.empty) !== 0) return sketch
    if (bytes.readUInt16LE(6) !== seedHash) throw invalid(what, 'is a theta sketch of another seed')
    const count = longs === 1 ? 1 : bytes.length < longs * 8 ? -1 : bytes.readUInt32LE(8)
    if (count < 0 || count > mostEntries || bytes.length !== (longs + count) * 8)
      throw invalid(what, 'is a theta sketch of another length than it claims')
    const theta = longs > 2 ? bytes.readBigUInt64LE(16) : everything
    if (theta === 0n || theta > everything) throw invalid(what, 'is a theta sketch without a range')
    sketch.lowerTheta(theta)
    for (let index = 0; index < count; index++) {
      const at = (longs + index) * 8
      sketch.insert(bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at))
    }
    if (sketch.count !== count) throw invalid(what, 'is a theta sketch with hashes outside its range, or one twice')
    return sketch
  }
}

/** A sketch of a column's values in a snapshot, as a blob of a Puffin file. Spec: "Puffin", `apache-datasketches-theta-v1`. */
export function thetaSketchBlob(fieldId: number, snapshot: Snapshot, sketch: ThetaSketch): NewPuffinBlob {
  return {
    type: blobTypes.thetaSketch,
    fields: [fieldId],
    'snapshot-id': snapshot['snapshot-id'],
    'sequence-number': snapshot['sequence-number'] ?? 0,
    properties: { ndv: String(Math.round(sketch.estimate)) },
    bytes: sketch.encode(),
  }
}
