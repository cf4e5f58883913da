import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Expression } from '@phlo/iceberg'
import { columns } from './lake.js'
import { canonical, Readers } from './readers.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

/** Values of each type, in order, with neighbours on both sides of 1970 and of zero. */
const values: Readonly<Record<string, readonly (string | number | bigint | boolean)[]>> = {
  boolean: [false, true],
  int: [-2147483648, -11, -10, -1, 0, 9, 10, 34, 2147483647],
  long: [-9223372036854775800n, -11n, -10n, 0n, 9n, 34n, 9007199254740993n, 9223372036854775807n],
  float: [-1.5, 0, 0.1, 3.4028234663852886e38].map(Math.fround),
  // PyIceberg 0.12 reads doubles of a manifest as if they were floats, so only such are here.
  double: [-1.5, 0, 0.25, 2 ** 100],
  'decimal(9, 2)': ['-10.65', '-0.05', '0.00', '10.65', '14.20', '9999999.99'],
  'decimal(38, 2)': ['-123456789012345678901234.56', '-0.01', '0.00', '14.20', '123456789012345678901234.56'],
  date: ['0999-12-31', '1969-01-01', '1969-12-31', '1970-01-01', '2017-11-16', '2024-02-29', '2024-12-31'],
  time: ['00:00:00.000000', '12:34:56.789012', '22:31:08.000000', '23:59:59.999999'],
  timestamp: [
    '0999-12-31T23:59:59.999999',
    '1969-12-31T22:59:59.999999',
    '1969-12-31T23:59:59.999999',
    '1970-01-01T00:00:00.000000',
    '2017-11-16T22:31:08.000000',
    '2024-02-29T23:00:00.000001',
  ],
  timestamptz: [
    '0999-12-31T23:59:59.999999Z',
    '1969-12-31T22:59:59.999999Z',
    '1969-12-31T23:59:59.999999Z',
    '1970-01-01T00:00:00.000000Z',
    '2017-11-16T22:31:08.000000Z',
    '2024-02-29T23:00:00.000001Z',
  ],
  string: ['', 'a', 'iceberg', 'iceberg and more than sixteen', 'ice 🐎🐎', 'žluť', '🐎🐎🐎🐎', 'a/b=c %?#"\'\n'],
  uuid: [
    '00000000-0000-0000-0000-000000000000',
    '7fffffff-ffff-4fff-8fff-ffffffffffff',
    'f79c3e09-677c-4bbd-a479-3f349cb785e7',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ],
}

const dates = ['date', 'timestamp', 'timestamptz']
/** The source types that a transform takes. Spec: "Partition Transforms". */
const cases: readonly (readonly [transform: string, types: readonly string[]])[] = [
  ['identity', Object.keys(values)],
  ['year', dates],
  ['month', dates],
  ['day', dates],
  ['hour', ['timestamp', 'timestamptz']],
  ['bucket[7]', ['int', 'long', 'decimal(9, 2)', 'decimal(38, 2)', ...dates, 'time', 'string', 'uuid']],
  ['truncate[4]', ['int', 'long', 'decimal(9, 2)', 'decimal(38, 2)', 'string']],
]

/** PyIceberg takes times with an offset in figures only. */
function zoned<T>(value: T): T | string {
  return typeof value === 'string' ? value.replace(/(?<=:\d\d\.\d{6})Z$/, '+00:00') : value
}

/** PyIceberg 0.12 cannot compare a partition's uuid. */
const nullFilters: readonly Expression[] = [
  { op: 'is-null', column: 'v' },
  { op: 'not-null', column: 'v' },
]

function filters(list: readonly (string | number | bigint | boolean)[]): Expression[] {
  const column = 'v'
  const middle = list[Math.floor(list.length / 2)]!
  const comparisons = (['lt', 'lte', 'gt', 'gte', 'eq', 'neq'] as const).flatMap((op) =>
    [list[0]!, middle, list.at(-1)!].map((value): Expression => ({ op, column, value })),
  )
  const between: Expression = {
    op: 'and',
    left: { op: 'gt', column, value: list[0]! },
    right: { op: 'lt', column, value: list.at(-1)! },
  }
  return [
    ...comparisons,
    ...nullFilters,
    { op: 'in', column, values: [list[0]!, middle] },
    { op: 'not-in', column, values: [list[0]!, middle] },
    between,
    { op: 'not', child: between },
    { op: 'or', left: { op: 'is-null', column }, right: { op: 'eq', column, value: middle } },
  ]
}

