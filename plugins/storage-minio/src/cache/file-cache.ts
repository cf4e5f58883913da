import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { hasSystemCode } from '@phlo/ports'
import { type CacheEntry, checksumOf, entryId, entryName, entryOf, extensionOf } from './cache-entry.js'
import { Session } from './sessions.js'

/** Part of the bound that may be added by one process before it looks how much there is. */
const lookAfter = 1 / 20
/** Part of the bound that stays when old copies go. */
const keptPart = 0.9

/** A copy of an object, read whole. */
export interface CachedBytes {
  readonly bytes: Uint8Array
  readonly version: string
}

/** Gives an object's bytes to `write`; gives its version, or `undefined` when there is no object. */
export type Fetch = (write: (body: AsyncIterable<Buffer>) => Promise<void>) => Promise<string | undefined>

/**
 * Copies of immutable objects in a local folder that several processes share, bounded in size.
 *
 * A copy's name holds its size and checksum, and it appears under that name when it is whole: a crash leaves nothing but
 * files in the making. A copy is verified before a process first uses it, and dropped when it is not what its name says.
 * Whatever was not used for longest goes when there is too much.
 */
export class FileCache {
  readonly folder: string
  private readonly store: string
  private readonly bound: number
  private session: Promise<Session> | undefined
  private readonly files = new Map<string, Promise<string | undefined>>()
  private added = Infinity
  private dropping: Promise<void> | undefined

  /** `store` tells objects of different stores apart; `bound` is in bytes. */
  constructor(folder: string, store: string, bound: number) {
    this.folder = folder
    this.store = store
    this.bound = bound
  }

  /** Path of a file with the object's bytes that stays until this cache is closed; `undefined` when there is no object. */
  async file(key: string, fetch: Fetch): Promise<string | undefined> {
    const known = this.files.get(key)
    if (known) return known
    const found = this.findOrFetch(key, fetch)
    this.files.set(key, found)
    try {
      const file = await found
      if (file === undefined) this.files.delete(key)
      return file
    } catch (error) {
      this.files.delete(key)
      throw error
    }
  }

  /** The object's bytes, where there is a copy of it. */
  async bytes(key: string): Promise<CachedBytes | undefined> {
    for (const [entry, file] of await this.entries(key)) {
      try {
        const bytes = await readFile(file)
        if (bytes.length === entry.size && crc32(bytes) === entry.crc) {
          await touch(file)
          return { bytes, version: entry.version }
        }
        await rm(file, { force: true })
      } catch (error) {
        // Dropped meanwhile.
        if (!hasSystemCode(error, 'ENOENT')) throw error
      }
    }
    return undefined
  }

  /** Keeps a copy of bytes that were read. */
  async addBytes(key: string, { bytes, version }: CachedBytes): Promise<void> {
    const part = await this.part()
    await pipeline([bytes], createWriteStream(part, { flags: 'wx' }))
    const entry = this.entry(key, { size: bytes.length, crc: crc32(bytes) }, version)
    await this.place(part, entry)
    await rm(part, { force: true })
  }

  /** Makes a file that was stored as an object its copy. The file is gone afterwards. */
  async addFile(key: string, version: string, local: string): Promise<void> {
    const part = await this.part()
    try {
      await rename(local, part)
    } catch (error) {
      if (!hasSystemCode(error, 'EXDEV')) throw error
      await rm(local)
      return
    }
    const file = await this.keep(part, this.entry(key, await checksumOf(part), version))
    this.files.set(key, Promise.resolve(file))
  }

  /** Forgets the copy of an object that was deleted. */
  async remove(key: string): Promise<void> {
    this.files.delete(key)
    for (const [, file] of await this.entries(key)) await rm(file, { force: true })
  }

  async close(): Promise<void> {
    await this.dropping
    const session = this.session
    this.session = undefined
    this.files.clear()
    await (await session)?.close()
  }

  private async findOrFetch(key: string, fetch: Fetch): Promise<string | undefined> {
    return (await this.find(key)) ?? (await this.fetched(key, fetch))
  }

