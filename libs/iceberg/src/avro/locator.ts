import { invalid } from '../invalid.js'
import { type AvroSchema, isUnion } from './avro-schema.js'
import type { ByteReader } from './byte-reader.js'
import { arrayItems, asRecord, compileSkip, countLongs, type Decode } from './decoder.js'

/** Which values of an item to find, by Iceberg field id, and the slot that each one's place is written to. */
export type Sought =
  /** A number, bytes, or with `any` what the caller decodes by the schema that it was written with. */
  | { readonly slot: number; readonly as: 'long' | 'bytes' | 'any' }
  | { readonly record: ReadonlyMap<number, Sought> }
  /** Values of a map with int keys, which is an array of pairs; the slot by key. */
  | { readonly idMap: ReadonlyMap<number, number>; readonly as: 'long' | 'bytes' }

/** In a slot: the item does not have the value. */
export const nowhere = -1

/** What a step moves past, and its argument. */
const op = {
  /** Nothing: it only notes the place in the slot that is its argument. */
  note: 0,
  long: 1,
  bytes: 2,
  /** An index of a union of null and something: four times the steps of that, and the byte that means null. */
  orNull: 3,
  /** An array; how many longs each of its items is made of. */
  longs: 4,
  /** An array of pairs with a sought key each; which of the lists of keys. */
  pairsOfLongs: 5,
  pairsOfBytes: 6,
  /** Anything else; which of the functions. */
  other: 7,
} as const

/**
 * Moves past items without making any of their values, and notes where in the block the sought ones start.
 * The schema becomes a flat program of few operations: a call for each value would cost more than its bytes.
 */
export class Locator {
  /** Places of the last item's values; {@link nowhere} for those that it lacks. */
  readonly slots: Int32Array
  /** Operations, an argument behind each. */
  private readonly steps: number[] = []
  private readonly keys: Int32Array[] = []
  private readonly others: Decode[] = []
  private readonly what: string

  /** Throws PHLO_ICEBERG_INVALID for a schema that cannot hold what is sought. */
  constructor(schema: AvroSchema, sought: Sought, slots: number, what: string) {
    this.what = what
    this.slots = new Int32Array(slots)
    this.compile(schema, sought)
  }

  /** Moves past the item at the reader's place. Throws PHLO_ICEBERG_INVALID when it does not end within the block. */
  pass(reader: ByteReader): void {
    const { slots, steps } = this
    const { buffer } = reader
    slots.fill(nowhere)
    let at = reader.offset
    for (let step = 0; step < steps.length; step += 2) {
      const argument = steps[step + 1] as number
      switch (steps[step]) {
        case op.note:
          slots[argument] = at
          break
        case op.long:
          while ((buffer[at++] as number) >= 0x80);
          break
        case op.orNull: {
          const branch = buffer[at++]
          if (branch === (argument & 3)) step += (argument >> 2) * 2
          else if (branch !== 2 - (argument & 3)) reader.fail('names a union branch that is not there')
          break
        }
        default:
          reader.seek(at)
          this.passMany(reader, steps[step] as number, argument)
          at = reader.offset
      }
    }
    reader.seek(at)
  }

  private passMany(reader: ByteReader, operation: number, argument: number): void {
    if (operation === op.bytes) reader.skip(reader.long())
    else if (operation === op.other) (this.others[argument] as Decode)(reader)
    else {
      for (;;) {
        let count = reader.long()
        if (count === 0) return
        if (count < 0) {
          count = -count
          reader.skipLong()
        }
        if (count > reader.remaining) reader.fail(`claims ${count} items`)
        if (operation === op.longs) reader.skipLongs(count * argument)
        else this.passPairs(reader, count, operation, this.keys[argument] as Int32Array)
      }
    }
  }

