import { beforeEach, describe, expect, it } from '@jest/globals'
import { serializeMetadata } from '../metadata/metadata-file.js'
import { MemoryTable } from '../testing/memory-table.js'
import { findTable } from './register-table.js'

let table: MemoryTable
beforeEach(async () => {
  table = new MemoryTable()
  await table.snapshot({ add: [await table.file('a')] })
})

const save = (name: string, metadata = table.metadata) =>
  table.store.put(`t/metadata/${name}`, serializeMetadata(metadata))
const found = (key: string) => findTable(table.store, table.store.uri(key))

describe('an existing table', () => {
  it('is found by its metadata file, or by its folder’s newest', async () => {
    await save('00000-a.metadata.json')
    await save('00010-b.metadata.json')
    await save('00009-c.metadata.json')
    const named = await found('t/metadata/00000-a.metadata.json')
    expect(named).toEqual({
      metadata: table.metadata,
      metadataLocation: table.store.uri('t/metadata/00000-a.metadata.json'),
    })
    expect((await found('t')).metadataLocation).toBe(table.store.uri('t/metadata/00010-b.metadata.json'))
    await save('v11.metadata.json')
    expect((await found('t')).metadataLocation).toBe(table.store.uri('t/metadata/v11.metadata.json'))
  })

  it('is refused where it is not there, in doubt, or outside the store', async () => {
    await expect(found('t')).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
    await save('00001-a.metadata.json')
    await save('00001-b.metadata.json')
    await expect(found('t')).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    await expect(findTable(table.store, 's3://elsewhere/t')).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
    await save('00002-away.metadata.json', { ...table.metadata, location: 's3://elsewhere/t' })
    await expect(found('t')).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
    const snapshots = table.metadata.snapshots!.map((item) => ({
      ...item,
      'manifest-list': 's3://elsewhere/snap.avro',
    }))
    await save('00003-lists.metadata.json', { ...table.metadata, snapshots })
    await expect(found('t')).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
  })
})
