import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { IcebergType } from '@phlo/ports'
import { columns } from './lake.js'
import { canonical, Readers } from './readers.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

/** Values of every primitive type that ingestion takes: the extremes first. */
const values: Readonly<Record<string, readonly unknown[]>> = {
  boolean: [true, false],
  int: [2147483647, -2147483648, 0, 42],
  long: [9223372036854775807n, -9223372036854775808n, 0n, 9007199254740993n],
  float: [3.4028234663852886e38, -1.401298464324817e-45, 0.5, -1.5],
  double: [1.7976931348623157e308, 5e-324, 0.1, -2.5],
  'decimal(4, 2)': ['99.99', '-99.99', '0.00', '0.05'],
  'decimal(18, 6)': ['999999999999.999999', '-0.000001', '1.500000'],
  'decimal(38, 10)': ['9999999999999999999999.9999999999', '-0.0000000001', '12.0000000000'],
  'decimal(9, 0)': ['999999999', '-999999999', '7'],
  date: ['1969-12-31', '0001-01-01', '9999-12-31', '2024-02-29'],
  time: ['00:00:00.000000', '23:59:59.999999', '12:34:56.789000'],
  timestamp: ['1969-12-31T23:59:59.999999', '0001-01-01T00:00:00.000000', '9999-12-31T23:59:59.999999'],
  timestamptz: ['1969-12-31T23:59:59.999999Z', '0001-01-02T00:00:00.000000Z', '2024-02-29T12:00:00.000001Z'],
  string: [
    '',
    'a',
    'Žluťoučký kůň 🐎 with more than sixteen characters',
    '\u{10ffff}'.repeat(20),
    'quote " \' \n tab\t',
  ],
  uuid: [
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '00000000-0000-0000-0000-000000000000',
    '7fffffff-ffff-4fff-8fff-ffffffffffff',
    'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
  ],
}

