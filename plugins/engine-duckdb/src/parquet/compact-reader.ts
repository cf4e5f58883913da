import { PhloError } from '@phlo/ports'

/** Types of Thrift's compact protocol. */
export const thriftType = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
  uuid: 13,
} as const

/** Structs of Parquet's footers lie within each other less deeply. */
const mostDepth = 32

/** Reads Thrift's compact protocol, which Parquet's footers have. */
export class CompactReader {
  /** Of the byte that is read next. */
  position = 0
  private readonly bytes: Uint8Array
  private depth = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  invalid(what: string): PhloError {
    return new PhloError('PHLO_ICEBERG_INVALID', `A Parquet file's footer has ${what}`)
  }

  private byte(): number {
    const byte = this.bytes[this.position++]
    if (byte === undefined) throw this.invalid('an end too early')
    return byte
  }

  /** A number of at most 64 bits, exact below 2^53. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw this.invalid('a number of too many bytes')
  }

  /** `visit` has to read each field's value. */
  struct(visit: (id: number, type: number) => void): void {
    if (++this.depth > mostDepth) throw this.invalid('structs that lie too deeply')
    let id = 0
    for (let header = this.byte(); header !== 0; header = this.byte()) {
      const delta = header >> 4
      id = delta === 0 ? zigzag(this.varint()) : id + delta
      visit(id, header & 0x0f)
    }
    this.depth--
  }

  listHeader(): { readonly size: number; readonly type: number } {
    const header = this.byte()
    const short = header >> 4
    return { size: short === 15 ? this.varint() : short, type: header & 0x0f }
  }

  /** Passes over a field's value. */
  skip(type: number): void {
    switch (type) {
      case thriftType.true:
      case thriftType.false:
        return
      case thriftType.byte:
        this.pass(1)
        return
      case thriftType.i16:
      case thriftType.i32:
      case thriftType.i64:
        this.varint()
        return
      case thriftType.double:
        this.pass(8)
        return
      case thriftType.uuid:
        this.pass(16)
        return
      case thriftType.binary:
        this.pass(this.varint())
        return
      case thriftType.list:
      case thriftType.set: {
        const list = this.listHeader()
        for (let index = 0; index < list.size; index++) this.skipItem(list.type)
        return
      }
      case thriftType.map: {
        const size = this.varint()
        const types = size > 0 ? this.byte() : 0
        for (let index = 0; index < size; index++) {
          this.skipItem(types >> 4)
          this.skipItem(types & 0x0f)
        }
        return
      }
      case thriftType.struct:
        this.struct((_id, field) => this.skip(field))
        return
      default:
        throw this.invalid(`a value of type ${type}`)
    }
  }

  /** Within collections, even true and false take a byte. */
  private skipItem(type: number): void {
    if (type === thriftType.true || type === thriftType.false) this.pass(1)
    else {
      if (++this.depth > mostDepth) throw this.invalid('lists that lie too deeply')
      this.skip(type)
      this.depth--
    }
  }

  private pass(bytes: number): void {
    this.position += bytes
    if (this.position > this.bytes.length) throw this.invalid('an end too early')
  }
}

/** The signed number that an unsigned one of Thrift stands for. */
export function zigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}
