import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { currentSchema, type DataFile, fileContent } from '@phlo/iceberg'
import type { IcebergType, NestedField } from '@phlo/ports'
import { plainRows } from '@phlo/ports/testing'
import { ForeignFiles } from '../testing/foreign-files.js'
import { TestLake } from '../testing/lake.js'

let lake: TestLake
let foreign: ForeignFiles
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterEach(() => lake.close())

const rows = async (sql: string) => plainRows(await lake.queries.query(sql))
const add = async (select: string, fieldIds: string | undefined, file: Partial<DataFile> = {}) =>
  foreign.commit('a.t', [await foreign.parquet(select, fieldIds, { ...file, content: fileContent.data })])
const evolve = async (change: (fields: readonly NestedField[]) => readonly NestedField[]) => {
  const { metadata } = await foreign.load('a.t')
  const id = Math.max(...metadata.schemas.map((schema) => schema['schema-id'])) + 1
  await foreign.update('a.t', [
    {
      action: 'add-schema',
      schema: { type: 'struct', 'schema-id': id, fields: change(currentSchema(metadata).fields) },
    },
    { action: 'set-current-schema', 'schema-id': -1 },
  ])
}
const retyped = (types: Readonly<Record<string, IcebergType>>) =>
  evolve((fields) => fields.map((field) => ({ ...field, type: types[field.name] ?? field.type })))
const column = (id: number, name: string, type: IcebergType, rest: Partial<NestedField> = {}): NestedField => ({
  id,
  name,
  type,
  required: false,
  ...rest,
})

describe('columns that files lack', () => {
  it('have the initial default of their field, at every depth, and NULL without one', async () => {
    await lake.put('a.t', "SELECT 1 AS id, {'x': 1} AS place")
    await foreign.update('a.t', [{ action: 'upgrade-format-version', 'format-version': 3 }])
    await evolve((fields) => [
      ...fields.map((field) =>
        typeof field.type === 'object' && field.type.type === 'struct'
          ? {
              ...field,
              type: {
                ...field.type,
                fields: [...field.type.fields, column(10, 'zip', 'string', { 'initial-default': '0000' })],
              },
            }
          : field,
      ),
      column(20, 'day', 'date', { 'initial-default': '2024-02-29' }),
      column(21, 'amount', 'decimal(9, 2)', { 'initial-default': '14.20' }),
      column(22, 'at', 'timestamptz', { 'initial-default': '2024-01-01T00:00:00+00:00' }),
      column(23, 'raw', 'binary', { 'initial-default': '00ff' }),
      column(
        24,
        'tags',
        { type: 'list', 'element-id': 25, element: 'string', 'element-required': false },
        {
          'initial-default': ['x', null],
        },
      ),
      column(26, 'other', 'long'),
    ])
    expect(
      await rows(
        'SELECT id, place.zip AS zip, day::VARCHAR AS day, amount::VARCHAR AS amount, "at"::VARCHAR AS "at", hex(raw) AS raw, tags::VARCHAR AS tags, other FROM a.t',
      ),
    ).toEqual([
      {
        id: 1,
        zip: '0000',
        day: '2024-02-29',
        amount: '14.20',
        at: '2024-01-01 00:00:00+00',
        raw: '00FF',
        tags: '[x, NULL]',
        other: null,
      },
    ])
  })

  it('have the value of their partition, where files lie in folders as Hive has them', async () => {
    await lake.put('a.t', "SELECT 1::BIGINT AS id, 'a' AS part", { partitionBy: ['part'] })
    await foreign.update('a.t', [
      {
        action: 'set-properties',
        updates: {
          'schema.name-mapping.default': JSON.stringify([
            { 'field-id': 1, names: ['id'] },
            { 'field-id': 2, names: ['part'] },
          ]),
        },
      },
    ])
    await add('SELECT 2::BIGINT AS id', undefined, { partition: ['b'] })
    await add('SELECT 3::BIGINT AS id', undefined, { partition: ["it's"] })
    await add('SELECT 4::BIGINT AS id', undefined, { partition: [null] })
    expect(await rows('SELECT id, part FROM a.t ORDER BY id')).toEqual([
      { id: 1, part: 'a' },
      { id: 2, part: 'b' },
      { id: 3, part: "it's" },
      { id: 4, part: null },
    ])
    expect(await rows("SELECT id FROM a.t WHERE part = 'b'")).toEqual([{ id: 2 }])
    const equality = await foreign.parquet("SELECT 'b' AS part", '{part: 2}', {
      content: fileContent.equalityDeletes,
      equalityIds: [2],
      partition: ['b'],
    })
    await foreign.commit('a.t', [equality])
    expect(await rows('SELECT id FROM a.t ORDER BY id')).toEqual([{ id: 1 }, { id: 3 }, { id: 4 }])
  })
})

