import { describe, expect, it } from '@jest/globals'
import type { RuleValue } from '@phlo/ports'
import fc from 'fast-check'
import { z } from 'zod'
import { columnPredicates, rowSchemaFromZod } from './index.js'
import { dialect, evaluate, sqlValue } from './testing/duckdb.js'

type Value = RuleValue | Date | null

/** Which of the values an engine takes, by the predicates of the column that the zod type makes. */
async function accepted(type: z.ZodType, values: readonly Value[]): Promise<boolean[]> {
  const [column] = rowSchemaFromZod(z.object({ x: type })).rows.columns
  if (!column || typeof column.type !== 'string') throw new Error('a plain column is needed')
  const { type: columnType, required } = column
  const predicates = columnPredicates(column, 'x', dialect).map(({ passes }) => `coalesce(${passes}, TRUE)`)
  const all = [required ? 'x IS NOT NULL' : 'TRUE', ...predicates].join(' AND ')
  const rows = values.map((value) => `(${sqlValue(value, columnType)})`).join(', ')
  return (await evaluate(`SELECT ${all} FROM (VALUES ${rows}) AS given(x)`)) as boolean[]
}

/** Holds the engine's verdicts on random values against zod's own. */
async function agree(type: z.ZodType, values: fc.Arbitrary<Value>): Promise<void> {
  let [passed, failed] = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.array(values, { minLength: 50, maxLength: 50 }), async (batch) => {
      const byZod = batch.map((value) => type.safeParse(value).success)
      const byEngine = await accepted(type, batch)
      expect(batch.map((value, index) => [value, byEngine[index]])).toEqual(
        batch.map((value, index) => [value, byZod[index]]),
      )
      passed += byZod.filter(Boolean).length
      failed += byZod.filter((verdict) => !verdict).length
    }),
    { numRuns: 6 },
  )
  // Values that are all right or all wrong would prove nothing.
  expect({ passed: passed > 0, failed: failed > 0 }).toEqual({ passed: true, failed: true })
}

const integers = fc.oneof(fc.integer({ min: -30, max: 30 }), fc.maxSafeInteger())
const doubles = fc.oneof(
  fc.integer({ min: -30, max: 30 }),
  fc.integer({ min: -300, max: 300 }).map((value) => value / 10),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(NaN, Infinity, -Infinity, 0, -0),
)
/** Few characters, so that random texts meet rules; among them what regular expressions and LIKE treat apart. */
const letters = [...'abAB12 .%_\\\'"/-\n\r\t\v\u00a0\u2028ſé😀', '[', ']', '^', '$']
const texts = fc.string({ unit: fc.constantFrom(...letters), maxLength: 6 })
const orNull = (values: fc.Arbitrary<Value>) => fc.option(values, { freq: 8 })

