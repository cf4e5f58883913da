import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, it } from '@jest/globals'
import { LocalObjectStore } from '@phlo/storage-local'
import { EmbeddedCatalog } from './embedded-catalog.js'
import { expectLinearizable } from './testing/concurrent-clients.js'

const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-clients-'))
afterAll(() => rm(folder, { recursive: true }))

it('on a local disk gives 32 clients, two of them killed, one history that all of them agree with', async () => {
  const catalog = await EmbeddedCatalog.open(await LocalObjectStore.open(folder))
  await expectLinearizable(catalog, { folder }, 15, 20010101)
}, 600_000)
