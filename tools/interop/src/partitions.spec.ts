import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { columns } from './lake.js'
import { canonical, Readers } from './readers.js'
import { filters, transformCases, typeValues } from './values.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

describe('partitions', () => {
  const all = transformCases.flatMap(([transform, types]) => types.map((type) => [transform, type] as const))

  it.each(all)('%s of %s: the same values, rows and plans as PyIceberg and Iceberg Java', async (transform, type) => {
    const { lake } = readers
    const list = typeValues[type]!
    const rows = [...list, ...list, null].map((v, id) => ({ id, v }))
    const name = `parts.${`${transform}_${type}`.replaceAll(/\W+/g, '_')}`
    await lake.ingest(name, columns({ id: 'int!', v: type }), rows, { partitioning: [{ column: 'v', transform }] })
    await readers.expectRows(name, canonical(rows))
    const { files, described } = await readers.expectSound(name)
    expect(described.spec.fields).toMatchObject([{ 'source-id': 2, 'field-id': 1000, transform }])
    expect(files.length).toBeGreaterThan(1)
    expect(files.map(({ partition }) => partition)).toContainEqual([null])
    for (const filter of filters(transform, type)) await readers.expectPlan(name, filter)
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

  it('of several fields of one type', async () => {
    const rows = [
      { id: 0, a: '1.50', b: '-1.50', u: 'f79c3e09-677c-4bbd-a479-3f349cb785e7', w: null },
      { id: 1, a: null, b: '9999999.99', u: null, w: '00000000-0000-0000-0000-000000000000' },
    ]
    const schema = columns({ id: 'int!', a: 'decimal(9, 2)', b: 'decimal(9, 2)', u: 'uuid', w: 'uuid' })
    await readers.lake.ingest('parts.alike', schema, rows, {
      partitioning: [
        { column: 'a', transform: 'identity' },
        { column: 'b', transform: 'truncate[100]' },
        { column: 'b', transform: 'bucket[4]' },
        { column: 'b', transform: 'bucket[8]' },
        { column: 'u', transform: 'identity' },
        { column: 'w', transform: 'identity' },
      ],
    })
    await readers.expectRows('parts.alike', rows)
    const { described } = await readers.expectSound('parts.alike')
    expect(described.spec.fields.map(({ name }) => name)).toEqual(['a', 'b_trunc', 'b_bucket', 'b_bucket_8', 'u', 'w'])
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
