import type { IcebergSchema, ViewMetadata, ViewRepresentation, ViewUpdate } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { damaged } from '../testing/arbitraries.js'
import { currentViewVersion, parseViewMetadata, serializeViewMetadata, viewSql } from './view-metadata.js'
import { applyViewUpdates, newViewUpdates, replaceViewUpdates } from './view-updates.js'

const schema = (...names: string[]): IcebergSchema => ({
  type: 'struct',
  'schema-id': 0,
  fields: names.map((name, index) => ({ id: index + 1, name, required: false, type: 'long' })),
})
const query = (sql: string, dialect = 'duckdb'): ViewRepresentation => ({ type: 'sql', sql, dialect })
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID', message: expect.stringMatching(message) })

function newView(properties: Record<string, string> = {}): ViewMetadata {
  const updates = newViewUpdates(
    {
      location: 'memory:///views/late',
      schema: schema('id', 'delay'),
      representations: [query('SELECT id, delay FROM flights')],
      defaultNamespace: ['gold'],
      properties,
      summary: { 'engine-name': 'phlo' },
    },
    1000,
  )
  return applyViewUpdates(undefined, updates, { now: 1000 })
}

const replace = (view: ViewMetadata, sql: string, now: number, ...names: string[]) =>
  applyViewUpdates(
    view,
    replaceViewUpdates({ schema: schema(...names), representations: [query(sql)], defaultNamespace: ['gold'] }, now),
    { now },
  )

describe('a view', () => {
  it('is made with a first version, and read back as it was written', () => {
    const view = newView({ comment: 'late flights' })
    expect(view).toEqual({
      'view-uuid': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'format-version': 1,
      location: 'memory:///views/late',
      schemas: [schema('id', 'delay')],
      'current-version-id': 1,
      versions: [
        {
          'version-id': 1,
          'schema-id': 0,
          'timestamp-ms': 1000,
          summary: { 'engine-name': 'phlo' },
          representations: [query('SELECT id, delay FROM flights')],
          'default-namespace': ['gold'],
        },
      ],
      'version-log': [{ 'timestamp-ms': 1000, 'version-id': 1 }],
      properties: { comment: 'late flights' },
    })
    expect(parseViewMetadata(serializeViewMetadata(view), 'view.json')).toEqual(view)
    expect(viewSql(view, 'DuckDB')).toBe('SELECT id, delay FROM flights')
    expect(viewSql(view, 'trino')).toBeUndefined()
  })

  it('keeps its history when it is replaced, and uses an equal version again', () => {
    const first = newView()
    const second = replace(first, 'SELECT id FROM flights', 2000, 'id')
    const back = replace(second, 'SELECT id, delay FROM flights', 1500, 'id', 'delay')
    expect(second.schemas.map((item) => item['schema-id'])).toEqual([0, 1])
    expect(currentViewVersion(second)).toMatchObject({ 'version-id': 2, 'schema-id': 1 })
    expect(back.versions).toEqual(second.versions)
    // Time goes forward even when clocks do not.
    expect(back['version-log']).toEqual([
      { 'timestamp-ms': 1000, 'version-id': 1 },
      { 'timestamp-ms': 2000, 'version-id': 2 },
      { 'timestamp-ms': 2000, 'version-id': 1 },
    ])
  })

  it('forgets the oldest versions, never the current one', () => {
    let view = newView({ 'version.history.num-entries': '3' })
    for (let count = 1; count <= 5; count++) view = replace(view, `SELECT ${count} AS id`, 1000 + count, 'id')
    expect(view.versions.map((version) => version['version-id'])).toEqual([4, 5, 6])
    expect(view['version-log'].map((entry) => entry['version-id'])).toEqual([4, 5, 6])
    const rolledBack = applyViewUpdates(view, [{ action: 'set-current-view-version', 'view-version-id': 4 }], {
      now: 9,
    })
    const next = replace(rolledBack, 'SELECT 9 AS id', 9000, 'id')
    expect(next.versions.map((version) => version['version-id'])).toEqual([5, 6, 7])
    const kept = applyViewUpdates(
      { ...rolledBack },
      [{ action: 'set-properties', updates: { 'version.history.num-entries': '1' } }],
      { now: 9 },
    )
    expect(kept.versions.map((version) => version['version-id'])).toEqual([4])
    expect(kept['version-log'].map((entry) => entry['version-id'])).toEqual([4])
  })

  it('does not lose a dialect unless it may', () => {
    const both = applyViewUpdates(
      newView(),
      replaceViewUpdates({
        schema: schema('id'),
        representations: [query('SELECT id FROM f'), query('SELECT id FROM f', 'trino')],
        defaultNamespace: [],
      }),
      { now: 2000 },
    )
    expect(() => replace(both, 'SELECT 1 AS id', 3000, 'id')).toThrow(invalid(/dialect trino/))
    const free = applyViewUpdates(
      both,
      [{ action: 'set-properties', updates: { 'replace.drop-dialect.allowed': 'true' } }],
      { now: 3000 },
    )
    expect(viewSql(replace(free, 'SELECT 1 AS id', 4000, 'id'), 'trino')).toBeUndefined()
  })

  it.each<[string, ViewUpdate[], RegExp]>([
    ['another uuid', [{ action: 'assign-uuid', uuid: 'x' }], /cannot change its uuid/],
    ['another format', [{ action: 'upgrade-format-version', 'format-version': 2 }], /version 1 only/],
    ['a version that is not there', [{ action: 'set-current-view-version', 'view-version-id': 7 }], /no version 7/],
    [
      '-1 without a new version',
      [{ action: 'set-current-view-version', 'view-version-id': -1 }],
      /no version undefined/,
    ],
    [
      'a schema that is not there',
      [{ action: 'add-view-version', 'view-version': { ...newView().versions[0]!, 'schema-id': 3 } }],
      /no schema 3/,
    ],
    [
      'two queries in one dialect',
      [
        {
          action: 'add-view-version',
          'view-version': { ...newView().versions[0]!, representations: [query('a'), query('b', 'DUCKDB')] },
        },
      ],
      /two queries in the dialect DUCKDB/,
    ],
    ['an unknown action', [{ action: 'paint' } as never], /"paint" is not known/],
  ])('refuses %s', (_what, updates, message) => {
    expect(() => applyViewUpdates(newView(), updates, { now: 1 })).toThrow(invalid(message))
  })

  it('needs a uuid, a location and a version', () => {
    const [uuid, format, location, ...query] = newViewUpdates(
      { location: 'memory:///v', schema: schema('id'), representations: [], defaultNamespace: [] },
      1,
    ) as [ViewUpdate, ViewUpdate, ViewUpdate, ...ViewUpdate[]]
    expect(() => applyViewUpdates(undefined, [format, location, ...query], { now: 1 })).toThrow(invalid(/needs a uuid/))
    expect(() => applyViewUpdates(undefined, [uuid, format, ...query], { now: 1 })).toThrow(invalid(/needs a uuid/))
    expect(() => applyViewUpdates(undefined, [uuid, format, location], { now: 1 })).toThrow(invalid(/no version -1/))
  })
})