  /** Both the file's keys and the sought ones ascend as a rule, so that a look at the next sought one is enough. */
  private passPairs(reader: ByteReader, count: number, operation: number, keys: Int32Array): void {
    const { slots } = this
    const { buffer } = reader
    const end = buffer.length
    let at = reader.offset
    let next = 0
    for (let index = 0; index < count; index++) {
      const byte = buffer[at] as number
      let key = (byte >>> 1) ^ -(byte & 1)
      if (byte < 0x80) at++
      else {
        reader.seek(at)
        key = reader.long()
        at = reader.offset
      }
      if (next > 0 && key <= (keys[next - 2] as number)) next = 0
      while (key > (keys[next] as number)) next += 2
      if (key === keys[next]) {
        slots[keys[next + 1] as number] = at
        next += 2
      }
      if (operation === op.pairsOfLongs) while ((buffer[at++] as number) >= 0x80);
      else {
        const size = buffer[at] as number
        if (size < 0x80 && (size & 1) === 0) at += 1 + (size >>> 1)
        else {
          reader.seek(at)
          reader.skip(reader.long())
          at = reader.offset
        }
      }
      // What is not there reads as undefined, which ends every loop above.
      if (at > end) reader.fail('ends too early')
    }
    reader.seek(at)
  }

  private compile(schema: AvroSchema, sought: Sought | undefined): void {
    if (isUnion(schema)) this.compileUnion(schema, sought)
    else if (sought === undefined) this.compilePassing(schema)
    else if ('record' in sought) {
      for (const field of asRecord(schema, this.what).fields)
        this.compile(field.type, sought.record.get(field['field-id'] ?? nowhere))
    } else if ('idMap' in sought) this.compileIdMap(schema, sought)
    else {
      this.requireType(schema, sought.as)
      this.push(op.note, sought.slot)
      this.compilePassing(schema)
    }
  }

  /** Of other unions than those with null, what is sought is not found: nobody writes them. */
  private compileUnion(branches: readonly AvroSchema[], sought: Sought | undefined): void {
    const [first, second] = branches
    if (
      branches.length !== 2 ||
      first === undefined ||
      second === undefined ||
      (first === 'null') === (second === 'null')
    ) {
      if (sought) throw invalid(this.what, 'has a field that may be of several types')
      this.push(op.other, this.others.push(compileSkip(branches, this.what)) - 1)
      return
    }
    const nullByte = first === 'null' ? 0 : 2
    const start = this.push(op.orNull, 0)
    this.compile(first === 'null' ? second : first, sought)
    this.steps[start + 1] = ((this.steps.length - start - 2) / 2) * 4 + nullByte
  }

  private compileIdMap(schema: AvroSchema, sought: Extract<Sought, { idMap: unknown }>): void {
    const { fields } = asRecord(arrayItems(schema, this.what), this.what)
    const [key, value] = fields
    if (fields.length !== 2 || !key || !value) throw invalid(this.what, 'has a map whose entries are no pairs')
    this.requireType(key.type, 'long')
    this.requireType(value.type, sought.as)
    const keys = [...sought.idMap].sort(([a], [b]) => a - b).flat()
    const list = this.keys.push(Int32Array.from(keys)) - 1
    this.push(sought.as === 'long' ? op.pairsOfLongs : op.pairsOfBytes, list)
  }

  private compilePassing(schema: AvroSchema): void {
    const type = typeof schema === 'string' || isUnion(schema) ? schema : schema.type
    if (type === 'int' || type === 'long') this.push(op.long, 0)
    else if (type === 'string' || type === 'bytes') this.push(op.bytes, 0)
    else if (type === 'record')
      for (const field of asRecord(schema, this.what).fields) this.compile(field.type, undefined)
    else {
      const longs = type === 'array' ? countLongs(arrayItems(schema, this.what)) : 0
      if (longs > 0) this.push(op.longs, longs)
      else this.push(op.other, this.others.push(compileSkip(schema, this.what)) - 1)
    }
  }

  /** Where the step starts. */
  private push(operation: number, argument: number): number {
    return this.steps.push(operation, argument) - 2
  }

  private requireType(schema: AvroSchema, as: 'long' | 'bytes' | 'any'): void {
    const type = typeof schema === 'string' || isUnion(schema) ? schema : schema.type
    const fits = as === 'any' || (as === 'bytes' ? type === 'bytes' : type === 'int' || type === 'long')
    if (!fits) throw invalid(this.what, `has Avro type ${JSON.stringify(type).slice(0, 60)} where ${as} belongs`)
  }
}
