import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, it } from '@jest/globals'
import type { Catalog, ObjectStore } from '@phlo/ports'
import { catalogContract, versionedCatalogContract } from '@phlo/ports/testing'
import { bucketOptions } from '@phlo/stack'
import { MinioObjectStore, MinioStorageOptions } from '@phlo/storage-minio'
import { EmbeddedCatalog } from './embedded-catalog.js'

const stores = new WeakMap<Catalog, ObjectStore>()
const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

/** A store in a prefix of its own, with copies in a folder of its own. */
async function bucketStore(): Promise<ObjectStore> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-catalog-'))
  folders.push(folder)
  return new MinioObjectStore(MinioStorageOptions.parse(bucketOptions('catalogs')), folder)
}

async function open(store: ObjectStore): Promise<EmbeddedCatalog> {
  const catalog = await EmbeddedCatalog.open(store)
  stores.set(catalog, store)
  return catalog
}

const fixture = {
  create: async () => open(await bucketStore()),
  reopen: (catalog: Catalog) => open(stores.get(catalog) as ObjectStore),
}

catalogContract('embedded in a bucket', fixture, { describe, it })
versionedCatalogContract('embedded in a bucket', fixture, { describe, it })
