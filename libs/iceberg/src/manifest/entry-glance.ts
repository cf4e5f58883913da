import type { AvroSchema } from '../avro/avro-schema.js'
import type { ByteReader } from '../avro/byte-reader.js'
import { asRecord, compileDecoder, type Decode, type Want } from '../avro/decoder.js'
import { Locator, nowhere, type Sought } from '../avro/locator.js'
import type { Primitive } from '../types/primitive.js'
import { invalid } from '../invalid.js'
import { decodeValue, type Value } from '../types/value.js'
import type { FileStatistics } from './file-statistics.js'

/** Places of an entry's own fields; those of each column follow. */
const slot = { status: 0, content: 1, partition: 2, recordCount: 3, firstRowId: 4 } as const
const firstColumn = 5
/** By how many slots each is behind a column's first. */
const statistic = { values: 0, nulls: 1, nans: 2, lower: 3, upper: 4 } as const
const slotsOfColumn = 5

/**
 * A manifest's entry that was passed over, not decoded: what pruning asks for is read from its bytes when asked for.
 * There is one for all entries of a manifest; moving on to the next changes what it tells.
 */
export class EntryGlance implements FileStatistics {
  private readonly columns = new Map<number, number>()
  private readonly locator: Locator
  private readonly decodePartition: Decode
  private reader: ByteReader | undefined

  /** `partition` is how to decode the partition tuple; of other columns than `columns` nothing is known. */
  constructor(schema: AvroSchema, partition: Want, columns: ReadonlySet<number>, what: string) {
    for (const id of columns) this.columns.set(id, firstColumn + this.columns.size * slotsOfColumn)
    const ofColumns = (as: 'long' | 'bytes', offset: number): Sought => ({
      as,
      idMap: new Map([...this.columns].map(([id, first]) => [id, first + offset])),
    })
    const file = new Map<number, Sought>([
      [134, { slot: slot.content, as: 'long' }],
      [102, { slot: slot.partition, as: 'any' }],
      [103, { slot: slot.recordCount, as: 'long' }],
      [142, { slot: slot.firstRowId, as: 'long' }],
    ])
    if (columns.size > 0) {
      file.set(109, ofColumns('long', statistic.values))
      file.set(110, ofColumns('long', statistic.nulls))
      file.set(137, ofColumns('long', statistic.nans))
      file.set(125, ofColumns('bytes', statistic.lower))
      file.set(128, ofColumns('bytes', statistic.upper))
    }
    const entry = new Map<number, Sought>([
      [0, { slot: slot.status, as: 'long' }],
      [2, { record: file }],
    ])
    this.locator = new Locator(schema, { record: entry }, firstColumn + this.columns.size * slotsOfColumn, what)
    this.decodePartition = compileDecoder(
      asRecord(fieldType(fieldType(schema, 2, what), 102, what), what),
      partition,
      what,
    )
  }

  /** Moves past the entry at the reader's place, and tells of it from now on, for which it moves the reader. */
  pass(reader: ByteReader): void {
    this.locator.pass(reader)
    this.reader = reader
  }

  get status(): number {
    return this.long(slot.status) ?? nowhere
  }
  /** Version 1 knows only data files. */
  get content(): number {
    return this.long(slot.content) ?? 0
  }
  get recordCount(): number {
    return this.long(slot.recordCount) ?? nowhere
  }
  get firstRowId(): number | undefined {
    return this.long(slot.firstRowId)
  }
  /** One value for each field of the manifest's partition spec. */
  get partition(): readonly (Value | null)[] {
    const reader = this.at(slot.partition)
    return reader ? (this.decodePartition(reader) as (Value | null)[]) : []
  }

  valueCount(fieldId: number): number | undefined {
    return this.long(this.column(fieldId) + statistic.values)
  }
  nullCount(fieldId: number): number | undefined {
    return this.long(this.column(fieldId) + statistic.nulls)
  }
  nanCount(fieldId: number): number | undefined {
    return this.long(this.column(fieldId) + statistic.nans)
  }
  lowerBound(fieldId: number, type: Primitive): Value | undefined {
    return this.bound(this.column(fieldId) + statistic.lower, type)
  }
  upperBound(fieldId: number, type: Primitive): Value | undefined {
    return this.bound(this.column(fieldId) + statistic.upper, type)
  }

  /** Slots behind the last are those of columns of which nothing is known. */
  private column(fieldId: number): number {
    return this.columns.get(fieldId) ?? this.locator.slots.length
  }

  private long(index: number): number | undefined {
    return this.at(index)?.long()
  }

  /** Numbers are read in place, since filters mostly look at those. */
  private bound(index: number, type: Primitive): Value | undefined {
    const reader = this.at(index)
    if (!reader) return undefined
    const size = reader.long()
    switch (type.kind) {
      case 'long':
      case 'time':
      case 'timestamp':
      case 'timestamptz':
        if (size === 8) return reader.int64()
        break
      case 'int':
      case 'date':
        if (size === 4) return reader.int32()
        break
      case 'double':
        if (size === 8) return reader.double()
        break
      default:
    }
    return decodeValue(type, reader.fixed(size))
  }

  private at(index: number): ByteReader | undefined {
    const offset = this.locator.slots[index] ?? nowhere
    if (offset === nowhere) return undefined
    this.reader?.seek(offset)
    return this.reader
  }
}

function fieldType(schema: AvroSchema, id: number, what: string): AvroSchema {
  const field = asRecord(schema, what).fields.find((candidate) => candidate['field-id'] === id)
  if (!field) throw invalid(what, `has no field ${id}`)
  return field.type
}
