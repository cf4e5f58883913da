import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { FileInput, RowSchema } from '@phlo/ports'
import { field, rowSchemaFromZod, zodSource } from '@phlo/schema'
import fc from 'fast-check'
import { z } from 'zod'
import { TestLake } from '../testing/lake.js'

let lake: TestLake
beforeAll(async () => {
  lake = await TestLake.open()
})
afterAll(() => lake.close())

let files = 0
async function input(format: FileInput['format'], text: string): Promise<FileInput> {
  return { type: 'files', format, paths: [await lake.file(`f${files++}.${format}`, text)] }
}

async function types(format: FileInput['format'], text: string): Promise<Record<string, unknown>> {
  const { columns } = await lake.ingestion.infer(await input(format, text))
  return Object.fromEntries(columns.map(({ name, type, required }) => [name, required ? type : [type, null]]))
}

/** The zod schema that the generated source declares. */
function compiled(rows: RowSchema): z.ZodObject {
  const source = zodSource(rows, { name: 'Row', origin: 'a test' })
  const body = source.replace(/^import .*$/m, '').replace('export const Row =', 'return')
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- that the source can be run is what is tested
  return (new Function('z', 'field', body) as (...given: unknown[]) => z.ZodObject)(z, field)
}

describe('columns by what a CSV holds', () => {
  it.each<[string, string[], unknown]>([
    ['integers', ['1', '-20'], 'long'],
    ['integers with gaps', ['1', ''], ['long', null]],
    ['fractions', ['1', '2.5', '1e3'], 'double'],
    ['numbers that no long holds', ['1', '99999999999999999999'], 'double'],
    ['codes with zeros in front', ['007', '100'], 'string'],
    ['words for no number', ['1', 'NaN'], 'string'],
    ['dates', ['2024-02-29', '2024-12-01'], 'date'],
    ['days that are none', ['2024-02-30', '2024-12-01'], 'string'],
    ['times with an offset', ['2024-02-29T10:00:00Z', '2024-02-29 10:00:00+02:00'], 'timestamptz'],
    ['times without one', ['2024-02-29T10:00:00', '2024-02-29 10:00'], 'timestamp'],
    ['times of both kinds', ['2024-02-29T10:00:00', '2024-02-29T10:00:00Z'], 'string'],
    ['booleans', ['true', 'false'], 'boolean'],
    ['years and booleans', ['true', '2024'], 'string'],
    ['nothing', ['', ''], ['string', null]],
  ])('%s', async (_name, values, expected) => {
    const text = `id,x\n${values.map((value, index) => `${index},${value}\n`).join('')}`
    expect(await types('csv', text)).toEqual({ id: 'long', x: expected })
  })

  it('asks for big integers where numbers of JavaScript would not do', async () => {
    const given = await input('csv', 'x,y\n9007199254740993,9007199254740991\n-1,2\n')
    const inferred = await lake.ingestion.infer(given)
    expect(zodSource(inferred, { name: 'Row', origin: 'a test' })).toContain(
      '  x: z.bigint().min(-9223372036854775808n),\n  y: z.int(),\n',
    )
    const result = await lake.ingest(compiled(inferred), { inputs: [given], target: { namespace: ['g'], name: 'big' } })
    expect(result).toMatchObject({ written: 2, rejected: 0 })
  })

  it('reads typed files by their types', async () => {
    await lake.put('g.typed', "SELECT 1::INTEGER AS i, NULL::DATE AS d, 12.5::DECIMAL(5, 2) AS p, ['a'] AS l")
    const paths: string[] = []
    for await (const { key } of lake.store.list('')) {
      if (key.endsWith('.parquet') && key.includes('typed')) paths.push(path.join(await lake.store.localRoot(), key))
    }
    const inferred = await lake.ingestion.infer({ type: 'files', format: 'parquet', paths })
    expect(inferred.columns.map(({ name, type, required }) => [name, type, required])).toEqual([
      ['i', 'int', true],
      ['d', 'date', false],
      ['p', 'decimal(5, 2)', true],
      ['l', { type: 'list', 'element-id': 0, element: 'string', 'element-required': true }, true],
    ])
  })

  it('finds other separators and reads a header alone', async () => {
    expect(await types('csv', 'a;b\n1;x\n')).toEqual({ a: 'long', b: 'string' })
    expect(await types('csv', 'a,b\n')).toEqual({ a: ['string', null], b: ['string', null] })
  })
})

