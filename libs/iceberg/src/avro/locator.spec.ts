import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { damaged } from '../testing/arbitraries.js'
import type { AvroSchema } from './avro-schema.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { compileSkip } from './decoder.js'
import { Locator, nowhere, type Sought } from './locator.js'

const invalid = expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' })

const pairs = (value: AvroSchema): AvroSchema => ({
  type: 'array',
  items: {
    type: 'record',
    name: 'pair',
    fields: [
      { name: 'key', type: 'int' },
      { name: 'value', type: value },
    ],
  },
})

const schema: AvroSchema = {
  type: 'record',
  name: 'item',
  fields: [
    { name: 'number', type: 'long', 'field-id': 1 },
    { name: 'maybe', type: ['null', 'long'], 'field-id': 2 },
    { name: 'text', type: ['string', 'null'], 'field-id': 3 },
    {
      name: 'inner',
      type: { type: 'record', name: 'inner', fields: [{ name: 'bytes', type: ['null', 'bytes'], 'field-id': 4 }] },
      'field-id': 5,
    },
    { name: 'counts', type: ['null', pairs('long')], 'field-id': 6 },
    { name: 'bounds', type: pairs('bytes'), 'field-id': 7 },
    { name: 'sizes', type: pairs('long'), 'field-id': 8 },
    { name: 'several', type: ['null', 'string', 'double'], 'field-id': 9 },
    { name: 'named', type: { type: 'map', values: 'string' }, 'field-id': 10 },
  ],
}

const keys = [70, -5, 2_147_483_546]
const sought: Sought = {
  record: new Map<number, Sought>([
    [1, { slot: 0, as: 'long' }],
    [2, { slot: 1, as: 'long' }],
    [5, { record: new Map([[4, { slot: 2, as: 'bytes' }]]) }],
    [6, { idMap: new Map(keys.map((key, index) => [key, 3 + index])), as: 'long' }],
    [7, { idMap: new Map(keys.map((key, index) => [key, 6 + index])), as: 'bytes' }],
  ]),
}
const slots = 9

const number = fc.integer({ min: -(2 ** 50), max: 2 ** 50 })
const bytes = fc.uint8Array({ maxLength: 80 }).map((value) => Buffer.from(value))
const mapOf = <T>(value: fc.Arbitrary<T>) =>
  fc
    .array(fc.tuple(fc.oneof(fc.constantFrom(...keys), fc.integer({ min: 1, max: 90 }), fc.integer()), value))
    .map((list) => new Map(list))
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const items = fc.record({
  number,
  maybe: nullable(number),
  text: nullable(fc.string()),
  inner: nullable(bytes),
  counts: nullable(mapOf(number)),
  bounds: mapOf(bytes),
  sizes: mapOf(number),
  several: fc.constantFrom(undefined, 'text', 1.5),
  named: fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 }),
  /** Into how many blocks arrays are cut, and whether those tell their size. */
  blocks: fc.integer({ min: 1, max: 3 }),
  sized: fc.boolean(),
})
type Item = typeof items extends fc.Arbitrary<infer T> ? T : never

function write(writer: ByteWriter, item: Item): void {
  const array = <T>(list: readonly T[], each: (to: ByteWriter, entry: T) => void) => {
    const length = Math.max(1, Math.ceil(list.length / item.blocks))
    for (let at = 0; at < list.length; at += length) {
      const part = list.slice(at, at + length)
      const block = new ByteWriter()
      for (const entry of part) each(block, entry)
      const encoded = block.finish()
      writer.long(item.sized ? -part.length : part.length)
      if (item.sized) writer.long(encoded.length)
      writer.fixed(encoded)
    }
    writer.long(0)
  }
  const longs = (map: ReadonlyMap<number, number>) =>
    array([...map], (to, [key, value]) => {
      to.long(key)
      to.long(value)
    })
  writer.long(item.number)
  writer.long(item.maybe === undefined ? 0 : 1)
  if (item.maybe !== undefined) writer.long(item.maybe)
  writer.long(item.text === undefined ? 1 : 0)
  if (item.text !== undefined) writer.string(item.text)
  writer.long(item.inner === undefined ? 0 : 1)
  if (item.inner !== undefined) writer.bytes(item.inner)
  writer.long(item.counts === undefined ? 0 : 1)
  if (item.counts !== undefined) longs(item.counts)
  array([...item.bounds], (to, [key, value]) => {
    to.long(key)
    to.bytes(value)
  })
  longs(item.sizes)
  writer.long(item.several === undefined ? 0 : typeof item.several === 'string' ? 1 : 2)
  if (typeof item.several === 'string') writer.string(item.several)
  if (typeof item.several === 'number') writer.double(item.several)
  array(item.named, (to, [key, value]) => {
    to.string(key)
    to.string(value)
  })
}

function encode(list: readonly Item[]): Buffer {
  const writer = new ByteWriter()
  for (const item of list) write(writer, item)
  return writer.finish()
}

describe('a locator', () => {
  it('moves past items as decoding does, and finds what is sought of each', () => {
    fc.assert(
      fc.property(fc.array(items, { minLength: 1, maxLength: 4 }), (list) => {
        const buffer = encode(list)
        const reader = new ByteReader(buffer, 'block')
        const other = new ByteReader(buffer, 'block')
        const locator = new Locator(schema, sought, slots, 'block')
        const skip = compileSkip(schema, 'block')
        for (const item of list) {
          locator.pass(reader)
          const end = reader.offset
          skip(other)
          expect(end).toBe(other.offset)
          const found = [...locator.slots].map((offset, slot) => {
            if (offset === nowhere) return undefined
            reader.seek(offset)
            return slot === 2 || slot >= 6 ? reader.bytes().toString('hex') : reader.long()
          })
          reader.seek(end)
          expect(found).toEqual([
            item.number,
            item.maybe,
            item.inner?.toString('hex'),
            ...keys.map((key) => item.counts?.get(key)),
            ...keys.map((key) => item.bounds.get(key)?.toString('hex')),
          ])
        }
        expect(reader.remaining).toBe(0)
      }),
      { numRuns: 400 },
    )
  })

  it('stays within a damaged block, or says that it is damaged', () => {
    const list = fc.sample(items, { numRuns: 6, seed: 5 })
    fc.assert(
      fc.property(damaged(encode(list)), (broken) => {
        const reader = new ByteReader(broken, 'block')
        const locator = new Locator(schema, sought, slots, 'block')
        try {
          while (reader.remaining > 0) {
            locator.pass(reader)
            expect(Math.max(...locator.slots)).toBeLessThanOrEqual(broken.length)
          }
        } catch (error) {
          expect(error).toEqual(invalid)
        }
      }),
      { numRuns: 1500 },
    )
  })

  it('refuses schemas that cannot hold what is sought', () => {
    const locate = (type: AvroSchema, what: Sought) => () =>
      new Locator(
        { type: 'record', name: 'item', fields: [{ name: 'a', type, 'field-id': 1 }] },
        { record: new Map([[1, what]]) },
        1,
        'block',
      )
    expect(locate('string', { slot: 0, as: 'long' })).toThrow(invalid)
    expect(locate(['null', 'long', 'int'], { slot: 0, as: 'long' })).toThrow(invalid)
    expect(locate('long', { record: new Map() })).toThrow(invalid)
    expect(locate(pairs('long'), { idMap: new Map([[1, 0]]), as: 'bytes' })).toThrow(invalid)
    expect(locate({ type: 'array', items: 'long' }, { idMap: new Map([[1, 0]]), as: 'long' })).toThrow(invalid)
  })
})