const numberTypes: readonly [string, z.ZodType, fc.Arbitrary<Value>][] = [
  ['z.int().min().max()', z.int().min(-10).max(10), integers],
  ['z.int().gt().lt()', z.int().gt(-10).lt(10), integers],
  ['z.int() with limits that are no integers', z.int().min(-1.5).max(7.5), integers],
  ['z.int().multipleOf()', z.int().multipleOf(3), fc.integer({ min: -1e9, max: 1e9 })],
  ['z.int().nullable()', z.int().max(0).nullable(), orNull(integers)],
  ['z.uint32()', z.uint32(), integers],
  ['z.bigint().min()', z.bigint().min(5n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [
    'z.bigint() with limits that no double holds',
    z.bigint().min(9007199254740992n).min(9007199254740993n),
    fc.bigInt({ min: 9007199254740990n, max: 9007199254740996n }),
  ],
  ['z.number()', z.number(), doubles],
  ['z.number().positive()', z.number().positive(), doubles],
  ['z.number().min().max()', z.number().min(-2.5).max(10.1), doubles],
  ['z.number().multipleOf() of a fraction', z.number().multipleOf(0.1), doubles],
  ['z.literal() of numbers', z.literal([1, 2, 3]), integers],
]

const textTypes: readonly [string, z.ZodType][] = [
  ['min() and max()', z.string().min(2).max(4)],
  ['length()', z.string().length(3)],
  ['nonempty()', z.string().nonempty()],
  ['startsWith()', z.string().startsWith('a')],
  ['endsWith()', z.string().endsWith('%')],
  ['includes()', z.string().includes('_')],
  ['includes() of a backslash', z.string().includes('\\')],
  ['lowercase()', z.string().lowercase()],
  ['uppercase()', z.string().uppercase()],
  ['enum()', z.enum(['a', 'b', "'", 'A1'])],
  ['enum() of many', z.enum([...letters, ...letters.map((letter) => `${letter}a`)])],
  ['literal()', z.literal('a')],
  ['several rules', z.string().min(2).regex(/^a/).endsWith('b').nullable()],
]

const patterns: readonly RegExp[] = [
  /^[ab]+$/,
  /a.b/u,
  /^.*$/u,
  /^.+$/su,
  /^\s/,
  /\S/,
  /^\S*$/u,
  /^[\s\d]+$/,
  /^[^\s]+$/u,
  /^[\S\n]*$/u,
  /^[\s\S]{2}$/u,
  /[^]a/u,
  /^[a[]+$/,
  /[[:alpha:]]/,
  /^[\]\\^$]+$/,
  /[.\-\/]/,
  /\bA/,
  /\w\W/u,
  /a{2}|b{1,}|1{,2}/,
  /^{/,
  /\u00e9|\x41|\u{1f600}/u,
  /\cJ/,
  /^(?<first>[aA])(?:b|B)?/,
  /AB/i,
  /^\p{L}+$/u,
  /\P{L}/u,
  /\$$/,
  /^$/,
  /a|^$/,
]

describe('predicates of a column', () => {
  it.each(numberTypes)('decide as zod does: %s', async (_name, type, values) => {
    await agree(type, values)
  })

  it.each(textTypes)('decide as zod does on texts: %s', async (_name, type) => {
    const choices = fc.constantFrom<string[]>('a', 'b', 'ab', 'a%', 'a_b', 'AB', "'", 'A1', '\\')
    await agree(type, orNull(fc.oneof(texts, choices)))
  })

  it.each(patterns.map((pattern) => [String(pattern), pattern] as const))(
    'find what JavaScript finds: %s',
    async (_name, pattern) => {
      const choices = fc.constantFrom<string[]>(
        '',
        'a',
        'aa',
        'a-b',
        'AB',
        'aB',
        '{',
        '\n',
        'a\nb',
        'a:]',
        '😀',
        'é',
        ' ',
        '$',
      )
      await agree(z.string().regex(pattern), fc.oneof(texts, choices))
    },
  )

  it('decide as zod does on dates', async () => {
    const type = z.date().min(new Date('2001-01-01T00:00:00Z')).max(new Date('2001-12-31T23:59:59.999Z'))
    const near = fc.date({ min: new Date('2000-06-01'), max: new Date('2002-06-01'), noInvalidDate: true })
    await agree(type, near)
  })

  it('decide as zod does on booleans', async () => {
    await agree(z.literal(true), fc.boolean())
  })

  const formats: readonly [string, z.ZodType, readonly string[]][] = [
    ['uuid', z.uuid(), ['0189fd4b-1b1c-7000-8000-000000000000', '0189fd4b-1b1c-9000-8000-000000000000', 'x']],
    ['guid', z.guid(), ['0189fd4b-1b1c-9000-0000-000000000000', '0189fd4b']],
    ['email', z.email(), ['a@b.de', 'a.b+c@d.e.com', '.a@b.de', 'a..b@c.de', "a'@b.de", 'a@b', '@b.de', 'a@b.de\n']],
    ['ipv4', z.ipv4(), ['127.0.0.1', '256.0.0.1', '1.2.3']],
    ['cidrv4', z.cidrv4(), ['10.0.0.0/8', '10.0.0.0/33']],
    ['mac', z.mac(), ['aa:bb:cc:dd:ee:ff', 'aa:bb:cc:dd:ee:fg', 'AA:bb:cc:dd:ee:ff']],
    ['base64', z.base64(), ['', 'YQ==', 'YWI=', 'YWJj', 'YQ=', 'a', '====', 'YWJj\n', 'Y W=']],
    ['base64url', z.base64url(), ['', 'YQ', 'YWI', 'YWJj', 'Y', 'YW-_', 'YQ==', '+/']],
    ['e164', z.e164(), ['+491701234567', '+0123', '491701234567']],
    ['nanoid', z.nanoid(), ['V1StGXR8_Z5jdHi6B-myT', 'short']],
    ['cuid2', z.cuid2(), ['tz4a98xxat96iws9zmbrgj3a', 'A']],
    ['ulid', z.ulid(), ['01ARZ3NDEKTSV4RRFFQ69G5FAV', '81ARZ3NDEKTSV4RRFFQ69G5FAV', 'x']],
    ['xid', z.xid(), ['9m4e2mr0ui3e8a215n4g', 'x']],
    ['ksuid', z.ksuid(), ['0ujtsYcgvSTl8PAuAdqWYSMnLOv', 'x']],
    ['hex', z.hex(), ['00ff', 'xy']],
    ['sha256', z.hash('sha256'), ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'e3b0']],
  ]

  it.each(formats)('decide as zod does on the format %s', async (_name, type, values) => {
    const byZod = values.map((value) => type.safeParse(value).success)
    expect(new Set(byZod)).toEqual(new Set([true, false]))
    expect(await accepted(type, values)).toEqual(byZod)
  })

  it('count the items of lists and the entries of maps', async () => {
    const { columns } = rowSchemaFromZod(
      z.object({ list: z.array(z.string()).min(1).max(2), entries: z.array(z.int()).length(2) }),
    ).rows
    const passes = (index: number, sql: string) =>
      columnPredicates(columns[index]!, sql, dialect)
        .map((predicate) => predicate.passes)
        .join(' AND ')
    expect(
      await evaluate(
        [passes(0, "['a']"), passes(0, "['a', 'b', 'c']"), passes(1, '[1, 2]'), passes(1, '[1]')]
          .map((expression) => `SELECT ${expression}`)
          .join(' UNION ALL '),
      ),
    ).toEqual([true, false, true, false])
  })

  it('say what they want, under stable names', () => {
    const { columns } = rowSchemaFromZod(
      z.object({
        delay: z.int().min(-120).lt(2000),
        code: z.string().min(2).startsWith('A').regex(/^\w+$/i),
        kind: z.enum(['a', 'b']),
        mail: z.email(),
        share: z.number().multipleOf(0.5),
      }),
    ).rows
    const said = columns.flatMap((column) => columnPredicates(column, 'x', dialect))
    expect(said.map(({ rule, description }) => [rule, description])).toEqual([
      ['delay min', 'delay must be at least -120'],
      ['delay max', 'delay must be below 2000'],
      ['code min-length', 'code must be at least 2 long'],
      ['code starts-with', 'code must start with "A"'],
      ['code pattern', 'code must match /^\\w+$/i'],
      ['kind in', 'kind must be one of a, b'],
      ['mail pattern', 'mail must be a valid email'],
      ['share multiple-of', 'share must be a multiple of 0.5'],
      ['share finite', 'share must be a finite number'],
    ])
  })

  it('name the column whose limit is no value of its type', () => {
    const [column] = rowSchemaFromZod(z.object({ at: z.iso.datetime() })).rows.columns
    const refusing = {
      ...dialect,
      typedLiteral: () => {
        throw Object.assign(new Error('"soon" is no timestamptz'), {
          name: 'PhloError',
          code: 'PHLO_SCHEMA_UNSUPPORTED',
        })
      },
    }
    const rules = [{ kind: 'min', value: 'soon', exclusive: false }] as const
    expect(() => columnPredicates({ ...column!, rules }, 'x', refusing)).toThrow('Column at: "soon" is no timestamptz')
  })
})