describe('columns by what JSON holds', () => {
  const list = (element: unknown, required: boolean) => ({
    type: 'list',
    'element-id': 0,
    element,
    'element-required': required,
  })
  it.each<[string, unknown[], unknown]>([
    ['integers', [1, -2], 'long'],
    ['numbers', [1, 2.5], 'double'],
    ['numbers in quotes', ['1', '2'], 'string'],
    ['dates in text', ['2024-01-01'], 'date'],
    ['booleans', [true], 'boolean'],
    ['values of several kinds', [1, 'a'], 'string'],
    ['null', [null], ['string', null]],
    ['lists', [[1, 2], []], list('long', true)],
    ['lists with gaps', [[1, null]], list('long', false)],
    ['lists of nothing', [[]], list('string', true)],
    [
      'objects',
      [
        { a: 1, b: 'x' },
        { a: 2, b: 'y' },
      ],
      {
        type: 'struct',
        fields: [
          { id: 0, name: 'a', type: 'long', required: true },
          { id: 0, name: 'b', type: 'string', required: true },
        ],
      },
    ],
    [
      'objects that lack something',
      [{ a: 1 }, { b: 'y' }],
      {
        type: 'struct',
        fields: [
          { id: 0, name: 'a', type: 'long', required: false },
          { id: 0, name: 'b', type: 'string', required: false },
        ],
      },
    ],
    ['objects without fields', [{}], 'string'],
  ])('%s', async (_name, values, expected) => {
    const text = values.map((x, id) => JSON.stringify({ id, x })).join('\n')
    expect(await types('ndjson', text)).toEqual({ id: 'long', x: expected })
    expect(await types('json', JSON.stringify(values.map((x, id) => ({ id, x }))))).toEqual({ id: 'long', x: expected })
  })

  it('allows a key to be absent that some objects have not', async () => {
    const { columns } = await lake.ingestion.infer(await input('ndjson', '{"a":1}\n{"b":2}\n'))
    expect(columns.map(({ name, required, optional }) => [name, required, optional])).toEqual([
      ['a', false, true],
      ['b', false, true],
    ])
  })
})

describe('a generated schema', () => {
  const scalar = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.string({ maxLength: 6 }),
    fc.constantFrom('2024-01-01', '2024-01-01T00:00:00Z', '2024-01-01T00:00:00', '007', '12', 'true', ''),
    fc.constant(null),
  )
  const value = fc.oneof(
    { weight: 4, arbitrary: scalar },
    fc.array(fc.oneof(fc.integer(), fc.constant(null)), { maxLength: 3 }),
    fc.record({ a: fc.integer(), b: fc.string({ maxLength: 3 }) }, { requiredKeys: [] }),
  )
  /** Values of one column are mostly of one kind. */
  const column = fc.oneof(
    fc.constant(value),
    fc.constant(fc.integer() as fc.Arbitrary<unknown>),
    fc.constant(fc.constantFrom('2024-01-01', '2024-02-29', null) as fc.Arbitrary<unknown>),
    fc.constant(
      fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null)) as fc.Arbitrary<unknown>,
    ),
    fc.constant(fc.array(fc.record({ 'a b': fc.string({ maxLength: 2 }) }), { maxLength: 2 }) as fc.Arbitrary<unknown>),
  )
  const table = fc.tuple(column, column, column).chain(([x, y, z_]) =>
    fc.array(fc.record({ id: fc.nat(), x, 'it’s "y"': y, z: z_ }, { requiredKeys: ['id', 'x'] }), {
      minLength: 1,
      maxLength: 12,
    }),
  )

  it('takes every row that it was made from, and so does zod where JSON says what columns hold', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const given = await input('ndjson', rows.map((row) => JSON.stringify(row)).join('\n'))
        const inferred = await lake.ingestion.infer(given)
        const schema = compiled(inferred)
        const same = ({ columns }: RowSchema) =>
          columns.map(({ name, type, required, optional }) => ({ name, type, required, optional }))
        expect(same(rowSchemaFromZod(schema).rows)).toEqual(same(inferred))
        const result = await lake.ingest(schema, { inputs: [given], target: { namespace: ['g'], name: `t${files}` } })
        expect(result).toMatchObject({ read: rows.length, written: rows.length, rejected: 0 })
        const texts = new Set(inferred.columns.filter(({ type }) => type === 'string').map(({ name }) => name))
        for (const row of rows) {
          // A column of values of several kinds is a text to the table, whatever JSON has.
          const plain = Object.entries(row).map(([name, item]) => [
            name,
            texts.has(name) && item !== null ? JSON.stringify(item) : item,
          ])
          expect(schema.safeParse(Object.fromEntries(plain)).error?.issues ?? []).toEqual([])
        }
      }),
      { numRuns: 25 },
    )
  })
})
