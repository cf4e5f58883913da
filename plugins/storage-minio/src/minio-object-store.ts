import { open, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { DeleteObjectsCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import {
  type ByteRange,
  type ObjectInfo,
  type ObjectStore,
  type ObjectStoreSupports,
  PhloError,
  type PutCondition,
  type StorageGrant,
  type StoredObject,
  toPhloError,
} from '@phlo/ports'
import { type Access, BucketAccess } from './access/bucket-access.js'
import { FileCache } from './cache/file-cache.js'
import { Downloads, type ReadOptions } from './downloads.js'
import { checkKey, isKey } from './object-key.js'
import { type MinioStorageOptions, parseSize } from './options.js'
import { isMissing, storageError } from './storage-error.js'
import { Turns } from './turns.js'
import { Uploads, versionOf } from './uploads.js'

/** Keys that one request deletes. */
const deletedAtOnce = 1000
/** Parts and files that are stored at a time: each is held in memory. */
const storedAtOnce = 4

/**
 * Objects of a bucket, over the S3 API.
 *
 * An object's version is its ETag. Conditional puts are the store's own (`If-None-Match`, `If-Match`), and a put whose
 * answer was lost recognizes its own object. What callers call immutable is read through a cache on the local disk, whose
 * files are also what {@link localFile} gives.
 */
export class MinioObjectStore implements ObjectStore {
  readonly supports: ObjectStoreSupports = { conditionalPut: true }
  private readonly access: BucketAccess
  private readonly bucket: string
  /** Empty, or with a slash at its end. */
  private readonly prefix: string
  private readonly uploads: Uploads
  private readonly downloads: Downloads
  private readonly cache: FileCache

  /** `projectDir` is where a relative path of the cache starts. */
  constructor(options: MinioStorageOptions, projectDir: string) {
    this.access = new BucketAccess(options)
    this.bucket = options.bucket
    this.prefix = options.prefix === '' ? '' : `${options.prefix}/`
    this.uploads = new Uploads(this.access, options.encryption, new Turns(storedAtOnce))
    this.downloads = new Downloads(this.access, options.attempts)
    const folder = path.resolve(projectDir, options.cache.path)
    this.cache = new FileCache(
      folder,
      `${this.access.own.place.endpoint}\0${options.bucket}`,
      parseSize(options.cache.maxSize),
    )
  }

  async get(
    key: string,
    options: { range?: ByteRange; signal?: AbortSignal; immutable?: boolean } = {},
  ): Promise<StoredObject | undefined> {
    const full = this.full(key)
    const { range, signal, immutable } = options
    const read: ReadOptions = { ...(range && { range }), ...(signal && { signal }) }
    if (!immutable) return this.downloads.read(full, read)
    return this.onDisk(async () => {
      const copy = await this.cache.bytes(full)
      if (copy) return range ? { ...copy, bytes: copy.bytes.subarray(range.start, range.end) } : copy
      const object = await this.downloads.read(full, read)
      // Of a part nothing is kept: whoever reads parts wants little of much.
      if (object && !range) await this.cache.addBytes(full, object)
      return object
    })
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const full = this.full(key)
    const { client, place } = this.access.of(full)
    try {
      const { ContentLength, ETag, LastModified } = await client.send(
        new HeadObjectCommand({ Bucket: place.bucket, Key: full }),
      )
      return info(key, ContentLength, ETag, LastModified)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw storageError(error, `Asking for ${key}`, place)
    }
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
    return { version: await this.uploads.put(this.full(key), bytes, condition) }
  }

  async putFile(key: string, file: string): Promise<{ version: string }> {
    const full = this.full(key)
    return this.onDisk(async () => {
      const handle = await open(file, 'r')
      let version: string
      try {
        version = await this.uploads.putFile(full, handle, (await stat(file)).size)
      } finally {
        await handle.close()
      }
      // The object is there now, whatever becomes of its copy.
      await this.cache.addFile(full, version, file).catch(async () => {
        await unlink(file).catch(() => undefined)
      })
      return { version }
    })
  }

  async localFile(key: string): Promise<string> {
    const full = this.full(key)
    const file = await this.onDisk(() => this.cache.file(full, (write) => this.downloads.stream(full, write)))
    if (file !== undefined) return file
    throw new PhloError('PHLO_OBJECT_NOT_FOUND', `There is no object ${key}`, { context: { key } })
  }

  async localRoot(): Promise<string> {
    return this.cache.folder
  }

  async *list(prefix: string, options: { after?: string } = {}): AsyncIterable<ObjectInfo> {
    let ContinuationToken: string | undefined
    do {
      const page = await this.page(prefix, options.after, ContinuationToken)
      for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
        if (Key !== undefined) yield info(Key.slice(this.prefix.length), Size, ETag, LastModified)
      }
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken !== undefined)
  }

  async delete(keys: readonly string[]): Promise<void> {
    const full = keys.map((key) => this.full(key))
    for (const [access, keys] of this.access.grouped(full)) {
      for (let start = 0; start < keys.length; start += deletedAtOnce) {
        await this.deleteSome(access, keys.slice(start, start + deletedAtOnce))
      }
    }
    await this.onDisk(async () => {
      for (const key of full) await this.cache.remove(key)
    })
  }

  uri(key: string): string {
    return `s3://${this.bucket}/${this.full(key)}`
  }

  key(uri: string): string | undefined {
    const start = /^s3[an]?:\/\//.exec(uri)?.[0]
    const rest = start === undefined ? '' : uri.slice(start.length)
    const root = `${this.bucket}/${this.prefix}`
    const key = rest.startsWith(root) ? rest.slice(root.length) : ''
    return isKey(key) ? key : undefined
  }

  accept(grants: readonly StorageGrant[]): void {
    this.access.accept(grants)
  }

  async close(): Promise<void> {
    await this.cache.close()
    this.access.close()
  }

  private async page(prefix: string, after: string | undefined, ContinuationToken: string | undefined) {
    const { client, place } = this.access.of(this.prefix + prefix)
    try {
      return await client.send(
        new ListObjectsV2Command({
          Bucket: place.bucket,
          Prefix: this.prefix + prefix,
          ...(after !== undefined && { StartAfter: this.prefix + after }),
          ...(ContinuationToken !== undefined && { ContinuationToken }),
        }),
      )
    } catch (error) {
      throw storageError(error, `Listing ${prefix}`, place)
    }
  }

  private async deleteSome({ client, place }: Access, keys: readonly string[]): Promise<void> {
    let failures
    try {
      const Objects = keys.map((Key) => ({ Key }))
      const answer = await client.send(
        new DeleteObjectsCommand({ Bucket: place.bucket, Delete: { Objects, Quiet: true } }),
      )
      failures = answer.Errors ?? []
    } catch (error) {
      throw storageError(error, `Deleting ${keys.length} objects`, place)
    }
    const [first] = failures.filter(({ Code }) => Code !== 'NoSuchKey')
    if (!first) return
    throw storageError({ name: first.Code, message: first.Message }, `Deleting ${first.Key ?? 'an object'}`, place)
  }

  private full(key: string): string {
    checkKey(key, this.prefix)
    return this.prefix + key
  }

  /** The local disk's errors become Phlo's. */
  private async onDisk<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError') throw error
      throw toPhloError(error, 'PHLO_STORAGE_FAILED')
    }
  }
}

function info(key: string, size: number | undefined, etag: string | undefined, modified: Date | undefined): ObjectInfo {
  return { key, size: size ?? 0, version: versionOf(etag), modified: modified ?? new Date(0) }
}