describe('types of columns', () => {
  it.each(Object.keys(values))('%s reads alike, with bounds that hold', async (type) => {
    const list = values[type] as readonly unknown[]
    const rows = [...list, null].map((v, id) => ({ id, v }))
    const name = `types.${type.replaceAll(/\W+/g, '_')}`
    await readers.lake.ingest(name, columns({ id: 'int!', v: type }), rows)
    await readers.expectRows(name, canonical(rows))
    const { files, manifests } = await readers.witness.entries(await readers.lake.metadata(name))
    expect(manifests).toEqual([
      { content: 0, length: true, sequence: 1, minSequence: 1, counts: true, rows: true, partitions: [] },
    ])
    expect(files).toHaveLength(1)
    const [file] = files
    expect(file).toMatchObject({
      format: 'PARQUET',
      records: rows.length,
      recordsRight: true,
      sizeRight: true,
      wrong: [],
    })
    expect(file).toMatchObject({
      values: { 1: rows.length, 2: rows.length },
      nulls: { 1: 0, 2: 1 },
      splitOffsets: file?.computed.splitOffsets,
    })
    expect(file?.computed).toMatchObject({ values: file?.values, nulls: file?.nulls })
    // Where both shorten a text, both round it the same way.
    expect({ lower: file?.lower, upper: file?.upper }).toEqual({
      lower: file?.computed.lower,
      upper: file?.computed.upper,
    })
  })

  it('gives ids to every level of nested types, and reads them alike', async () => {
    const nested: Record<string, IcebergType> = {
      id: 'int!',
      list: { type: 'list', 'element-id': 0, element: 'string', 'element-required': false },
      struct: {
        type: 'struct',
        fields: [
          { id: 0, name: 'a b', type: 'long', required: false },
          {
            id: 0,
            name: 'inner',
            type: { type: 'struct', fields: [{ id: 0, name: 'at', type: 'timestamptz', required: false }] },
            required: false,
          },
        ],
      },
      map: { type: 'map', 'key-id': 0, key: 'string', 'value-id': 0, value: 'decimal(9, 2)', 'value-required': false },
      deep: {
        type: 'list',
        'element-id': 0,
        element: {
          type: 'struct',
          fields: [
            {
              id: 0,
              name: 'm',
              type: {
                type: 'map',
                'key-id': 0,
                key: 'string',
                'value-id': 0,
                value: { type: 'list', 'element-id': 0, element: 'int', 'element-required': false },
                'value-required': false,
              },
              required: false,
            },
          ],
        },
        'element-required': false,
      },
    }
    const at = '2024-01-01T00:00:00.000000Z'
    const rows = [
      {
        id: 0,
        list: ['x', null, ''],
        struct: { 'a b': 7n, inner: { at } },
        map: { k: '1.50', l: null },
        deep: [{ m: { p: [1, null], q: [] } }, null],
      },
      { id: 1, list: [], struct: { 'a b': null, inner: null }, map: {}, deep: [] },
      // PyIceberg 0.12 gives an empty list where a list of structs is NULL, so there is none here.
      { id: 2, list: null, struct: null, map: null, deep: [] },
    ]
    await readers.lake.ingest('types.nested', columns(nested), rows)
    await readers.expectRows('types.nested', [
      {
        id: 0,
        list: ['x', null, ''],
        struct: { 'a b': '7', inner: { at } },
        map: [
          ['k', '1.50'],
          ['l', null],
        ],
        deep: [
          {
            m: [
              ['p', [1, null]],
              ['q', []],
            ],
          },
          null,
        ],
      },
      { id: 1, list: [], struct: { 'a b': null, inner: null }, map: [], deep: [] },
      { id: 2, list: null, struct: null, map: null, deep: [] },
    ])
    const described = await readers.witness.describe(await readers.lake.metadata('types.nested'))
    const ids = [...JSON.stringify(described.schema).matchAll(/"(?:id|element-id|key-id|value-id)":(\d+)/g)].map(
      (match) => Number(match[1]),
    )
    expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1))
    expect(described.lastColumnId).toBe(16)
    const { files } = await readers.witness.entries(await readers.lake.metadata('types.nested'))
    expect(files.flatMap(({ wrong }) => wrong)).toEqual([])
  })

  it('keeps NaN and the infinities, and no bound is a NaN', async () => {
    const rows = ['NaN', 'Infinity', '-Infinity', 1].map((v, id) => ({ id, f: v, d: v }))
    await readers.lake.ingest('types.floating', columns({ id: 'int!', f: 'float', d: 'double' }), rows)
    await readers.expectRows(
      'types.floating',
      ['nan', 'inf', '-inf', 1].map((v, id) => ({ id, f: v, d: v })),
    )
    const { files } = await readers.witness.entries(await readers.lake.metadata('types.floating'))
    expect(files[0]?.wrong).toEqual([])
    expect(JSON.stringify([files[0]?.lower, files[0]?.upper])).not.toContain('nan')
    expect(files[0]?.nans).toEqual({ 2: 1, 3: 1 })
    expect(files[0]).toMatchObject({ lower: { 2: '-inf', 3: '-inf' }, upper: { 2: 'inf', 3: 'inf' } })
  })

  it('writes what a query gives: bytes, and the integer types that Iceberg has not', async () => {
    await readers.lake.materialize(
      'types.made',
      `SELECT * FROM (VALUES
        (0, '\\x00\\xFF\\x10'::BLOB, 1::TINYINT, 65535::USMALLINT, 18446744073709551615::UBIGINT, sum_of::HUGEINT, ['a']::VARCHAR[]),
        (1, ''::BLOB, (-1)::TINYINT, 0::USMALLINT, 0::UBIGINT, 5::HUGEINT, []),
        (2, NULL, NULL, NULL, NULL, NULL, NULL)
      ) AS t(id, bytes, tiny, small, big, total, list), (SELECT 1 AS sum_of)`.replace('sum_of::HUGEINT', '4::HUGEINT'),
      'replace',
    )
    await readers.expectRows('types.made', [
      {
        id: 0,
        bytes: '00ff10',
        tiny: 1,
        small: 65535,
        big: '18446744073709551615',
        total: '4',
        list: ['a'],
        sum_of: 1,
      },
      { id: 1, bytes: '', tiny: -1, small: 0, big: '0', total: '5', list: [], sum_of: 1 },
      { id: 2, bytes: null, tiny: null, small: null, big: null, total: null, list: null, sum_of: 1 },
    ])
    const { files } = await readers.witness.entries(await readers.lake.metadata('types.made'))
    expect(files[0]?.wrong).toEqual([])
  })

  it('splits a large file into row groups where the manifest says', async () => {
    const rows = 300_000
    await readers.lake.materialize(
      'types.large',
      `SELECT i::INT AS id, 'text ' || i AS text FROM range(${rows}) t(i)`,
      'replace',
    )
    const { files } = await readers.witness.entries(await readers.lake.metadata('types.large'))
    expect(files.reduce((sum, { records }) => sum + records, 0)).toBe(rows)
    for (const file of files) expect(file.splitOffsets).toEqual(file.computed.splitOffsets)
    expect(Math.max(...files.map(({ splitOffsets }) => splitOffsets.length))).toBeGreaterThan(1)
    expect(files.flatMap(({ wrong }) => wrong)).toEqual([])
  })
})
