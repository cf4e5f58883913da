import type { IcebergSchema, IcebergType, NestedField, TableMetadata } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parseMetadata, serializeMetadata } from '../metadata/metadata-file.js'
import { currentSchema } from '../metadata/metadata.js'
import { applyUpdates } from '../metadata/updates.js'
import { allFieldIds, indexById } from './schema.js'
import { schemaChanges, schemaHistory } from './schema-history.js'
import { SchemaUpdate, type SchemaUpdateOptions } from './schema-update.js'

const field = (id: number, name: string, type: IcebergType, required = false): NestedField => ({
  id,
  name,
  required,
  type,
})
const struct = (...fields: NestedField[]): IcebergType => ({ type: 'struct', fields })

/** The shapes of the reference implementation's own test of schema updates. */
const schema: IcebergSchema = {
  type: 'struct',
  'schema-id': 0,
  fields: [
    field(1, 'id', 'int', true),
    field(2, 'data', 'string'),
    field(3, 'preferences', struct(field(8, 'feature1', 'boolean', true), field(9, 'feature2', 'boolean'))),
    field(4, 'locations', {
      type: 'map',
      'key-id': 10,
      key: struct(field(20, 'address', 'string', true), field(21, 'zip', 'int', true)),
      'value-id': 11,
      value: struct(field(12, 'lat', 'float', true), field(13, 'long', 'float', true)),
      'value-required': true,
    }),
    field(5, 'points', {
      type: 'list',
      'element-id': 14,
      element: struct(field(15, 'x', 'long', true), field(16, 'y', 'long', true)),
      'element-required': false,
    }),
    field(6, 'doubles', { type: 'list', 'element-id': 17, element: 'double', 'element-required': true }),
    field(7, 'day', 'date'),
  ],
}
const table = (version = 3, changed: Partial<TableMetadata> = {}): TableMetadata => ({
  'format-version': version,
  'table-uuid': 'u',
  location: 'memory:///t',
  'last-sequence-number': 0,
  'last-updated-ms': 0,
  'last-column-id': 23,
  schemas: [schema],
  'current-schema-id': 0,
  'partition-specs': [{ 'spec-id': 0, fields: [] }],
  'default-spec-id': 0,
  'last-partition-id': 999,
  'sort-orders': [{ 'order-id': 0, fields: [] }],
  'default-sort-order-id': 0,
  'next-row-id': 0,
  ...changed,
})
const evolve = (change: (update: SchemaUpdate) => unknown, options?: SchemaUpdateOptions, metadata = table()) => {
  const update = new SchemaUpdate(metadata, options)
  change(update)
  return update.apply()
}
/** `id name type` of every field, `!` behind required ones. */
const fieldsOf = (changed: IcebergSchema) =>
  [...indexById(changed).values()].map(
    ({ field: { id, type, required }, path }) =>
      `${id} ${path.join('.')}${required ? '!' : ''}${typeof type === 'string' ? ` ${type}` : ''}`,
  )
const changeList = (found: ReturnType<typeof evolve>) =>
  found.changes.map(({ column, change, class: kind }) => `${column}: ${change}, ${kind}`)
const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID', message: expect.stringMatching(message) })

