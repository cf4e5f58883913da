import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { z } from 'zod'
import {
  dataContract,
  dbtModelSchema,
  field,
  jsonSchema,
  rowRules,
  rowSchemaFromZod,
  rowType,
  schemaDocs,
  zodSource,
} from './index.js'

const Order = rowRules(
  z.object({
    id: field(z.int(), { unique: true, description: 'The order | its number' }),
    email: field(z.string(), { classification: 'pii', format: 'email' }),
    state: z.enum(['open', 'paid']),
    total: field(z.number().min(0), { type: 'decimal(12, 2)' }),
    lines: z.array(z.object({ sku: z.string(), 'list price': z.number().nullable() })),
    opened: z.iso.datetime(),
    paid: z.iso.datetime().nullable(),
  }),
  { paid_after_opening: ['paid', '>=', 'opened'] },
)
const { rows } = rowSchemaFromZod(Order)

describe('a contract', () => {
  const contract = dataContract(rows, { table: 'bronze.orders', key: ['id'] })

  it('says in plain JSON what the table promises', () => {
    expect(JSON.parse(JSON.stringify(contract))).toEqual(contract)
    expect(contract.columns.find(({ name }) => name === 'state')).toEqual({
      name: 'state',
      type: 'string',
      nullable: false,
      unique: false,
      rules: [{ rule: 'in', meaning: 'must be one of open, paid', options: { values: ['open', 'paid'] } }],
    })
    expect(contract.rules).toEqual([
      {
        rule: 'paid_after_opening',
        meaning: 'paid must be >= opened',
        options: { kind: 'compare', left: 'paid', operator: '>=', right: 'opened' },
      },
    ])
  })

  it('has a hash that every change of what it says changes, and nothing else', () => {
    const hash = (schema: z.ZodObject, key = ['id']) =>
      dataContract(rowSchemaFromZod(schema).rows, { table: 't', key }).hash
    const base = { id: z.int(), v: z.string().nullable() }
    const changed = [
      z.object({ ...base, v: z.string() }),
      z.object({ ...base, v: z.string().min(1).nullable() }),
      z.object({ ...base, v: field(z.string().nullable(), { description: 'x' }) }),
      z.object({ ...base, v: field(z.string().nullable(), { classification: 'pii' }) }),
      z.object({ ...base, id: z.int32() }),
      z.object({ ...base, w: z.string() }),
      rowRules(z.object(base), { r: { anyOf: ['id', 'v'] } }),
    ].map((schema) => hash(schema))
    const hashes = [hash(z.object(base)), hash(z.object(base), []), ...changed]
    expect(new Set(hashes).size).toBe(hashes.length)
    expect(hash(z.object({ id: z.int(), v: z.nullable(z.string()) }))).toBe(hashes[0])
  })

  it('is told as Markdown', () => {
    expect(schemaDocs(contract, (type) => (typeof type === 'string' ? type : type.type)).split('\n')).toEqual([
      '# bronze.orders',
      '',
      '| column | type | null | rules | description |',
      '| --- | --- | --- | --- | --- |',
      expect.stringMatching(/^\| id \| long \| no \| key; unique; .* \| The order \\\| its number \|$/),
      '| email | string | no | pii; must be a valid email |  |',
      '| state | string | no | must be one of open, paid |  |',
      '| total | decimal(12, 2) | no | must be at least 0; must be a finite number |  |',
      '| lines | list | no |  |  |',
      '| opened | timestamptz | no |  |  |',
      '| paid | timestamptz | yes |  |  |',
      '',
      '- **paid_after_opening**: paid must be >= opened',
      '',
      `Contract \`${contract.hash.slice(0, 12)}\``,
      '',
    ])
  })
})

describe('a row’s TypeScript type', () => {
  it('names every column with the type that plain rows have', () => {
    expect(rowType('Order', rows)).toBe(
      [
        'export interface Order {',
        '  /** The order | its number */',
        '  readonly id: number',
        '  readonly email: string',
        "  readonly state: 'open' | 'paid'",
        '  readonly total: string',
        "  readonly lines: readonly ({ readonly sku: string; readonly 'list price': number | null })[]",
        '  readonly opened: string',
        '  readonly paid: string | null',
        '}',
        '',
      ].join('\n'),
    )
  })
})

