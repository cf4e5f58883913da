import type { IcebergSchema, Snapshot, TableMetadata, TableRequirement, TableUpdate } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parseMetadata, serializeMetadata } from './metadata-file.js'
import { allFieldIds } from '../schema/schema.js'
import { bindTableSpec } from '../manifest/table-files.js'
import { example, example3 } from '../testing/example.js'
import { checkRequirements } from './requirements.js'
import { applyUpdates } from './updates.js'

const now = 5000
const apply = (updates: readonly TableUpdate[], base: TableMetadata | undefined = example) =>
  applyUpdates(base, updates, { now })
const refused = (code: string) => expect.objectContaining({ code })

const schema: IcebergSchema = {
  type: 'struct',
  'schema-id': 0,
  fields: [{ id: 1, name: 'id', required: true, type: 'long' }],
}
const creation: readonly TableUpdate[] = [
  { action: 'assign-uuid', uuid: 'u' },
  { action: 'upgrade-format-version', 'format-version': 2 },
  { action: 'set-location', location: 'memory:///t' },
  { action: 'add-schema', schema },
  { action: 'set-current-schema', 'schema-id': -1 },
  { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
  { action: 'set-default-spec', 'spec-id': -1 },
  { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
  { action: 'set-default-sort-order', 'sort-order-id': -1 },
]
const snapshot = (id: bigint, sequence: number, parent?: bigint): Snapshot => ({
  'snapshot-id': id,
  ...(parent !== undefined && { 'parent-snapshot-id': parent }),
  'sequence-number': sequence,
  'timestamp-ms': now,
  'manifest-list': `memory:///t/${id}.avro`,
  summary: { operation: 'append' },
})

describe('updates of a table', () => {
  it('make a new one', () => {
    expect(applyUpdates(undefined, creation, { now })).toMatchObject({
      'format-version': 2,
      'table-uuid': 'u',
      location: 'memory:///t',
      'last-updated-ms': now,
      'last-column-id': 1,
      schemas: [schema],
      'current-schema-id': 0,
      'partition-specs': [{ 'spec-id': 0, fields: [] }],
      'default-spec-id': 0,
      'last-partition-id': 999,
      'sort-orders': [{ 'order-id': 0, fields: [] }],
      'default-sort-order-id': 0,
    })
  })

  it('do not make one without uuid, location, schema, spec or sort order', () => {
    for (const action of ['assign-uuid', 'set-location', 'add-schema', 'add-spec', 'add-sort-order']) {
      const updates = creation.filter((update) => update.action !== action)
      expect(() => applyUpdates(undefined, updates, { now })).toThrow(refused('PHLO_ICEBERG_INVALID'))
    }
  })

  it('leave the table alone that they start from', () => {
    const before = serializeMetadata(example)
    apply([
      { action: 'set-properties', updates: { a: 'b' } },
      { action: 'add-snapshot', snapshot: snapshot(3n, 3, 2n) },
    ])
    expect(serializeMetadata(example)).toEqual(before)
  })

  it('use an equal schema, spec and order again', () => {
    const after = apply([
      { action: 'add-schema', schema: { ...example.schemas[0]!, 'schema-id': 77 } },
      { action: 'add-spec', spec: { ...example['partition-specs'][0]!, 'spec-id': 77 } },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'add-sort-order', 'sort-order': { ...example['sort-orders'][1]!, 'order-id': 77 } },
    ])
    expect(after.schemas).toEqual(example.schemas)
    expect(after['partition-specs']).toEqual(example['partition-specs'])
    expect(after['default-spec-id']).toBe(0)
    expect(after['sort-orders']).toEqual(example['sort-orders'])
  })

  it('number new schemas, specs and orders on', () => {
    const after = apply([
      {
        action: 'add-schema',
        schema: {
          ...example.schemas[1]!,
          fields: [...example.schemas[1]!.fields, { id: 12, name: 'x', required: false, type: 'int' }],
        },
      },
      { action: 'set-current-schema', 'schema-id': -1 },
      {
        action: 'add-spec',
        spec: { 'spec-id': 0, fields: [{ 'source-id': 12, 'field-id': 1005, name: 'x', transform: 'identity' }] },
      },
      { action: 'set-default-spec', 'spec-id': -1 },
    ])
    expect(after).toMatchObject({
      'current-schema-id': 2,
      'last-column-id': 12,
      'default-spec-id': 2,
      'last-partition-id': 1005,
    })
  })

  it('move main with its log, and other refs without', () => {
    const after = apply([
      { action: 'add-snapshot', snapshot: snapshot(3n, 3, 2n) },
      { action: 'set-snapshot-ref', 'ref-name': 'side', type: 'branch', 'snapshot-id': 3n },
    ])
    expect([after['current-snapshot-id'], after['snapshot-log']?.length, after['last-sequence-number']]).toEqual([
      2n,
      2,
      3,
    ])
    const moved = apply([{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 3n }], after)
    expect(moved).toMatchObject({ 'current-snapshot-id': 3n, refs: { main: { 'snapshot-id': 3n } } })
    expect(moved['snapshot-log']?.at(-1)).toEqual({ 'timestamp-ms': now, 'snapshot-id': 3n })
  })

  it('remove snapshots with the refs that name them, and the log before the gap', () => {
    const after = apply([{ action: 'remove-snapshots', 'snapshot-ids': [1n] }])
    expect(after.snapshots?.map((item) => item['snapshot-id'])).toEqual([2n])
    expect(Object.keys(after.refs ?? {})).toEqual(['main'])
    expect(after['snapshot-log']).toEqual([{ 'timestamp-ms': 2000, 'snapshot-id': 2n }])
    const none = apply([{ action: 'remove-snapshots', 'snapshot-ids': [2n] }])
    expect([none['current-snapshot-id'], none.refs?.['main'], none['snapshot-log']]).toEqual([undefined, undefined, []])
  })

  it('remove refs; without main the table has no current snapshot and no log', () => {
    const without = apply([{ action: 'remove-snapshot-ref', 'ref-name': 'main' }])
    expect([without['current-snapshot-id'], without['snapshot-log']]).toEqual([undefined, []])
    expect(apply([{ action: 'remove-snapshot-ref', 'ref-name': 'none' }]).refs).toEqual(example.refs)
  })

  it('set and remove properties', () => {
    const after = apply([
      { action: 'set-properties', updates: { a: '1', b: '2' } },
      { action: 'remove-properties', removals: ['a', 'write.format.default', 'none'] },
    ])
    expect(after.properties).toEqual({ b: '2' })
  })

  it('keep the files of earlier metadata in a log of limited length', () => {
    let metadata = apply([{ action: 'set-properties', updates: { 'write.metadata.previous-versions-max': '3' } }])
    for (let version = 0; version < 5; version++)
      metadata = applyUpdates(metadata, [], { now, previousLocation: `v${version}` })
    expect(metadata['metadata-log']?.map((entry) => entry['metadata-file'])).toEqual(['v2', 'v3', 'v4'])
  })

  it('never let time go back', () => {
    expect(applyUpdates(example, [], { now: 1 })['last-updated-ms']).toBe(example['last-updated-ms'])
  })

  it.each<[string, TableUpdate[], string]>([
    ['another uuid', [{ action: 'assign-uuid', uuid: 'other' }], 'PHLO_ICEBERG_INVALID'],
    ['an older version', [{ action: 'upgrade-format-version', 'format-version': 1 }], 'PHLO_ICEBERG_INVALID'],
    ['a newer version', [{ action: 'upgrade-format-version', 'format-version': 4 }], 'PHLO_ICEBERG_INVALID'],
    ['to lose the current schema', [{ action: 'remove-schemas', 'schema-ids': [1] }], 'PHLO_ICEBERG_INVALID'],
    ['to lose the default spec', [{ action: 'remove-partition-specs', 'spec-ids': [1] }], 'PHLO_ICEBERG_INVALID'],
    [
      'a snapshot that is its own parent',
      [{ action: 'add-snapshot', snapshot: snapshot(3n, 3, 3n) }],
      'PHLO_ICEBERG_INVALID',
    ],
    [
      'a snapshot that would close a circle',
      [
        { action: 'add-snapshot', snapshot: snapshot(3n, 3, 4n) },
        { action: 'add-snapshot', snapshot: snapshot(4n, 4, 3n) },
      ],
      'PHLO_ICEBERG_INVALID',
    ],
    [
      'a schema that is none',
      [{ action: 'add-schema', schema: { type: 'struct', 'schema-id': 0 } as unknown as IcebergSchema }],
      'PHLO_ICEBERG_INVALID',
    ],
    ...[
      { id: 5, name: 'x', required: false, type: 'timestamp_ns' },
      { id: 5, name: 'x', required: false, type: 'variant' },
      { id: 5, name: 'x', required: false, type: 'int', 'initial-default': 1 },
      { id: 5, name: 'x', required: false, type: 'nothing' },
    ].map((field): [string, TableUpdate[], string] => [
      `${JSON.stringify(field)} in version 2`,
      [{ action: 'add-schema', schema: { ...schema, fields: [...schema.fields, field] } }],
      'PHLO_ICEBERG_INVALID',
    ]),
    ...[[5], [2], [7]].map((ids): [string, TableUpdate[], string] => [
      `identifier fields ${ids.join()} that are not there, may be NULL, or are in a list or map`,
      [{ action: 'add-schema', schema: { ...example.schemas[1]!, 'identifier-field-ids': ids } }],
      'PHLO_ICEBERG_INVALID',
    ]),
    [
      'a tag that keeps snapshots',
      [{ action: 'set-snapshot-ref', 'ref-name': 't', type: 'tag', 'snapshot-id': 1n, 'min-snapshots-to-keep': 1 }],
      'PHLO_ICEBERG_INVALID',
    ],
    [
      'a branch that keeps nothing',
      [{ action: 'set-snapshot-ref', 'ref-name': 'b', type: 'branch', 'snapshot-id': 1n, 'min-snapshots-to-keep': 0 }],
      'PHLO_ICEBERG_INVALID',
    ],
    [
      'a partition field with the id of another',
      [
        {
          action: 'add-spec',
          spec: { 'spec-id': 0, fields: [{ 'source-id': 1, 'field-id': 1000, name: 'x', transform: 'bucket[2]' }] },
        },
      ],
      'PHLO_ICEBERG_INVALID',
    ],
    ['a schema that is not there', [{ action: 'set-current-schema', 'schema-id': 9 }], 'PHLO_ICEBERG_INVALID'],
    [
      'the last schema when none was added',
      [{ action: 'set-current-schema', 'schema-id': -1 }],
      'PHLO_ICEBERG_INVALID',
    ],
    ['a spec that is not there', [{ action: 'set-default-spec', 'spec-id': 9 }], 'PHLO_ICEBERG_INVALID'],
    ['an order that is not there', [{ action: 'set-default-sort-order', 'sort-order-id': 9 }], 'PHLO_ICEBERG_INVALID'],
    ['a snapshot twice', [{ action: 'add-snapshot', snapshot: snapshot(2n, 3) }], 'PHLO_ICEBERG_INVALID'],
    ['a sequence number twice', [{ action: 'add-snapshot', snapshot: snapshot(3n, 2, 2n) }], 'PHLO_COMMIT_CONFLICT'],
    [
      'a ref to nothing',
      [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 9n }],
      'PHLO_ICEBERG_INVALID',
    ],
    [
      'a tag named main',
      [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'tag', 'snapshot-id': 1n }],
      'PHLO_ICEBERG_INVALID',
    ],
    [
      'a schema without the column that partitions',
      [
        { action: 'add-schema', schema },
        { action: 'set-current-schema', 'schema-id': -1 },
      ],
      'PHLO_ICEBERG_INVALID',
    ],
    [
      'a spec of two fields with one name',
      [
        {
          action: 'add-spec',
          spec: {
            'spec-id': 0,
            fields: [
              { 'source-id': 1, 'field-id': 1003, name: 'x', transform: 'bucket[2]' },
              { 'source-id': 1, 'field-id': 1004, name: 'x', transform: 'bucket[3]' },
            ],
          },
        },
      ],
      'PHLO_ICEBERG_INVALID',
    ],
    ['an action that nobody knows', [{ action: 'dance' } as unknown as TableUpdate], 'PHLO_ICEBERG_INVALID'],
  ])('refuse %s', (_name, updates, code) => {
    expect(() => apply(updates)).toThrow(refused(code))
  })
})

