import type { PartitionSpec } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import { type DataFile, entryStatus, fileContent, type ManifestFile } from './data-file.js'
import { readManifest } from './manifest-reader.js'
import { writeManifest } from './manifest.js'
import { bindSpec } from '../partition/partition-spec.js'
import { partitionSchema } from './partition-values.js'
import type { Value } from '../types/value.js'

const columns = (...types: string[]) => ({
  type: 'struct' as const,
  'schema-id': 0,
  fields: types.map((type, index) => ({ id: index + 1, name: `c${index + 1}`, required: false, type })),
})
const specOf = (...transforms: string[]): PartitionSpec => ({
  'spec-id': 0,
  fields: transforms.map((transform, index) => ({
    'source-id': index + 1,
    'field-id': 1000 + index,
    name: `p${index + 1}`,
    transform,
  })),
})
const manifest: ManifestFile = {
  path: 'm.avro',
  length: 0,
  specId: 0,
  content: 0,
  sequenceNumber: 1,
  minSequenceNumber: 1,
  addedSnapshotId: 1n,
}
const fileWith = (partition: readonly (Value | null)[]): DataFile => ({
  content: fileContent.data,
  specId: 0,
  path: 'f.parquet',
  format: 'PARQUET',
  partition,
  recordCount: 1,
  fileSize: 1,
})
const write = (schema: ReturnType<typeof columns>, spec: PartitionSpec, partition: readonly (Value | null)[]) =>
  writeManifest({
    version: 2,
    schema,
    spec,
    partition: bindSpec(spec, schema),
    content: 'data',
    entries: [{ status: entryStatus.added, snapshotId: 1n, file: fileWith(partition) }],
  })
const read = (bytes: Uint8Array, schema: ReturnType<typeof columns>, spec: PartitionSpec) =>
  [...readManifest(bytes, manifest, bindSpec(spec, schema))].map(({ file }) => file.partition)

describe('partition values in a manifest', () => {
  it('count nanoseconds, and are nothing where the type is unknown', async () => {
    const schema = columns('timestamp_ns', 'timestamptz_ns', 'unknown', 'long')
    const spec = specOf('identity', 'identity', 'identity', 'identity')
    const values = [1_700_000_000_123_456_789n, -1n, null, 7n]
    expect(read(await write(schema, spec, values), schema, spec)).toEqual([values])
    const declared = bindSpec(spec, schema).map((bound) => partitionSchema(bound).type)
    expect(declared.slice(0, 3)).toEqual([
      ['null', { type: 'long', logicalType: 'timestamp-nanos', 'adjust-to-utc': false }],
      ['null', { type: 'long', logicalType: 'timestamp-nanos', 'adjust-to-utc': true }],
      'null',
    ])
  })

  it('of a column that was a date are moments now that it is a timestamp', async () => {
    const spec = specOf('identity')
    const bytes = await write(columns('date'), spec, [-1])
    expect(read(bytes, columns('timestamp'), spec)).toEqual([[-86_400_000_000n]])
    expect(read(bytes, columns('timestamp_ns'), spec)).toEqual([[-86_400_000_000_000n]])
    expect(read(bytes, columns('date'), spec)).toEqual([[-1]])
  })

  it('of transforms that nobody knows are read as they are, and not written', async () => {
    const schema = columns('string', 'binary', 'long')
    const known = specOf('identity', 'identity', 'identity')
    const values = ['a', Buffer.from('01', 'hex'), 2n ** 62n]
    const bytes = await write(schema, known, values)
    const unknown = specOf('hilbert', 'zorder[4]', 'later')
    expect(read(bytes, schema, unknown)).toEqual([['a', Uint8Array.of(1), 2n ** 62n]])
    expect(read(bytes, schema, specOf('void', 'void', 'void'))).toEqual([[null, null, null]])
    await expect(write(schema, unknown, values)).rejects.toThrow(
      expect.objectContaining({ code: 'PHLO_ICEBERG_UNSUPPORTED' }),
    )
    const several: PartitionSpec = {
      'spec-id': 0,
      fields: [{ 'source-ids': [1, 2], 'field-id': 1000, name: 'p1', transform: 'bucket[4]' }],
    }
    expect(read(bytes, schema, several)).toEqual([['a']])
  })

  it('that cannot be of the column’s type are refused', async () => {
    const bytes = await write(columns('string'), specOf('identity'), ['a'])
    for (const type of ['long', 'unknown', 'timestamp_ns', 'uuid'])
      expect(() => read(bytes, columns(type), specOf('identity'))).toThrow(
        expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }),
      )
  })
})