describe('view metadata', () => {
  it('says which field is wrong', () => {
    const refused = (change: object) => () =>
      parseViewMetadata(Buffer.from(JSON.stringify({ ...newView(), ...change })), 'view.json')
    const [version] = newView().versions as [ViewMetadata['versions'][0]]
    expect(refused({ 'format-version': 2 })).toThrow(expect.objectContaining({ code: 'PHLO_ICEBERG_UNSUPPORTED' }))
    expect(refused({ 'view-uuid': 5 })).toThrow(invalid(/view-uuid is no text/))
    expect(refused({ versions: {} })).toThrow(invalid(/versions is no list/))
    expect(refused({ properties: { a: 1 } })).toThrow(invalid(/properties hold/))
    expect(refused({ 'current-version-id': 2 })).toThrow(invalid(/current-version-id names no version/))
    expect(refused({ versions: [version, version] })).toThrow(invalid(/two versions have the id 1/))
    expect(refused({ versions: [{ ...version, 'schema-id': 8 }] })).toThrow(invalid(/schema that is not there/))
    expect(refused({ versions: [{ ...version, representations: [{ type: 'sql' }] }] })).toThrow(invalid(/no sql/))
    expect(refused({ versions: [{ ...version, 'default-namespace': 'x' }] })).toThrow(invalid(/default-namespace/))
    expect(refused({ 'version-log': [{}] })).toThrow(invalid(/version-log/))
    expect(refused({ schemas: [{}] })).toThrow(invalid(/schema is no struct/))
  })

  it('may hold representations of types that are yet to come', () => {
    const [version] = newView().versions as [ViewMetadata['versions'][0]]
    const view = { ...newView(), versions: [{ ...version, representations: [{ type: 'ir' }, query('SELECT 1')] }] }
    const read = parseViewMetadata(Buffer.from(JSON.stringify(view)), 'view.json')
    expect(viewSql(read, 'duckdb')).toBe('SELECT 1')
    expect(replace(read, 'SELECT 2', 2000, 'id').versions[0]).toEqual(view.versions[0])
  })

  it('that is damaged gives an error of its own, or another view', () => {
    fc.assert(
      fc.property(damaged(serializeViewMetadata(newView({ comment: 'x' }))), (bytes) => {
        try {
          currentViewVersion(parseViewMetadata(bytes, 'view.json'))
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^PHLO_ICEBERG_(INVALID|UNSUPPORTED)$/)
        }
      }),
      { numRuns: 500 },
    )
  })
})
