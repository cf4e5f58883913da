import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { damaged } from '../testing/arbitraries.js'
import type { AvroSchema } from './avro-schema.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { openContainer, writeContainer } from './container.js'
import { compileDecoder, compileSkip, type Want } from './decoder.js'

const invalid = expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' })

/** A schema of every kind of type, as Iceberg uses them. */
const schema: AvroSchema = {
  type: 'record',
  name: 'everything',
  fields: [
    { name: 'flag', type: 'boolean', 'field-id': 1 },
    { name: 'count', type: 'int', 'field-id': 2 },
    { name: 'wide', type: 'long', 'field-id': 3 },
    { name: 'single', type: 'float', 'field-id': 4 },
    { name: 'double', type: 'double', 'field-id': 5 },
    { name: 'text', type: 'string', 'field-id': 6 },
    { name: 'maybe', type: ['null', 'bytes'], default: null, 'field-id': 7 },
    { name: 'fix', type: { type: 'fixed', name: 'f3', size: 3 }, 'field-id': 8 },
    { name: 'list', type: { type: 'array', items: 'long' }, 'field-id': 9 },
    {
      name: 'ids',
      type: {
        type: 'array',
        logicalType: 'map',
        items: {
          type: 'record',
          name: 'pair',
          fields: [
            { name: 'key', type: 'int', 'field-id': 20 },
            { name: 'value', type: 'bytes', 'field-id': 21 },
          ],
        },
      },
      'field-id': 10,
    },
    { name: 'named', type: { type: 'map', values: 'string' } },
  ],
}

interface Item {
  readonly flag: boolean
  readonly count: number
  readonly wide: bigint
  readonly single: number
  readonly double: number
  readonly text: string
  readonly maybe: Uint8Array | undefined
  readonly fix: Uint8Array
  readonly list: readonly number[]
  readonly ids: ReadonlyMap<number, Uint8Array>
  readonly named: readonly (readonly [string, string])[]
}

