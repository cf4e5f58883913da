import zlib from 'node:zlib'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { readPuffinBlob, readPuffinMetadata } from '@phlo/iceberg'
import { JavaTables } from './java-tables.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

const texts = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `text ${from + index}`)

it('Iceberg Java and Apache DataSketches read the sketches that Phlo writes, to the last digit', async () => {
  const { lake, java } = tables.readers
  await lake.materialize(
    'stats.t',
    `SELECT i::INT AS i, i::BIGINT * 3 AS l, 'text ' || (i % 100) AS few, 'text ' || i AS many, i / 7 AS d, (i % 50)::DECIMAL(9, 2) AS n,
       DATE '2024-01-01' + (i % 365)::INT AS day, TIMESTAMP '2024-01-01' + to_seconds(i) AS at, NULL::VARCHAR AS nothing
     FROM range(20000) t(i)`,
    'replace',
  )
  const { columns } = await lake.analyze('stats.t')
  const sketches = await java.statistics(await lake.metadata('stats.t'))
  const { metadata } = await lake.load('stats.t')
  const snapshot = String(metadata['current-snapshot-id'])
  expect(sketches).toEqual(
    columns.map(({ ndv }, index) => ({
      type: 'apache-datasketches-theta-v1',
      fields: [index + 1],
      snapshot,
      sequence: 1,
      ndv: String(ndv),
      estimate: ndv,
    })),
  )
  const ndv = Object.fromEntries(columns.map((column) => [column.column, column.ndv]))
  expect(ndv).toMatchObject({ few: 100, n: 50, day: 365, nothing: 0 })
  for (const name of ['i', 'l', 'many', 'at'] as const) expect(Math.abs((ndv[name] ?? 0) - 20_000)).toBeLessThan(1000)
})

// Node decompresses Zstandard from version 22.15 on.
it.each('zstdDecompressSync' in zlib ? (['NONE', 'ZSTD'] as const) : (['NONE'] as const))(
  'Phlo counts as Apache DataSketches does, and keeps its sketches (%s)',
  async (codec) => {
    const { lake, java } = tables.readers
    const name = `stats_${codec.toLowerCase()}`
    const values = [...texts(8), ...texts(4)].map((text, id) => ({ id, few: text, many: `m${id}` }))
    await tables.create(
      name,
      { id: 'int', few: 'string', many: 'string' },
      { version: 2 },
      { do: 'append', rows: values },
      { do: 'statistics', codec, values: { few: texts(8), many: values.map(({ many }) => many) } },
    )
    const stats = async () => java.statistics(await lake.metadata(`java.${name}`))
    const [few, many] = await stats()
    expect([few, many]).toMatchObject([
      { fields: [2], ndv: '8', estimate: 8 },
      { fields: [3], ndv: '12', estimate: 12 },
    ])
    const payload = async (field: number) => {
      const { metadata } = await lake.load(`java.${name}`)
      const file = metadata.statistics?.[0]?.['statistics-path'] ?? ''
      const { blobs } = await readPuffinMetadata(lake.store, file)
      const blob = blobs.find(({ fields }) => fields[0] === field)
      const bytes = blob && Buffer.from(await readPuffinBlob(lake.store, file, blob))
      // An unused field, in which Apache DataSketches of Java and of C++ write different things.
      return bytes?.fill(0, 12, 16).toString('hex')
    }
    const theirs = [await payload(2), await payload(3)]
    expect((await lake.analyze(`java.${name}`, ['few'])).columns).toEqual([{ column: 'few', ndv: 8 }])
    // Theirs of the other column goes along, and that of the same values is the same, byte for byte.
    expect(await stats()).toEqual([many, few])
    expect([await payload(2), await payload(3)]).toEqual(theirs)
  },
)
