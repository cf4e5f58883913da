import type { IcebergSchema, IcebergType } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { describe, expect, it } from '@jest/globals'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { bindSpec } from '../partition/partition-spec.js'
import { indexById } from '../schema/schema.js'
import { testFile, TestTable } from '../testing/test-table.js'
import { isList, isMap, isStruct } from '../types/primitive.js'
import { encodeValue } from '../types/value.js'
import { type MetadataRow, type MetadataValue, optional } from './columns.js'
import {
  metadataTable,
  type MetadataTableName,
  metadataTableNames,
  type MetadataTableOptions,
} from './metadata-table.js'
import { readableBound } from './partition-column.js'

const schema: IcebergSchema = {
  type: 'struct',
  'schema-id': 0,
  fields: [
    { id: 1, name: 'id', required: true, type: 'long' },
    { id: 2, name: 'at', required: false, type: 'timestamp' },
    { id: 3, name: 'name', required: false, type: 'string' },
  ],
}

class RecordingStore extends MemoryObjectStore {
  readonly reads: string[] = []
  override async get(key: string) {
    this.reads.push(key.replace(/^t\/metadata\/|\.avro$/g, ''))
    return super.get(key)
  }
}

/** Three snapshots over two specs: an append, deletes, and a file that leaves. */
async function makeTable(): Promise<{ store: RecordingStore; table: TestTable }> {
  const store = new RecordingStore()
  const table = new TestTable(
    store,
    schema,
    [
      { 'spec-id': 0, fields: [{ 'source-id': 3, 'field-id': 1000, name: 'old_name', transform: 'identity' }] },
      {
        'spec-id': 1,
        fields: [
          { 'source-id': 2, 'field-id': 1001, name: 'at_month', transform: 'month' },
          { 'source-id': 3, 'field-id': 1000, name: 'name', transform: 'identity' },
          { 'source-id': 9, 'field-id': 1002, name: 'gone', transform: 'void' },
        ],
      },
    ],
    3,
  )
  const full: Partial<DataFile> = {
    recordCount: 5,
    columnSizes: new Map([[1, 40]]),
    valueCounts: new Map([[1, 5]]),
    nullCounts: new Map([[1, 0]]),
    nanCounts: new Map(),
    lowerBounds: new Map([[1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)]]),
    upperBounds: new Map([[1, Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0)]]),
    keyMetadata: Uint8Array.of(7),
    splitOffsets: [4, 50],
    sortOrderId: 0,
    firstRowId: 100,
  }
  await table.commit({
    add: [testFile('a', { ...full, partition: ['x'] }), testFile('b', { specId: 1, partition: [650, 'x', null] })],
    summary: { 'added-records': '6' },
  })
  const deletes = { specId: 1, partition: [650, 'x', null] }
  await table.commit({
    add: [
      testFile('e', { ...deletes, content: fileContent.equalityDeletes, equalityIds: [1], recordCount: 2 }),
      testFile('v', {
        ...deletes,
        content: fileContent.positionDeletes,
        format: 'puffin',
        referencedDataFile: testFile('b').path,
        contentOffset: 4,
        contentSize: 40,
      }),
    ],
    operation: 'delete',
  })
  await table.commit({ remove: ({ path }) => path.endsWith('/a.parquet'), operation: 'delete' })
  store.reads.length = 0
  return { store, table }
}

async function rowsOf(
  { store, table }: { store: RecordingStore; table: TestTable },
  name: MetadataTableName,
  options: MetadataTableOptions & { readonly columns?: readonly string[] } = {},
): Promise<MetadataRow[]> {
  const { columns, ...rest } = options
  const rows: MetadataRow[] = []
  for await (const row of metadataTable(store, table.metadata, name, rest).rows(columns)) rows.push(row)
  return rows
}

const uri = (name: string) => `memory://store/t/${name}`

const nothingKnown = {
  column_size: null,
  value_count: null,
  null_value_count: null,
  nan_value_count: null,
  lower_bound: null,
  upper_bound: null,
}

