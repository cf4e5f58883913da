import { describe, expect, it } from '@jest/globals'
import type { ColumnSchema, IcebergType } from '@phlo/ports'
import { z } from 'zod'
import { field, rowSchemaFromZod } from './index.js'

function column(type: z.ZodType): ColumnSchema {
  const [first] = rowSchemaFromZod(z.object({ x: type })).rows.columns
  if (!first) throw new Error('no column')
  return first
}

function failure(type: z.ZodType | z.ZodObject, whole = false): Record<string, unknown> {
  try {
    rowSchemaFromZod(whole ? (type as z.ZodObject) : z.object({ x: type }))
  } catch (error) {
    const { name, code, message, hint, context } = error as Record<string, unknown>
    return { name, code, message, hint, context }
  }
  throw new Error('nothing was thrown')
}

/** What `enum Colour { Red, Green }` is when it runs. */
const Colour = { 0: 'Red', 1: 'Green', Red: 0, Green: 1 } as const

const list = (element: IcebergType, required = true): IcebergType => ({
  type: 'list',
  'element-id': 0,
  element,
  'element-required': required,
})

describe('columns from zod', () => {
  it.each<[string, z.ZodType, IcebergType]>([
    ['z.string()', z.string(), 'string'],
    ['z.email()', z.email(), 'string'],
    ['z.uuid()', z.uuid(), 'string'],
    ['z.iso.datetime()', z.iso.datetime(), 'timestamptz'],
    ['z.iso.datetime({ offset: true })', z.iso.datetime({ offset: true }), 'timestamptz'],
    ['z.iso.datetime({ local: true })', z.iso.datetime({ local: true }), 'timestamp'],
    ['z.iso.date()', z.iso.date(), 'date'],
    ['z.iso.time()', z.iso.time(), 'time'],
    ['z.date()', z.date(), 'timestamptz'],
    ['z.boolean()', z.boolean(), 'boolean'],
    ['z.int()', z.int(), 'long'],
    ['z.number().int()', z.number().int(), 'long'],
    ['z.int32()', z.int32(), 'int'],
    ['z.number().int().check(z.int32())', z.number().int().check(z.int32()), 'int'],
    ['z.uint32()', z.uint32(), 'long'],
    ['z.number()', z.number(), 'double'],
    ['z.float64()', z.float64(), 'double'],
    ['z.float32()', z.float32(), 'float'],
    ['z.bigint()', z.bigint(), 'long'],
    ['z.int64()', z.int64(), 'long'],
    ['z.uint64()', z.uint64(), 'decimal(20, 0)'],
    ['z.enum() of texts', z.enum(['a', 'b']), 'string'],
    ['z.enum() of a numeric enum', z.enum(Colour), 'long'],
    ['z.literal() of texts', z.literal('a'), 'string'],
    ['z.literal() of integers', z.literal([1, 2]), 'long'],
    ['z.literal() of fractions', z.literal([1, 2.5]), 'double'],
    ['z.literal() of a boolean', z.literal(true), 'boolean'],
    ['z.literal() of a bigint', z.literal(1n), 'long'],
    ['z.union() with null', z.union([z.int(), z.null()]), 'long'],
    ['readonly()', z.string().readonly(), 'string'],
    ['brand()', z.string().brand('Id'), 'string'],
    ['z.array()', z.array(z.string()), list('string')],
    ['z.array() of nullable items', z.array(z.int32().nullable()), list('int', false)],
    [
      'z.record()',
      z.record(z.string(), z.number()),
      { type: 'map', 'key-id': 0, key: 'string', 'value-id': 0, value: 'double', 'value-required': true },
    ],
    [
      'z.object()',
      z.object({ a: z.int(), b: z.object({ c: z.string().describe('inner').optional() }) }),
      {
        type: 'struct',
        fields: [
          { id: 0, name: 'a', type: 'long', required: true },
          {
            id: 0,
            name: 'b',
            required: true,
            type: { type: 'struct', fields: [{ id: 0, name: 'c', type: 'string', required: false, doc: 'inner' }] },
          },
        ],
      },
    ],
  ])('have the type of %s', (_name, type, expected) => {
    expect(column(type).type).toEqual(expected)
  })

  it.each<[string, z.ZodType, { required: boolean; optional: boolean }]>([
    ['z.string()', z.string(), { required: true, optional: false }],
    ['nullable()', z.string().nullable(), { required: false, optional: false }],
    ['optional()', z.string().optional(), { required: false, optional: true }],
    ['nullish()', z.string().nullish(), { required: false, optional: true }],
    ['nullable().readonly()', z.string().nullable().readonly(), { required: false, optional: false }],
    ['a union with null', z.union([z.string(), z.null()]), { required: false, optional: false }],
    ['a union with undefined', z.union([z.string(), z.undefined()]), { required: false, optional: true }],
  ])('say whether they may lack values: %s', (_name, type, expected) => {
    const { required, optional } = column(type)
    expect({ required, optional }).toEqual(expected)
  })

  it('keep the narrower of two limits', () => {
    expect(column(z.int().min(3).min(5).max(9).lt(9)).rules).toEqual([
      { kind: 'min', value: 5, exclusive: false },
      { kind: 'max', value: 9, exclusive: true },
    ])
    expect(column(z.int()).rules).toEqual([
      { kind: 'min', value: Number.MIN_SAFE_INTEGER, exclusive: false },
      { kind: 'max', value: Number.MAX_SAFE_INTEGER, exclusive: false },
    ])
    expect(column(z.bigint().min(9007199254740992n).min(9007199254740993n)).rules).toEqual([
      { kind: 'min', value: 9007199254740993n, exclusive: false },
    ])
  })

  it('have the values of a numeric enum, not its names', () => {
    expect(column(z.enum(Colour)).rules).toEqual([{ kind: 'in', values: [0, 1] }])
  })

  it('of a loose object leave other columns alone', () => {
    const shape = { a: z.string() }
    expect(rowSchemaFromZod(z.looseObject(shape)).loose).toBe(true)
    expect(rowSchemaFromZod(z.object(shape)).loose).toBe(false)
    expect(rowSchemaFromZod(z.strictObject(shape)).loose).toBe(false)
  })
})

