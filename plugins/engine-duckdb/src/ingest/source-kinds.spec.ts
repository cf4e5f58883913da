import { writeFile } from 'node:fs/promises'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { FileInput } from '@phlo/ports'
import * as arrow from 'apache-arrow'
import { TestLake, z } from '../testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
})
afterEach(() => lake.close())

const Item = z.object({ id: z.int(), name: z.string().nullable() })

async function csvFile(name: string, bytes: string | Uint8Array): Promise<string> {
  const file = await lake.file(name, '')
  await writeFile(file, bytes)
  return file
}

const csv = (paths: readonly string[], more: Partial<FileInput> = {}): FileInput => ({
  type: 'files',
  format: 'csv',
  paths,
  ...more,
})
const items = () => lake.rows('SELECT id::INT AS id, name FROM bronze.t ORDER BY id')
const places = async () =>
  (await lake.rows('SELECT source_file, source_row::INT AS source_row, rules FROM quarantine.t ORDER BY ALL')).map(
    (row) => ({ ...row, rules: [...(row['rules'] as Iterable<string>)] }),
  )

describe('Arrow batches from a program', () => {
  it('come in with their types', async () => {
    const Typed = z.object({
      id: z.bigint(),
      price: z.string(),
      at: z.iso.datetime({ local: true }),
      day: z.iso.date(),
      flag: z.boolean(),
      kind: z.string(),
      tags: z.array(z.string()),
    })
    const ids = 2n ** 60n
    const columns = {
      id: arrow.vectorFromArray([ids, ids + 1n], new arrow.Int64()),
      price: arrow.vectorFromArray(['1.10', '2.20'], new arrow.Utf8()),
      at: arrow.vectorFromArray([new Date('2024-02-29T12:34:56.789Z'), new Date(0)], new arrow.TimestampMillisecond()),
      day: arrow.vectorFromArray([new Date('2024-02-29T00:00:00Z'), new Date(0)], new arrow.DateDay()),
      flag: arrow.vectorFromArray([true, false], new arrow.Bool()),
      kind: arrow.vectorFromArray(['a', 'b'], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32())),
      tags: arrow.vectorFromArray([['x', 'y'], []], new arrow.List(new arrow.Field('item', new arrow.Utf8(), true))),
    }
    const table = new arrow.Table(columns)
    const result = await lake.ingest(Typed, { inputs: [{ type: 'rows', rows: [table], name: 'given' }] })
    expect(result).toMatchObject({ read: 2, written: 2, rejected: 0 })
    expect(
      await lake.rows(
        'SELECT id::VARCHAR AS id, price, "at"::VARCHAR AS "at", day::VARCHAR AS day, flag, kind, tags::VARCHAR AS tags FROM bronze.t ORDER BY ALL',
      ),
    ).toEqual([
      {
        id: `${ids}`,
        price: '1.10',
        at: '2024-02-29 12:34:56.789',
        day: '2024-02-29',
        flag: true,
        kind: 'a',
        tags: '[x, y]',
      },
      {
        id: `${ids + 1n}`,
        price: '2.20',
        at: '1970-01-01 00:00:00',
        day: '1970-01-01',
        flag: false,
        kind: 'b',
        tags: '[]',
      },
    ])
  })

  it('are told with their places in the whole source when they are rejected', async () => {
    const count = 300_000
    const batch = (first: number) =>
      new arrow.Table({
        id: arrow.vectorFromArray(
          Array.from({ length: count }, (_, index) => (index === 7 ? null : first + index)),
          new arrow.Int32(),
        ),
        name: arrow.vectorFromArray(Array(count).fill('x'), new arrow.Utf8()),
      }).batches
    const rows = [...batch(0), ...batch(count), ...batch(2 * count), ...batch(3 * count)]
    const result = await lake.ingest(Item, { inputs: [{ type: 'rows', rows, name: 'numbers' }] })
    expect(result).toMatchObject({ read: 4 * count, written: 4 * count - 4, rejected: 4 })
    expect(await places()).toEqual(
      [0, 1, 2, 3].map((index) => ({ source_file: 'numbers', source_row: index * count + 8, rules: ['id required'] })),
    )
  })

  it('of several shapes are read each by its own', async () => {
    const one = new arrow.Table({ id: arrow.vectorFromArray([1], new arrow.Int32()) })
    const two = new arrow.Table({
      name: arrow.vectorFromArray(['b'], new arrow.Utf8()),
      id: arrow.vectorFromArray([2n], new arrow.Int64()),
    })
    const Optional = z.object({ id: z.int(), name: z.string().nullish() })
    await lake.ingest(Optional, { inputs: [{ type: 'rows', rows: [one, two], name: 'given' }] })
    expect(await items()).toEqual([
      { id: 1, name: null },
      { id: 2, name: 'b' },
    ])
  })

  it('do not mix with rows, and none are an empty source', async () => {
    const batch = arrow.tableFromArrays({ id: Int32Array.from([1]) })
    for (const rows of [
      [batch, { id: 1 }],
      [{ id: 1 }, batch],
    ]) {
      await expect(lake.ingest(Item, { inputs: [{ type: 'rows', rows, name: 'given' }] })).rejects.toMatchObject({
        code: 'PHLO_SOURCE_FAILED',
        message: 'given gave rows and Arrow batches mixed, after 1 rows',
      })
    }
    expect(await lake.catalog.listTables()).toEqual([])
    const none = await lake.ingest(Item, { inputs: [{ type: 'rows', rows: [], name: 'given' }] })
    expect(none).toMatchObject({ read: 0, written: 0 })
  })

  it('with a type that Parquet has not are refused', async () => {
    const type = new arrow.IntervalMonthDayNano()
    const rows = [
      new arrow.Table({ id: arrow.makeVector(arrow.makeData({ type, length: 1, data: new Int32Array(4) })) }),
    ]
    await expect(lake.ingest(Item, { inputs: [{ type: 'rows', rows, name: 'given' }] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_FAILED',
      message: expect.stringContaining('given gave Arrow columns that Parquet cannot hold') as unknown,
    })
  })
})