describe('updates of format version 3', () => {
  const lined = (id: bigint, sequence: number, first: number, rows: number, parent = 2n): TableUpdate => ({
    action: 'add-snapshot',
    snapshot: { ...snapshot(id, sequence, parent), 'first-row-id': first, 'added-rows': rows },
  })

  it('begin to number rows when the table comes to it, and leave older snapshots alone', () => {
    const upgraded = apply([{ action: 'upgrade-format-version', 'format-version': 3 }])
    expect(upgraded).toMatchObject({ 'format-version': 3, 'next-row-id': 0 })
    expect(upgraded.snapshots).toEqual(example.snapshots)
    expect(apply([{ action: 'upgrade-format-version', 'format-version': 3 }], example3)['next-row-id']).toBe(120)
    const version1 = applyUpdates(undefined, creation.map(asVersion1), { now })
    expect(apply([{ action: 'upgrade-format-version', 'format-version': 2 }], version1)['format-version']).toBe(2)
    expect(() => applyUpdates(version1, [...creation.slice(1, 2), asVersion1(creation[1]!)], { now })).toThrow(
      refused('PHLO_ICEBERG_INVALID'),
    )
  })
  const asVersion1 = (update: TableUpdate): TableUpdate =>
    update.action === 'upgrade-format-version' ? { ...update, 'format-version': 1 } : update

  it('take the types of that version', () => {
    const fields = ['timestamp_ns', 'timestamptz_ns', 'unknown', 'variant', 'geometry(srid:3857)', 'geography'].map(
      (type, index) => ({ id: 20 + index, name: `c${index}`, required: false, type }),
    )
    const update: TableUpdate = { action: 'add-schema', schema: { ...schema, fields: [...schema.fields, ...fields] } }
    expect(apply([update], example3)['last-column-id']).toBe(25)
    expect(apply([update, { action: 'upgrade-format-version', 'format-version': 3 }]).schemas.length).toBe(3)
    const required = { ...schema, fields: [{ id: 20, name: 'u', required: true, type: 'unknown' }] }
    expect(() => apply([{ action: 'add-schema', schema: required }], example3)).toThrow(refused('PHLO_ICEBERG_INVALID'))
  })

  it('move the next row id on by the rows of each snapshot, on whatever branch', () => {
    const after = apply([lined(3n, 3, 120, 10), lined(4n, 4, 130, 0), lined(5n, 5, 140, 5)], example3)
    expect(after['next-row-id']).toBe(145)
  })

  it('do not give a row id out twice', () => {
    expect(() => apply([lined(3n, 3, 119, 10)], example3)).toThrow(
      expect.objectContaining({ code: 'PHLO_COMMIT_CONFLICT', retryable: true }),
    )
    for (const update of [{ action: 'add-snapshot' as const, snapshot: snapshot(3n, 3, 2n) }, lined(3n, 3, 120, -1)])
      expect(() => apply([update], example3)).toThrow(refused('PHLO_ICEBERG_INVALID'))
  })

  it('keep one statistics file of each kind a snapshot, as long as the snapshot is there', () => {
    const [statistics, partition] = [example3.statistics![0]!, example3['partition-statistics']![0]!]
    const other = { ...statistics, 'snapshot-id': 1n }
    const newer = { ...statistics, 'statistics-path': 'memory:///newer.stats' }
    const set = apply(
      [
        { action: 'set-statistics', statistics: other },
        { action: 'set-statistics', statistics: newer },
        { action: 'set-partition-statistics', 'partition-statistics': { ...partition, 'file-size-in-bytes': 9 } },
      ],
      example3,
    )
    expect(set.statistics).toEqual([other, newer])
    expect(set['partition-statistics']).toEqual([{ ...partition, 'file-size-in-bytes': 9 }])
    const removed = apply([{ action: 'remove-statistics', 'snapshot-id': 1n }], set)
    expect(removed.statistics).toEqual([newer])
    expect(apply([{ action: 'remove-partition-statistics', 'snapshot-id': 2n }], set)['partition-statistics']).toEqual(
      [],
    )
    const expired = apply([{ action: 'remove-snapshots', 'snapshot-ids': [2n] }], set)
    expect([expired.statistics, expired['partition-statistics']]).toEqual([[other], []])
    expect(() =>
      apply([{ action: 'set-statistics', statistics: { ...statistics, 'blob-metadata': 5 } as never }]),
    ).toThrow(refused('PHLO_ICEBERG_INVALID'))
  })

  it('hold encryption keys by id', () => {
    const key = { 'key-id': 'k2', 'encrypted-key-metadata': 'eA==' }
    const added = apply(
      [
        { action: 'add-encryption-key', 'encryption-key': key },
        { action: 'add-encryption-key', 'encryption-key': { ...key, 'encrypted-key-metadata': 'other' } },
      ],
      example3,
    )
    expect(added['encryption-keys']).toEqual([...example3['encryption-keys']!, key])
    expect(apply([{ action: 'remove-encryption-key', 'key-id': 'k1' }], added)['encryption-keys']).toEqual([key])
  })

  it('remove schemas and specs that are not in use', () => {
    const after = apply([
      { action: 'remove-schemas', 'schema-ids': [0, 55] },
      { action: 'remove-partition-specs', 'spec-ids': [0] },
    ])
    expect(after.schemas.map((item) => item['schema-id'])).toEqual([1])
    expect(after['partition-specs'].map((item) => item['spec-id'])).toEqual([1])
  })
})

