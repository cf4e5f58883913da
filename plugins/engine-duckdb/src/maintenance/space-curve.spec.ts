import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type Connection, DuckDbHost } from '../duckdb-host.js'
import { DuckDbOptions } from '../options.js'
import { alongCurve, curve } from './space-curve.js'

let folder: string
let host: DuckDbHost
let connection: Connection
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-curve-'))
  host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, folder)
  connection = await host.open()
})
afterAll(async () => {
  connection.close()
  await host.close()
  await rm(folder, { recursive: true })
})

/** Every point of the space of so many axes. */
const space = (axes: number) =>
  `SELECT ${Array.from({ length: axes }, (_, axis) => `CAST((i >> ${8 * axis}) & 255 AS INTEGER) AS _phlo_axis_${axis}`).join(', ')} ` +
  `FROM (SELECT range AS i FROM range(${256 ** axes}))`

const axesOf = (count: number) => Array.from({ length: count }, (_, axis) => `_phlo_axis_${axis}`)

describe('Hilbert’s curve', () => {
  it.each([2, 3])('goes through the points of %d axes, each once, from each to a neighbour', async (axes) => {
    // The curve turns the axes, so that the points are kept beside them.
    const points = axesOf(axes).map((axis, index) => `${axis} AS p${index}`)
    const source = `SELECT *, ${points.join(', ')} FROM (${space(axes)})`
    const { select: placed, place } = curve(source, axes, 'hilbert')
    const far = axesOf(axes)
      .map((_, index) => `abs(p${index} - lag(p${index}) OVER (ORDER BY ${place}))`)
      .join(' + ')
    const row = await connection.one(
      `SELECT count(*)::INT AS n, count(DISTINCT ${place})::INT AS places, max(${place})::INT AS last, max(far)::INT AS far
       FROM (SELECT ${place}, ${far} AS far FROM (${placed}) WHERE ${place} < 65536)`,
    )
    expect(row).toEqual({ n: 65536, places: 65536, last: 65535, far: 1 })
  })
})

describe('the Z-order', () => {
  it('takes the bits of the axes in turn', async () => {
    const { select, place } = curve('SELECT 255::INT AS _phlo_axis_0, 0::INT AS _phlo_axis_1', 2, 'zorder')
    expect(await connection.one(`SELECT hex(${place}) AS place FROM (${select})`)).toEqual({ place: 'AAAA' })
    const eight = Array.from({ length: 8 }, (_, axis) => `255::INT AS _phlo_axis_${axis}`).join(', ')
    const full = curve(`SELECT ${eight}`, 8, 'zorder')
    expect(await connection.one(`SELECT hex(${full.place}) AS place FROM (${full.select})`)).toEqual({
      place: 'FFFFFFFFFFFFFFFF',
    })
  })
})

describe('a curve through columns', () => {
  const fields = [
    { id: 1, name: 'a', required: false, type: 'long' },
    { id: 2, name: 'b', required: false, type: 'string' },
  ]

  it.each(['zorder', 'hilbert'] as const)(
    '(%s) brings together what is alike in both, however skewed',
    async (kind) => {
      const rows = `SELECT (range * 7919 % 100003) ** 2 AS a, 'k' || lpad((range * 104729 % 100003)::VARCHAR, 6, '0') AS b
      FROM range(100000)`
      const source = `SELECT CAST(a AS BIGINT) AS a, b FROM (${rows})`
      const { select, place } = await alongCurve(connection, source, fields, kind)
      // Of 64 pieces of the curve, how many may hold rows of one value of a column? All of them without an order.
      const overlap = async (column: string, value: string) => {
        const row = await connection.one(
          `SELECT count(*)::INT AS n FROM (
           SELECT piece, min(${column}) AS low, max(${column}) AS high
           FROM (SELECT *, ntile(64) OVER (ORDER BY ${place}) AS piece FROM (${select})) GROUP BY piece
         ) WHERE ${value} BETWEEN low AND high`,
        )
        return row['n'] as number
      }
      expect(await overlap('a', '2500000000')).toBeLessThan(20)
      expect(await overlap('b', "'k050000'")).toBeLessThan(20)
    },
  )

  it('is the same for rows without values, and of one value', async () => {
    for (const rows of ['SELECT NULL::BIGINT AS a, NULL::VARCHAR AS b', "SELECT 1::BIGINT AS a, 'x' AS b"]) {
      const { select, place } = await alongCurve(connection, rows, fields, 'hilbert')
      expect(await connection.one(`SELECT count(${place})::INT AS n FROM (${select})`)).toEqual({ n: 1 })
    }
    const none = await alongCurve(connection, "SELECT 1::BIGINT AS a, 'x' AS b WHERE FALSE", fields, 'zorder')
    expect(await connection.run(none.select)).toEqual([])
  })

  it('needs two to eight plain columns', async () => {
    const unsupported = { code: 'PHLO_UNSUPPORTED' }
    await expect(alongCurve(connection, 'SELECT 1', fields.slice(1), 'zorder')).rejects.toMatchObject(unsupported)
    const nine = Array.from({ length: 9 }, (_, id) => ({ id, name: `c${id}`, required: false, type: 'int' }))
    await expect(alongCurve(connection, 'SELECT 1', nine, 'zorder')).rejects.toMatchObject(unsupported)
    const nested = { id: 3, name: 's', required: false, type: { type: 'struct' as const, fields: [] } }
    await expect(alongCurve(connection, 'SELECT 1', [...fields, nested], 'zorder')).rejects.toMatchObject(unsupported)
  })
})