describe('two inputs whose names are alike', () => {
  it('are both taken in', async () => {
    const rows = (id: number, name: string) => ({ type: 'rows', rows: [{ id, name }], name }) as const
    await lake.ingest(Item, { inputs: [rows(1, 'in/a'), rows(2, 'in_a'), rows(3, 'in_a')] })
    expect((await items()).map(({ id }) => id)).toEqual([1, 2, 3])
  })
})

describe('files that are compressed', () => {
  const text = 'id,name\n1,Zoë\nx,bad\n'
  // The text as the zstd command has it.
  const zstd = Buffer.from('KLUv/QRYqQAAaWQsbmFtZQoxLFpvw6sKeCxiYWQKOzeMAA==', 'base64')

  it.each([
    ['gz', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['zst', zstd],
  ])('as .%s are read, and named in quarantine', async (ending, bytes) => {
    const file = await csvFile(`a.csv.${ending}`, bytes)
    const result = await lake.ingest(Item, { inputs: [csv([file])] })
    expect(result).toMatchObject({ read: 2, written: 1, rejected: 1 })
    expect(await items()).toEqual([{ id: 1, name: 'Zoë' }])
    expect(await places()).toEqual([{ source_file: file, source_row: 2, rules: ['id type'] }])
  })

  it.each(['gz', 'br', 'zst'])('as .%s and damaged are refused, wherever they are cut', async (ending) => {
    const long = `id,name\n${Array.from({ length: 3000 }, (_, id) => `${id},name ${(id * 7919) % 3001}\n`).join('')}`
    const whole = ending === 'zst' ? zstd : ending === 'gz' ? gzipSync(long) : brotliCompressSync(long)
    for (const share of [0.1, 0.5, 0.8, 0.999]) {
      const file = await csvFile(`a.csv.${ending}`, whole.subarray(0, Math.floor(whole.length * share)))
      await expect(lake.ingest(Item, { inputs: [csv([file])] })).rejects.toMatchObject({
        code: 'PHLO_SOURCE_MALFORMED',
        location: { file },
      })
    }
    expect(await lake.catalog.listTables()).toEqual([])
  })
})

describe('files in other encodings', () => {
  it.each([
    ['windows-1252', Buffer.from([0x31, 0x2c, 0x80, 0xfc])],
    ['utf-16le', Buffer.from('1,€ü', 'utf16le')],
    ['utf-16be', Buffer.from('1,€ü', 'utf16le').swap16()],
  ])('such as %s', async (encoding, line) => {
    const head = Buffer.from('id,name\n', encoding === 'windows-1252' ? 'latin1' : 'utf16le')
    const file = await csvFile('a.csv', Buffer.concat([encoding === 'utf-16be' ? head.swap16() : head, line]))
    await lake.ingest(Item, { inputs: [csv([file], { encoding })] })
    expect(await items()).toEqual([{ id: 1, name: '€ü' }])
  })

  it('hold JSON too', async () => {
    const file = await csvFile('a.ndjson', Buffer.from('{"id":1,"name":"漢字"}\n', 'utf16le'))
    await lake.ingest(Item, { inputs: [{ type: 'files', format: 'ndjson', paths: [file], encoding: 'utf-16le' }] })
    expect(await items()).toEqual([{ id: 1, name: '漢字' }])
  })

  it('that are not what they are said to be are refused', async () => {
    const file = await csvFile('a.csv', Buffer.from([0x69, 0x64, 0x0a, 0x81, 0x20]))
    await expect(lake.ingest(Item, { inputs: [csv([file], { encoding: 'shift_jis' })] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
      message: 'a.csv is not text in shift_jis',
      location: { file },
    })
  })
})

describe('dialects of CSV', () => {
  it('with quotes and escapes of their own', async () => {
    const file = await csvFile('a.csv', "id;name\n1;'a;b'\n2;'it\\'s'\n")
    await lake.ingest(Item, { inputs: [csv([file], { quote: "'", escape: '\\' })] })
    expect(await items()).toEqual([
      { id: 1, name: 'a;b' },
      { id: 2, name: "it's" },
    ])
  })

  it('with lines before the header, and comments', async () => {
    const file = await csvFile('a.csv', 'Export of today\nby "hand\n# made\nid,name\n1,a\n# between\n2,b\n')
    await lake.ingest(Item, { inputs: [csv([file], { skipLines: 2, comment: '#' })] })
    expect(await items()).toEqual([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
    ])
  })

  it.each(['\n', '\r\n', '\r'])('without a header, lines ending in %j', async (end) => {
    const file = await csvFile('a.csv', ['skipped', '1\ta', 'x\tb', '3', ''].join(end))
    const result = await lake.ingest(Item, { inputs: [csv([file], { columns: ['id', 'name'], skipLines: 1 })] })
    expect(result).toMatchObject({ read: 3, written: 1, rejected: 2 })
    expect(await items()).toEqual([{ id: 1, name: 'a' }])
    expect(await places()).toEqual([
      { source_file: file, source_row: 2, rules: ['id type'] },
      { source_file: file, source_row: 3, rules: ['malformed'] },
    ])
  })

  it('have a header whose letters two reads of the file share', async () => {
    const name = `n${'ä'.repeat(20_000)}`
    const Wide = z.object({ id: z.int(), [name]: z.string() })
    const file = await csvFile('a.csv', `id,${name}\n1,x\n`)
    expect(await lake.ingest(Wide, { inputs: [csv([file])] })).toMatchObject({ written: 1 })
  })

  it.each(['quote', 'escape', 'comment', 'delimiter'] as const)('take one character as %s', async (name) => {
    const file = await csvFile('a.csv', 'id,name\n1,a\n')
    await expect(lake.ingest(Item, { inputs: [csv([file], { [name]: '??' })] })).rejects.toMatchObject({
      code: 'PHLO_CONFIG_INVALID',
    })
  })
})