describe('what has no column', () => {
  const hint = 'See docs/schemas.md for the zod types and rules that columns can have.'

  it.each<[string, z.ZodType, string]>([
    ['any', z.any(), 'z.any() has no column type'],
    ['unknown', z.unknown(), 'z.unknown() has no column type'],
    ['null', z.null(), 'z.null() has no column type'],
    ['undefined', z.undefined(), 'z.undefined() has no column type'],
    ['void', z.void(), 'z.void() has no column type'],
    ['never', z.never(), 'z.never() has no column type'],
    ['nan', z.nan(), 'z.nan() has no column type'],
    ['symbol', z.symbol(), 'z.symbol() has no column type'],
    ['tuple', z.tuple([z.string()]), 'z.tuple() has no column type'],
    ['set', z.set(z.string()), 'z.set() has no column type'],
    ['map', z.map(z.string(), z.string()), 'z.map() has no column type'],
    ['promise', z.promise(z.string()), 'z.promise() has no column type'],
    ['lazy', z.lazy(() => z.string()), 'z.lazy() has no column type'],
    ['default', z.string().default('a'), 'z.default() has no column type'],
    ['prefault', z.string().prefault('a'), 'z.prefault() has no column type'],
    ['catch', z.string().catch('a'), 'z.catch() has no column type'],
    ['transform', z.string().transform(Number), 'z.pipe() has no column type'],
    ['preprocess', z.preprocess(String, z.string()), 'z.pipe() has no column type'],
    ['stringbool', z.stringbool(), 'z.pipe() has no column type'],
    ['intersection', z.intersection(z.string(), z.string()), 'z.intersection() has no column type'],
    ['template literal', z.templateLiteral(['a', z.int()]), 'z.template_literal() has no column type'],
    ['a union of types', z.union([z.string(), z.int()]), 'a union of several types has no single column type'],
    ['a union of nothing but null', z.union([z.null()]), 'a union of several types has no single column type'],
    ['mixed literals', z.literal(['a', 1]), 'its values are not all texts, all numbers or all booleans'],
    ['a literal null', z.literal(null), 'its values are not all texts, all numbers or all booleans'],
  ])('is an error: %s', (_name, type, problem) => {
    expect(failure(type)).toEqual({
      name: 'PhloError',
      code: 'PHLO_SCHEMA_UNSUPPORTED',
      message: `Column x: ${problem}`,
      hint,
      context: { column: 'x' },
    })
  })

  it.each<[string, z.ZodType, string]>([
    ['custom', z.custom(() => true), 'its schema has a function of its own (refine)'],
    ['refine', z.string().refine(() => true), 'its schema has a function of its own (refine)'],
    ['trim', z.string().trim(), 'its schema changes the text (trim, toLowerCase, …)'],
    ['lookahead', z.string().regex(/a(?=b)/), 'the pattern /a(?=b)/ looks around or back'],
    ['lookbehind', z.string().regex(/(?<!a)b/), 'the pattern /(?<!a)b/ looks around or back'],
    ['back reference', z.string().regex(/(a)\1/), 'the pattern /(a)\\1/ looks around or back'],
    ['named back reference', z.string().regex(/(?<a>a)\k<a>/), 'the pattern /(?<a>a)\\k<a>/ looks around or back'],
    ['flag g', z.string().regex(/a/g), 'the pattern /a/g has the flag g'],
    ['flag m', z.string().regex(/^a/m), 'the pattern /^a/m has the flag m'],
    ['many repetitions', z.string().regex(/a{1001}/), 'the pattern /a{1001}/ repeats more than 1000 times'],
    ['a script', z.string().regex(/\p{Script=Greek}/u), 'names the property Script=Greek'],
    ['half a character', z.string().regex(/\ud83d/), 'names half of a character'],
    ['includes() behind a position', z.string().includes('a', { position: 2 }), 'must be included behind a position'],
    ['url', z.url(), 'zod checks the format url by code'],
    ['ipv6', z.ipv6(), 'zod checks the format ipv6 by code'],
    ['cidrv6', z.cidrv6(), 'zod checks the format cidrv6 by code'],
    ['jwt', z.jwt(), 'zod checks the format jwt by code'],
    ['a format of the user’s own', z.stringFormat('even', () => true), 'zod checks the format even by code'],
    ['hostname', z.hostname(), 'looks around or back'],
    ['emoji', z.emoji(), 'looks around or back'],
    ['duration', z.iso.duration(), 'looks around or back'],
  ])('has rules that no engine can run: %s', (_name, type, problem) => {
    expect(failure(type)).toMatchObject({
      code: 'PHLO_SCHEMA_UNSUPPORTED',
      message: expect.stringMatching(/^Column x: /),
      hint: expect.stringMatching(/./),
      context: { column: 'x' },
    })
    expect(failure(type)['message']).toContain(problem)
  })

  it('names the way to a fault within a nested column', () => {
    expect(failure(z.object({ a: z.array(z.object({ b: z.string().min(2) })) }))).toMatchObject({
      message: 'Column x.a.element.b: a nested type has rules, which are only checked on columns',
      context: { column: 'x.a.element.b' },
    })
    expect(failure(z.record(z.string(), z.any()))).toMatchObject({
      message: 'Column x.value: z.any() has no column type',
    })
    expect(failure(z.record(z.enum(['a', 'b']), z.string()))['message']).toMatch(
      /^Column x.key: a nested type has rules/,
    )
  })

  it('is a schema without columns, of something else than an object, or with a function over rows', () => {
    expect(failure(z.object({}), true)).toMatchObject({ message: 'The schema has no columns' })
    expect(failure(z.string(), true)).toMatchObject({ message: 'A table’s schema must be a z.object' })
    expect(failure({} as z.ZodType, true)).toMatchObject({ message: 'A table’s schema must be a z.object' })
    expect(
      failure(
        z.object({ a: z.int() }).refine(() => true),
        true,
      )['message'],
    ).toMatch(/function over whole rows/)
  })

  it('is two columns whose names differ only in case', () => {
    expect(failure(z.object({ Id: z.int(), id: z.int() }), true)['message']).toBe(
      'The columns Id and id differ only in case, which SQL engines do not tell apart',
    )
  })
})

