import type { ColumnSchema, IcebergSchema, IcebergType, RowSchema } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { evolveSchema, replaceSchema } from './evolution.js'
import { newSchema } from './field-ids.js'
import { allFieldIds, findField, highestFieldId, indexById } from './schema.js'
import { requireSafe } from './schema-change.js'
import { primitives } from '../testing/arbitraries.js'
import { firstFormatVersion, formatPrimitive, formatType, parsePrimitive, sameType } from '../types/primitive.js'

function column(name: string, type: IcebergType, options: Partial<ColumnSchema> = {}): ColumnSchema {
  return { name, type, required: false, optional: false, rules: [], unique: false, ...options }
}
const rows = (...columns: ColumnSchema[]): RowSchema => ({ columns })

const types = fc.letrec<{ type: IcebergType }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...primitives.map(formatPrimitive)),
    fc.record({
      type: fc.constant('list' as const),
      'element-id': fc.constant(0),
      element: tie('type'),
      'element-required': fc.boolean(),
    }),
    fc.record({
      type: fc.constant('map' as const),
      'key-id': fc.constant(0),
      key: tie('type'),
      'value-id': fc.constant(0),
      value: tie('type'),
      'value-required': fc.boolean(),
    }),
    fc.record({
      type: fc.constant('struct' as const),
      fields: fc.uniqueArray(
        fc.record({
          id: fc.constant(0),
          name: fc.constantFrom('a', 'b', 'c'),
          type: tie('type'),
          required: fc.boolean(),
        }),
        { selector: ({ name }) => name, maxLength: 3 },
      ),
    }),
  ),
})).type
const rowSchemas = fc
  .uniqueArray(fc.record({ name: fc.constantFrom('p', 'q', 'r', 's', 't'), type: types, required: fc.boolean() }), {
    selector: ({ name }) => name,
    minLength: 1,
    maxLength: 5,
  })
  .map((columns) => rows(...columns.map(({ name, type, required }) => column(name, type, { required }))))

/** What holds of every schema that a table may have. */
function expectSound(schema: IcebergSchema, lastColumnId: number): void {
  const ids = allFieldIds(schema)
  expect(new Set(ids).size).toBe(ids.length)
  expect(Math.min(1, ...ids)).toBe(1)
  expect(highestFieldId(schema)).toBeLessThanOrEqual(lastColumnId)
  expect(indexById(schema).size).toBe(ids.length)
}

