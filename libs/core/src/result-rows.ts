import type { QueryResult } from '@phlo/ports'
import type { Data, DataType, RecordBatch, TypeMap, Vector } from 'apache-arrow'

/** A value as JSON has it: big numbers and decimals as text, dates and times in ISO 8601, bytes in hexadecimal. */
export type PlainValue =
  null | boolean | number | string | readonly PlainValue[] | { readonly [key: string]: PlainValue }
export type PlainRow = Readonly<Record<string, PlainValue>>

/** The first rows of a result, as plain values. Leaves the result when there are enough. */
export async function readRows(result: QueryResult, limit = Infinity): Promise<PlainRow[]> {
  const rows: PlainRow[] = []
  try {
    for await (const batch of result.batches) {
      for (const row of batchRows(batch)) {
        if (rows.length >= limit) return rows
        rows.push(row)
      }
    }
  } finally {
    await result.close()
  }
  return rows
}

/** The rows of a record batch, as plain values. */
export function* batchRows(batch: RecordBatch): Generator<PlainRow> {
  const names = batch.schema.fields.map(({ name }) => name)
  const columns = names.map((_name, index) => reader(batch.getChildAt(index) as Vector))
  for (let row = 0; row < batch.numRows; row++) {
    yield Object.fromEntries(names.map((name, index) => [name, (columns[index] as (row: number) => PlainValue)(row)]))
  }
}

/** Arrow's type ids, from its format; importing the library for them would load it. */
const arrowType = {
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  list: 12,
  struct: 13,
  map: 17,
} as const

/** Reads one value of a column. */
function reader(vector: Vector): (row: number) => PlainValue {
  const [data] = vector.data as readonly Data[]
  if (!data) return () => null
  return (row) => (vector.isValid(row) ? plain(data, vector, row) : null)
}

function plain(data: Data, vector: Vector, row: number): PlainValue {
  const type = data.type as DataType & { scale: number; unit: number; timezone?: string | null }
  switch (type.typeId as number) {
    case arrowType.int: {
      const value = vector.get(row) as number | bigint
      return typeof value === 'bigint' ? safeNumber(value) : value
    }
    case arrowType.float: {
      const value = vector.get(row) as number
      return Number.isFinite(value) ? value : String(value)
    }
    case arrowType.bool:
    case arrowType.utf8:
      return vector.get(row) as boolean | string
    case arrowType.binary:
      return Buffer.from(vector.get(row) as Uint8Array).toString('hex')
    case arrowType.decimal:
      return decimalText(data, row, type.scale)
    case arrowType.date: {
      const days = Number((data.values as Int32Array)[row])
      return beyondCalendars(days) ?? isoDate(days)
    }
    case arrowType.time:
      return isoTime((data.values as BigInt64Array)[row] as bigint)
    case arrowType.timestamp: {
      const micros = microseconds((data.values as BigInt64Array)[row] as bigint, type.unit)
      return beyondCalendars(Number(micros / microsPerDay)) ?? isoTimestamp(micros) + (type.timezone ? 'Z' : '')
    }
    case arrowType.list:
      return plainItems(vector.get(row) as Vector)
    case arrowType.struct: {
      return Object.fromEntries(
        (data.type.children as readonly { name: string }[]).map(({ name }, index) => [
          name,
          reader(vector.getChildAt(index) as Vector)(row),
        ]),
      )
    }
    case arrowType.map:
      return plainMap(vector as Vector<TypeMap[keyof TypeMap]>, row)
    default:
      return String(vector.get(row))
  }
}

function plainItems(items: Vector): PlainValue[] {
  const read = reader(items)
  return Array.from({ length: items.length }, (_, index) => read(index))
}

function plainMap(vector: Vector, row: number): PlainValue {
  const entries = vector.getChildAt(0) as Vector
  const offsets = (vector.data[0] as Data).valueOffsets as Int32Array
  const [key, value] = [reader(entries.getChildAt(0) as Vector), reader(entries.getChildAt(1) as Vector)]
  const result: Record<string, PlainValue> = {}
  for (let index = offsets[row] as number; index < (offsets[row + 1] as number); index++)
    result[textOf(key(index))] = value(index)
  return result
}

/** A map's key as the name of an object's property. */
function textOf(key: PlainValue): string {
  return typeof key === 'object' ? JSON.stringify(key) : String(key)
}

/** JSON's numbers are doubles: larger integers stay text. */
function safeNumber(value: bigint): number | string {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value.toString()
}

function decimalText(data: Data, row: number, scale: number): string {
  const words = data.values as Uint32Array
  let unscaled = 0n
  for (let index = 3; index >= 0; index--) unscaled = (unscaled << 32n) | BigInt(words[row * 4 + index] as number)
  unscaled = BigInt.asIntN(128, unscaled)
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

const microsPerDay = 86_400_000_000n

/** Arrow's units: seconds, milliseconds, microseconds, nanoseconds. */
function microseconds(value: bigint, unit: number): bigint {
  return unit === 0 ? value * 1_000_000n : unit === 1 ? value * 1000n : unit === 2 ? value : value / 1000n
}

/** JavaScript's calendar ends there; what lies beyond is how engines say infinity. */
const lastDay = 100_000_000

function beyondCalendars(days: number): string | undefined {
  return Math.abs(days) < lastDay ? undefined : days > 0 ? 'infinity' : '-infinity'
}

function isoDate(days: number): string {
  const text = new Date(days * 86_400_000).toISOString()
  return text.slice(0, text.indexOf('T'))
}

function isoTime(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n)
  const fraction = (micros % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '')
  const text = new Date(seconds * 1000).toISOString().slice(11, 19)
  return fraction === '' ? text : `${text}.${fraction}`
}

function isoTimestamp(micros: bigint): string {
  const remainder = micros % microsPerDay
  const inDay = remainder < 0n ? remainder + microsPerDay : remainder
  return `${isoDate(Number((micros - inDay) / microsPerDay))}T${isoTime(inDay)}`
}
