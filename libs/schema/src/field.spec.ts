import { describe, expect, it } from '@jest/globals'
import type { RuleValue } from '@phlo/ports'
import fc from 'fast-check'
import { z } from 'zod'
import { columnPredicates, field, type FieldOptions, rowPredicates, rowRules, rowSchemaFromZod } from './index.js'
import { dialect, evaluate, sqlValue } from './testing/duckdb.js'

type Value = RuleValue | Date | null

/** Which rows an engine takes by the predicates of the schema. */
async function acceptedRows(schema: z.ZodObject, rows: readonly (readonly Value[])[]): Promise<boolean[]> {
  const { columns, rules = [] } = rowSchemaFromZod(schema).rows
  const conditions = [
    ...columns.flatMap((column) => {
      const name = dialect.identifier(column.name)
      const passes = columnPredicates(column, name, dialect).map((predicate) => `coalesce(${predicate.passes}, TRUE)`)
      return [column.required ? `${name} IS NOT NULL` : 'TRUE', ...passes]
    }),
    ...rowPredicates(rules, (name) => dialect.identifier(name)).map(({ passes }) => passes),
  ]
  const values = rows.map(
    (row) => `(${row.map((value, index) => sqlValue(value, columns[index]?.type as string)).join(', ')})`,
  )
  const names = columns.map(({ name }) => dialect.identifier(name)).join(', ')
  return (await evaluate(
    `SELECT ${conditions.join(' AND ')} FROM (VALUES ${values.join(', ')}) AS given(${names})`,
  )) as boolean[]
}

function takes(schema: z.ZodObject, row: readonly Value[]): boolean {
  const names = Object.keys(schema.shape)
  return schema.safeParse(Object.fromEntries(names.map((name, index) => [name, row[index]]))).success
}

/** Holds the engine's verdicts on random rows against zod's own. */
async function agree(schema: z.ZodObject, row: fc.Arbitrary<readonly Value[]>): Promise<void> {
  const verdicts = new Set<boolean>()
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 40, maxLength: 40 }), async (rows) => {
      const byZod = rows.map((given) => takes(schema, given))
      const byEngine = await acceptedRows(schema, rows)
      expect(rows.map((given, index) => [given, byEngine[index]])).toEqual(
        rows.map((given, index) => [given, byZod[index]]),
      )
      for (const verdict of byZod) verdicts.add(verdict)
    }),
    { numRuns: 6 },
  )
  expect(verdicts.size).toBe(2)
}

const small = fc.integer({ min: -5, max: 5 })
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '1', '@', '.', 'é', '😀', '\ufffd'), maxLength: 4 }),
  fc.constantFrom('2024-01-01T00:00:00Z', '2024-01-01T00:00:00.0Z', '2024-01-01T01:00:00+01:00'),
)
const day = fc.constantFrom('2023-12-31', '2024-01-01', '2024-02-29', '2024-06-01')
const instant = fc.constantFrom(
  '2024-01-01T00:00:00Z',
  '2024-01-01T00:00:00.000001Z',
  '2024-01-01T01:00:00+01:00',
  '2023-12-31T23:30:00-01:00',
  '2024-01-01T00:00:00.5Z',
)
const at = z.iso.datetime({ offset: true })