describe('a JSON Schema', () => {
  it('says what JSON Schema can say', () => {
    expect(jsonSchema(rows, { title: 'Order' })).toMatchObject({
      title: 'Order',
      required: ['id', 'email', 'state', 'total', 'lines', 'opened', 'paid'],
      properties: {
        id: { type: 'integer', description: 'The order | its number' },
        email: { type: 'string', format: 'email' },
        state: { type: 'string', enum: ['open', 'paid'] },
        paid: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] },
      },
    })
  })

  it('says what values must not be', () => {
    const { properties } = jsonSchema(rowSchemaFromZod(z.object({ a: field(z.string(), { notin: ['x'] }) })).rows)
    expect(properties).toEqual({ a: { type: 'string', not: { enum: ['x'] } } })
  })

  const columns: readonly [z.ZodType, fc.Arbitrary<unknown>][] = [
    [z.int().min(-3).lt(4), fc.integer({ min: -6, max: 6 })],
    [z.number().gt(-1.5).max(2), fc.double({ min: -4, max: 4, noNaN: true })],
    [z.int().multipleOf(3).nullable(), fc.option(fc.integer({ min: -9, max: 9 }))],
    [z.string().min(1).max(2), fc.string({ maxLength: 3 })],
    [
      z
        .string()
        .regex(/^[a-c]/)
        .endsWith('$')
        .startsWith('a'),
      fc.constantFrom('a$', 'b$', 'a', 'ab$', ''),
    ],
    [z.enum(['a', 'b']).nullable(), fc.constantFrom('a', 'c', null)],
    [z.literal([1, 2]), fc.integer({ min: 0, max: 3 })],
    [z.boolean(), fc.constantFrom(true, 'true')],
    [z.array(z.int()).max(2), fc.array(fc.integer(), { maxLength: 3 })],
    [z.record(z.string(), z.int().nullable()), fc.dictionary(fc.string(), fc.option(fc.integer()))],
    [z.object({ a: z.int(), b: z.string().nullish() }), fc.constantFrom({ a: 1 }, { a: 1, b: null }, { b: 'x' })],
    [z.iso.date(), fc.constantFrom('2024-01-01', '2024-13-01')],
    [z.email(), fc.constantFrom('a@b.de', 'a@')],
  ]

  it('takes every row that the schema takes', () => {
    let taken = 0
    fc.assert(
      fc.property(
        fc
          .uniqueArray(fc.nat({ max: columns.length - 1 }), { minLength: 1, maxLength: 3 })
          .chain((chosen) =>
            fc.tuple(
              fc.constant(z.object(Object.fromEntries(chosen.map((at) => [`c${at}`, columns[at]?.[0] as z.ZodType])))),
              fc.record(Object.fromEntries(chosen.map((at) => [`c${at}`, columns[at]?.[1] as fc.Arbitrary<unknown>]))),
            ),
          ),
        ([schema, row]) => {
          if (!schema.safeParse(row).success) return
          taken++
          const described = z.fromJSONSchema(jsonSchema(rowSchemaFromZod(schema).rows))
          expect(described.safeParse(row).error?.issues ?? []).toEqual([])
        },
      ),
      { numRuns: 500 },
    )
    expect(taken).toBeGreaterThan(50)
  })

  it('refuses rows with columns of no such type or name', () => {
    const described = z.fromJSONSchema(jsonSchema(rows))
    const row = {
      id: 1,
      email: 'a@b.de',
      state: 'open',
      total: '1.00',
      lines: [],
      opened: '2024-01-01T00:00:00Z',
      paid: null,
    }
    expect(described.safeParse(row).success).toBe(true)
    for (const wrong of [{ id: '1' }, { state: 'gone' }, { more: 1 }, { opened: null }])
      expect(described.safeParse({ ...row, ...wrong }).success).toBe(false)
  })
})