describe('a new schema', () => {
  it('numbers every level from 1, columns first', () => {
    fc.assert(
      fc.property(rowSchemas, (wanted) => {
        const schema = newSchema(wanted)
        expect(schema.fields.map(({ id }) => id)).toEqual(wanted.columns.map((_column, index) => index + 1))
        expect([...allFieldIds(schema)].sort((a, b) => a - b)).toEqual(
          allFieldIds(schema).map((_id, index) => index + 1),
        )
        schema.fields.forEach((field, index) => expect(sameType(field.type, wanted.columns[index]!.type)).toBe(true))
      }),
    )
  })

  it('is found by dotted names', () => {
    const schema = newSchema(
      rows(
        column('a', { type: 'struct', fields: [{ id: 0, name: 'b.c', type: 'int', required: false }] }),
        column('a.b', 'long'),
      ),
    )
    expect(findField(schema, 'a.b')?.type).toBe('long')
    expect(findField(schema, 'a.b.c')?.type).toBe('int')
    expect([findField(schema, 'a.x'), findField(schema, 'x'), findField(schema, 'a.b.c.d')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('the evolution of a schema', () => {
  const current = newSchema(
    rows(column('id', 'int', { required: true }), column('v', 'float'), column('d', 'decimal(9, 2)')),
  )

  it.each<[string, RowSchema['columns'][number], string, string]>([
    ['widens an int', column('id', 'long', { required: true }), 'widen', 'safe'],
    ['allows NULL', column('id', 'int'), 'make-optional', 'safe'],
    ['documents', column('id', 'int', { required: true, doc: 'key' }), 'doc', 'safe'],
    ['adds a column', column('new', 'string'), 'add', 'safe'],
    ['does not add one that must be there', column('new', 'string', { required: true }), 'add', 'breaking'],
    ['does not narrow', column('id', 'string', { required: true }), 'change-type', 'breaking'],
  ])('%s', (_name, changed, change, kind) => {
    const columns = [column('id', 'int', { required: true }), column('v', 'float'), column('d', 'decimal(9, 2)')]
    const wanted = rows(...columns.filter(({ name }) => name !== changed.name), changed)
    const evolution = evolveSchema(current, 3, wanted)
    expect(evolution.changes).toEqual([expect.objectContaining({ column: changed.name, change, class: kind })])
    if (kind === 'safe') {
      expect(requireSafe(evolution, 't')).toBe(evolution)
      const field = evolution.schema.fields.find(({ name }) => name === changed.name)
      expect(field).toMatchObject({ type: changed.type, required: changed.required })
      expect(field?.id).toBe(changed.name === 'new' ? 4 : 1)
    } else {
      expect(evolution.schema).toBe(current)
      expect(() => requireSafe(evolution, 't')).toThrow(expect.objectContaining({ code: 'PHLO_SCHEMA_BREAKING' }))
    }
  })

  it('renames a column that is declared with its former name, which keeps its id', () => {
    const before = newSchema(rows(column('id', 'int'), column('v', 'int')))
    const renamed = column('value', 'long', { formerNames: ['worth', 'v'] })
    const evolution = evolveSchema(before, 2, rows(column('id', 'int'), renamed))
    expect(evolution.changes.map(({ column: name, change, class: kind }) => [name, change, kind])).toEqual([
      ['v', 'rename', 'safe'],
      ['v', 'widen', 'safe'],
    ])
    expect(evolution.schema.fields.map(({ id, name, type }) => [id, name, type])).toEqual([
      [1, 'id', 'int'],
      [2, 'value', 'long'],
    ])
    // Done once, it is nothing to do any more, also when somebody adds a column of the old name.
    expect(evolveSchema(evolution.schema, 2, rows(column('id', 'int'), renamed)).changes).toEqual([])
    const again = evolveSchema(evolution.schema, 2, rows(column('id', 'int'), renamed, column('v', 'int')))
    expect(again.schema.fields.map(({ id, name }) => [id, name])).toEqual([
      [1, 'id'],
      [2, 'value'],
      [3, 'v'],
    ])
    const replaced = replaceSchema(before, 2, rows(renamed))
    expect(replaced.fields.map(({ id, name }) => [id, name])).toEqual([[2, 'value']])
  })

  it('takes no column for a renamed one that is still declared', () => {
    const before = newSchema(rows(column('a', 'int')))
    const wanted = rows(column('a', 'int'), column('b', 'int', { formerNames: ['a'] }))
    expect(evolveSchema(before, 1, wanted).schema.fields.map(({ id, name }) => [id, name])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
  })

  it('widens only as the specification lets it', () => {
    const safe: string[] = []
    for (const from of primitives) {
      for (const to of [...primitives, ...['decimal(12, 2)', 'decimal(38, 2)'].map(parsePrimitive)]) {
        const [a, b] = [formatPrimitive(from), formatPrimitive(to)]
        const { changes } = evolveSchema(newSchema(rows(column('c', a))), 1, rows(column('c', b)))
        if (changes.length > 0 && changes.every((change) => change.class === 'safe')) safe.push(`${a} → ${b}`)
      }
    }
    expect(safe.sort()).toEqual([
      'decimal(9, 2) → decimal(12, 2)',
      'decimal(9, 2) → decimal(38, 2)',
      'float → double',
      'int → long',
    ])
  })

  it('keeps what a column is known by, whatever is wanted', () => {
    fc.assert(
      fc.property(rowSchemas, rowSchemas, (before, wanted) => {
        const schema = newSchema(before)
        const last = highestFieldId(schema)
        const evolution = evolveSchema(schema, last, wanted)
        expectSound(evolution.schema, evolution.lastColumnId)
        for (const field of schema.fields) {
          const kept = evolution.schema.fields.find(({ name }) => name === field.name)
          expect(kept?.id).toBe(field.id)
        }
        for (const { id, name } of evolution.schema.fields)
          if (!schema.fields.some((field) => field.name === name)) expect(id).toBeGreaterThan(last)
        const again = evolveSchema(evolution.schema, evolution.lastColumnId, wanted)
        expect(again.changes.filter((change) => change.class === 'safe')).toEqual([])
        if (evolution.changes.every((change) => change.class === 'safe')) {
          expect(evolution.schema.fields.map(({ name }) => name)).toEqual(wanted.columns.map(({ name }) => name))
        }
      }),
      { numRuns: 200 },
    )
  })

  const list = (element: IcebergType, required = false): IcebergType => ({
    type: 'list',
    'element-id': 0,
    element,
    'element-required': required,
  })
  const map = (key: IcebergType, value: IcebergType): IcebergType => ({
    type: 'map',
    'key-id': 0,
    key,
    'value-id': 0,
    value,
    'value-required': false,
  })
  const struct = (fields: Record<string, IcebergType>, required = false): IcebergType => ({
    type: 'struct',
    fields: Object.entries(fields).map(([name, type]) => ({ id: 0, name, type, required })),
  })

  it('goes on within structs, lists and maps', () => {
    const before = newSchema(
      rows(
        column('s', struct({ a: 'int', l: list(struct({ x: 'float' }, true), true) })),
        column('m', map('int', 'int')),
      ),
    )
    const wanted = rows(
      column('s', struct({ n: 'string', l: list(struct({ y: 'int', x: 'double' })), a: 'long' })),
      column('m', map('int', 'long')),
    )
    const evolution = evolveSchema(before, 9, wanted)
    expect(evolution.changes.map(({ column: name, change, class: kind }) => `${kind} ${change} ${name}`)).toEqual([
      'safe widen s.a',
      'safe widen s.l.element.x',
      'safe make-optional s.l.element.x',
      'safe add s.l.element.y',
      'safe make-optional s.l.element',
      'safe add s.n',
      'safe widen m.value',
    ])
    expect(allFieldIds(evolution.schema)).toEqual([1, 11, 4, 5, 10, 6, 3, 2, 7, 8])
    expect(evolution.schema.fields.map(({ type }) => formatType(type))).toEqual(
      wanted.columns.map(({ type }) => formatType(type)),
    )
  })

  it('keeps what it cannot change within nested types, and says so', () => {
    const before = newSchema(rows(column('s', struct({ a: 'int', b: 'int' })), column('m', map('int', 'int'))))
    const wanted = rows(column('s', struct({ a: list('int') })), column('m', map('long', 'int')))
    const evolution = evolveSchema(before, 6, wanted)
    expect(evolution.schema).toBe(before)
    expect(evolution.changes.map(({ column: name, change, class: kind }) => `${kind} ${change} ${name}`)).toEqual([
      'breaking change-type s.a',
      'breaking drop s.b',
      'breaking change-type m',
    ])
  })

  it('knows the promotions of version 3', () => {
    const before = newSchema(rows(column('u', 'unknown'), column('d', 'date')))
    const wanted = rows(column('u', list('int')), column('d', 'timestamp_ns'))
    expect(evolveSchema(before, 2, wanted).changes.map((change) => change.class)).toEqual(['breaking', 'breaking'])
    const evolution = evolveSchema(before, 2, wanted, 3)
    expect(evolution.changes.map((change) => change.class)).toEqual(['safe', 'safe'])
    expect(allFieldIds(evolution.schema)).toEqual([1, 3, 2])
  })

  it('never gives out an id that is taken, even when the table says so', () => {
    const { schema } = evolveSchema(
      current,
      0,
      rows(...current.fields.map(({ name, type, required }) => column(name, type, { required })), column('new', 'int')),
    )
    expect(schema.fields.map(({ id }) => id)).toEqual([1, 2, 3, 4])
  })
})

describe('the replacement of a schema', () => {
  it('gives exactly what is wanted, and old ids only to columns that mean the same', () => {
    fc.assert(
      fc.property(rowSchemas, rowSchemas, (before, wanted) => {
        const schema = newSchema(before)
        const last = highestFieldId(schema)
        const replaced = replaceSchema(schema, last, wanted)
        expectSound(replaced, Math.max(last, highestFieldId(replaced)))
        expect(replaced.fields.map(({ name, required, type }) => [name, required, formatType(type)])).toEqual(
          wanted.columns.map(({ name, required, type }) => [name, required, formatType(type)]),
        )
        for (const field of replaced.fields) {
          const old = schema.fields.find(({ name }) => name === field.name)
          if (field.id <= last) expect(field.id).toBe(old?.id)
        }
        expect(replaceSchema(replaced, last, wanted)).toBe(replaced)
      }),
      { numRuns: 200 },
    )
  })
})

describe('types in text', () => {
  it('come back as they went', () => {
    for (const type of primitives) expect(parsePrimitive(formatPrimitive(type))).toEqual(type)
    expect(formatPrimitive(parsePrimitive('decimal( 9,2 )'))).toBe('decimal(9, 2)')
  })

  it.each([
    '',
    'Int',
    'decimal',
    'decimal(39, 2)',
    'decimal(2, 3)',
    'decimal(0, 0)',
    'fixed[]',
    'fixed[-1]',
    'Timestamp_ns',
    'geometry()',
    'geometry( )',
    'geography(, karney)',
    'geography(x, y)',
    'geography(x, karney, z)',
    'geometry(a(b))',
  ])('%j is none', (text) => {
    expect(() => parsePrimitive(text)).toThrow(expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }))
  })

  it('of version 3 have their parameters, and defaults where they have none', () => {
    const texts = ['unknown', 'variant', 'timestamp_ns', 'timestamptz_ns', 'geometry(srid:4326)']
    for (const text of texts) expect(formatPrimitive(parsePrimitive(text))).toBe(text)
    expect(texts.map((text) => firstFormatVersion(parsePrimitive(text)))).toEqual([3, 3, 3, 3, 3])
    expect(firstFormatVersion({ kind: 'timestamptz' })).toBe(1)
    expect(formatPrimitive(parsePrimitive('geometry'))).toBe('geometry(OGC:CRS84)')
    expect(formatPrimitive(parsePrimitive('geography'))).toBe('geography(OGC:CRS84, spherical)')
    expect(formatPrimitive(parsePrimitive('geography( srid:4326 ,karney )'))).toBe('geography(srid:4326, karney)')
    expect(formatPrimitive(parsePrimitive('geography (srid:4326)'))).toBe('geography(srid:4326, spherical)')
  })
})