const bytes = fc.uint8Array({ maxLength: 10 })
const items: fc.Arbitrary<Item> = fc.record({
  flag: fc.boolean(),
  count: fc.integer(),
  wide: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  single: fc.float(),
  double: fc.double(),
  text: fc.string({ unit: 'binary' }),
  maybe: fc.option(bytes, { nil: undefined }),
  fix: fc.uint8Array({ minLength: 3, maxLength: 3 }),
  list: fc.array(fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
  ids: fc.array(fc.tuple(fc.integer(), bytes)).map((pairs) => new Map(pairs)),
  named: fc.array(fc.tuple(fc.string(), fc.string())),
})

function write(writer: ByteWriter, item: Item): void {
  writer.boolean(item.flag)
  writer.long(item.count)
  writer.long(item.wide)
  writer.float(item.single)
  writer.double(item.double)
  writer.string(item.text)
  writer.long(item.maybe ? 1 : 0)
  if (item.maybe) writer.bytes(item.maybe)
  writer.fixed(item.fix)
  block(writer, item.list, (value) => writer.long(value))
  block(writer, [...item.ids], ([key, value]) => {
    writer.long(key)
    writer.bytes(value)
  })
  block(writer, item.named, ([key, value]) => {
    writer.string(key)
    writer.string(value)
  })
}

function block<T>(writer: ByteWriter, list: readonly T[], each: (item: T) => void): void {
  if (list.length > 0) {
    writer.long(list.length)
    list.forEach(each)
  }
  writer.long(0)
}

const want: Want = {
  record: new Map<number, { as: string; want: Want }>([
    [1, { as: 'flag', want: 'value' }],
    [2, { as: 'count', want: 'value' }],
    [3, { as: 'wide', want: 'bigint' }],
    [4, { as: 'single', want: 'value' }],
    [5, { as: 'double', want: 'value' }],
    [6, { as: 'text', want: 'value' }],
    [7, { as: 'maybe', want: 'value' }],
    [8, { as: 'fix', want: 'value' }],
    [9, { as: 'list', want: { list: 'value' } }],
    [10, { as: 'ids', want: { idMap: 'value' } }],
  ]),
}

function readAll(container: Uint8Array, wanted: Want = want): unknown[] {
  const { header, blocks } = openContainer(container, 'file')
  const decode = compileDecoder(header.schema, wanted, 'file')
  const found: unknown[] = []
  for (const { count, reader } of blocks) for (let index = 0; index < count; index++) found.push(decode(reader))
  return found
}

/** Buffers and byte arrays compare alike. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Buffer.from(value as Uint8Array).toString('hex')
  if (value instanceof Map) return [...(value as Map<number, unknown>)].map(plain)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

const written = (list: readonly Item[]) =>
  writeContainer(schema, { extra: 'kept' }, list.length, (writer, index) => write(writer, list[index]!))

describe('Avro containers', () => {
  it('give back what was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(items, { maxLength: 30 }), async (list) => {
        const expected = list.map(({ named: _, ...rest }) => rest)
        expect(plain(readAll(await written(list)))).toEqual(plain(expected))
      }),
    )
  })

  it('give only what is wanted, and move past the rest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(items, { maxLength: 10 }), async (list) => {
        const container = await written(list)
        const some: Want = {
          record: new Map<number, { as: string; want: Want }>([
            [10, { as: 'ids', want: { idMap: 'value', keys: new Set([1, 2]) } }],
            [99, { as: 'newer', want: 'value' }],
          ]),
        }
        const expected = list.map(({ ids }) => ({ ids: new Map([...ids].filter(([key]) => key === 1 || key === 2)) }))
        expect(plain(readAll(container, some))).toEqual(plain(expected))
        const { header, blocks } = openContainer(container, 'file')
        const skip = compileSkip(header.schema, 'file')
        for (const { count, reader } of blocks) {
          for (let index = 0; index < count; index++) skip(reader)
          expect(reader.remaining).toBe(0)
        }
      }),
    )
  })

  it('are made of blocks of about 64 KiB, compressed', async () => {
    const [item] = fc.sample(items, { numRuns: 1, seed: 7 })
    const list = Array.from({ length: 300 }, () => ({ ...item!, text: 'x'.repeat(1000) }))
    const container = await written(list)
    const counts = [...openContainer(container, 'file').blocks].map(({ count }) => count)
    expect(counts.slice(0, -1).every((count) => count > 40 && count < 70)).toBe(true)
    expect(container.length).toBeLessThan(20_000)
    expect(readAll(container)).toHaveLength(300)
    expect(openContainer(container, 'file').header.metadata.get('extra')).toBe('kept')
  })

  it('without items are a header alone', async () => {
    expect(readAll(await written([]))).toEqual([])
  })

  /** A container by hand: uncompressed or deflated, with arrays in blocks that say their size. */
  function byHand(
    json: unknown,
    data: Uint8Array,
    options: { codec?: string; count?: number; sizedHeader?: boolean } = {},
  ) {
    const writer = new ByteWriter()
    writer.fixed(Buffer.from('Obj\u0001', 'latin1'))
    const entries: [string, string][] = [['avro.schema', JSON.stringify(json) ?? '']]
    if (options.codec !== undefined) entries.push(['avro.codec', options.codec])
    writer.long(options.sizedHeader ? -entries.length : entries.length)
    if (options.sizedHeader) writer.long(1000)
    for (const [key, value] of entries) {
      writer.string(key)
      writer.bytes(Buffer.from(value))
    }
    writer.long(0)
    writer.fixed(new Uint8Array(16))
    writer.long(options.count ?? 1)
    writer.bytes(data)
    writer.fixed(new Uint8Array(16))
    return writer.finish()
  }
  const listSchema = {
    type: 'record',
    name: 'r',
    fields: [{ name: 'l', type: { type: 'array', items: 'int' }, 'field-id': 1 }],
  }
  const listWant: Want = { record: new Map([[1, { as: 'l', want: { list: 'value' } }]]) }

  it('of other writers may be plain, and name the sizes of their blocks', () => {
    const writer = new ByteWriter()
    writer.long(-2)
    writer.long(2)
    writer.long(5)
    writer.long(-5)
    writer.long(1)
    writer.long(7)
    writer.long(0)
    const data = writer.finish()
    for (const container of [
      byHand(listSchema, data),
      byHand(listSchema, data, { codec: 'null', sizedHeader: true }),
      byHand(listSchema, deflateRawSync(data), { codec: 'deflate' }),
    ]) {
      expect(readAll(container, listWant)).toEqual([{ l: [5, -5, 7] }])
      expect(readAll(container, { record: new Map() })).toEqual([{}])
    }
  })

  it('may name a type again instead of repeating it, as Java’s writer does', () => {
    const fixed = { type: 'fixed', name: 'decimal_9_2', namespace: 'ice', size: 1 }
    const json = {
      type: 'record',
      name: 'r',
      fields: [
        { name: 'a', type: ['null', fixed], 'field-id': 1 },
        { name: 'b', type: ['null', 'decimal_9_2'], 'field-id': 2 },
        { name: 'c', type: 'ice.decimal_9_2', 'field-id': 3 },
        { name: 'd', type: { type: { type: 'long', logicalType: 'timestamp-micros' } }, 'field-id': 4 },
      ],
    }
    const all: Want = {
      record: new Map([1, 2, 3, 4].map((id) => [id, { as: String(id), want: 'value' }])),
    }
    const [item] = readAll(byHand(json, Uint8Array.of(2, 0xaa, 2, 0xbb, 0xcc, 6)), all)
    expect(plain(item)).toEqual({ 1: 'aa', 2: 'bb', 3: 'cc', 4: 3 })
  })

  it.each([
    ['no schema', undefined],
    ['a schema of null', null],
    ['a number', 5],
    ['an unknown type', 'strinf'],
    ['a name of Object.prototype', 'constructor'],
    ['a record without fields', { type: 'record', name: 'r' }],
    ['a field without a name', { type: 'record', name: 'r', fields: [{ type: 'int' }] }],
    ['a field that is no object', { type: 'record', name: 'r', fields: [null] }],
    ['an array of nothing', { type: 'array', items: 'null' }],
    ['an array of empty records', { type: 'array', items: { type: 'record', name: 'e', fields: [] } }],
    ['a fixed of unknown size', { type: 'fixed', name: 'f', size: -1 }],
    ['an enum', { type: 'enum', name: 'e', symbols: ['a'] }],
    ['a type that is itself', { type: 'record', name: 'r', fields: [{ name: 'r', type: 'r' }] }],
    ['endless nesting', Array.from({ length: 200 }).reduce<unknown>((type) => ({ type: 'array', items: type }), 'int')],
    [
      'a type that doubles with every line',
      {
        type: 'record',
        name: 'top',
        fields: Array.from({ length: 40 }, (_, index) => ({
          name: `f${index}`,
          type: {
            type: 'record',
            name: `r${index}`,
            fields: ['a', 'b'].map((name) => ({ name, type: index === 0 ? 'int' : `r${index - 1}` })),
          },
        })),
      },
    ],
  ])('with %s are refused', (_name, json) => {
    expect(() => readAll(byHand(json, new Uint8Array(4)))).toThrow(invalid)
  })

  it('refuse other codecs, false counts and bombs', () => {
    expect(() => readAll(byHand(listSchema, Uint8Array.of(0), { codec: 'snappy' }))).toThrow(
      expect.objectContaining({ code: 'PHLO_ICEBERG_UNSUPPORTED' }),
    )
    expect(() => readAll(byHand(listSchema, Uint8Array.of(0), { count: 2 ** 40 }))).toThrow(invalid)
    expect(() => readAll(byHand(listSchema, Uint8Array.of(0), { count: -1 }))).toThrow(invalid)
    const writer = new ByteWriter()
    writer.long(2 ** 40)
    expect(() => readAll(byHand(listSchema, writer.finish()), listWant)).toThrow(invalid)
    const bomb = deflateRawSync(Buffer.alloc(300 * 1024 * 1024), { level: 1 })
    expect(() => readAll(byHand(listSchema, bomb, { codec: 'deflate' }), listWant)).toThrow(invalid)
  })

  it('that are damaged give an error of their own or other items, and nothing worse', async () => {
    const list = fc.sample(items, { numRuns: 20, seed: 1 })
    const container = await written(list)
    fc.assert(
      fc.property(damaged(container), (broken) => {
        try {
          readAll(broken)
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^PHLO_ICEBERG_(INVALID|UNSUPPORTED)$/)
        }
      }),
      { numRuns: 1500 },
    )
  })

  it('whose blocks are damaged before compression are caught by the decoder', () => {
    const [item] = fc.sample(items, { numRuns: 1, seed: 3 })
    const writer = new ByteWriter()
    write(writer, item!)
    const data = writer.finish()
    fc.assert(
      fc.property(damaged(data), (broken) => {
        for (const wanted of [want, { record: new Map() }]) {
          try {
            readAll(byHand(schema, broken), wanted)
          } catch (error) {
            expect(error).toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
          }
        }
      }),
      { numRuns: 1500 },
    )
  })

  it('of random bytes are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        expect(() => readAll(random)).toThrow(invalid)
        expect(() => readAll(Buffer.concat([Buffer.from('Obj\u0001', 'latin1'), random]))).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^PHLO_ICEBERG_/) }),
        )
      }),
      { numRuns: 1000 },
    )
  })
})

