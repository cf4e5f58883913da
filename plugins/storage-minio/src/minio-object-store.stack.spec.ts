import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, it } from '@jest/globals'
import { objectStoreContract } from '@phlo/ports/testing'
import { runningServer } from '@phlo/stack'
import { MinioObjectStore } from './minio-object-store.js'
import { MinioStorageOptions } from './options.js'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

async function create(more: object = {}) {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = runningServer('minio')
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-minio-'))
  folders.push(folder)
  const options = { endpoint, region, bucket, credentials: { accessKeyId, secretAccessKey }, ...more }
  return new MinioObjectStore(MinioStorageOptions.parse({ prefix: `contract/${randomUUID()}`, ...options }), folder)
}

objectStoreContract('MinIO', { create }, { describe, it })