describe('files without field ids', () => {
  it('are read by the name mapping of the table, nested columns too', async () => {
    await lake.put('a.t', "SELECT 1 AS id, {'city': 'Rome'} AS place, [{'n': 1}] AS items")
    await evolve((fields) => [
      ...fields.map((field) => ({ ...field, name: field.name === 'id' ? 'number' : field.name })),
      column(20, 'extra', 'long'),
    ])
    await add("SELECT 2 AS id, {'Town': 'Oslo'} AS place, [{'n': 2}] AS items, 5 AS extra", undefined)
    await expect(rows('SELECT * FROM a.t')).rejects.toMatchObject({
      code: 'PHLO_ICEBERG_UNSUPPORTED',
      hint: expect.stringContaining('schema.name-mapping.default') as unknown,
    })
    const [, place, items] = currentSchema((await foreign.load('a.t')).metadata).fields
    if (typeof place?.type !== 'object' || place.type.type !== 'struct') throw new Error('no struct')
    if (typeof items?.type !== 'object' || items.type.type !== 'list') throw new Error('no list')
    const { element } = items.type
    if (typeof element !== 'object' || element.type !== 'struct') throw new Error('no struct')
    const mapping = [
      { 'field-id': 1, names: ['id', 'number'] },
      {
        'field-id': place.id,
        names: ['place'],
        fields: [{ 'field-id': place.type.fields[0]?.id, names: ['city', 'Town'] }],
      },
      {
        'field-id': items.id,
        names: ['items'],
        fields: [
          {
            'field-id': items.type['element-id'],
            names: ['element'],
            fields: [{ 'field-id': element.fields[0]?.id, names: ['n'] }],
          },
        ],
      },
    ]
    const set = (text: string) =>
      foreign.update('a.t', [{ action: 'set-properties', updates: { 'schema.name-mapping.default': text } }])
    await set(JSON.stringify(mapping))
    expect(await rows('SELECT number, place.city AS city, items[1].n AS n, extra FROM a.t ORDER BY number')).toEqual([
      { number: 1, city: 'Rome', n: 1, extra: null },
      { number: 2, city: 'Oslo', n: 2, extra: null },
    ])
    for (const wrong of [
      '{',
      '{}',
      '[{}]',
      '[{"names": [1]}]',
      `${'[{"names":[],"fields":'.repeat(200)}[]${'}]'.repeat(200)}`,
    ]) {
      await set(wrong)
      await expect(rows('SELECT * FROM a.t')).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    }
  })
})

describe('types that were widened', () => {
  it('are read from older files at every depth', async () => {
    await lake.put(
      'a.t',
      "SELECT 1::INT AS i, 0.5::FLOAT AS f, 1.25::DECIMAL(4, 2) AS d, {'i': 2::INT} AS s, [3::INT] AS l, MAP {'k': 4::INT} AS m",
    )
    await retyped({ i: 'long', f: 'double', d: 'decimal(38, 2)' })
    await evolve((fields) =>
      fields.map((field): NestedField => {
        const { type } = field
        if (typeof type === 'string') return field
        if (type.type === 'list') return { ...field, type: { ...type, element: 'long' } }
        if (type.type === 'map') return { ...field, type: { ...type, value: 'long' } }
        return { ...field, type: { ...type, fields: type.fields.map((child) => ({ ...child, type: 'long' })) } }
      }),
    )
    expect(await rows('SELECT typeof(COLUMNS(*)) FROM a.t UNION ALL SELECT COLUMNS(*)::VARCHAR FROM a.t')).toEqual([
      { i: 'BIGINT', f: 'DOUBLE', d: 'DECIMAL(38,2)', s: 'STRUCT(i BIGINT)', l: 'BIGINT[]', m: 'MAP(VARCHAR, BIGINT)' },
      { i: '1', f: '0.5', d: '1.25', s: "{'i': 2}", l: '[3]', m: '{k=4}' },
    ])
  })

  it('and values without their Parquet annotations keep their meaning', async () => {
    await lake.put('a.t', "SELECT 'é' AS s, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::UUID AS u, {'s': 'ü'} AS n")
    await evolve((fields) => [...fields, column(20, 'x', 'int')])
    await add(
      "SELECT encode('ø') AS s, from_hex('f81d4fae7dec11d0a76500a0c91e6bf7') AS u, {'s': encode('å')} AS n",
      '{s: 1, u: 2, n: {__duckdb_field_id: 3, s: 4}}',
    )
    expect(await rows('SELECT s, u::VARCHAR AS u, n.s AS n FROM a.t ORDER BY u')).toEqual([
      { s: 'é', u: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', n: 'ü' },
      { s: 'ø', u: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf7', n: 'å' },
    ])
  })
})

describe('names', () => {
  it('that other writers spell their own way are found by id, also in a table that never changed', async () => {
    await lake.put('a.t', `SELECT 1 AS "größe m", {'a b': 2} AS s`)
    await add(
      `SELECT 3 AS "gr_x00f6_x00df_x65_x20m", {'a_x20b': 4} AS s`,
      '{"gr_x00f6_x00df_x65_x20m": 1, s: {__duckdb_field_id: 2, a_x20b: 3}}',
    )
    expect(await rows(`SELECT "größe m" AS g, s."a b" AS b FROM a.t ORDER BY g`)).toEqual([
      { g: 1, b: 2 },
      { g: 3, b: 4 },
    ])
  })
})
