import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { JavaHistory, JavaTables } from './java-tables.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

const point = (x: number, y: number) => {
  const bytes = Buffer.alloc(21)
  bytes.writeUInt8(1, 0)
  bytes.writeUInt32LE(1, 1)
  bytes.writeDoubleLE(x, 5)
  bytes.writeDoubleLE(y, 13)
  return bytes.toString('hex')
}

/** Rows with bytes as hex. */
const withHex = (rows: readonly Readonly<Record<string, unknown>>[]) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
      ]),
    ),
  )

/** Whoever reads the table's schema stumbles over such types: each of these readers throws. */
async function expectUnread(name: string, readers: readonly ('pyiceberg' | 'duckdb')[]) {
  const { lake, witness } = tables.readers
  const metadata = await lake.metadata(name)
  if (readers.includes('pyiceberg')) await expect(witness.read(metadata)).rejects.toThrow()
  if (readers.includes('duckdb')) await expect(witness.duckdbRows(metadata)).rejects.toThrow()
}

describe('types of format version 3 that Iceberg Java and Phlo write', () => {
  it('times in nanoseconds', async () => {
    const name = 'nanos'
    const history = new JavaHistory(tables, name)
    const types = { id: 'int', at: 'timestamp_ns' }
    await tables.create(name, types, { version: 3, partitioning: [['at', 'day']] })
    const rows = [
      { id: 1, at: '2024-01-01T12:34:56.123456789' },
      { id: 2, at: '1969-12-31T23:59:59.999999999' },
      { id: 3, at: null },
    ]
    await history.step({ do: 'append', rows }, rows)
    await history.step({ do: 'rowDelta', where: { op: 'eq', column: 'id', value: 2 } }, [rows[0]!, rows[2]!])
  })

  it('moments in nanoseconds', async () => {
    const name = 'moments'
    // The extension of DuckDB 1.5.5 knows no such type.
    const without = ['duckdb'] as const
    const history = new JavaHistory(tables, name, without)
    const types = { id: 'int', moment: 'timestamptz_ns' }
    await tables.create(name, types, { version: 3, partitioning: [['moment', 'day']] })
    const rows = [
      { id: 1, moment: '2024-01-01T12:34:56.123456789Z' },
      { id: 2, moment: '1969-12-31T23:59:59.999999999Z' },
      { id: 3, moment: null },
    ]
    await history.step({ do: 'append', rows }, rows)
    await expectUnread(`java.${name}`, without)
    await tables.readers.lake.execute(
      `UPDATE java.${name} SET moment = '2024-01-01 12:34:56.000000001' WHERE moment > '2024-01-01 12:34:56.123456788'`,
    )
    const changed = { id: 1, moment: '2024-01-01T12:34:56.000000001Z' }
    await tables.expectRows(name, [changed, rows[1]!, rows[2]!], { without })
    for (const [op, value, files] of [
      ['eq', '2024-01-01T12:34:56.000000001Z', 1],
      ['lt', '1970-01-01T00:00:00Z', 1],
      ['gt', '2024-01-01T12:34:56.000000001Z', 0],
    ] as const) {
      const filter = { op, column: 'moment', value }
      const { lake, java } = tables.readers
      const planned = await java.plan(await lake.metadata(`java.${name}`), { filter })
      expect(await lake.plan(`java.${name}`, { filter })).toEqual(planned.map(({ file }) => file))
      expect(planned).toHaveLength(files)
    }
    const equal = { columns: ['moment'], rows: [rows[1]!] }
    await history.step({ do: 'rowDelta', equal }, [changed, rows[2]!], [...without, 'pyiceberg'])
  })

  it('columns of no type', async () => {
    const name = 'nothing'
    // The extension of DuckDB 1.5.5 knows no such type.
    const without = ['duckdb'] as const
    const history = new JavaHistory(tables, name, without)
    await tables.create(name, { id: 'int', u: 'unknown' }, { version: 3 })
    const rows = [
      { id: 1, u: null },
      { id: 2, u: null },
    ]
    await history.step({ do: 'append', rows }, rows)
    await expectUnread(`java.${name}`, without)
    await tables.readers.lake.execute(`UPDATE java.${name} SET u = NULL WHERE id = 1`)
    await tables.expectRows(name, rows, { without })
  })

  it('variants', async () => {
    const name = 'variants'
    const { lake, java } = tables.readers
    await tables.create(name, { id: 'int', v: 'variant' }, { version: 3 })
    const values = [
      { a: 1, b: [1, 2.5, null, 'x'], c: { d: true } },
      'text',
      9007199254740991,
      [],
      {},
      [[{ z: 'deep' }]],
    ]
    const rows = [...values, null].map((v, id) => ({ id, v: v === null ? null : JSON.stringify(v) }))
    await tables.change(name, { do: 'append', rows: [...values, null].map((v, id) => ({ id, v })) })
    const theirs = async () => java.read(await lake.metadata(`java.${name}`))
    const ours = async () => lake.rows(`SELECT id, v FROM java.${name} ORDER BY id`)
    expect(await theirs()).toEqual(rows)
    expect(await ours()).toEqual(rows)
    // PyIceberg 0.12 knows no such type.
    await expectUnread(`java.${name}`, ['pyiceberg'])
    await lake.execute(`DELETE FROM java.${name} WHERE v.a = 1`)
    // Enough rows that DuckDB keeps fields apart from the rest ("shredding").
    await lake.execute(
      `INSERT INTO java.${name} SELECT 10 + i, CASE i % 3 WHEN 0 THEN {'n': i, 't': 'text ' || i}::VARIANT WHEN 1 THEN i::VARIANT
         ELSE [i, NULL, i / 2]::VARIANT END FROM range(40000) t(i)`,
    )
    await lake.execute(`INSERT INTO java.${name} VALUES (100000, 1.50::DECIMAL(9, 2)), (100001, true), (100002, NULL)`)
    const [read, own] = [await theirs(), await ours()]
    expect(read).toHaveLength(values.length + 40_003)
    const parsed = (all: readonly Readonly<Record<string, unknown>>[]) =>
      all.map(({ id, v }) => [id, JSON.parse((v as string | null) ?? 'null') as unknown])
    expect(parsed(read)).toEqual(parsed(own))
    // DuckDB does not tell NULL from the null that is a value, and writes the latter.
    expect(read.at(-1)).toEqual({ id: 100_002, v: 'null' })
    expect(own.at(-1)).toEqual({ id: 100_002, v: null })
    expect(await java.validate(await lake.metadata(`java.${name}`))).toEqual([])
  })

  it('shapes', async () => {
    const name = 'shapes'
    const { lake, java } = tables.readers
    const types = { id: 'int', g: 'geometry', h: 'geometry(EPSG:3857)', y: 'geography(OGC:CRS84, karney)' }
    await tables.create(name, types, { version: 3 })
    const row = (id: number, x: number) => ({ id, g: point(x, 2), h: point(x, 3), y: point(x, 4) })
    const rows = [row(1, 5), { id: 2, g: null, h: null, y: null }]
    await tables.change(name, { do: 'append', rows })
    const both = async () => ({
      java: await java.read(await lake.metadata(`java.${name}`)),
      phlo: withHex(await lake.rows(`SELECT * FROM java.${name} ORDER BY id`)),
    })
    expect(await both()).toEqual({ java: rows, phlo: rows })
    await lake.execute(`INSERT INTO java.${name} VALUES (3, 'POINT(-7 2)', 'POINT(-7 3)', 'POINT(-7 4)')`)
    await lake.execute(`UPDATE java.${name} SET g = 'POINT(9 2)' WHERE ST_AsText(g) = 'POINT (5 2)'`)
    const after = [{ ...row(1, 5), g: point(9, 2) }, rows[1]!, row(3, -7)]
    expect(await both()).toEqual({ java: after, phlo: after })
    expect(await java.validate(await lake.metadata(`java.${name}`))).toEqual([])
    await expectUnread(`java.${name}`, ['pyiceberg', 'duckdb'])
  })
})