describe('Avro’s numbers', () => {
  it('come back as they went, at every width', () => {
    const edges = [0, 1, 6, 7, 13, 14, 28, 29, 30, 31, 32, 40, 51].flatMap((bits) => [
      2 ** bits - 1,
      2 ** bits,
      -(2 ** bits),
      -(2 ** bits) - 1,
    ])
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...edges), fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 })), (value) => {
        const writer = new ByteWriter(1)
        writer.long(value)
        writer.long(BigInt(value))
        const encoded = writer.finish()
        const reader = new ByteReader(encoded, 'numbers')
        expect([reader.long(), reader.long()]).toEqual([value + 0, value + 0])
        const again = new ByteReader(encoded, 'numbers')
        again.skipLong()
        expect(again.bigLong()).toBe(BigInt(value))
        expect(again.remaining).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  it('beyond what JavaScript holds come as bigint or not at all', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const writer = new ByteWriter()
        writer.long(value)
        expect(new ByteReader(writer.finish(), 'numbers').bigLong()).toBe(value)
        if (value >= 2n ** 52n || value < -(2n ** 52n))
          expect(() => new ByteReader(writer.finish(), 'numbers').long()).toThrow(invalid)
      }),
    )
  })

  it('of more than ten bytes are refused', () => {
    const reader = () => new ByteReader(Buffer.alloc(20, 0xff), 'numbers')
    for (const read of [() => reader().long(), () => reader().bigLong(), () => reader().skipLong()])
      expect(read).toThrow(invalid)
  })
})
