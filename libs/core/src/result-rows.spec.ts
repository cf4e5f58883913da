import { describe, expect, it } from '@jest/globals'
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimeMicrosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { batchRows, readRows } from './result-rows.js'

function values(type: DataType, given: readonly unknown[]): unknown[] {
  const vector = vectorFromArray(given, type)
  const data = makeData({ type: new Struct([new Field('x', type)]), length: given.length, children: [vector.data[0]!] })
  const batch = new RecordBatch(new Schema([new Field('x', type, true)]), data)
  return [...batchRows(batch)].map((row) => row['x'])
}

const day = (text: string) => Date.parse(text) / 86_400_000

describe('rows of a result', () => {
  it.each<[string, DataType, readonly unknown[], readonly unknown[]]>([
    ['integers', new Int32(), [1, null, -2], [1, null, -2]],
    [
      'long integers, text where JSON’s numbers are too small',
      new Int64(),
      [1n, 9007199254740991n, 9007199254740992n, -9007199254740992n, null],
      [1, 9007199254740991, '9007199254740992', '-9007199254740992', null],
    ],
    ['doubles', new Float64(), [1.5, NaN, Infinity, null], [1.5, 'NaN', 'Infinity', null]],
    ['booleans', new Bool(), [true, false, null], [true, false, null]],
    ['texts', new Utf8(), ['a', '', null], ['a', '', null]],
    ['bytes', new Binary(), [new Uint8Array([0, 255]), null], ['00ff', null]],
    ['times', new TimeMicrosecond(), [0n, 45_296_000_000n, 45_296_120_000n], ['00:00:00', '12:34:56', '12:34:56.12']],
    ['lists', new List(new Field('item', new Int32())), [[1, 2], [], null], [[1, 2], [], null]],
    [
      'structs',
      new Struct<{ a: Int32; b: Utf8 }>([new Field('a', new Int32()), new Field('b', new Utf8())]),
      [{ a: 1, b: 'x' }, null],
      [{ a: 1, b: 'x' }, null],
    ],
  ])('are plain: %s', (_name, type, given, expected) => {
    expect(values(type, given)).toEqual(expected)
  })

  const raw = (type: DataType, data: Int32Array | BigInt64Array | Uint32Array, length = data.length) => {
    const child = makeData({ type, length, data } as never)
    const struct = makeData({ type: new Struct([new Field('x', type)]), length, children: [child] })
    return [...batchRows(new RecordBatch(new Schema([new Field('x', type, true)]), struct))].map((row) => row['x'])
  }

  it('are plain: dates, also those before 1970 and behind 9999', () => {
    expect(raw(new DateDay(), Int32Array.from([0, day('1969-12-31'), day('2024-02-29'), 2_932_897]))).toEqual([
      '1970-01-01',
      '1969-12-31',
      '2024-02-29',
      '+010000-01-01',
    ])
  })

  it('are plain: timestamps with and without a zone, to the microsecond', () => {
    const micros = BigInt64Array.from([0n, -1n, 1_704_067_200_000_001n])
    expect(raw(new TimestampMicrosecond(), micros)).toEqual([
      '1970-01-01T00:00:00',
      '1969-12-31T23:59:59.999999',
      '2024-01-01T00:00:00.000001',
    ])
    expect(raw(new TimestampMicrosecond('UTC'), micros)[0]).toBe('1970-01-01T00:00:00Z')
    expect(raw(new TimestampMillisecond(), BigInt64Array.from([1500n]))).toEqual(['1970-01-01T00:00:01.5'])
  })

  it('are plain: dates and times that engines have beyond all calendars', () => {
    const [most, least] = [2n ** 63n - 1n, -(2n ** 63n) + 1n]
    expect(raw(new DateDay(), Int32Array.from([2 ** 31 - 1, -(2 ** 31) + 1]))).toEqual(['infinity', '-infinity'])
    expect(raw(new TimestampMicrosecond(), BigInt64Array.from([most, least]))).toEqual(['infinity', '-infinity'])
  })

  it('are plain: decimals, exactly', () => {
    const words = (value: bigint) => [0n, 32n, 64n, 96n].map((shift) => Number((value >> shift) & 0xffffffffn))
    const given = [0n, 5n, -5n, 1234n, -(10n ** 37n)]
    expect(raw(new Decimal(2, 38, 128), Uint32Array.from(given.flatMap(words)), given.length)).toEqual([
      '0.00',
      '0.05',
      '-0.05',
      '12.34',
      '-100000000000000000000000000000000000.00',
    ])
    expect(raw(new Decimal(0, 38, 128), Uint32Array.from(words(-7n)), 1)).toEqual(['-7'])
  })

  it('are as many as are wanted, and the query ends', async () => {
    let [closed, made] = [false, 0]
    const batch = new RecordBatch({ x: vectorFromArray([1, 2, 3], new Int32()).data[0]! })
    async function* batches() {
      for (;;) {
        made++
        yield batch
      }
    }
    const result = {
      schema: batch.schema,
      batches: batches(),
      close: async () => {
        closed = true
      },
    }
    expect(await readRows(result, 4)).toEqual([{ x: 1 }, { x: 2 }, { x: 3 }, { x: 1 }])
    expect({ closed, made }).toEqual({ closed: true, made: 2 })
  })
})