describe('updates of format version 1', () => {
  it('number partition fields without a gap, and snapshots not at all', () => {
    const updates = creation.map((update) =>
      update.action === 'upgrade-format-version' ? { ...update, 'format-version': 1 } : update,
    )
    const table = applyUpdates(undefined, updates, { now })
    const field = { 'source-id': 1, 'field-id': 1001, name: 'x', transform: 'bucket[2]' }
    expect(() => apply([{ action: 'add-spec', spec: { 'spec-id': 0, fields: [field] } }], table)).toThrow(
      refused('PHLO_ICEBERG_INVALID'),
    )
    const after = apply([{ action: 'add-snapshot', snapshot: snapshot(3n, 3, 2n) }], table)
    expect(after['last-sequence-number']).toBe(0)
    expect(after.snapshots).toEqual([expect.not.objectContaining({ 'sequence-number': 3 })])
  })
})

describe('requirements', () => {
  const check = (...requirements: TableRequirement[]) => checkRequirements(example, requirements, 'a.b')

  it('that hold let the commit through', () => {
    check(
      { type: 'assert-table-uuid', uuid: example['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 2n },
      { type: 'assert-ref-snapshot-id', ref: 'none', 'snapshot-id': null },
      { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': 9 },
      { type: 'assert-current-schema-id', 'current-schema-id': 1 },
      { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 1002 },
      { type: 'assert-default-spec-id', 'default-spec-id': 1 },
      { type: 'assert-default-sort-order-id', 'default-sort-order-id': 1 },
    )
    expect(() => checkRequirements(undefined, [{ type: 'assert-create' }], 'a.b')).not.toThrow()
  })

  it.each<TableRequirement>([
    { type: 'assert-table-uuid', uuid: 'other' },
    { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 1n },
    { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': null },
    { type: 'assert-ref-snapshot-id', ref: 'none', 'snapshot-id': 1n },
    { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': 8 },
    { type: 'assert-current-schema-id', 'current-schema-id': 0 },
    { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 1 },
    { type: 'assert-default-spec-id', 'default-spec-id': 0 },
    { type: 'assert-default-sort-order-id', 'default-sort-order-id': 0 },
  ])('that do not hold are a conflict that can be tried again: %j', (requirement) => {
    expect(() => check(requirement)).toThrow(expect.objectContaining({ code: 'PHLO_COMMIT_CONFLICT', retryable: true }))
  })

  it('tell a table that is there from one that is not', () => {
    expect(() => check({ type: 'assert-create' })).toThrow(refused('PHLO_TABLE_EXISTS'))
    expect(() => checkRequirements(undefined, [{ type: 'assert-table-uuid', uuid: 'u' }], 'a.b')).toThrow(
      refused('PHLO_TABLE_NOT_FOUND'),
    )
  })
})

describe('any sequence of updates', () => {
  const small = fc.nat({ max: 6 })
  const ids = small.map((id) => BigInt(id))
  const fields = fc.uniqueArray(
    fc.record({
      id: fc.integer({ min: 1, max: 8 }),
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      required: fc.boolean(),
      type: fc.constantFrom('int', 'long', 'timestamp', 'string'),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 4 },
  )
  const partition = fc.uniqueArray(
    fc.record({
      'source-id': fc.integer({ min: 1, max: 8 }),
      'field-id': fc.integer({ min: 1000, max: 1004 }),
      name: fc.constantFrom('p', 'q', 'r'),
      transform: fc.constantFrom('identity', 'bucket[4]', 'day', 'void', 'truncate[2]'),
    }),
    { selector: (field) => field['field-id'], maxLength: 2 },
  )
  const update: fc.Arbitrary<TableUpdate> = fc.oneof(
    fields.map((list): TableUpdate => ({
      action: 'add-schema',
      schema: { type: 'struct', 'schema-id': 0, fields: list },
    })),
    fc.integer({ min: -1, max: 3 }).map((id): TableUpdate => ({ action: 'set-current-schema', 'schema-id': id })),
    partition.map((list): TableUpdate => ({ action: 'add-spec', spec: { 'spec-id': 0, fields: list } })),
    fc.integer({ min: -1, max: 3 }).map((id): TableUpdate => ({ action: 'set-default-spec', 'spec-id': id })),
    fc.constant<TableUpdate>({ action: 'add-sort-order', 'sort-order': { 'order-id': 5, fields: [] } }),
    fc
      .integer({ min: -1, max: 2 })
      .map((id): TableUpdate => ({ action: 'set-default-sort-order', 'sort-order-id': id })),
    fc.tuple(ids, small, fc.option(ids, { nil: undefined })).map(([id, sequence, parent]): TableUpdate => ({
      action: 'add-snapshot',
      snapshot: snapshot(id, sequence, parent),
    })),
    fc
      .tuple(fc.constantFrom('main', 'x', 'y'), ids, fc.constantFrom('branch' as const, 'tag' as const))
      .map(([name, id, type]): TableUpdate => ({
        action: 'set-snapshot-ref',
        'ref-name': name,
        type,
        'snapshot-id': id,
      })),
    fc.array(ids, { maxLength: 3 }).map((list): TableUpdate => ({ action: 'remove-snapshots', 'snapshot-ids': list })),
    fc.constantFrom('main', 'x', 'y').map((name): TableUpdate => ({ action: 'remove-snapshot-ref', 'ref-name': name })),
    fc.tuple(ids, small, small, small).map(([id, sequence, first, rows]): TableUpdate => ({
      action: 'add-snapshot',
      snapshot: { ...snapshot(id, sequence, 1n), 'first-row-id': first, 'added-rows': rows },
    })),
    fc.integer({ min: 1, max: 4 }).map((version): TableUpdate => ({
      action: 'upgrade-format-version',
      'format-version': version,
    })),
    ids.map((id): TableUpdate => ({
      action: 'set-statistics',
      statistics: { ...example3.statistics![0]!, 'snapshot-id': id },
    })),
    fc
      .dictionary(fc.constantFrom('a', 'b'), fc.string())
      .map((updates): TableUpdate => ({ action: 'set-properties', updates })),
    fc.subarray(['a', 'b']).map((removals): TableUpdate => ({ action: 'remove-properties', removals })),
  )

  it('is refused as a whole, or leaves a table that is sound', () => {
    fc.assert(
      fc.property(fc.array(fc.array(update, { minLength: 1, maxLength: 4 }), { maxLength: 12 }), (commits) => {
        let metadata = applyUpdates(undefined, creation, { now: 0 })
        let clock = 0
        for (const updates of commits) {
          const before = metadata
          try {
            metadata = applyUpdates(metadata, updates, { now: ++clock, previousLocation: `v${clock}` })
          } catch (error) {
            expect((error as { code?: string }).code).toMatch(/^PHLO_(ICEBERG_INVALID|COMMIT_CONFLICT)$/)
            continue
          }
          expectSound(metadata, before)
        }
      }),
      { numRuns: 300 },
    )
  })

  function expectSound(metadata: TableMetadata, before: TableMetadata): void {
    expect(parseMetadata(serializeMetadata(metadata), 'table.json')).toEqual(
      JSON.parse(JSON.stringify(metadata, asText), asBigint),
    )
    const highest = Math.max(...metadata.schemas.flatMap(allFieldIds))
    expect(metadata['last-column-id']).toBeGreaterThanOrEqual(Math.max(highest, before['last-column-id']))
    const partitions = metadata['partition-specs'].flatMap((spec) => spec.fields.map((field) => field['field-id']))
    expect(metadata['last-partition-id']).toBeGreaterThanOrEqual(Math.max(999, ...partitions))
    bindTableSpec(metadata, metadata['default-spec-id'])
    expect(metadata['last-sequence-number']).toBeGreaterThanOrEqual(
      Math.max(
        before['last-sequence-number'],
        ...(metadata.snapshots ?? []).map((item) => item['sequence-number'] ?? 0),
      ),
    )
    expect(metadata['next-row-id'] ?? 0).toBeGreaterThanOrEqual(before['next-row-id'] ?? 0)
    expect(metadata.refs?.['main']?.['snapshot-id']).toBe(metadata['current-snapshot-id'])
    const log = metadata['snapshot-log'] ?? []
    expect(log.at(-1)?.['snapshot-id']).toBe(metadata['current-snapshot-id'])
    const known = new Set(metadata.snapshots?.map((item) => item['snapshot-id']))
    for (const entry of log) expect(known).toContain(entry['snapshot-id'])
    expect(log.map((entry) => entry['timestamp-ms'])).toEqual(
      log.map((entry) => entry['timestamp-ms']).sort((a, b) => a - b),
    )
    expect(metadata['metadata-log']?.length).toBe((before['metadata-log']?.length ?? 0) + 1)
    for (const key of ['schemas', 'partition-specs', 'sort-orders'] as const)
      expect(metadata[key].slice(0, before[key].length)).toEqual(before[key])
  }
  const asText = (_key: string, value: unknown) => (typeof value === 'bigint' ? `bigint ${value}` : value)
  const asBigint = (_key: string, value: unknown) =>
    typeof value === 'string' && value.startsWith('bigint ') ? BigInt(value.slice(7)) : value
})
