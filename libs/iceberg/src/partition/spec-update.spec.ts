import type { PartitionSpec, TableMetadata } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parseMetadata, serializeMetadata } from '../metadata/metadata-file.js'
import { applyUpdates } from '../metadata/updates.js'
import { bindTableSpec } from '../manifest/table-files.js'
import { SpecUpdate } from './spec-update.js'

const table = (version: number, ...specs: PartitionSpec['fields'][]): TableMetadata => ({
  'format-version': version,
  'table-uuid': 'u',
  location: 'memory:///t',
  'last-sequence-number': 0,
  'last-updated-ms': 0,
  'last-column-id': 6,
  schemas: [
    {
      type: 'struct',
      'schema-id': 0,
      fields: [
        { id: 1, name: 'id', required: true, type: 'long' },
        { id: 2, name: 'ts', required: false, type: 'timestamptz' },
        { id: 3, name: 'category', required: false, type: 'string' },
        {
          id: 4,
          name: 'place',
          required: false,
          type: { type: 'struct', fields: [{ id: 5, name: 'city', required: false, type: 'string' }] },
        },
        { id: 6, name: 'shape', required: false, type: 'binary' },
      ],
    },
  ],
  'current-schema-id': 0,
  'partition-specs': specs.map((fields, index) => ({ 'spec-id': index, fields })),
  'default-spec-id': specs.length - 1,
  'last-partition-id': Math.max(999, ...specs.flat().map((field) => field['field-id'])),
  'sort-orders': [{ 'order-id': 0, fields: [] }],
  'default-sort-order-id': 0,
  ...(version >= 3 && { 'next-row-id': 0 }),
})
const field = (id: number, sourceId: number, name: string, transform: string) => ({
  'source-id': sourceId,
  'field-id': id,
  name,
  transform,
})
const [day, bucket, category] = [
  field(1000, 2, 'ts_day', 'day'),
  field(1001, 1, 'shard', 'bucket[16]'),
  field(1002, 3, 'category', 'identity'),
]
const update = (metadata: TableMetadata, change: (update: SpecUpdate) => unknown) => {
  const spec = new SpecUpdate(metadata)
  change(spec)
  return spec
    .apply()
    .fields.map((item) => `${item['field-id']} ${item.name}: ${item.transform} ${item['source-id'] ?? ''}`)
}
const by = (column: string, transform = 'identity') => ({ column, transform })
const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID', message: expect.stringMatching(message) })