describe('field()', () => {
  const numbers: readonly FieldOptions[] = [
    { ge: -2 },
    { gt: -2, lt: 3 },
    { le: 0 },
    { isin: [1, 2, 3] },
    { notin: [0, 1] },
    { ge: -3, notin: [2], le: 4 },
  ]
  it.each(numbers)('says of numbers what zod then holds and an engine checks: %j', async (options) => {
    await agree(z.object({ x: field(z.int(), options) }), fc.tuple(small))
  })

  const texts: readonly FieldOptions[] = [
    { regex: /^[ab]+$/ },
    { length: 2 },
    { length: { min: 1, max: 3 } },
    { isin: ['a', 'b', ''] },
    { notin: ['a', ''] },
    { ge: 'a', lt: 'b' },
    { ge: '2024-01-01T00:00:00Z' },
    { gt: '😀' },
  ]
  it.each(texts)('says of texts what zod then holds and an engine checks: %p', async (options) => {
    await agree(z.object({ x: field(z.string(), options) }), fc.tuple(text))
  })

  it('compares dates and instants by what they mean', async () => {
    await agree(z.object({ x: field(z.iso.date(), { ge: '2024-01-01', lt: '2024-06-01' }) }), fc.tuple(day))
    const clock = fc.tuple(fc.constantFrom('10:00', '10:00:00', '10:00:00.5', '09:59:59', '23:00'))
    await agree(z.object({ x: field(z.iso.time(), { le: '10:00', isin: ['10:00:00', '09:59:59'] }) }), clock)
    await agree(z.object({ x: field(at, { gt: '2024-01-01T00:00:00Z' }) }), fc.tuple(instant))
    await agree(
      z.object({ x: field(at, { notin: ['2024-01-01T00:00:00Z'], le: '2024-01-01T01:30:00+01:00' }) }),
      fc.tuple(instant),
    )
  })

  it('lets NULL be where the schema does, whatever the conditions', async () => {
    const nullable = fc.tuple(fc.option(small, { freq: 3 }))
    await agree(z.object({ x: field(z.int(), { nullable: true, ge: 0, notin: [3] }) }), nullable)
    await agree(z.object({ x: field(z.int().nullable(), { lt: 0 }) }), nullable)
    await agree(z.object({ x: field(z.int().nullable().readonly(), { gt: 2, isin: [1, 3, 4] }) }), nullable)
  })

  it('knows formats by name', async () => {
    const addresses = fc.tuple(fc.constantFrom('a@b.de', 'a@b', '@', 'a.b@c.com'))
    await agree(z.object({ x: field(z.string(), { format: 'email' }) }), addresses)
    expect(() => field(z.string(), { format: 'emial' as 'email' })).toThrow(
      expect.objectContaining({ code: 'PHLO_SCHEMA_UNSUPPORTED', message: 'There is no format "emial"' }),
    )
  })

  it('keeps what earlier fields said', () => {
    const once = field(z.string(), { classification: 'pii', description: 'A name' })
    const [x] = rowSchemaFromZod(z.object({ x: field(once, { length: { max: 9 }, renamedFrom: 'y' }) })).rows.columns
    expect(x).toEqual({
      name: 'x',
      type: 'string',
      required: true,
      optional: false,
      rules: [{ kind: 'max-length', value: 9 }],
      unique: false,
      doc: 'A name',
      classification: 'pii',
      formerNames: ['y'],
    })
  })
})

describe('rowRules()', () => {
  const orNull = <T extends Value>(values: fc.Arbitrary<T>) => fc.option(values, { freq: 4 })

  it.each(['<', '<=', '=', '<>', '>=', '>'] as const)('compares two columns as zod then does: %s', async (operator) => {
    const numbers = z.object({ a: z.int().nullable(), b: z.int().nullable() })
    await agree(rowRules(numbers, { rule: ['a', operator, 'b'] }), fc.tuple(orNull(small), orNull(small)))
    const times = rowRules(z.object({ a: at, b: at.nullable() }), { rule: ['a', operator, 'b'] })
    await agree(times, fc.tuple(instant, orNull(instant)))
    const names = rowRules(z.object({ a: z.string(), b: z.string() }), { rule: ['a', operator, 'b'] })
    await agree(names, fc.tuple(text, text))
  })

  it('asks for values of several columns', async () => {
    const schema = z.object({ a: z.int().nullable(), b: z.string().nullable(), c: z.int().nullable() })
    const rows = fc.tuple(orNull(small), orNull(text), orNull(small))
    await agree(rowRules(schema, { some: { anyOf: ['a', 'b'] } }), rows)
    await agree(rowRules(schema, { pair: { allOrNone: ['a', 'c'] }, some: { anyOf: ['b', 'c'] } }), rows)
  })

  const schema = z.object({ a: z.int(), b: z.string(), c: field(z.string(), { type: 'decimal(9, 2)' }) })
  it.each<[string, () => unknown, string]>([
    [
      'a column that is not there',
      () => rowRules(schema, { r: ['a', '<', 'd' as 'a'] }),
      'The rule r names "d", which is no column of the schema',
    ],
    ['an operator that is none', () => rowRules(schema, { r: ['a', '==' as '=', 'a'] }), 'The rule r compares by "=="'],
    [
      'columns of different kinds',
      () => rowSchemaFromZod(rowRules(schema, { r: ['a', '<', 'b'] })),
      'The rule r compares a (long) with b (string)',
    ],
    [
      'numbers that zod knows as texts',
      () => rowSchemaFromZod(rowRules(schema, { r: ['c', '<', 'c'] })),
      'The rule r compares c (decimal(9, 2)) with c (decimal(9, 2))',
    ],
  ])('refuses %s', (_name, declare, message) => {
    expect(declare).toThrow(expect.objectContaining({ code: 'PHLO_SCHEMA_UNSUPPORTED', message }))
  })
})
