import { MemoryObjectStore } from '@phlo/ports/testing'
import type { IcebergSchema, PartitionSpec } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import { entryStatus } from './data-file.js'
import { manifestLine } from './manifest-line.js'
import { writeManifest } from './manifest.js'
import { parseMetadata } from '../metadata/metadata-file.js'
import { serializeJson } from '../metadata/json.js'
import { bindSpec } from '../partition/partition-spec.js'
import { planScan } from '../scan/scan.js'
import { dataFile } from '../testing/example-files.js'

describe('a snapshot of an old writer', () => {
  const schema: IcebergSchema = {
    type: 'struct',
    'schema-id': 0,
    fields: [
      { id: 1, name: 'id', required: false, type: 'long' },
      { id: 2, name: 'day', required: false, type: 'date' },
    ],
  }
  const spec: PartitionSpec = {
    'spec-id': 0,
    fields: [{ 'source-id': 2, 'field-id': 1000, name: 'day', transform: 'identity' }],
  }
  const manifest = (name: string) =>
    writeManifest({
      version: 1,
      schema,
      spec,
      partition: bindSpec(spec, schema),
      content: 'data',
      entries: [{ status: entryStatus.added, snapshotId: 5n, file: dataFile(name, 1) }],
    })

  it('names its manifests itself, and is read like any other', async () => {
    const store = new MemoryObjectStore()
    const manifests: string[] = []
    for (const name of ['a', 'b']) {
      await store.put(`${name}.avro`, await manifest(name))
      manifests.push(store.uri(`${name}.avro`))
    }
    const table = {
      'format-version': 1,
      location: store.uri('t'),
      'last-updated-ms': 1,
      'last-column-id': 2,
      schema: { type: 'struct', fields: schema.fields },
      'partition-spec': spec.fields,
      'current-snapshot-id': 5n,
      snapshots: [{ 'snapshot-id': 5n, 'timestamp-ms': 1, manifests }],
    }
    const metadata = parseMetadata(Buffer.from(serializeJson(table)), 'old.json')
    const found: string[] = []
    for await (const { file } of planScan(store, metadata)) found.push(file.path)
    expect(found.sort()).toEqual([dataFile('a', 1).path, dataFile('b', 1).path])
  })

  it('is refused when a manifest is none', async () => {
    const bytes = await manifest('a')
    expect(manifestLine(bytes, 'a.avro', 5n)).toMatchObject({ specId: 0, addedSnapshotId: 5n, length: bytes.length })
    for (const wrong of [Buffer.alloc(0), Buffer.from('x'), bytes.subarray(0, 30)])
      expect(() => manifestLine(wrong, 'a.avro', 5n)).toThrow(expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }))
  })
})
