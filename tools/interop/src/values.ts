import type { Expression } from '@phlo/iceberg'

type Plain = string | number | bigint | boolean

/** Values of each type, in order, with neighbours on both sides of 1970 and of zero. */
export const typeValues: Readonly<Record<string, readonly Plain[]>> = {
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
export const transformCases: readonly (readonly [transform: string, types: readonly string[]])[] = [
  ['identity', Object.keys(typeValues)],
  ['year', dates],
  ['month', dates],
  ['day', dates],
  ['hour', ['timestamp', 'timestamptz']],
  ['bucket[7]', ['int', 'long', 'decimal(9, 2)', 'decimal(38, 2)', ...dates, 'time', 'string', 'uuid']],
  ['truncate[4]', ['int', 'long', 'decimal(9, 2)', 'decimal(38, 2)', 'string']],
]

/** PyIceberg takes times with an offset in figures only. */
export function zoned<T>(value: T): T | string {
  return typeof value === 'string' ? value.replace(/(?<=:\d\d\.\d{6})Z$/, '+00:00') : value
}

/** PyIceberg 0.12 cannot compare a partition's uuid. */
const nullFilters: readonly Expression[] = [
  { op: 'is-null', column: 'v' },
  { op: 'not-null', column: 'v' },
]

function allFilters(list: readonly Plain[]): Expression[] {
  const column = 'v'
  const at = (index: number) => list[index] as Plain
  const [first, middle, last] = [at(0), at(Math.floor(list.length / 2)), at(list.length - 1)]
  const comparisons = (['lt', 'lte', 'gt', 'gte', 'eq', 'neq'] as const).flatMap((op) =>
    [first, middle, last].map((value): Expression => ({ op, column, value })),
  )
  const between: Expression = {
    op: 'and',
    left: { op: 'gt', column, value: first },
    right: { op: 'lt', column, value: last },
  }
  return [
    ...comparisons,
    ...nullFilters,
    { op: 'in', column, values: [first, middle] },
    { op: 'not-in', column, values: [first, middle] },
    between,
    { op: 'not', child: between },
    { op: 'or', left: { op: 'is-null', column }, right: { op: 'eq', column, value: middle } },
  ]
}

/** To PyIceberg a NULL is unequal to every value; to Phlo, as to SQL, it meets no comparison. */
export function withoutNulls(filter: Expression): Expression {
  if (filter.op !== 'neq' && filter.op !== 'not-in') return filter
  return { op: 'and', left: filter, right: { op: 'not-null', column: filter.column } }
}

/** Filters on the column `v` of a table that is partitioned by a transform of it. */
export function filters(transform: string, type: string): readonly Expression[] {
  return type === 'uuid' && transform === 'identity'
    ? nullFilters
    : allFilters((typeValues[type] as readonly Plain[]).map(zoned))
}
