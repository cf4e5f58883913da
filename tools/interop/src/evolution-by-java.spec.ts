import path from 'node:path'
import { afterAll, beforeAll, describe, it } from '@jest/globals'
import type { IcebergType } from '@phlo/ports'
import { JavaHistory, JavaTables, schemaOf } from './java-tables.js'
import { zoned } from './values.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

type Row = Readonly<Record<string, unknown>>

// Iceberg Java gives the columns of a new table ids of its own.
let ids = 100
const struct = (fields: Readonly<Record<string, IcebergType>>): IcebergType => ({
  type: 'struct',
  fields: Object.entries(fields).map(([name, type]) => ({ id: ids++, name, type, required: false })),
})
const list = (element: IcebergType): IcebergType => ({
  type: 'list',
  'element-id': ids++,
  element,
  'element-required': false,
})
const map = (value: IcebergType): IcebergType => ({
  type: 'map',
  'key-id': ids++,
  key: 'string',
  'value-id': ids++,
  value,
  'value-required': false,
})

describe('tables that Iceberg Java changed', () => {
  it('columns: renamed, widened, reordered, dropped and added again', async () => {
    const name = 'columns'
    const history = new JavaHistory(tables, name)
    await tables.create(name, { id: 'int!', a: 'int', b: 'float', c: 'decimal(4, 2)', d: 'string!' }, {})
    const first = [1, 2].map((id) => ({ id, a: id * 10, b: id / 4, c: `${id}.50`, d: `d${id}` }))
    await history.step({ do: 'append', rows: first }, first)
    const wide = first.map(({ id, a, b, c, d }) => ({ id, e: null, x: BigInt(a), b, c, d }))
    await history.step(
      {
        do: 'schema',
        changes: [
          { widen: 'a', type: 'long' },
          { widen: 'b', type: 'double' },
          { widen: 'c', type: 'decimal(12, 2)' },
          { optional: 'd' },
          { add: 'e', type: 'timestamptz' },
          { move: 'e', after: 'id' },
        ],
      },
      wide.map(({ id, e, x, b, c, d }) => ({ id, e, a: x, b, c, d })),
    )
    await history.step({ do: 'schema', changes: [{ rename: 'a', to: 'x' }] }, wide)
    const added = {
      id: 3,
      e: '2024-01-01T00:00:00.000001Z',
      x: '9007199254740993',
      b: 0.1,
      c: '1234567890.12',
      d: null,
    }
    await history.step({ do: 'append', rows: [added] }, [...wide, added])
    // The name comes back for another column: no old value does.
    await history.step(
      { do: 'schema', changes: [{ drop: 'd' }, { rename: 'x', to: 'd' }] },
      [...wide, added].map(({ id, e, x, b, c }) => ({ id, e, d: x, b, c })),
    )
    const last = { id: 4, e: null, d: '1', b: null, c: null, x: 'new' }
    await history.step({ do: 'schema', changes: [{ add: 'x', type: 'string' }] }, [
      ...[...wide, added].map(({ id, e, x, b, c }) => ({ id, e, d: x, b, c, x: null })),
    ])
    await history.step({ do: 'append', rows: [last] }, [
      ...[...wide, added].map(({ id, e, x, b, c }) => ({ id, e, d: x, b, c, x: null })),
      last,
    ])
    await history.expectAll()
    for (const value of [10, '9007199254740993'])
      await tables.readers.expectPlan(`java.${name}`, { op: 'eq', column: 'd', value })
  })

  it('nested columns: renamed, widened, reordered, dropped and added again', async () => {
    const name = 'nested'
    const history = new JavaHistory(tables, name)
    await tables.create(
      name,
      {
        id: 'int',
        s: struct({ a: 'int', b: 'string', t: struct({ x: 'float' }) }),
        l: list(struct({ p: 'int', q: 'string' })),
        m: map(struct({ u: 'int' })),
      },
      {},
    )
    const one = (id: number) => ({
      id,
      s: { a: id, b: `b${id}`, t: { x: id / 2 } },
      l: [
        { p: id, q: `q${id}` },
        { p: null, q: null },
      ],
      m: [[`k${id}`, { u: id }]],
    })
    const first = [one(1), one(2), { id: 3, s: null, l: [], m: [] }]
    await history.step({ do: 'append', rows: first }, first)
    const renamed = [
      ...[1, 2].map((id) => ({
        id,
        s: { b: `b${id}`, aa: BigInt(id).toString(), t: { x: id / 2, y: null }, c: null },
        l: [
          { pp: String(id), q: `q${id}`, r: null },
          { pp: null, q: null, r: null },
        ],
        m: [[`k${id}`, { uu: id, v: null }]],
      })),
      { id: 3, s: null, l: [], m: [] },
    ]
    await history.step(
      {
        do: 'schema',
        changes: [
          { widen: 's.a', type: 'long' },
          { widen: 's.t.x', type: 'double' },
          { widen: 'l.element.p', type: 'long' },
          { rename: 's.a', to: 'aa' },
          { rename: 'l.element.p', to: 'pp' },
          { rename: 'm.value.u', to: 'uu' },
          { first: 's.b' },
          { add: 'c', in: 's', type: 'date' },
          { add: 'y', in: 's.t', type: 'long' },
          { add: 'r', in: 'l', type: 'timestamp' },
          { add: 'v', in: 'm', type: 'boolean' },
        ],
      },
      renamed,
    )
    const four = {
      id: 4,
      s: { b: null, aa: '9007199254740993', t: { x: 0.1, y: '1' }, c: '2024-02-29' },
      l: [{ pp: '-1', q: 'q', r: '2024-01-01T00:00:00.000000' }],
      m: [['k', { uu: 4, v: true }]],
    }
    await history.step({ do: 'append', rows: [four] }, [...renamed, four])
    const again = (rows: readonly Row[]) =>
      rows.map((whole) => {
        const s = whole['s'] as { aa: unknown; t: unknown; c: unknown } | null
        return { ...whole, s: s && { aa: s.aa, t: s.t, c: s.c, b: null } }
      })
    await history.step(
      { do: 'schema', changes: [{ drop: 's.b' }] },
      again([...renamed, four]).map((whole) => {
        if (!whole.s) return whole
        const { aa, t, c } = whole.s
        return { ...whole, s: { aa, t, c } }
      }),
    )
    await history.step({ do: 'schema', changes: [{ add: 'b', in: 's', type: 'string' }] }, again([...renamed, four]))
    await history.expectAll()
  })

  it('required columns with defaults that old files lack', async () => {
    const name = 'defaults'
    const history = new JavaHistory(tables, name)
    await tables.create(name, { id: 'int', s: struct({ a: 'int' }) }, { version: 3 })
    const first = { id: 1, s: { a: 1 } }
    await history.step({ do: 'append', rows: [first, { id: 2, s: null }] }, [first, { id: 2, s: null }])
    const defaults = {
      i: 7,
      l: '9007199254740993',
      f: 0.5,
      d: -1.5,
      n: '12.34',
      b: true,
      t: 'text',
      day: '2024-02-29',
      at: '2024-01-01T12:00:00.000001',
      z: '2024-01-01T12:00:00.000001Z',
      bin: '00ff',
    }
    const types = {
      i: 'int',
      l: 'long',
      f: 'float',
      d: 'double',
      n: 'decimal(9, 2)',
      b: 'boolean',
      t: 'string',
      day: 'date',
      at: 'timestamp',
      z: 'timestamptz',
      bin: 'binary',
    }
    const old = [
      { id: 1, s: { a: 1, c: 5 }, ...defaults },
      { id: 2, s: null, ...defaults },
    ]
    await history.step(
      {
        do: 'schema',
        changes: [
          ...Object.entries(types).map(([add, type], index) => ({
            add,
            type,
            required: index % 2 === 0,
            default: zoned(defaults[add as keyof typeof defaults]),
          })),
          { add: 'c', in: 's', type: 'int', default: 5 },
        ],
      },
      old,
    )
    const own = { id: 3, s: { a: null, c: null }, ...defaults, i: 8, t: '', b: true, day: '1969-12-31', l: null }
    await history.step({ do: 'append', rows: [own] }, [...old, own])
    // The write default is for writers only.
    await history.step({ do: 'schema', changes: [{ writeDefault: 'i', value: 9 }] }, [...old, own])
    await history.expectAll()
    for (const value of [7, 8, 9]) {
      await tables.readers.expectPlan(`java.${name}`, { op: 'eq', column: 'i', value })
    }
  })

  it('partitions: files of several specs', async () => {
    const name = 'specs'
    const history = new JavaHistory(tables, name)
    await tables.create(name, { id: 'int', day: 'date', v: 'string' }, { partitioning: [['day', 'month']] })
    const row = (id: number, day: string | null) => ({ id, day, v: ['a', 'b', null][id % 3] })
    let rows: Row[] = []
    const append = (...added: Row[]) => history.step({ do: 'append', rows: added }, (rows = [...rows, ...added]))
    await append(row(1, '2024-01-01'), row(2, '2024-02-01'), row(3, null))
    await history.step({ do: 'spec', add: [['v', 'identity']] }, rows)
    await append(row(4, '2024-01-02'), row(5, '2024-02-02'), row(6, '2024-02-03'))
    await history.step({ do: 'spec', remove: ['day_part_0'], add: [['day', 'day']] }, rows)
    await append(row(7, '2024-02-04'), row(8, null))
    await history.step({ do: 'spec', add: [['id', 'bucket[4]']] }, rows)
    await append(row(9, '2024-03-01'), row(10, '2024-03-02'))
    await history.step({ do: 'schema', changes: [{ rename: 'day', to: 'on' }] }, rows.map(renamed))
    await history.step(
      { do: 'delete', filter: { op: 'eq', column: 'v', value: 'a' } },
      rows.filter(({ v }) => v !== 'a').map(renamed),
    )
    for (const value of ['2024-01-02', '2024-02-04', '2024-03-01']) {
      for (const op of ['eq', 'lt', 'gte'] as const)
        await tables.readers.expectPlan(`java.${name}`, { op, column: 'on', value })
    }
    await tables.readers.expectPlan(`java.${name}`, { op: 'is-null', column: 'v' })
    await tables.readers.expectPlan(`java.${name}`, { op: 'eq', column: 'v', value: 'b' })
    await tables.readers.expectPlan(`java.${name}`, { op: 'eq', column: 'id', value: 10 })
    await history.expectAll()
  })

  it('partitions of format version 1, where a field that goes leaves a void behind', async () => {
    const name = 'voids'
    // DuckDB's extension 1.5.5 misses the sequence numbers in the manifest lists of version 1.
    const history = new JavaHistory(tables, name, ['duckdb'])
    await tables.create(name, { id: 'int', v: 'string' }, { version: 1, partitioning: [['v', 'identity']] })
    const rows = [1, 2, 3, 4].map((id) => ({ id, v: ['a', 'b', null][id % 3] }))
    await history.step({ do: 'append', rows: rows.slice(0, 2) }, rows.slice(0, 2))
    await history.step({ do: 'spec', remove: ['v_part_0'], add: [['id', 'truncate[2]']] }, rows.slice(0, 2))
    await history.step({ do: 'append', rows: rows.slice(2) }, rows)
    for (const value of ['a', 'b']) await tables.readers.expectPlan(`java.${name}`, { op: 'eq', column: 'v', value })
    await tables.readers.expectPlan(`java.${name}`, { op: 'lt', column: 'id', value: 3 })
    await history.step({ do: 'upgrade', version: 2 }, rows)
    await history.step({ do: 'append', rows: [{ id: 5, v: 'c' }] }, [...rows, { id: 5, v: 'c' }])
    await history.step({ do: 'upgrade', version: 3 }, [...rows, { id: 5, v: 'c' }])
    await history.step({ do: 'append', rows: [{ id: 6, v: 'd' }] }, [...rows, { id: 5, v: 'c' }, { id: 6, v: 'd' }])
    await history.expectAll()
  })

  it('files without field ids, by a name mapping', async () => {
    const { readers } = tables
    const name = 'mapped'
    const history = new JavaHistory(tables, name)
    const types = { id: 'int', a: 'string', s: struct({ b: 'long', c: 'date' }) }
    await tables.create(name, types, {})
    await history.step({ do: 'mapNames' }, [])
    const file = path.join(readers.lake.folder, 'lake', 'java', 'plain.parquet')
    const rows = [
      { id: 1, a: 'x', s: { b: '1', c: '2024-01-01' } },
      { id: 2, a: null, s: null },
    ]
    await readers.witness.writeParquet(file, schemaOf(types), rows)
    await history.step({ do: 'addFiles', paths: [`file://${file}`] }, rows)
    const own = { id: 3, a: 'y', s: { b: null, c: null } }
    await history.step({ do: 'append', rows: [own] }, [...rows, own])
    await history.step(
      {
        do: 'schema',
        changes: [
          { rename: 'a', to: 'z' },
          { rename: 's.b', to: 'bb' },
        ],
      },
      [...rows, own].map(({ id, a, s }) => ({ id, z: a, s: s && { bb: s.b, c: s.c } })),
    )
    // The new column takes over the name, and with it what files without ids hold under it.
    await history.step(
      { do: 'schema', changes: [{ drop: 'z' }, { add: 'a', type: 'string' }] },
      [...rows, { ...own, a: null }].map(({ id, a, s }) => ({ id, s: s && { bb: s.b, c: s.c }, a })),
    )
  })
})

const renamed = ({ id, day, v }: Row) => ({ id, on: day, v })