/** To PyIceberg a NULL is unequal to every value; to Phlo, as to SQL, it meets no comparison. */
function withoutNulls(filter: Expression): Expression {
  if (filter.op !== 'neq' && filter.op !== 'not-in') return filter
  return { op: 'and', left: filter, right: { op: 'not-null', column: filter.column } }
}

describe('partitions', () => {
  const all = cases.flatMap(([transform, types]) => types.map((type) => [transform, type] as const))

  it.each(all)('%s of %s: the same values, rows and plans as PyIceberg', async (transform, type) => {
    const { lake, witness } = readers
    const list = values[type]!
    const rows = [...list, ...list, null].map((v, id) => ({ id, v }))
    const name = `parts.${`${transform}_${type}`.replaceAll(/\W+/g, '_')}`
    await lake.ingest(name, columns({ id: 'int!', v: type }), rows, { partitioning: [{ column: 'v', transform }] })
    await readers.expectRows(name, canonical(rows))
    const { files, described } = await readers.expectSound(name)
    expect(described.spec.fields).toMatchObject([{ 'source-id': 2, 'field-id': 1000, transform }])
    expect(files.length).toBeGreaterThan(1)
    expect(files.map(({ partition }) => partition)).toContainEqual([null])
    const metadata = await lake.metadata(name)
    for (const filter of type === 'uuid' && transform === 'identity' ? nullFilters : filters(list.map(zoned))) {
      const planned = { filter, files: await lake.plan(name, { filter }) }
      expect(planned).toEqual({ filter, files: await witness.plan(metadata, { filter: withoutNulls(filter) }) })
    }
  })

  it('of several fields, with names that need escaping', async () => {
    const { lake } = readers
    const rows = [
      { id: 0, 'day of week': 'mon', '2x': '2024-01-01T01:00:00.000000', 'ü"': 1 },
      { id: 1, 'day of week': 'tue', '2x': null, 'ü"': 12 },
      { id: 2, 'day of week': null, '2x': '2024-01-02T01:00:00.000000', 'ü"': null },
    ]
    const schema = columns({ id: 'int!', 'day of week': 'string', '2x': 'timestamp', 'ü"': 'int' })
    await lake.ingest('parts.several', schema, rows, {
      partitioning: [
        { column: 'day of week', transform: 'identity' },
        { column: '2x', transform: 'month' },
        { column: 'ü"', transform: 'truncate[10]' },
        { column: 'ü"', transform: 'bucket[3]' },
      ],
    })
    await readers.expectRows('parts.several', rows)
    const { files, manifests } = await readers.expectSound('parts.several')
    expect(files.map(({ partition }) => partition.slice(0, 3))).toEqual(
      expect.arrayContaining([
        ['mon', 648, 0],
        ['tue', null, 10],
        [null, 648, null],
      ]),
    )
    expect(manifests[0]?.partitions.slice(0, 3)).toEqual([
      { null: true, lower: 'mon', upper: 'tue' },
      { null: true, lower: 648, upper: 648 },
      { null: true, lower: 0, upper: 10 },
    ])
  })

  it('of bytes, by what a query gives', async () => {
    const { lake } = readers
    await lake.materialize(
      'parts.bytes',
      "SELECT * FROM (VALUES (0, '\\x00\\xFF'::BLOB), (1, ''::BLOB), (2, NULL)) AS t(id, v)",
      'replace',
      ['bucket(5, v)'],
    )
    await readers.expectRows('parts.bytes', [
      { id: 0, v: '00ff' },
      { id: 1, v: '' },
      { id: 2, v: null },
    ])
    await readers.expectSound('parts.bytes')
  })
})
