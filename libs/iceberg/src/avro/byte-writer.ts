/** Writes Avro's binary encoding into a buffer that grows. */
export class ByteWriter {
  private buffer: Buffer
  private position = 0

  constructor(initialSize = 4096) {
    this.buffer = Buffer.allocUnsafe(initialSize)
  }

  get length(): number {
    return this.position
  }

  private reserve(count: number): void {
    if (this.position + count <= this.buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.position + count))
    this.buffer.copy(grown, 0, 0, this.position)
    this.buffer = grown
  }

  byte(value: number): void {
    this.reserve(1)
    this.buffer[this.position++] = value
  }

  boolean(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  /** Zig-zag, for int and long. */
  long(value: number | bigint): void {
    this.reserve(10)
    if (typeof value === 'number' && value >= -0x40000000 && value < 0x40000000) {
      let rest = (value << 1) ^ (value >> 31)
      while (rest > 0x7f) {
        this.buffer[this.position++] = (rest & 0x7f) | 0x80
        rest >>>= 7
      }
      this.buffer[this.position++] = rest
      return
    }
    const wide = BigInt(value)
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n))
    while (rest > 0x7fn) {
      this.buffer[this.position++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.buffer[this.position++] = Number(rest)
  }

  float(value: number): void {
    this.reserve(4)
    this.position = this.buffer.writeFloatLE(value, this.position)
  }

  double(value: number): void {
    this.reserve(8)
    this.position = this.buffer.writeDoubleLE(value, this.position)
  }

  fixed(value: Uint8Array): void {
    this.reserve(value.length)
    this.buffer.set(value, this.position)
    this.position += value.length
  }

  bytes(value: Uint8Array): void {
    this.long(value.length)
    this.fixed(value)
  }

  string(value: string): void {
    const size = Buffer.byteLength(value, 'utf8')
    this.long(size)
    this.reserve(size)
    this.position += this.buffer.write(value, this.position, 'utf8')
  }

  /** The bytes written so far; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.position)
  }
}
