import { PhloError } from '@phlo/ports'

/** A column's value in a change: the server's text, NULL, or a large value that the change left as it was. */
export type ChangedValue = string | null | typeof unchanged
export const unchanged = Symbol('unchanged')

export interface Relation {
  readonly id: number
  readonly schema: string
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: number; readonly key: boolean }[]
}

type Tuple = readonly ChangedValue[]

export type Message =
  | { readonly kind: 'begin'; readonly lsn: bigint; readonly time: Date }
  | { readonly kind: 'commit'; readonly lsn: bigint; readonly end: bigint }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'insert'; readonly relation: number; readonly row: Tuple }
  | {
      readonly kind: 'update'
      readonly relation: number
      readonly row: Tuple
      /** The key's columns, or all of them with `REPLICA IDENTITY FULL`, where they were sent. */
      readonly before?: { readonly whole: boolean; readonly row: Tuple }
    }
  | { readonly kind: 'delete'; readonly relation: number; readonly whole: boolean; readonly row: Tuple }
  | { readonly kind: 'truncate'; readonly relations: readonly number[] }
  | { readonly kind: 'other' }

/** Seconds from 1970 to 2000, where PostgreSQL's time begins. */
const epoch = 946_684_800n

/**
 * One message of the plugin `pgoutput`, protocol version 1. Throws PHLO_SOURCE_MALFORMED for what does not follow it.
 * Source: PostgreSQL, "Logical Replication Message Formats".
 */
export function decodeMessage(bytes: Buffer): Message {
  const reader = new Reader(bytes)
  const message = decode(reader)
  if (message.kind !== 'other' && !reader.atEnd) throw malformed('bytes are left over')
  return message
}

function decode(reader: Reader): Message {
  switch (reader.letter()) {
    case 'B': {
      const lsn = reader.uint64()
      const time = new Date(Number(reader.uint64() / 1000n + epoch * 1000n))
      reader.uint32()
      return { kind: 'begin', lsn, time }
    }
    case 'C': {
      reader.byte()
      const lsn = reader.uint64()
      const end = reader.uint64()
      reader.uint64()
      return { kind: 'commit', lsn, end }
    }
    case 'R':
      return { kind: 'relation', relation: readRelation(reader) }
    case 'I': {
      const relation = reader.uint32()
      reader.expect('N')
      return { kind: 'insert', relation, row: reader.tuple() }
    }
    case 'U': {
      const relation = reader.uint32()
      const letter = reader.letter()
      if (letter === 'N') return { kind: 'update', relation, row: reader.tuple() }
      if (letter !== 'K' && letter !== 'O') throw malformed(`an update has a part ${letter}`)
      const before = { whole: letter === 'O', row: reader.tuple() }
      reader.expect('N')
      return { kind: 'update', relation, row: reader.tuple(), before }
    }
    case 'D': {
      const relation = reader.uint32()
      const letter = reader.letter()
      if (letter !== 'K' && letter !== 'O') throw malformed(`a delete has a part ${letter}`)
      return { kind: 'delete', relation, whole: letter === 'O', row: reader.tuple() }
    }
    case 'T': {
      const count = reader.uint32()
      reader.byte()
      return { kind: 'truncate', relations: reader.times(count, () => reader.uint32()) }
    }
    default:
      // Origins, types and messages of applications say nothing about rows.
      return { kind: 'other' }
  }
}

function readRelation(reader: Reader): Relation {
  const id = reader.uint32()
  const schema = reader.text()
  const name = reader.text()
  reader.byte()
  const columns = reader.times(reader.uint16(), () => {
    const key = (reader.byte() & 1) === 1
    const column = { name: reader.text(), type: reader.uint32(), key }
    reader.uint32()
    return column
  })
  return { id, schema, name, columns }
}

class Reader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get atEnd(): boolean {
    return this.at === this.bytes.length
  }

  letter(): string {
    return String.fromCharCode(this.byte())
  }

  expect(letter: string): void {
    const found = this.letter()
    if (found !== letter) throw malformed(`there is ${found} in place of ${letter}`)
  }

  byte(): number {
    return this.bytes.readUInt8(this.take(1))
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.take(2))
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.take(4))
  }

  uint64(): bigint {
    return this.bytes.readBigUInt64BE(this.take(8))
  }

  text(): string {
    const end = this.bytes.indexOf(0, this.at)
    if (end < 0) throw malformed('a name does not end')
    const text = this.bytes.toString('utf8', this.at, end)
    this.at = end + 1
    return text
  }

  /** Counts are what the bytes say: more than could follow end at the first that does not. */
  times<T>(count: number, read: () => T): T[] {
    const items: T[] = []
    for (let index = 0; index < count; index++) items.push(read())
    return items
  }

  tuple(): Tuple {
    return this.times(this.uint16(), () => {
      const kind = this.letter()
      if (kind === 'n') return null
      if (kind === 'u') return unchanged
      if (kind !== 't') throw malformed(`a value is of kind ${kind}`)
      const length = this.uint32()
      const start = this.take(length)
      return this.bytes.toString('utf8', start, start + length)
    })
  }

  private take(length: number): number {
    const start = this.at
    if (start + length > this.bytes.length) throw malformed('it ends too early')
    this.at += length
    return start
  }
}

function malformed(problem: string): PhloError {
  return new PhloError('PHLO_SOURCE_MALFORMED', `A message of pgoutput is not what it should be: ${problem}`)
}

/** `16/B374D848` as a number, which sorts as it comes. */
export function parseLsn(text: string): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? []
  if (high === undefined || low === undefined)
    throw new PhloError('PHLO_SOURCE_MALFORMED', `${text.slice(0, 50)} is no place in PostgreSQL’s log`)
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}

export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase()
}
