import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, it } from '@jest/globals'
import { bucketOptions } from '@phlo/stack'
import { MinioObjectStore, MinioStorageOptions } from '@phlo/storage-minio'
import { EmbeddedCatalog } from './embedded-catalog.js'
import { expectLinearizable } from './testing/concurrent-clients.js'

const cache = await mkdtemp(path.join(os.tmpdir(), 'phlo-clients-'))
afterAll(() => rm(cache, { recursive: true }))

it('in a bucket gives 32 clients, two of them killed, one history that all of them agree with', async () => {
  const bucket = bucketOptions('clients')
  const catalog = await EmbeddedCatalog.open(new MinioObjectStore(MinioStorageOptions.parse(bucket), cache))
  await expectLinearizable(catalog, { bucket, cache }, 15, 20010101)
}, 600_000)
