import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import { applyUpdates, TableTransaction } from '@phlo/iceberg'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { MetadataFiles } from './metadata-files.js'

const identifier = { namespace: ['bronze'], name: 'orders' }
const store = new MemoryObjectStore()

function table(snapshots: number, properties: Readonly<Record<string, string>> = {}) {
  const { updates } = TableTransaction.create(store, {
    location: store.uri('t'),
    rows: { columns: [{ name: 'id', type: 'long', required: true, optional: false, rules: [], unique: false }] },
    partitioning: [],
  })
  const history = Array.from({ length: snapshots }, (_, index) => ({
    action: 'add-snapshot' as const,
    snapshot: { 'snapshot-id': BigInt(index + 1), 'sequence-number': index + 1, 'timestamp-ms': 1 },
  }))
  return applyUpdates(undefined, [...updates, ...history, { action: 'set-properties', updates: properties }], {
    now: 1,
  })
}

/** The start of the file's name and all that follows the random part; and its text. */
async function written(metadata: ReturnType<typeof table>, previous?: string) {
  const { key, stored } = new MetadataFiles(store).writeTable(identifier, metadata, previous)
  await stored
  const bytes = (await store.get(key))?.bytes ?? new Uint8Array()
  const { length } = (await new MetadataFiles(store).table(identifier, key)).snapshots ?? []
  return { key, name: key.replace(/^t\/metadata\/(\d+)-[-0-9a-f]{36}/, '$1'), bytes, length }
}

describe('the metadata files of a table', () => {
  it('are compressed, as their names say, when its history is long', async () => {
    const short = await written(table(1000))
    expect([short.name, short.length]).toEqual(['00000.metadata.json', 1000])
    const long = await written(table(1001), short.key)
    expect([long.name, long.length]).toEqual(['00001.gz.metadata.json', 1001])
    expect(JSON.parse(gunzipSync(long.bytes).toString())).toMatchObject({ 'format-version': 2 })
    expect((await written(table(1001), long.key)).name).toBe('00002.gz.metadata.json')
  })

  it('are as its properties say otherwise', async () => {
    const codec = 'write.metadata.compression-codec'
    expect((await written(table(1, { [codec]: 'gzip' }))).name).toBe('00000.gz.metadata.json')
    expect((await written(table(1001, { [codec]: 'none' }))).name).toBe('00000.metadata.json')
  })
})
