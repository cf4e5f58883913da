import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, it } from '@jest/globals'
import { objectStoreContract } from '@phlo/ports/testing'
import { LocalObjectStore } from './local-object-store.js'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

async function create() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-store-'))
  folders.push(folder)
  return LocalObjectStore.open(folder)
}

objectStoreContract('local folder', { create }, { describe, it })