describe('field()', () => {
  const options = { unique: true, description: 'The entry’s id', classification: 'pii' } as const

  it('says what zod cannot, and leaves the given schema as it was', () => {
    const plain = z.string()
    const said = field(plain, options)
    expect(column(said)).toMatchObject({ unique: true, doc: 'The entry’s id', classification: 'pii' })
    expect(column(plain)).toEqual({
      name: 'x',
      type: 'string',
      required: true,
      optional: false,
      rules: [],
      unique: false,
    })
  })

  it('is kept by what is made of the schema later', () => {
    expect(column(field(z.string(), options).min(3).nullable())).toMatchObject({
      unique: true,
      doc: 'The entry’s id',
      classification: 'pii',
      required: false,
      rules: [{ kind: 'min-length', value: 3 }],
    })
  })

  it('adds to what an inner one said, and the outer one counts more', () => {
    const inner = field(z.string(), { description: 'inner', classification: 'pii' })
    expect(column(field(inner, { description: 'outer' }))).toMatchObject({ doc: 'outer', classification: 'pii' })
    expect(column(field(inner.nullable(), { description: 'outer' }))).toMatchObject({
      doc: 'outer',
      classification: 'pii',
    })
  })

  it('keeps zod’s own description where it has none', () => {
    expect(column(field(z.string().describe('zod’s'), { unique: true }))).toMatchObject({ unique: true, doc: 'zod’s' })
    expect(column(z.string().describe('zod’s').min(2))).toMatchObject({ doc: 'zod’s' })
  })

  it.each<[z.ZodType, string, string]>([
    [z.string(), 'uuid', 'uuid'],
    [z.string(), 'decimal(12,2)', 'decimal(12, 2)'],
    [z.string(), 'timestamp', 'timestamp'],
    [z.int(), 'int', 'int'],
    [z.number().int(), 'decimal( 38 , 0 )', 'decimal(38, 0)'],
    [z.number(), 'float', 'float'],
    [z.date(), 'date', 'date'],
    [z.iso.date(), 'string', 'string'],
  ])('stores a column as another type that holds its values', (type, wanted, expected) => {
    expect(column(field(type, { type: wanted })).type).toBe(expected)
  })

  it.each<[z.ZodType, string]>([
    [z.string(), 'long'],
    [z.string(), 'strings'],
    [z.int(), 'string'],
    [z.number(), 'decimal(39, 2)'],
    [z.number(), 'decimal(5, 6)'],
    [z.number(), 'decimal'],
    [z.boolean(), 'int'],
    [z.array(z.string()), 'string'],
  ])('refuses a type that does not: %#', (type, wanted) => {
    expect(failure(field(type, { type: wanted }))).toMatchObject({
      code: 'PHLO_SCHEMA_UNSUPPORTED',
      message: `Column x: its zod type cannot be stored as ${JSON.stringify(wanted)}`,
      context: { column: 'x' },
    })
  })
})
