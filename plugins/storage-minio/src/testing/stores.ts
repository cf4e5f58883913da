import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { bucketOptions } from '@phlo/stack'
import { MinioObjectStore } from '../minio-object-store.js'
import { MinioStorageOptions } from '../options.js'

/** Stores in the running MinIO, each in a prefix of its own, and what is left of them removed in the end. */
export class Stores {
  private readonly folders: string[] = []
  private readonly open: MinioObjectStore[] = []

  /** With options that stand above the usual ones. */
  async create(options: Readonly<Record<string, unknown>> = {}): Promise<MinioObjectStore> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-minio-'))
    this.folders.push(folder)
    const parsed = MinioStorageOptions.parse({ ...bucketOptions('tests'), ...options })
    const store = new MinioObjectStore(parsed, folder)
    this.open.push(store)
    return store
  }

  async close(): Promise<void> {
    for (const store of this.open.splice(0)) await store.close()
    for (const folder of this.folders.splice(0)) await rm(folder, { recursive: true })
  }
}
