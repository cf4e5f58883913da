import { gzipSync } from 'node:zlib'
import type { TableMetadata } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parseMetadata, serializeMetadata } from './metadata-file.js'
import { currentSchema, refSnapshot, snapshotAsOf, snapshotById } from './metadata.js'
import { parseJson, serializeJson } from './json.js'
import { indexById } from '../schema/schema.js'
import { bindTableSpec } from '../manifest/table-files.js'
import { damaged } from '../testing/arbitraries.js'
import { example, example3 } from '../testing/example.js'

const parse = (value: unknown) => parseMetadata(Buffer.from(serializeJson(value)), 'table.json')
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID', message: expect.stringMatching(message) })

describe('table metadata', () => {
  it('comes back as it went, with ids of 63 bits and fields that nobody knows', () => {
    const id = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n })
    const name = fc.string({ unit: 'binary', maxLength: 20 })
    fc.assert(
      fc.property(
        fc.uniqueArray(id, { minLength: 1, maxLength: 5 }),
        fc.dictionary(name, name),
        fc.dictionary(
          name.map((key) => `x-${key}`),
          fc.jsonValue(),
        ),
        (ids, properties, unknown) => {
          const metadata = {
            ...unknown,
            ...example,
            properties,
            'current-snapshot-id': ids[0]!,
            snapshots: ids.map((snapshot, index) => ({
              ...unknown,
              ...example.snapshots![0]!,
              'snapshot-id': snapshot,
              ...(index > 0 && { 'parent-snapshot-id': ids[index - 1]! }),
            })),
            'snapshot-log': ids.map((snapshot) => ({ 'timestamp-ms': 5, 'snapshot-id': snapshot })),
            refs: { main: { 'snapshot-id': ids[0]!, type: 'branch' as const } },
          }
          const text = serializeMetadata(metadata)
          expect(parseMetadata(text, 'table.json')).toEqual(JSON.parse(JSON.stringify(metadata, mark), unmark))
          expect(serializeMetadata(parseMetadata(text, 'table.json'))).toEqual(text)
        },
      ),
    )
  })
  const mark = (_key: string, value: unknown) => (typeof value === 'bigint' ? { bigint: value.toString() } : value)
  const unmark = (_key: string, value: unknown) => {
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && !String(value).includes('e'))
      return BigInt(String(value))
    const { bigint } = (typeof value === 'object' && value !== null ? value : {}) as { bigint?: unknown }
    return typeof bigint === 'string' ? BigInt(bigint) : value
  }

  it('tells an id from a text that looks like one', () => {
    const properties = {
      a: '"snapshot-id": 12345678901234567890',
      b: '"snapshot-id":1',
      '"snapshot-id': '5',
      'snapshot-id': '6',
    }
    expect(parse({ ...example, properties }).properties).toEqual(properties)
    const strange = `{"x\\"snapshot-id": 5, ${serializeMetadata(example).toString('utf8').slice(1)}`
    expect(parseMetadata(Buffer.from(strange), 'table.json')).toMatchObject({ 'x"snapshot-id': 5 })
  })

  it('of version 3 comes back as it went, with defaults beyond 53 bits', () => {
    const text = serializeMetadata(example3)
    expect(parseMetadata(text, 'table.json')).toEqual(example3)
    expect(parseMetadata(gzipSync(text), 'table.json')).toEqual(example3)
    expect(text.toString('utf8')).toContain('"initial-default":4611686018427387904,')
  })

  it('keeps integers beyond 53 bits apart from texts and fractions that look like them', () => {
    const odd =
      '{"a,9007199254740993,": [9007199254740993,-9007199254740993, 0.12345678901234567], "b": "[9007199254740993]"}'
    const text = `{"odd": ${odd}, ${serializeMetadata(example).toString('utf8').slice(1)}`
    expect(parseMetadata(Buffer.from(text), 'table.json')).toMatchObject({
      odd: {
        'a,9007199254740993,': [9007199254740993n, -9007199254740993n, 0.12345678901234567],
        b: '[9007199254740993]',
      },
    })
    const updates = parseJson('{"snapshot-ids": [1, 9223372036854775807 ,-3], "ids": [1]}', 'updates')
    expect(updates).toEqual({ 'snapshot-ids': [1n, 9223372036854775807n, -3n], ids: [1] })
  })

  it('with bytes damaged is refused, or can be used', () => {
    const text = serializeMetadata(example3)
    fc.assert(
      fc.property(fc.oneof(damaged(text), damaged(gzipSync(text))), (bytes) => {
        try {
          currentSchema(parseMetadata(bytes, 'table.json'))
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^PHLO_ICEBERG_(INVALID|UNSUPPORTED)$/)
        }
      }),
      { numRuns: 500 },
    )
  })

  const [snapshot] = example.snapshots!
  const [schema] = example.schemas
  it.each([
    ['table-uuid is no text', { 'table-uuid': 5 }],
    ['location is no text', { location: undefined }],
    ['last-column-id is no integer', { 'last-column-id': 1.5 }],
    ['last-sequence-number is no integer', { 'last-sequence-number': '1' }],
    ['schemas is no list', { schemas: {} }],
    ['snapshots is no list', { snapshots: 'x' }],
    ['properties is no object', { properties: [] }],
    ['property a is no text', { properties: { a: 1 } }],
    ['current-schema-id names no schema', { 'current-schema-id': 7 }],
    ['default-spec-id names no partition spec', { 'default-spec-id': 7 }],
    ['a partition spec has no id or fields', { 'partition-specs': [null] }],
    ['a partition field has no source', { 'partition-specs': [{ 'spec-id': 0, fields: [{ name: 'x' }] }] }],
    ['a sort order has no id or fields', { 'sort-orders': [5] }],
    ['a schema is no struct', { schemas: [null] }],
    ['a schema has no id', { schemas: [{ ...schema!, 'schema-id': undefined }] }],
    ['a struct has no list of fields', { schemas: [{ ...schema!, fields: null }] }],
    [
      'a struct has a field without id, name or required',
      { schemas: [{ ...schema!, fields: [{ id: 1, name: 'x' }] }] },
    ],
    [
      'a schema uses a field id twice',
      {
        schemas: [{ ...schema!, fields: [...schema!.fields, { id: 1, name: 'again', type: 'int', required: false }] }],
      },
    ],
    [
      'a schema has a field id that is out of range',
      { schemas: [{ ...schema!, fields: [{ id: 2 ** 31, name: 'x', type: 'int', required: false }] }] },
    ],
    ['a snapshot has no id', { snapshots: [null] }],
    ['two snapshots have the id 1', { snapshots: [snapshot!, snapshot!] }],
    ['snapshot 1 has no time', { snapshots: [{ ...snapshot!, 'timestamp-ms': null }] }],
    ['manifest-list of snapshot 1 is no text', { snapshots: [{ ...snapshot!, 'manifest-list': 5 }] }],
    ['summary of snapshot 1 holds', { snapshots: [{ ...snapshot!, summary: { operation: 5 } }] }],
    ['current-snapshot-id names no snapshot', { 'current-snapshot-id': 9n }],
    ['ref main names no snapshot', { refs: { main: null } }],
    ['ref main names no snapshot', { refs: { main: { 'snapshot-id': 9n, type: 'branch' } } }],
    ['ref main is neither branch nor tag', { refs: { main: { 'snapshot-id': 1n, type: 'twig' } } }],
    ['max-ref-age-ms of ref main', { refs: { main: { 'snapshot-id': 1n, type: 'branch', 'max-ref-age-ms': '1' } } }],
    ['snapshot 1 is an ancestor', { snapshots: [{ ...snapshot!, 'parent-snapshot-id': 1n }] }],
    ['manifests of snapshot 1', { snapshots: [{ ...snapshot!, manifests: [1] }] }],
    ['first-row-id of snapshot 1 is no integer', { snapshots: [{ ...snapshot!, 'first-row-id': 'x' }] }],
    ['two schemas have the same id', { schemas: [schema!, schema!] }],
    [
      'two partition specs have the same id',
      { 'partition-specs': [0, 0].map((id) => ({ 'spec-id': id, fields: [] })) },
    ],
    ['default-sort-order-id names no sort order', { 'default-sort-order-id': 7 }],
    ['a sort field has no source', { 'sort-orders': [{ 'order-id': 1, fields: [{ transform: 'day' }] }] }],
    [
      'a struct has two fields "x"',
      { schemas: [{ ...schema!, fields: [1, 2].map((id) => ({ id, name: 'x', type: 'int', required: false })) }] },
    ],
    ['identifier-field-ids', { schemas: [{ ...schema!, 'identifier-field-ids': ['id'] }] }],
    ['next-row-id is no integer', { 'format-version': 3 }],
    ['a statistics file', { statistics: [{ 'snapshot-id': 1n }] }],
    ['a statistics blob', { statistics: [{ ...example3.statistics![0]!, 'blob-metadata': [{}] }] }],
    ['a partition statistics file', { 'partition-statistics': [5] }],
    ['an encryption key', { 'encryption-keys': [{ 'key-id': 'k' }] }],
    ['an entry of snapshot-log', { 'snapshot-log': [{}] }],
    ['an entry of metadata-log', { 'metadata-log': [5] }],
  ])('is refused when %s', (problem, change) => {
    expect(() => parse({ ...example, ...change })).toThrow(invalid(new RegExp(`^table\\.json: ${problem}`)))
  })

  it('is refused when it nests without end', () => {
    let type: unknown = 'int'
    for (let depth = 0; depth < 200; depth++)
      type = { type: 'list', 'element-id': depth + 10, element: type, 'element-required': false }
    const deep = { ...schema!, fields: [{ id: 1, name: 'x', type, required: false }] }
    expect(() => parse({ ...example, schemas: [deep] })).toThrow(invalid(/nested deeper than 100/))
    const endless = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(() => parseMetadata(Buffer.from(endless), 'table.json')).toThrow(invalid(/^table\.json/))
  })

  it('of other versions is not supported', () => {
    for (const version of [0, 4, 2.5, '2', null, undefined])
      expect(() => parse({ ...example, 'format-version': version })).toThrow(
        expect.objectContaining({ code: 'PHLO_ICEBERG_UNSUPPORTED' }),
      )
  })

  it('is refused in time when its snapshots go round in circles', () => {
    const count = 20_000
    const circle = Array.from({ length: count }, (_item, index) => ({
      'snapshot-id': BigInt(index),
      'parent-snapshot-id': BigInt((index + 1) % count),
      'timestamp-ms': 1,
    }))
    const { 'current-snapshot-id': _, refs: _refs, 'snapshot-log': _log, ...rest } = example
    expect(() => parse({ ...rest, snapshots: circle })).toThrow(invalid(/is an ancestor of its own/))
    expect(parse({ ...rest, snapshots: circle.slice(1) }).snapshots?.length).toBe(count - 1)
  })

  it('that is no JSON object is refused', () => {
    for (const text of ['', '{', 'null', '[]', '5', '{"snapshot-id": 12.5}', '\u0000'])
      expect(() => parseMetadata(Buffer.from(text), 'table.json')).toThrow(invalid(/^table\.json: is n/))
  })

  it('with anything in place of anything is refused, or can be used', () => {
    const places = paths(JSON.parse(JSON.stringify(example3, mark)))
    const anything = fc.oneof(fc.jsonValue(), fc.constantFrom(null, -1, 0, 1, 2, '', 'int', 'main', {}, []))
    fc.assert(
      fc.property(fc.constantFrom(...places), anything, fc.constantFrom(1, 2, 3), (place, value, version) => {
        const copy = structuredClone(example3) as unknown as Record<string, unknown>
        copy['format-version'] = version
        set(copy, place, value)
        try {
          const metadata = parse(copy)
          const found = refSnapshot(metadata)
          snapshotAsOf(metadata, new Date())
          indexById(currentSchema(metadata))
          for (const spec of metadata['partition-specs']) bindTableSpec(metadata, spec['spec-id'])
          expect(found === undefined || typeof found['snapshot-id'] === 'bigint').toBe(true)
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^PHLO_ICEBERG_(INVALID|UNSUPPORTED)$/)
        }
      }),
      { numRuns: 1500 },
    )
  })

  function paths(value: unknown, parents: readonly string[] = []): string[][] {
    if (typeof value !== 'object' || value === null || 'bigint' in value) return [[...parents]]
    const own = parents.length === 0 ? [] : [[...parents]]
    return [...own, ...Object.entries(value).flatMap(([key, item]) => paths(item, [...parents, key]))]
  }
  function set(target: Record<string, unknown>, place: readonly string[], value: unknown): void {
    const last = place.at(-1)!
    const holder = place.slice(0, -1).reduce((item, key) => item[key] as Record<string, unknown>, target)
    holder[last] = value
  }
})