describe('an update of a schema', () => {
  it('that changes nothing leaves the schema itself', () => {
    const found = evolve((update) => update.makeRequired('id').updateType('id', 'int').makeOptional('data'))
    expect(found).toEqual({ schema, lastColumnId: 23, changes: [] })
    expect(found.schema).toBe(schema)
  })

  it('adds columns at every level, with ids that were never used', () => {
    const found = evolve((update) =>
      update
        .addColumn('top', 'decimal(9, 2)', { doc: 'money' })
        .addColumn('count', 'long', { parent: 'points', required: true, default: 7 })
        .addColumn('alt', 'float', { parent: 'locations.value' })
        .addColumn('tags', { type: 'list', 'element-id': 0, element: 'string', 'element-required': true }),
    )
    expect(fieldsOf(found.schema).filter((text) => Number(text.split(' ')[0]) > 23)).toEqual([
      '26 locations.value.alt float',
      '25 points.element.count! long',
      '24 top decimal(9, 2)',
      '27 tags',
      '28 tags.element! string',
    ])
    expect(found.lastColumnId).toBe(28)
    expect(found.schema.fields.at(-2)).toEqual({ ...field(24, 'top', 'decimal(9, 2)'), doc: 'money' })
    expect(indexById(found.schema).get(25)?.field).toMatchObject({ 'initial-default': 7, 'write-default': 7 })
    expect(changeList(found)).toEqual([
      'locations.value.alt: add, safe',
      'points.element.count: add, safe',
      'top: add, safe',
      'tags: add, safe',
    ])
  })

  it('drops, renames, widens and documents columns', () => {
    const found = evolve((update) =>
      update
        .dropColumn('data')
        .dropColumn('preferences.feature1')
        .renameColumn('id', 'key')
        .updateType('id', 'long')
        .updateDoc('id', 'the key')
        .updateType('locations.lat', 'double')
        .renameColumn('points.x', 'X')
        .makeOptional('points.x')
        .makeOptional('locations.value')
        .updateType('day', 'timestamp'),
    )
    expect(fieldsOf(found.schema)).toEqual([
      '1 key! long',
      '3 preferences',
      '9 preferences.feature2 boolean',
      '4 locations',
      '10 locations.key!',
      '20 locations.key.address! string',
      '21 locations.key.zip! int',
      '11 locations.value',
      '12 locations.value.lat! double',
      '13 locations.value.long! float',
      '5 points',
      '14 points.element',
      '15 points.element.X long',
      '16 points.element.y! long',
      '6 doubles',
      '17 doubles.element! double',
      '7 day timestamp',
    ])
    expect(found.schema.fields[0]?.doc).toBe('the key')
    expect(changeList(found)).toEqual([
      'data: drop, breaking',
      'preferences.feature1: drop, breaking',
      'id: rename, safe',
      'id: widen, safe',
      'id: doc, safe',
      'locations.value.lat: widen, safe',
      'locations.value: make-optional, safe',
      'points.element.x: rename, safe',
      'points.element.x: make-optional, safe',
      'day: widen, safe',
    ])
  })

  it('moves columns within their struct, added ones too', () => {
    const names = (found: ReturnType<typeof evolve>) => found.schema.fields.map(({ name }) => name).join()
    const order = 'id,data,preferences,locations,points,doubles,day'
    expect(names(evolve((update) => update.moveFirst('day')))).toBe(`day,${order.replace(',day', '')}`)
    expect(names(evolve((update) => update.moveAfter('id', 'data')))).toBe(order.replace('id,data', 'data,id'))
    expect(names(evolve((update) => update.moveBefore('day', 'data')))).toBe(
      'id,day,data,preferences,locations,points,doubles',
    )
    const added = evolve((update) =>
      update.addColumn('n', 'int').moveAfter('n', 'id').moveFirst('n').moveAfter('id', 'n'),
    )
    expect(names(added)).toBe(`n,${order}`)
    expect(changeList(added)).toEqual(['n: add, safe'])
    const nested = evolve((update) => update.moveFirst('points.y').moveBefore('locations.long', 'locations.lat'))
    expect(fieldsOf(nested.schema).filter((text) => /\.(lat|long|x|y)!/.test(text))).toEqual([
      '13 locations.value.long! float',
      '12 locations.value.lat! float',
      '16 points.element.y! long',
      '15 points.element.x! long',
    ])
    expect(changeList(nested)).toHaveLength(2)
  })

  it('gives a new id to a column that takes the name of a dropped one', () => {
    const found = evolve((update) => update.dropColumn('data').addColumn('data', 'int').makeOptional('data'))
    expect(found.schema.fields.at(-1)).toEqual(field(24, 'data', 'int'))
    expect(changeList(found)).toEqual(['data: drop, breaking', 'data: add, safe'])
  })

  it('changes what new rows get, never what stored rows have', () => {
    const first = evolve((update) => update.addColumn('n', 'int', { default: 1 }))
    const metadata = table(3, { schemas: [first.schema], 'last-column-id': 24 })
    const second = evolve((update) => update.updateDefault('n', 2), {}, metadata)
    expect(second.schema.fields.at(-1)).toMatchObject({ 'initial-default': 1, 'write-default': 2 })
    const third = evolve((update) => update.updateDefault('n', null), {}, metadata)
    expect(third.schema.fields.at(-1)).toEqual({ ...field(24, 'n', 'int'), 'initial-default': 1 })
    expect([...changeList(second), ...changeList(third)]).toEqual(['n: default, safe', 'n: default, safe'])
  })

  it('names the columns that identify rows, which then stay', () => {
    const found = evolve((update) =>
      update.addColumn('k', 'long', { required: true, default: 0 }).setIdentifierFields(['id', 'k']),
    )
    expect(found.schema['identifier-field-ids']).toEqual([1, 24])
    expect(changeList(found)).toEqual(['k: add, safe', 'id, k: identifier, safe'])
    const metadata = table(3, { schemas: [found.schema], 'last-column-id': 24 })
    expect(evolve((update) => update.renameColumn('id', 'x'), {}, metadata).schema['identifier-field-ids']).toEqual([
      1, 24,
    ])
    expect(() => evolve((update) => update.dropColumn('k'), {}, metadata)).toThrow(
      refused(/^schema update: k identifies/),
    )
    expect(() => evolve((update) => update.makeOptional('k'), {}, metadata)).toThrow(refused(/may be NULL/))
    const without = evolve((update) => update.dropColumn('k').setIdentifierFields([]), {}, metadata)
    expect(without.schema['identifier-field-ids']).toEqual([])
  })

  it('lets columns become required only when told that this may break', () => {
    const change = (update: SchemaUpdate) => update.makeRequired('data').addColumn('must', 'int', { required: true })
    expect(() => evolve(change)).toThrow(refused(/stored rows may hold NULL/))
    expect(changeList(evolve(change, { allowBreaking: true }))).toEqual([
      'data: make-required, breaking',
      'must: add, breaking',
    ])
    const added = evolve((update) => update.addColumn('must', 'int', { default: 1 }).makeRequired('must'))
    expect(added.schema.fields.at(-1)).toMatchObject({ required: true })
  })

  it('tells names apart by capitals unless told not to', () => {
    const both = evolve((update) => update.addColumn('ID', 'int'))
    expect(both.schema.fields.at(-1)?.name).toBe('ID')
    expect(() => evolve((update) => update.renameColumn('Id', 'x'))).toThrow(refused(/there is no column Id/))
    const folded = { caseSensitive: false }
    expect(evolve((update) => update.renameColumn('Points.X', 'z'), folded).changes).toHaveLength(1)
    expect(() => evolve((update) => update.addColumn('ID', 'int'), folded)).toThrow(refused(/there is a column ID/))
    expect(() => evolve((update) => update.renameColumn('data', 'ID'), folded)).toThrow(refused(/but for capitals/))
  })

  it.each<[string, (update: SchemaUpdate) => unknown, RegExp]>([
    ['a column to a column', (update) => update.addColumn('x', 'int', { parent: 'data' }), /data is no struct/],
    ['a column to nothing', (update) => update.addColumn('x', 'int', { parent: 'none' }), /no column none/],
    ['a column that is there', (update) => update.addColumn('id', 'int'), /a column id already/],
    ['a column twice', (update) => update.addColumn('n', 'int').addColumn('n', 'int'), /a column n already/],
    [
      'a field that is there',
      (update) => update.addColumn('x', 'int', { parent: 'points' }),
      /points.element.x already/,
    ],
    ['a field to a map’s key', (update) => update.addColumn('x', 'int', { parent: 'locations.key' }), /keys, which/],
    ['a default of another type', (update) => update.addColumn('x', 'int', { default: 'a' }), /initial-default of x/],
    ['an unknown that is required', (u) => u.addColumn('x', 'unknown', { required: true, default: 1 }), /x is/],
    ['to drop what is not there', (update) => update.dropColumn('none'), /no column none/],
    ['to drop an element', (update) => update.dropColumn('points.element'), /part of its list/],
    ['to drop what is renamed', (update) => update.renameColumn('data', 'd').dropColumn('data'), /dropped and changed/],
    [
      'to rename what is dropped',
      (update) => update.dropColumn('data').renameColumn('data', 'd'),
      /dropped and changed/,
    ],
    ['to drop what is moved', (update) => update.moveFirst('data').dropColumn('data'), /dropped and changed/],
    ['to move what is dropped', (update) => update.dropColumn('data').moveFirst('data'), /dropped and changed/],
    ['to move behind what is dropped', (u) => u.dropColumn('data').moveAfter('id', 'data'), /dropped and changed/],
    ['to add to what is dropped', (u) => u.dropColumn('points').addColumn('z', 'int', { parent: 'points' }), /dropped/],
    ['to drop what is added to', (u) => u.addColumn('z', 'int', { parent: 'points' }).dropColumn('points'), /dropped/],
    ['to drop what changes within', (u) => u.renameColumn('points.x', 'z').dropColumn('points'), /dropped/],
    ['to change within what is dropped', (u) => u.dropColumn('points').makeOptional('points.x'), /dropped/],
    ['to rename to a taken name', (update) => update.renameColumn('data', 'id'), /two fields "id"/],
    ['to rename to nothing', (update) => update.renameColumn('data', ''), /to nothing/],
    ['to rename an element', (update) => update.renameColumn('doubles.element', 'x'), /no name of its own/],
    ['to narrow', (update) => update.updateType('points.x', 'int'), /from long to int/],
    ['to make a struct of a column', (update) => update.updateType('id', struct()), /from int to struct/],
    ['to make a moment of a day', (update) => update.updateType('day', 'timestamptz'), /from date to timestamptz/],
    ['to change a key', (update) => update.makeOptional('locations.key.zip'), /keys, which/],
    ['to move to itself', (update) => update.moveAfter('id', 'id'), /where it is itself/],
    ['to move to another struct', (update) => update.moveAfter('id', 'points.x'), /into another struct/],
    ['to move an element', (update) => update.moveFirst('doubles.element'), /has its place/],
    ['to move what is not there', (update) => update.moveFirst('none'), /no column none/],
    ['a text for an element', (update) => update.updateDoc('doubles.element', 'x'), /no text of its own/],
    ['a default for an element', (update) => update.updateDefault('doubles.element', 1), /has no default/],
    ['to identify by what is not there', (update) => update.setIdentifierFields(['none']), /no column none/],
    ['to identify by what may be NULL', (update) => update.setIdentifierFields(['data']), /may be NULL/],
    ['to identify by an element', (update) => update.setIdentifierFields(['points.x']), /lies within a list/],
  ])('refuses %s', (_name, change, message) => {
    expect(() => evolve(change)).toThrow(refused(message))
  })

  it('refuses in version 2 what came with version 3', () => {
    for (const change of [
      (update: SchemaUpdate) => update.addColumn('n', 'timestamp_ns'),
      (update: SchemaUpdate) => update.addColumn('n', 'int', { default: 1 }),
      (update: SchemaUpdate) => update.updateDefault('data', 'x'),
    ])
      expect(() => evolve(change, {}, table(2))).toThrow(refused(/needs format version 3/))
    expect(() => evolve((update) => update.updateType('day', 'timestamp'), {}, table(2))).toThrow(refused(/from date/))
  })

  it('keeps the columns that partition and sort the table, and what they were partitioned by', () => {
    const specs = (transform: string) => [
      { 'spec-id': 0, fields: [] },
      { 'spec-id': 1, fields: [{ 'source-id': 7, 'field-id': 1000, name: 'd', transform }] },
    ]
    const partitioned = table(3, { 'partition-specs': specs('month'), 'default-spec-id': 1 })
    expect(() => evolve((update) => update.dropColumn('day'), {}, partitioned)).toThrow(refused(/partitioned by day/))
    expect(evolve((update) => update.updateType('day', 'timestamp'), {}, partitioned).changes).toHaveLength(1)
    const bucketed = table(3, { 'partition-specs': specs('bucket[4]') })
    expect(evolve((update) => update.dropColumn('day'), {}, bucketed).changes).toHaveLength(1)
    expect(() => evolve((update) => update.updateType('day', 'timestamp'), {}, bucketed)).toThrow(
      refused(/partitioned by bucket\[4\] of a date/),
    )
    const sorted = table(3, {
      'sort-orders': [
        {
          'order-id': 1,
          fields: [{ 'source-id': 8, transform: 'identity', direction: 'asc', 'null-order': 'nulls-last' }],
        },
      ],
      'default-sort-order-id': 1,
    })
    expect(() => evolve((update) => update.dropColumn('preferences'), {}, sorted)).toThrow(
      refused(/sorted by preferences.feature1/),
    )
  })
})