  /** A verified copy, under a second name that lasts. */
  private async find(key: string): Promise<string | undefined> {
    for (const [entry, file] of await this.entries(key)) {
      const own = path.join(await this.sessionFolder(), entryName(entry))
      try {
        await link(file, own)
      } catch (error) {
        if (hasSystemCode(error, 'ENOENT')) continue
        if (!hasSystemCode(error, 'EEXIST')) throw error
      }
      const { size, crc } = await checksumOf(own)
      if (size === entry.size && crc === entry.crc) {
        await touch(own)
        return own
      }
      await rm(own, { force: true })
      await rm(file, { force: true })
    }
    return undefined
  }

  private async fetched(key: string, fetch: Fetch): Promise<string | undefined> {
    const part = await this.part()
    try {
      let [size, crc] = [0, 0]
      const version = await fetch(async (body) => {
        ;[size, crc] = [0, 0]
        await pipeline(
          body,
          async function* (chunks: AsyncIterable<Buffer>) {
            for await (const chunk of chunks) {
              size += chunk.length
              crc = crc32(chunk, crc)
              yield chunk
            }
          },
          createWriteStream(part, { flags: 'w' }),
        )
      })
      if (version === undefined) return undefined
      return await this.keep(part, this.entry(key, { size, crc }, version))
    } finally {
      await rm(part, { force: true })
    }
  }

  /** A finished part becomes the copy, and the session's own file. */
  private async keep(part: string, entry: CacheEntry): Promise<string> {
    await this.place(part, entry)
    const own = path.join(await this.sessionFolder(), entryName(entry))
    await rename(part, own)
    return own
  }

  private async place(part: string, entry: CacheEntry): Promise<void> {
    const shard = this.shard(entry.id)
    await mkdir(shard, { recursive: true })
    try {
      await link(part, path.join(shard, entryName(entry)))
    } catch (error) {
      // Another process has it already.
      if (!hasSystemCode(error, 'EEXIST')) throw error
    }
    this.added += entry.size
    if (this.added > this.bound * lookAfter) {
      this.dropping ??= this.dropOld().finally(() => (this.dropping = undefined))
      await this.dropping
    }
  }

  /** Drops what was not used for longest until the rest fits. */
  private async dropOld(): Promise<void> {
    this.added = 0
    const copies: { file: string; size: number; used: number }[] = []
    for (const name of await namesIn(path.join(this.folder, 'copies'))) {
      const shard = path.join(this.folder, 'copies', name)
      for (const copy of await namesIn(shard)) {
        const file = path.join(shard, copy)
        const found = await stat(file).catch(() => undefined)
        if (found) copies.push({ file, size: found.size, used: found.mtimeMs })
      }
    }
    let total = copies.reduce((sum, { size }) => sum + size, 0)
    if (total <= this.bound) return
    for (const { file, size } of copies.sort((a, b) => a.used - b.used)) {
      if (total <= this.bound * keptPart) return
      await rm(file, { force: true })
      total -= size
    }
  }

  private entry(key: string, content: { size: number; crc: number }, version: string): CacheEntry {
    return { id: entryId(this.store, key), ...content, version, extension: extensionOf(key) }
  }

  private async entries(key: string): Promise<[CacheEntry, string][]> {
    const id = entryId(this.store, key)
    const shard = this.shard(id)
    const names = (await namesIn(shard)).filter((name) => name.startsWith(id))
    return names.flatMap((name): [CacheEntry, string][] => {
      const entry = entryOf(name)
      return entry ? [[entry, path.join(shard, name)]] : []
    })
  }

  private shard(id: string): string {
    return path.join(this.folder, 'copies', id.slice(0, 2))
  }

  private async part(): Promise<string> {
    return path.join(await this.sessionFolder(), `${randomUUID()}.part`)
  }

  private async sessionFolder(): Promise<string> {
    this.session ??= Session.open(path.join(this.folder, 'sessions'))
    return (await this.session).folder
  }
}

/** The time of the last change of a copy, which never changes, is that of its last use. */
async function touch(file: string): Promise<void> {
  const now = new Date()
  await utimes(file, now, now)
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return []
    throw error
  }
}
