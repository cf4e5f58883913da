import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { JavaHistory, JavaTables } from './java-tables.js'
import type { Reader } from './readers.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

const columns = { id: 'int', day: 'date', v: 'string' }
const row = (id: number, day: string | null = '2024-01-01', v: string | null = `v${id}`) => ({ id, day, v })
const days = ['2024-01-01', '2024-01-02', null]
const many = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => row(from + index, days[(from + index) % 3]))
type Rows = readonly ReturnType<typeof row>[]
const below = (value: number) => ({ op: 'lt', column: 'id', value }) as const
const is = (...values: number[]) => ({ op: 'in', column: 'id', values }) as const
const but = (rows: Rows, ...ids: number[]) => rows.filter(({ id }) => !ids.includes(id))

/** PyIceberg 0.12 refuses equality deletes. */
const noPyiceberg: readonly Reader[] = ['pyiceberg']
/** DuckDB's extension 1.5.5 applies them to every partition, fails where a key is NULL, and where its type is another now. */
const onlyJava: readonly Reader[] = ['pyiceberg', 'duckdb']

describe('rows that Iceberg Java deleted', () => {
  it.each(['file', 'partition'] as const)('by position, one delete file for each %s', async (granularity) => {
    const name = `positions_${granularity}`
    const history = new JavaHistory(tables, name)
    await tables.create(name, columns, { partitioning: [['day', 'day']] })
    const rows = many(0, 30)
    await history.step({ do: 'append', rows: rows.slice(0, 15) }, rows.slice(0, 15))
    await history.step({ do: 'append', rows: rows.slice(15) }, rows)
    await history.step({ do: 'rowDelta', granularity, where: is(0, 7, 16) }, but(rows, 0, 7, 16))
    // Some of these are gone already, and a whole file goes.
    const gone = [0, 1, 7, 8, 16, 17, 18, 21, 24, 27]
    await history.step({ do: 'rowDelta', granularity, where: is(...gone) }, but(rows, ...gone))
    const changed = row(2, '2024-01-02', 'changed')
    await history.step({ do: 'rowDelta', granularity, where: is(2), rows: [changed] }, [
      ...but(rows, ...gone, 2),
      changed,
    ])
    await history.step({ do: 'rewriteManifests' }, [...but(rows, ...gone, 2), changed])
    await history.step({ do: 'compact' }, [...but(rows, ...gone, 2), changed])
    await history.expectAll()
  })

  it('by position in files of many row groups', async () => {
    const name = 'positions_many'
    const history = new JavaHistory(tables, name)
    await tables.create(name, columns, {
      properties: {
        'write.parquet.row-group-size-bytes': '4096',
        'write.parquet.row-group-check-min-record-count': '100',
        'write.parquet.row-group-check-max-record-count': '100',
      },
    })
    const rows = many(0, 3000)
    await history.step({ do: 'append', rows }, rows)
    await history.step({ do: 'rowDelta', where: below(1201) }, rows.slice(1201))
    const scattered = Array.from({ length: 150 }, (_, index) => index * 20 + 1)
    await history.step({ do: 'rowDelta', where: is(...scattered) }, but(rows.slice(1201), ...scattered))
  })

  it('by vectors', async () => {
    const name = 'vectors'
    const history = new JavaHistory(tables, name)
    await tables.create(name, columns, { version: 3, partitioning: [['day', 'day']] })
    const rows = many(0, 30)
    await history.step({ do: 'append', rows: rows.slice(0, 15) }, rows.slice(0, 15))
    await history.step({ do: 'append', rows: rows.slice(15) }, rows)
    await history.step({ do: 'rowDelta', where: is(0, 7, 16) }, but(rows, 0, 7, 16))
    const gone = [0, 1, 7, 8, 16, 17, 18, 21, 24, 27]
    await history.step({ do: 'rowDelta', where: is(...gone) }, but(rows, ...gone))
    const changed = row(2, '2024-01-02', 'changed')
    await history.step({ do: 'rowDelta', where: is(2), rows: [changed] }, [...but(rows, ...gone, 2), changed])
    await history.step({ do: 'compact' }, [...but(rows, ...gone, 2), changed])
    await history.expectAll()
  })

  it('by position and then, in the same files, by vectors', async () => {
    const name = 'upgraded'
    const history = new JavaHistory(tables, name)
    await tables.create(name, columns, {})
    const rows = many(0, 12)
    await history.step({ do: 'append', rows: rows.slice(0, 6) }, rows.slice(0, 6))
    await history.step({ do: 'append', rows: rows.slice(6) }, rows)
    await history.step({ do: 'rowDelta', granularity: 'partition', where: is(1, 2, 7) }, but(rows, 1, 2, 7))
    await history.step({ do: 'upgrade', version: 3 }, but(rows, 1, 2, 7))
    await history.step({ do: 'rowDelta', where: is(3) }, but(rows, 1, 2, 3, 7))
    await history.step({ do: 'append', rows: [row(7)] }, [...but(rows, 1, 2, 3, 7), row(7)])
    await history.expectAll()
  })

  it('by equality of a column, within a partition and over all', async () => {
    const name = 'equal'
    const history = new JavaHistory(tables, name, noPyiceberg)
    await tables.create(name, columns, {})
    const rows = many(0, 12).map((whole) => ({ ...whole, day: whole.day ?? '2024-01-03' }))
    await history.step({ do: 'append', rows: rows.slice(0, 6) }, rows.slice(0, 6))
    // An upsert: the new row stays, as it is no older than the delete.
    const changed = row(1, '2024-01-02', 'changed')
    await history.step({ do: 'rowDelta', equal: { columns: ['id'], rows: [row(1), row(40)] }, rows: [changed] }, [
      ...but(rows.slice(0, 6), 1),
      changed,
    ])
    await history.step({ do: 'spec', add: [['day', 'day']] }, [...but(rows.slice(0, 6), 1), changed])
    await history.step({ do: 'append', rows: rows.slice(6) }, [...but(rows, 1), changed])
    // Within the partition of the day only.
    await history.step(
      { do: 'rowDelta', equal: { columns: ['v'], rows: [row(6, days[0]), row(7, days[0])] } },
      [...but(rows, 1, 6), changed],
      onlyJava,
    )
    // By a spec without partitions it holds for every file.
    await history.step(
      { do: 'rowDelta', equal: { columns: ['id'], rows: [row(2), row(8)], spec: 0 } },
      [...but(rows, 1, 2, 6, 8), changed],
      onlyJava,
    )
    await history.step({ do: 'append', rows: [row(2)] }, [...but(rows, 1, 2, 6, 8), changed, row(2)], onlyJava)
    await history.expectAll()
  })

  it('by equality of several columns, with NULLs', async () => {
    const name = 'equal_several'
    const history = new JavaHistory(tables, name, onlyJava)
    await tables.create(name, columns, {})
    const rows = [row(1, null, null), row(2, null, 'a'), row(3, '2024-01-01', null), row(4, '2024-01-01', 'a')]
    await history.step({ do: 'append', rows }, rows)
    await history.step({ do: 'rowDelta', equal: { columns: ['day', 'v'], rows: [row(0, null, null)] } }, but(rows, 1))
    await history.step({ do: 'rowDelta', equal: { columns: ['v'], rows: [row(0, null, null)] } }, but(rows, 1, 3))
    await history.step(
      { do: 'rowDelta', equal: { columns: ['day', 'v'], rows: [row(0, '2024-01-01', 'a')] } },
      but(rows, 1, 3, 4),
    )
    await history.expectAll()
  })

  it('by equality of columns that were renamed, widened and dropped afterwards', async () => {
    const name = 'equal_evolved'
    const history = new JavaHistory(tables, name, noPyiceberg)
    await tables.create(name, { id: 'int', k: 'int', f: 'float' }, {})
    const all = Array.from({ length: 6 }, (_, id) => ({ id, k: id * 10, f: id / 2 }))
    await history.step({ do: 'append', rows: all }, all)
    const equal = (column: string, value: unknown) =>
      ({ do: 'rowDelta', equal: { columns: [column], rows: [{ [column]: value }] } }) as const
    await history.step(
      equal('k', 10),
      all.filter(({ id }) => id !== 1),
    )
    await history.step(
      equal('f', 1),
      all.filter(({ id }) => id > 2 || id === 0),
    )
    const left = all.filter(({ id }) => id > 2 || id === 0)
    await history.step(
      { do: 'schema', changes: [{ rename: 'k', to: 'key' }] },
      left.map(({ id, k, f }) => ({ id, key: k, f })),
    )
    const widened = left.map(({ id, k, f }) => ({ id, key: BigInt(k), f }))
    await history.step(
      {
        do: 'schema',
        changes: [
          { widen: 'f', type: 'double' },
          { widen: 'key', type: 'long' },
        ],
      },
      widened,
      onlyJava,
    )
    const fewer = widened.filter(({ id }) => id !== 3)
    await history.step(equal('key', '30'), fewer, onlyJava)
    // Iceberg Java 1.12 does not find a dropped column that it still has to compare.
    await history.step(
      { do: 'schema', changes: [{ drop: 'f' }] },
      fewer.map(({ id, key }) => ({ id, key })),
      ['pyiceberg', 'duckdb', 'java'],
    )
    await history.step(
      { do: 'schema', changes: [{ drop: 'key' }] },
      fewer.map(({ id }) => ({ id })),
      ['pyiceberg', 'duckdb', 'java'],
    )
  })

  it('by equality and by position together', async () => {
    const name = 'both'
    const history = new JavaHistory(tables, name, noPyiceberg)
    await tables.create(name, columns, { partitioning: [['id', 'bucket[2]']] })
    const rows = many(0, 20)
    await history.step({ do: 'append', rows: rows.slice(0, 10) }, rows.slice(0, 10))
    await history.step({ do: 'rowDelta', where: is(3, 4) }, but(rows.slice(0, 10), 3, 4))
    await history.step({ do: 'append', rows: rows.slice(10) }, but(rows, 3, 4))
    await history.step(
      {
        do: 'rowDelta',
        where: is(11),
        equal: { columns: ['id'], rows: [row(4), row(5), row(12)] },
        rows: [row(5, null, 'again')],
      },
      [...but(rows, 3, 4, 5, 11, 12), row(5, null, 'again')],
    )
    await history.expectAll()
  })
})