describe('the history of a schema', () => {
  it('tells what each version changed', () => {
    const first = evolve((update) => update.addColumn('a', 'int')).schema
    const second = evolve(
      (update) => update.renameColumn('a', 'b').dropColumn('data'),
      {},
      table(3, { schemas: [first] }),
    )
    const metadata = table(3, { schemas: [{ ...second.schema, 'schema-id': 5 }, first] })
    const history = schemaHistory(metadata)
    expect(history.map((version) => version.schema['schema-id'])).toEqual([0, 5])
    expect(history.map((version) => version.changes.map(({ column, change }) => `${change} ${column}`))).toEqual([
      first.fields.map(({ name }) => `add ${name}`),
      ['drop data', 'rename a'],
    ])
  })

  it('tells a type that became another from one that was widened', () => {
    const of = (type: IcebergType): IcebergSchema => ({ type: 'struct', 'schema-id': 0, fields: [field(1, 'c', type)] })
    const list: IcebergType = { type: 'list', 'element-id': 2, element: 'int', 'element-required': false }
    const kinds = (before: IcebergType, after: IcebergType) =>
      schemaChanges(of(before), of(after)).map(({ change, class: kind }) => `${change} ${kind}`)
    expect(kinds('int', 'string')).toEqual(['change-type breaking'])
    expect(kinds('int', list)).toEqual(['change-type breaking'])
    expect(kinds('unknown', list)).toEqual(['widen safe'])
    expect(kinds(list, { ...list, element: 'long', 'element-required': true })).toEqual([
      'widen safe',
      'make-required breaking',
    ])
    expect(kinds(list, { ...list, 'element-id': 9 })).toEqual(['change-type breaking'])
  })
})