/** What is wrong with a value of the type, or nothing. */
function misfit(type: IcebergType, value: MetadataValue | undefined, isRequired: boolean): string | undefined {
  if (value === undefined) return 'is missing'
  if (value === null) return isRequired ? 'is NULL' : undefined
  if (isStruct(type)) {
    const struct = value as { readonly [field: string]: MetadataValue }
    const extra = Object.keys(struct).find((key) => !type.fields.some((field) => field.name === key))
    if (extra !== undefined) return `has a field ${extra} more`
    return type.fields
      .map((field) => misfit(field.type, struct[field.name], field.required)?.replace(/^/, `${field.name} `))
      .find((problem) => problem !== undefined)
  }
  if (isList(type)) {
    if (!Array.isArray(value)) return 'is no list'
    return value
      .map((item) => misfit(type.element, item as MetadataValue, true))
      .find((problem) => problem !== undefined)
  }
  if (isMap(type)) {
    if (!(value instanceof Map)) return 'is no map'
    return [...(value as Map<MetadataValue, MetadataValue>)]
      .flatMap(([key, item]) => [misfit(type.key, key, true), misfit(type.value, item, true)])
      .find((problem) => problem !== undefined)
  }
  const kinds: Record<string, string> = { long: 'bigint', timestamptz: 'bigint', int: 'number', binary: 'object' }
  return typeof value === (kinds[type] ?? type) ? undefined : `is a ${typeof value} for ${type}`
}

