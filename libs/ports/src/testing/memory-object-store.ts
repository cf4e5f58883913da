import { readFile, unlink, writeFile, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { PhloError } from '../errors.js'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  ObjectStoreSupports,
  PutCondition,
  StoredObject,
} from '../object-store.js'

interface Entry {
  readonly bytes: Uint8Array
  readonly version: string
  readonly modified: Date
}

/** An ObjectStore in this process's memory, for tests. */
export class MemoryObjectStore implements ObjectStore {
  readonly supports: ObjectStoreSupports = { conditionalPut: true }
  private readonly entries = new Map<string, Entry>()
  private versions = 0
  private folder: Promise<string> | undefined

  async get(key: string, options: { range?: ByteRange; signal?: AbortSignal } = {}): Promise<StoredObject | undefined> {
    checkKey(key)
    options.signal?.throwIfAborted()
    const entry = this.entries.get(key)
    if (!entry) return undefined
    const { range } = options
    return { bytes: range ? entry.bytes.slice(range.start, range.end) : entry.bytes.slice(), version: entry.version }
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    checkKey(key)
    const entry = this.entries.get(key)
    return entry && { key, size: entry.bytes.length, version: entry.version, modified: entry.modified }
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
    checkKey(key)
    const existing = this.entries.get(key)
    if (condition?.ifAbsent && existing) throw new PhloError('PHLO_OBJECT_EXISTS', `The object ${key} exists already`)
    if (condition?.ifMatch !== undefined && existing?.version !== condition.ifMatch) {
      throw new PhloError('PHLO_OBJECT_CHANGED', `The object ${key} is not the one that was expected`, {
        retryable: true,
      })
    }
    const version = String(++this.versions)
    this.entries.set(key, { bytes: bytes.slice(), version, modified: new Date() })
    return { version }
  }

  async putFile(key: string, file: string): Promise<{ version: string }> {
    const result = await this.put(key, await readFile(file), { ifAbsent: true })
    await unlink(file)
    return result
  }

  async localFile(key: string): Promise<string> {
    const object = await this.get(key)
    if (!object) throw new PhloError('PHLO_OBJECT_NOT_FOUND', `There is no object ${key}`)
    const file = path.join(await this.localRoot(), encodeURIComponent(key))
    await writeFile(file, object.bytes)
    return file
  }

  async localRoot(): Promise<string> {
    this.folder ??= mkdtemp(path.join(os.tmpdir(), 'phlo-memory-'))
    return this.folder
  }

  async *list(prefix: string, options: { after?: string } = {}): AsyncIterable<ObjectInfo> {
    const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
    const { after } = options
    const keys = [...this.entries.keys()].filter(
      (key) => key.startsWith(prefix) && (after === undefined || order(key, after) > 0),
    )
    for (const key of keys.sort(order)) {
      const info = await this.head(key)
      if (info) yield info
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.entries.delete(key)
  }

  uri(key: string): string {
    checkKey(key)
    return `memory://store/${key}`
  }

  key(uri: string): string | undefined {
    const key = uri.startsWith('memory://store/') ? uri.slice('memory://store/'.length) : ''
    return isKey(key) ? key : undefined
  }

  async close(): Promise<void> {
    if (this.folder !== undefined) await rm(await this.folder, { recursive: true, force: true })
  }
}

function isKey(key: string): boolean {
  return key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}

function checkKey(key: string): void {
  if (!isKey(key)) throw new PhloError('PHLO_STORAGE_FAILED', `${JSON.stringify(key)} is no key of an object`)
}