describe('an update of a partition spec', () => {
  it.each([1, 2, 3])('adds fields behind those that are there, in version %d', (version) => {
    expect(
      update(table(version, [day]), (spec) =>
        spec
          .addField(by('id', 'bucket[8]'))
          .addField(by('category', 'truncate[4]'))
          .addField(by('place.city'))
          .addField(by('id'), 'id')
          .addField(by('ts', 'hour'), 'at'),
      ),
    ).toEqual([
      '1000 ts_day: day 2',
      '1001 id_bucket_8: bucket[8] 1',
      '1002 category_trunc_4: truncate[4] 3',
      '1003 place.city: identity 5',
      '1004 id: identity 1',
      '1005 at: hour 2',
    ])
  })

  it('drops fields, which version 1 keeps as void', () => {
    const change = (spec: SpecUpdate) => spec.removeField('shard').removeField(by('ts', 'day'))
    expect(update(table(2, [day, bucket, category]), change)).toEqual(['1002 category: identity 3'])
    expect(update(table(1, [day, bucket, category]), change)).toEqual([
      '1000 ts_day: void 2',
      '1001 shard: void 1',
      '1002 category: identity 3',
    ])
  })

  it('renames fields', () => {
    expect(update(table(2, [day, bucket]), (spec) => spec.renameField('shard', 'part'))).toEqual([
      '1000 ts_day: day 2',
      '1001 part: bucket[16] 1',
    ])
  })

  it('gives a field that some spec had its id back', () => {
    const metadata = table(2, [day, bucket], [category])
    expect(update(metadata, (spec) => spec.addField(by('id', 'bucket[16]')))).toEqual([
      '1002 category: identity 3',
      '1001 shard: bucket[16] 1',
    ])
    expect(update(metadata, (spec) => spec.addField(by('id', 'bucket[16]'), 'other'))).toEqual([
      '1002 category: identity 3',
      '1003 other: bucket[16] 1',
    ])
  })

  it('keeps a field that is removed and added again', () => {
    const metadata = table(2, [day, bucket])
    expect(
      update(metadata, (spec) =>
        spec.removeField('shard').addField(by('id', 'bucket[16]')).removeField('ts_day').addField(by('ts', 'day'), 'd'),
      ),
    ).toEqual(['1000 d: day 2', '1001 shard: bucket[16] 1'])
  })

  it('lets a new field have the name of one that goes', () => {
    const change = (spec: SpecUpdate) => spec.removeField('shard').addField(by('id', 'bucket[32]'), 'shard')
    expect(update(table(2, [day, bucket]), change)).toEqual(['1000 ts_day: day 2', '1002 shard: bucket[32] 1'])
    expect(update(table(1, [day, bucket]), change)).toEqual([
      '1000 ts_day: day 2',
      '1001 shard_1001: void 1',
      '1002 shard: bucket[32] 1',
    ])
    const gone = table(1, [day, { ...bucket, transform: 'void' }])
    expect(update(gone, (spec) => spec.renameField('ts_day', 'shard'))).toEqual([
      '1000 shard: day 2',
      '1001 shard_1001: void 1',
    ])
  })

  it.each<[string, (spec: SpecUpdate) => unknown, RegExp]>([
    ['a column that is not there', (spec) => spec.addField(by('none')), /no column none/],
    ['a transform that nobody knows', (spec) => spec.addField(by('id', 'hilbert')), /no transform hilbert/],
    ['nothing at all', (spec) => spec.addField(by('id', 'void')), /no transform void/],
    ['a transform that does not fit', (spec) => spec.addField(by('id', 'day')), /cannot be applied to long/],
    ['a struct', (spec) => spec.addField(by('place')), /no primitive source/],
    ['what is there', (spec) => spec.addField(by('ts', 'day')), /is ts_day already/],
    ['a field twice', (spec) => spec.addField(by('id')).addField(by('id'), 'x'), /added twice/],
    ['two times of one column', (s) => s.addField(by('ts', 'month')).addField(by('ts', 'hour')), /says no more/],
    ['a name that is there', (spec) => spec.addField(by('id'), 'ts_day'), /two fields would be called ts_day|column/],
    ['the name of another column', (spec) => spec.addField(by('id'), 'category'), /a column category/],
    ['a column’s name for more than it', (spec) => spec.addField(by('id', 'bucket[4]'), 'id'), /a column id/],
    ['no name', (spec) => spec.addField(by('id'), ''), /needs a name/],
    ['to remove what is not there', (spec) => spec.removeField('none'), /no partition field none/],
    ['to remove what it is not by', (spec) => spec.removeField(by('id')), /not partitioned by/],
    ['to remove what is added', (spec) => spec.addField(by('id')).removeField('id'), /only just added/],
    ['to remove what is added so', (spec) => spec.addField(by('id')).removeField(by('id')), /only just added/],
    ['to rename what is added', (spec) => spec.addField(by('id')).renameField('id', 'x'), /only just added/],
    ['to rename what is removed', (s) => s.removeField('shard').renameField('shard', 'x'), /renamed and removed/],
    ['to remove what is renamed', (s) => s.renameField('shard', 'x').removeField('shard'), /renamed and removed/],
    ['to rename to a taken name', (spec) => spec.renameField('shard', 'ts_day'), /two fields would be called/],
    ['to rename to a column', (spec) => spec.renameField('shard', 'category'), /a column category/],
  ])('refuses %s', (_name, change, message) => {
    expect(() => update(table(2, [day, bucket]), change)).toThrow(refused(message))
  })

  it('leaves a spec alone that it does not understand', () => {
    expect(() => new SpecUpdate(table(2, [field(1000, 1, 'x', 'hilbert')]))).toThrow(refused(/not known here/))
  })
})

describe('any sequence of updates of a partition spec', () => {
  const names = fc.constantFrom('id', 'category', 'p', 'q', 'ts_day', 'id_bucket_4', 'category_trunc_2')
  const fields = fc.constantFrom(
    by('id'),
    by('id', 'bucket[4]'),
    by('id', 'bucket[8]'),
    by('ts', 'day'),
    by('ts', 'hour'),
    by('category'),
    by('category', 'truncate[2]'),
    by('place.city', 'bucket[2]'),
  )
  const step = fc.oneof(
    fc.tuple(fields, fc.option(names, { nil: undefined })).map(
      ([column, name]) =>
        (spec: SpecUpdate) =>
          spec.addField(column, name),
    ),
    fc.oneof(names, fields).map((which) => (spec: SpecUpdate) => spec.removeField(which)),
    fc.tuple(names, names).map(
      ([name, other]) =>
        (spec: SpecUpdate) =>
          spec.renameField(name, other),
    ),
  )

  it('leaves a table whose field ids each mean one thing', () => {
    const sequences = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 10 })
    fc.assert(
      fc.property(sequences, fc.constantFrom(1, 2, 3), (updates, version) => {
        let metadata = table(version, [])
        for (const steps of updates) {
          try {
            const spec = new SpecUpdate(metadata)
            for (const one of steps) one(spec)
            metadata = applyUpdates(
              metadata,
              [
                { action: 'add-spec', spec: spec.apply() },
                { action: 'set-default-spec', 'spec-id': -1 },
              ],
              { now: 1 },
            )
          } catch (error) {
            expect(error).toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
            continue
          }
          const meaning = new Map<number, string>()
          for (const item of metadata['partition-specs'].flatMap((spec) => spec.fields)) {
            if (item.transform === 'void') continue
            const text = `${item['source-id'] ?? ''} ${item.transform}`
            expect(meaning.get(item['field-id']) ?? text).toBe(text)
            meaning.set(item['field-id'], text)
          }
          for (const spec of metadata['partition-specs']) bindTableSpec(metadata, spec['spec-id'])
          expect(parseMetadata(serializeMetadata(metadata), 't')).toMatchObject({
            'partition-specs': metadata['partition-specs'],
          })
        }
      }),
      { numRuns: 300 },
    )
  })
})
