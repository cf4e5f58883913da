import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, it } from '@jest/globals'
import type { Catalog, ObjectStore } from '@phlo/ports'
import { catalogContract, MemoryObjectStore, versionedCatalogContract } from '@phlo/ports/testing'
import { LocalObjectStore } from '@phlo/storage-local'
import { EmbeddedCatalog } from './embedded-catalog.js'

const stores = new WeakMap<Catalog, ObjectStore>()
const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

async function open(store: ObjectStore): Promise<EmbeddedCatalog> {
  const catalog = await EmbeddedCatalog.open(store)
  stores.set(catalog, store)
  return catalog
}

const reopen = (catalog: Catalog) => open(stores.get(catalog) as ObjectStore)

const fixtures = {
  'embedded in memory': { create: () => open(new MemoryObjectStore()), reopen },
  'embedded in a local folder': {
    create: async () => {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-catalog-'))
      folders.push(folder)
      return open(await LocalObjectStore.open(folder))
    },
    reopen,
  },
}

for (const [name, fixture] of Object.entries(fixtures)) {
  catalogContract(name, fixture, { describe, it })
  versionedCatalogContract(name, fixture, { describe, it })
}