describe('table metadata of version 1', () => {
  // Spec: Appendix E — fields that version 1 has in place of version 2's.
  const version1 = {
    'format-version': 1,
    'table-uuid': 'd20125c8-7284-442c-9aea-15fee620737c',
    location: 'memory:///t',
    'last-updated-ms': 1602638573874,
    'last-column-id': 3,
    schema: {
      type: 'struct',
      fields: [
        { id: 1, name: 'x', required: true, type: 'long' },
        { id: 2, name: 'y', required: true, type: 'long', doc: 'comment' },
      ],
    },
    'partition-spec': [
      { name: 'x', transform: 'identity', 'source-id': 1 },
      { name: 'y_bucket', transform: 'bucket[4]', 'source-id': 2 },
    ],
    properties: {},
    'current-snapshot-id': -1n,
    snapshots: [],
  }

  it('comes in the shape of version 2', () => {
    const metadata = parse(version1)
    expect(metadata).toMatchObject({
      'last-sequence-number': 0,
      'current-schema-id': 0,
      'default-spec-id': 0,
      'last-partition-id': 1001,
      'sort-orders': [{ 'order-id': 0, fields: [] }],
    })
    expect(currentSchema(metadata).fields.map(({ name }) => name)).toEqual(['x', 'y'])
    expect(metadata['partition-specs'][0]?.fields.map((field) => field['field-id'])).toEqual([1000, 1001])
    expect(refSnapshot(metadata)).toBeUndefined()
  })

  it('without a snapshot has none here, and -1 for one where it is written', () => {
    const metadata = parse(version1)
    expect(metadata['current-snapshot-id']).toBeUndefined()
    expect(JSON.parse(serializeMetadata(metadata).toString('utf8'))).toMatchObject({ 'current-snapshot-id': -1 })
  })

  it('is written so that readers of version 1 find the current schema and spec', () => {
    const text = serializeMetadata(parse(version1)).toString('utf8')
    expect(JSON.parse(text)).toMatchObject({
      schema: { 'schema-id': 0, fields: [{ name: 'x' }, { name: 'y' }] },
      'partition-spec': [{ 'field-id': 1000 }, { 'field-id': 1001 }],
    })
    expect(JSON.parse(text)).not.toHaveProperty('last-sequence-number')
    expect(parseMetadata(Buffer.from(text), 'again')).toEqual(parse(version1))
  })

  it('has the same uuid every time when it has none', () => {
    const { 'table-uuid': _, ...without } = version1
    expect(parse(without)['table-uuid']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(parse(without)).toEqual(parse(without))
  })

  it.each([
    ['has no schema', { schema: undefined }],
    ['has no schema', { schemas: [] }],
    ['has no partition spec', { 'partition-specs': 5 }],
    ['a partition spec has no id or fields', { 'partition-specs': [{}] }],
    ['a partition field has no source', { 'partition-spec': [null] }],
  ])('is refused when it %s', (problem, change) => {
    expect(() => parse({ ...version1, ...change })).toThrow(invalid(new RegExp(problem)))
  })
})

describe('snapshots of a table', () => {
  it('are found by ref, id and time', () => {
    expect(refSnapshot(example)?.['snapshot-id']).toBe(2n)
    expect(refSnapshot(example, 'audit')?.['snapshot-id']).toBe(1n)
    expect(refSnapshot(example, 'none')).toBeUndefined()
    expect(snapshotById(example, 1n)?.['timestamp-ms']).toBe(1000)
    expect(snapshotById(example, 7n)).toBeUndefined()
    const at = (ms: number) => snapshotAsOf(example, new Date(ms))?.['snapshot-id']
    expect([at(999), at(1000), at(1999), at(2000), at(9999)]).toEqual([undefined, 1n, 1n, 2n, 2n])
  })

  it('of a writer that knew no refs are those of the main branch', () => {
    const { refs: _, ...without } = example
    const parsed: TableMetadata = parse(without)
    expect(parsed.refs).toEqual({ main: { 'snapshot-id': 2n, type: 'branch' } })
  })
})
