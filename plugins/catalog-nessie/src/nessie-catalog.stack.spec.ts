import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import type { Catalog, ObjectStore } from '@phlo/ports'
import { catalogContract, versionedCatalogContract } from '@phlo/ports/testing'
import { bucketOptions, runningServer } from '@phlo/stack'
import { MinioObjectStore, MinioStorageOptions } from '@phlo/storage-minio'
import { NessieCatalog } from './nessie-catalog.js'
import { NessieCatalogOptions } from './options.js'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

const stores = new WeakMap<Catalog, ObjectStore>()

async function open(store: ObjectStore): Promise<NessieCatalog> {
  const catalog = await NessieCatalog.open(NessieCatalogOptions.parse({ uri: runningServer('nessie').api }), store)
  stores.set(catalog, store)
  return catalog
}

/** Takes the server back to where it began, since its main branch is what the suites begin with. */
async function create(): Promise<NessieCatalog> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-nessie-'))
  folders.push(folder)
  const catalog = await open(new MinioObjectStore(MinioStorageOptions.parse(bucketOptions('nessie')), folder))
  const { noAncestorHash } = await answer<{ noAncestorHash: string }>('/config')
  for (const { name } of await catalog.listRefs()) if (name !== 'main') await catalog.deleteRef(name)
  await catalog.assignRef('main', noAncestorHash)
  return catalog
}

async function answer<T>(resource: string, base = runningServer('nessie').api): Promise<T> {
  const response = await fetch(base + resource)
  expect(response.status).toBe(200)
  return (await response.json()) as T
}

const reopen = (catalog: Catalog) => open(stores.get(catalog)!)

catalogContract('Nessie', { create, reopen }, { describe, it })
versionedCatalogContract('Nessie', { create, reopen }, { describe, it })

describe('Nessie’s own Iceberg REST catalog', () => {
  it('shows other engines each branch’s tables as they were written', async () => {
    const catalog = await create()
    const identifier = { namespace: ['a'], name: 't' }
    const schema = {
      type: 'struct',
      'schema-id': 0,
      fields: [{ id: 1, name: 'id', required: true, type: 'long' }],
    } as const
    await catalog.commit(
      [
        { kind: 'create-namespace', namespace: ['a'] },
        {
          kind: 'table',
          identifier,
          requirements: [{ type: 'assert-create' }],
          updates: [
            { action: 'assign-uuid', uuid: randomUUID() },
            {
              action: 'set-location',
              location: catalog.newTableLocation(identifier),
            },
            { action: 'add-schema', schema },
            { action: 'set-current-schema', 'schema-id': -1 },
            { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
            { action: 'set-default-spec', 'spec-id': -1 },
            {
              action: 'add-sort-order',
              'sort-order': { 'order-id': 0, fields: [] },
            },
            { action: 'set-default-sort-order', 'sort-order-id': -1 },
          ],
        },
      ],
      { message: 'a table' },
    )
    await catalog.createRef('dev')
    const change = {
      kind: 'table',
      identifier,
      requirements: [],
      updates: [{ action: 'set-properties', updates: { on: 'dev' } }],
    } as const
    await catalog.commit([change], { message: 'on dev', ref: 'dev' })
    const { iceberg, warehouse } = runningServer('nessie')
    for (const ref of ['main', 'dev']) {
      const seen = await answer<{
        'metadata-location': string
        metadata: { properties: Record<string, string> }
      }>(`/v1/${encodeURIComponent(`${ref}|${warehouse}`)}/namespaces/a/tables/t`, iceberg)
      const own = await catalog.loadTable(identifier, { ref })
      expect([seen['metadata-location'], seen.metadata.properties['on']]).toEqual([
        own?.metadataLocation,
        own?.metadata.properties?.['on'],
      ])
    }
    await catalog.close()
  })
})