describe('the schema of a dbt model', () => {
  const yaml = {
    models: [
      {
        name: 'orders',
        description: 'All orders',
        data_tests: [{ 'dbt_utils.unique_combination_of_columns': { combination_of_columns: ['id', 'day'] } }],
        columns: [
          { name: 'id', data_type: 'bigint', data_tests: ['not_null', 'unique'], description: 'Number' },
          { name: 'day', data_type: 'DATE', constraints: [{ type: 'not_null' }] },
          { name: 'state', tests: [{ accepted_values: { values: ['open', "it's"] } }] },
          { name: 'level', data_tests: [{ accepted_values: { arguments: { values: [1, 2], quote: false } } }] },
          {
            name: 'customer',
            data_type: 'varchar(10)',
            data_tests: [{ relationships: { to: "ref('customers')", field: 'name' } }],
            meta: { classification: 'pii' },
          },
          { name: 'price', data_type: 'numeric(12, 2)', data_tests: [{ not_null: { severity: 'warn' } }] },
          { name: 'weight', data_tests: [{ not_null: { config: { where: 'x' } } }] },
          { name: 'note' },
        ],
      },
    ],
  }

  it('has its types, and from its tests what every row must be', () => {
    const model = dbtModelSchema(yaml, 'orders', new Map([['weight', 'double']]))
    expect(model.rows.columns.map(({ name, type, required, unique }) => [name, type, required, unique])).toEqual([
      ['id', 'long', true, true],
      ['day', 'date', true, false],
      ['state', 'string', false, false],
      ['level', 'long', false, false],
      ['customer', 'string', false, false],
      ['price', 'decimal(12, 2)', false, false],
      ['weight', 'double', false, false],
      ['note', 'string', false, false],
    ])
    expect(model).toMatchObject({
      references: [{ column: 'customer', to: 'customers', field: 'name' }],
      unique: [['id', 'day']],
      description: 'All orders',
      untyped: ['note'],
    })
  })

  it('becomes TypeScript with zod', () => {
    const { rows: made, references, unique } = dbtModelSchema(yaml, 'orders')
    expect(zodSource(made, { name: 'Orders', origin: 'orders in models.yml', references, unique })).toBe(
      `import { field, refersTo, unique, z } from 'phlo'

/** Made from orders in models.yml. */
export const Orders = z.object({
  id: field(z.int(), { unique: true, description: 'Number' }),
  day: z.iso.date(),
  state: z.enum(['open', 'it\\'s']).nullable(),
  level: z.literal([1, 2]).nullable(),
  customer: field(z.string().nullable(), { classification: 'pii' }),
  price: field(z.string().nullable(), { type: 'decimal(12, 2)' }),
  weight: z.string().nullable(),
  note: z.string().nullable(),
})

/** For \`quality({ table: …, checks: ordersChecks })\`. */
export const ordersChecks = [
  unique(['id', 'day']),
  refersTo('customer', 'customers', 'name'),
]
`,
    )
  })

  it.each<[string, unknown, string, string]>([
    ['a model that is not there', yaml, 'order', 'The file has no model "order"'],
    ['what is no dbt YAML', { models: 1 }, 'orders', 'The file is no dbt YAML'],
    ['nothing', null, 'orders', 'The file is no dbt YAML'],
    ['no columns', { models: [{ name: 'a' }] }, 'a', 'The model a has no columns in this file'],
    [
      'a type that is not known',
      { models: [{ name: 'a', columns: [{ name: 'x', data_type: 'money' }] }] },
      'a',
      'The column x has the data_type "money"',
    ],
  ])('refuses %s', (_name, given, model, message) => {
    expect(() => dbtModelSchema(given, model)).toThrow(
      expect.objectContaining({ code: 'PHLO_TEMPLATE_INVALID', message: expect.stringContaining(message) }),
    )
  })

  it('refuses column types that zod schemas cannot have', () => {
    const columns = [{ name: 'x', type: 'binary', required: true, optional: false, rules: [], unique: false }]
    expect(() => zodSource({ columns }, { name: 'X', origin: 'x' })).toThrow(
      expect.objectContaining({ code: 'PHLO_SCHEMA_UNSUPPORTED', context: { column: 'x' } }),
    )
  })
})