describe('any sequence of updates of a schema', () => {
  const names = ['a', 'b', 'c', 'd']
  const paths = fc.oneof(
    fc.constantFrom(...names),
    fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)).map(([outer, inner]) => `${outer}.${inner}`),
  )
  const types = fc.constantFrom<IcebergType>(
    'int',
    'long',
    'float',
    'date',
    'unknown',
    'decimal(9, 2)',
    struct(field(0, 'a', 'int'), field(0, 'b', 'float', true)),
    { type: 'list', 'element-id': 0, element: struct(field(0, 'c', 'int')), 'element-required': true },
    { type: 'map', 'key-id': 0, key: 'string', 'value-id': 0, value: 'float', 'value-required': true },
  )
  const wider = fc.constantFrom<IcebergType>('long', 'double', 'timestamp', 'decimal(12, 2)', 'string')
  const step = fc.oneof(
    fc
      .tuple(fc.constantFrom(...names), types, fc.option(fc.constantFrom(...names), { nil: undefined }), fc.boolean())
      .map(
        ([name, type, parent, required]) =>
          (update: SchemaUpdate) =>
            update.addColumn(name, type, {
              ...(parent !== undefined && { parent }),
              ...(required && type === 'int' && { required, default: 5 }),
            }),
      ),
    paths.map((path) => (update: SchemaUpdate) => update.dropColumn(path)),
    fc.tuple(paths, fc.constantFrom(...names)).map(
      ([path, name]) =>
        (u: SchemaUpdate) =>
          u.renameColumn(path, name),
    ),
    fc.tuple(paths, wider).map(
      ([path, type]) =>
        (update: SchemaUpdate) =>
          update.updateType(path, type),
    ),
    paths.map((path) => (update: SchemaUpdate) => update.makeOptional(path)),
    paths.map((path) => (update: SchemaUpdate) => update.makeRequired(path)),
    paths.map((path) => (update: SchemaUpdate) => update.updateDoc(path, 'x')),
    paths.map((path) => (update: SchemaUpdate) => update.updateDefault(path, 6)),
    paths.map((path) => (update: SchemaUpdate) => update.moveFirst(path)),
    fc.tuple(paths, paths).map(
      ([path, other]) =>
        (update: SchemaUpdate) =>
          update.moveAfter(path, other),
    ),
    fc.tuple(paths, paths).map(
      ([path, other]) =>
        (update: SchemaUpdate) =>
          update.moveBefore(path, other),
    ),
    fc.subarray(names).map((list) => (update: SchemaUpdate) => update.setIdentifierFields(list)),
  )

  it('never uses an id again, and leaves a table that can be read, with a true list of changes', () => {
    fc.assert(
      fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 10 }), (updates) => {
        const start: IcebergSchema = { type: 'struct', 'schema-id': 0, fields: [field(1, 'a', 'int', true)] }
        let metadata = table(3, { schemas: [start], 'last-column-id': 1 })
        const meaning = new Map<number, string>()
        for (const steps of updates) {
          const before = currentSchema(metadata)
          const update = new SchemaUpdate(metadata)
          let found
          try {
            for (const one of steps) {
              try {
                one(update)
              } catch (error) {
                expect(error).toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
              }
            }
            found = update.apply()
          } catch (error) {
            expect(error).toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
            continue
          }
          expect(found.changes.length === 0).toBe(found.schema === before)
          metadata = applyUpdates(
            metadata,
            [
              { action: 'add-schema', schema: found.schema },
              { action: 'set-current-schema', 'schema-id': -1 },
            ],
            { now: 1 },
          )
          const after = currentSchema(metadata)
          const had = new Set(allFieldIds(before))
          for (const id of allFieldIds(after)) {
            if (!had.has(id)) {
              expect(meaning.has(id)).toBe(false)
              meaning.set(id, 'used')
            }
          }
          for (const id of had) meaning.set(id, 'used')
          for (const { field: item, path } of indexById(after).values())
            expect(fieldAt(after.fields, path)?.id).toBe(item.id)
          expect(parseMetadata(serializeMetadata(metadata), 't')).toEqual(metadata)
          expect(schemaHistory(metadata).at(-1)?.schema['schema-id']).toBe(metadata.schemas.length - 1)
        }
      }),
      { numRuns: 300 },
    )
  })

  function fieldAt(fields: readonly NestedField[], [name, ...rest]: readonly string[]): { id: number } | undefined {
    const found = fields.find((item) => item.name === name)
    if (!found || rest.length === 0) return found
    const { type } = found
    if (typeof type === 'string') return undefined
    if (type.type === 'struct') return fieldAt(type.fields, rest)
    if (type.type === 'list') return fieldAt([field(type['element-id'], 'element', type.element)], rest)
    return fieldAt([field(type['key-id'], 'key', type.key), field(type['value-id'], 'value', type.value)], rest)
  }
})