describe('metadata tables', () => {
  it.each(metadataTableNames)('%s has rows as its schema says', async (name) => {
    const made = await makeTable()
    const { schema: columns } = metadataTable(made.store, made.table.metadata, name)
    const rows = await rowsOf(made, name, { metadataLocation: uri('metadata/v3.json') })
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.map((row) => misfit(columns, row, true))).toEqual(rows.map(() => undefined))
    const names = columns.fields.map((field) => field.name)
    expect(rows.map((row) => Object.keys(row))).toEqual(rows.map(() => names))
    expect(new Set(columns.fields.map(({ id }) => id)).size).toBe(names.length)
  })

  it('tell the table’s history', async () => {
    const made = await makeTable()
    const { metadata } = made.table
    made.table.metadata = {
      ...metadata,
      'metadata-log': [{ 'timestamp-ms': 500, 'metadata-file': uri('metadata/v0.json') }],
      'snapshot-log': [...metadata['snapshot-log']!, { 'timestamp-ms': 4000, 'snapshot-id': 2n }],
      'current-snapshot-id': 2n,
      refs: {
        main: { 'snapshot-id': 2n, type: 'branch' },
        v1: { 'snapshot-id': 1n, type: 'tag', 'max-ref-age-ms': 9 },
      },
    }
    expect((await rowsOf(made, 'snapshots'))[0]).toEqual({
      committed_at: 1_000_000n,
      snapshot_id: 1n,
      parent_id: null,
      operation: 'append',
      manifest_list: uri('metadata/snap-1.avro'),
      summary: new Map([['added-records', '6']]),
    })
    const history = await rowsOf(made, 'history')
    expect(history.map((row) => Object.values(row))).toEqual([
      [1_000_000n, 1n, null, true],
      [2_000_000n, 2n, 1n, true],
      [3_000_000n, 3n, 2n, false],
      [4_000_000n, 2n, 1n, true],
    ])
    expect((await rowsOf(made, 'refs')).map((row) => Object.values(row))).toEqual([
      ['main', 'BRANCH', 2n, null, null, null],
      ['v1', 'TAG', 1n, 9n, null, null],
    ])
    const log = await rowsOf(made, 'metadata_log_entries', { metadataLocation: uri('metadata/v3.json') })
    expect(log.map((row) => Object.values(row))).toEqual([
      [500_000n, uri('metadata/v0.json'), null, null, null],
      [3_000_000n, uri('metadata/v3.json'), 3n, 0, 3n],
    ])
    expect(await rowsOf(made, 'metadata_log_entries')).toHaveLength(1)
    expect(made.store.reads).toEqual([])
  })

  it('list files with all that manifests say of them', async () => {
    const made = await makeTable()
    const [, file] = await rowsOf(made, 'files', { snapshotId: 1n })
    expect(file).toMatchObject({
      file_path: uri('data/b.parquet'),
      spec_id: 1,
      partition: { name: 'x', at_month: 650 },
    })
    const [whole] = await rowsOf(made, 'data_files', { snapshotId: 1n })
    expect(whole).toEqual({
      content: 0,
      file_path: uri('data/a.parquet'),
      file_format: 'PARQUET',
      spec_id: 0,
      partition: { name: 'x', at_month: null },
      record_count: 5n,
      file_size_in_bytes: 100n,
      column_sizes: new Map([[1, 40n]]),
      value_counts: new Map([[1, 5n]]),
      null_value_counts: new Map([[1, 0n]]),
      nan_value_counts: new Map(),
      lower_bounds: new Map([[1, Buffer.of(1, 0, 0, 0, 0, 0, 0, 0)]]),
      upper_bounds: new Map([[1, Buffer.of(9, 0, 0, 0, 0, 0, 0, 0)]]),
      key_metadata: Buffer.of(7),
      split_offsets: [4n, 50n],
      equality_ids: null,
      sort_order_id: 0,
      first_row_id: 100n,
      referenced_data_file: null,
      content_offset: null,
      content_size_in_bytes: null,
      readable_metrics: {
        at: nothingKnown,
        id: {
          ...nothingKnown,
          column_size: 40n,
          value_count: 5n,
          null_value_count: 0n,
          lower_bound: 1n,
          upper_bound: 9n,
        },
        name: nothingKnown,
      },
    })
    const names = async (name: MetadataTableName) =>
      (await rowsOf(made, name, { columns: ['file_path'] })).map(
        ({ file_path: path }) => /(\w)\.parquet/.exec(path as string)![1],
      )
    expect({
      files: await names('files'),
      data: await names('data_files'),
      deletes: await names('delete_files'),
      all: (await names('all_files')).sort(),
      allData: (await names('all_data_files')).sort(),
      allDeletes: await names('all_delete_files'),
    }).toEqual({
      files: ['e', 'v', 'b'],
      data: ['b'],
      deletes: ['e', 'v'],
      all: ['a', 'b', 'e', 'v'],
      allData: ['a', 'b'],
      allDeletes: ['e', 'v'],
    })
    const deletes = await rowsOf(made, 'delete_files')
    expect(deletes).toMatchObject([
      { content: 2, equality_ids: [1], referenced_data_file: null },
      { content: 1, file_format: 'PUFFIN', content_offset: 4n, content_size_in_bytes: 40n },
    ])
  })

  it('give metrics of nested columns by their paths, and bounds in the type that the column has now', async () => {
    const list: IcebergType = { type: 'list', 'element-id': 3, element: 'double', 'element-required': false }
    const fields = [
      { id: 2, name: 'a.b', required: false, type: list },
      { id: 1, name: 's', required: false, type: { type: 'struct', fields: [optional(4, 'wide', 'long')] } as const },
      optional(5, 'shape', 'geometry'),
      optional(6, 'any', 'variant'),
      optional(7, 'nothing', 'unknown'),
    ]
    const store = new RecordingStore()
    const table = new TestTable(store, { type: 'struct', 'schema-id': 0, fields }, [{ 'spec-id': 0, fields: [] }], 3)
    const nanCounts = new Map([[3, 2]])
    const lowerBounds = new Map([
      [4, Uint8Array.of(1, 0, 0, 0)],
      [5, Uint8Array.of(1, 2)],
      [6, Uint8Array.of(3)],
    ])
    await table.commit({ add: [testFile('a', { nanCounts, lowerBounds })] })
    const metrics = {
      'a.b.element': { ...nothingKnown, nan_value_count: 2n },
      nothing: nothingKnown,
      's.wide': { ...nothingKnown, lower_bound: 1n },
      shape: { ...nothingKnown, lower_bound: Buffer.of(1, 2) },
    }
    const made = { store, table }
    expect(await rowsOf(made, 'files', { columns: ['readable_metrics'] })).toEqual([{ readable_metrics: metrics }])
    expect(await rowsOf(made, 'entries', { columns: ['readable_metrics'] })).toEqual([{ readable_metrics: metrics }])
    const { schema: described } = metadataTable(store, table.metadata, 'entries')
    const ids = [...indexById(described).keys()]
    expect(new Set(ids).size).toBe(ids.length)
    expect(described.fields.at(-1)).toMatchObject({ name: 'readable_metrics', id: Math.max(...ids) })
    expect(JSON.stringify(described.fields.at(-1))).toContain('"lower_bound","required":false,"type":"binary"')
    await table.commit({ add: [testFile('b', { lowerBounds: new Map([[4, Uint8Array.of(1)]]) })] })
    await expect(rowsOf(made, 'files')).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
  })

  it('list entries, those of files that left among them', async () => {
    const made = await makeTable()
    const columns = ['status', 'snapshot_id', 'sequence_number']
    const values = async (name: MetadataTableName) =>
      (await rowsOf(made, name, { columns })).map((row) => Object.values(row).map(Number).join())
    expect((await values('entries')).sort()).toEqual(['1,1,1', '1,2,2', '1,2,2', '2,3,1'])
    expect((await values('all_entries')).sort()).toEqual(['1,1,1', '1,1,1', '1,2,2', '1,2,2', '2,3,1'])
    const [entry] = await rowsOf(made, 'entries', { snapshotId: 1n })
    expect(entry).toMatchObject({
      status: 1,
      file_sequence_number: 1n,
      data_file: { file_path: uri('data/a.parquet') },
    })
  })

  it('list manifests with readable bounds', async () => {
    const made = await makeTable()
    const rows = await rowsOf(made, 'manifests', { snapshotId: 2n })
    expect(rows.map((row) => [row['content'], row['added_data_files_count'], row['added_delete_files_count']])).toEqual(
      [
        [1, 0, 2],
        [0, 1, 0],
        [0, 1, 0],
      ],
    )
    expect(rows[2]!['partition_summaries']).toEqual([
      { contains_null: false, contains_nan: false, lower_bound: '2024-03', upper_bound: '2024-03' },
      { contains_null: false, contains_nan: false, lower_bound: 'x', upper_bound: 'x' },
      { contains_null: true, contains_nan: false, lower_bound: null, upper_bound: null },
    ])
    const all = await rowsOf(made, 'all_manifests', { columns: ['reference_snapshot_id', 'path'] })
    expect(all.map((row) => Number(row['reference_snapshot_id']))).toEqual([1, 1, 2, 2, 2, 3, 3, 3])
  })

  it.each([
    ['year', 54, '2024'],
    ['year', -1, '1969'],
    ['month', -1, '1969-12'],
    ['hour', 0, '1970-01-01-00'],
    ['hour', -1, '1969-12-31-23'],
    ['day', 19_783, '2024-03-01'],
    ['year', 8030, '+010000'],
  ])('read %s %i as %s', (transform, value, text) => {
    const field = { 'source-id': 2, 'field-id': 1000, name: 'p', transform }
    const [bound] = bindSpec({ 'spec-id': 0, fields: [field] }, schema)
    expect(readableBound(bound!, encodeValue(bound!.type, value))).toBe(text)
  })

  it('add up partitions', async () => {
    const made = await makeTable()
    const [row, ...others] = await rowsOf(made, 'partitions')
    expect(others).toEqual([])
    expect(row).toEqual({
      partition: { name: 'x', at_month: 650 },
      spec_id: 1,
      record_count: 1n,
      file_count: 1,
      total_data_file_size_in_bytes: 100n,
      position_delete_record_count: 1n,
      position_delete_file_count: 1,
      equality_delete_record_count: 2n,
      equality_delete_file_count: 1,
      last_updated_at: 2_000_000n,
      last_updated_snapshot_id: 2n,
    })
    expect(await rowsOf(made, 'partitions', { snapshotId: 1n })).toMatchObject([
      { partition: { name: 'x', at_month: null }, spec_id: 0, file_count: 1 },
      { partition: { name: 'x', at_month: 650 }, spec_id: 1, file_count: 1 },
    ])
  })

  it('have no partition where the table never had one, and no rows where it has no data', async () => {
    const store = new RecordingStore()
    const table = new TestTable(store, schema, [{ 'spec-id': 0, fields: [] }])
    const made = { store, table }
    for (const name of metadataTableNames) expect(await rowsOf(made, name)).toEqual([])
    await table.commit({ add: [testFile('a'), testFile('b')] })
    const [row] = await rowsOf(made, 'partitions')
    expect([row!['file_count'], 'partition' in row!, 'spec_id' in row!]).toEqual([2, false, false])
    expect(metadataTable(store, table.metadata, 'files').schema.fields.map(({ name }) => name)).not.toContain(
      'partition',
    )
    expect((await rowsOf(made, 'files'))[0]).not.toHaveProperty('partition')
  })

  it('read one manifest after the other, and none for those who stop early', async () => {
    const made = await makeTable()
    for (let index = 0; index < 20; index++)
      await made.table.commit({ add: [testFile(`f${index}`, { partition: ['x'] })] })
    made.store.reads.length = 0
    for await (const row of metadataTable(made.store, made.table.metadata, 'files').rows()) {
      expect(row['file_path']).toBe(uri('data/f19.parquet'))
      break
    }
    expect(made.store.reads.length).toBeLessThan(8)
  })

  it('know snapshots, times and refs that are not there', async () => {
    const made = await makeTable()
    const { metadata } = made.table
    expect(() => metadataTable(made.store, metadata, 'files', { snapshotId: 9n })).toThrow(
      expect.objectContaining({ code: 'PHLO_SNAPSHOT_NOT_FOUND' }),
    )
    expect(() => metadataTable(made.store, metadata, 'files', { ref: 'none' })).toThrow(
      expect.objectContaining({ code: 'PHLO_REF_NOT_FOUND' }),
    )
  })
})
