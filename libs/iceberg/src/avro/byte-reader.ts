import { invalid } from '../invalid.js'

/** Reads Avro's binary encoding. Every read stays inside the buffer, or throws PHLO_ICEBERG_INVALID. */
export class ByteReader {
  private position = 0
  private readonly view: DataView

  readonly buffer: Buffer
  private readonly what: string

  constructor(buffer: Buffer, what: string) {
    this.buffer = buffer
    this.what = what

    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  }

  get offset(): number {
    return this.position
  }
  get remaining(): number {
    return this.buffer.length - this.position
  }

  fail(problem: string): never {
    throw invalid(this.what, `${problem} at byte ${this.position}`)
  }

  /** Moves on by `count` bytes. */
  skip(count: number): void {
    if (count < 0 || count > this.remaining) this.fail('ends too early')
    this.position += count
  }

  byte(): number {
    if (this.position >= this.buffer.length) this.fail('ends too early')
    return this.buffer[this.position++] as number
  }

  boolean(): boolean {
    return this.byte() !== 0
  }

  /** A zig-zag int or long that must be a safe integer. */
  long(): number {
    let shift = 1
    let value = 0
    for (let count = 0; count < 10; count++) {
      const byte = this.byte()
      // Beyond 28 bits JavaScript's bit operations no longer hold the number.
      if (count < 4) value |= (byte & 0x7f) << (7 * count)
      else value += (byte & 0x7f) * (shift *= count === 4 ? 2 ** 28 : 128)
      if (byte < 0x80) {
        if (count < 4) return (value >>> 1) ^ -(value & 1)
        if (value > Number.MAX_SAFE_INTEGER) break
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      }
    }
    return this.fail('holds a number beyond 2^53')
  }

  /** A zig-zag long of full width. */
  bigLong(): bigint {
    let value = 0n
    for (let count = 0; count < 10; count++) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << BigInt(7 * count)
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    }
    return this.fail('holds a number of more than ten bytes')
  }

  /** Goes to a byte that was read or skipped before. */
  seek(offset: number): void {
    if (offset < 0 || offset > this.buffer.length) this.fail(`has nothing at ${offset}`)
    this.position = offset
  }

  /** Moves past so many ints and longs, of any width. */
  skipLongs(count: number): void {
    const { buffer } = this
    let at = this.position
    // A byte at least for each, so that what is not there ends the loop too.
    if (count > this.remaining) this.fail('ends too early')
    for (let rest = count; rest > 0; at++) {
      const byte = buffer[at]
      if (byte === undefined) this.fail('ends too early')
      if (byte < 0x80) rest--
    }
    this.position = at
  }

  skipLong(): void {
    for (let count = 0; count < 10; count++) if (this.byte() < 0x80) return
    this.fail('holds a number of more than ten bytes')
  }

  /** Four bytes, the lowest first, not zig-zag. */
  int32(): number {
    const at = this.position
    this.skip(4)
    return this.view.getInt32(at, true)
  }

  int64(): bigint {
    const at = this.position
    this.skip(8)
    return this.view.getBigInt64(at, true)
  }

  float(): number {
    const at = this.position
    this.skip(4)
    return this.view.getFloat32(at, true)
  }

  double(): number {
    const at = this.position
    this.skip(8)
    return this.view.getFloat64(at, true)
  }

  /** A view into the buffer, not a copy. */
  fixed(size: number): Buffer {
    const at = this.position
    this.skip(size)
    return this.buffer.subarray(at, at + size)
  }

  bytes(): Buffer {
    return this.fixed(this.long())
  }

  string(): string {
    const size = this.long()
    const at = this.position
    this.skip(size)
    return this.buffer.toString('utf8', at, at + size)
  }
}
