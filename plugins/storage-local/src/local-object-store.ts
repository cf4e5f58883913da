import { type BigIntStats, closeSync, fstatSync, read, readSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  type ByteRange,
  hasSystemCode,
  isPhloError,
  type ObjectInfo,
  type ObjectStore,
  type ObjectStoreSupports,
  PhloError,
  type PutCondition,
  type StoredObject,
  toPhloError,
} from '@phlo/ports'
import { Disk, fewBytes } from './disk.js'
import { type FoundGeneration, Generations, versionOf } from './generations.js'
import { listFolder, openIfThere, statIfThere, unlinkIfThere } from './present-files.js'
import { SocketRendezvous } from './socket-rendezvous.js'
import { checkKey, compareKeys, privateFolder, StorePaths } from './store-paths.js'

const readElsewhere = promisify(read)

/** Objects that a list looks at before others get their turn. */
const listedAtOnce = 256

/** Objects as files under a folder: {@link Generations} says how they change, {@link Disk} how they last. */
export class LocalObjectStore implements ObjectStore {
  readonly supports: ObjectStoreSupports = { conditionalPut: true }
  readonly rendezvous: SocketRendezvous
  private readonly paths: StorePaths
  private readonly disk = new Disk()
  private readonly generations: Generations

  private constructor(root: string) {
    this.paths = new StorePaths(root)
    this.generations = new Generations(this.paths, this.disk)
    this.rendezvous = new SocketRendezvous(this.paths.sockets)
  }

  /** Opens the folder and makes it when it is not there. */
  static async open(root: string): Promise<LocalObjectStore> {
    const store = new LocalObjectStore(root)
    await guard(() => store.disk.makeFolder(store.paths.temporaries))
    return store
  }

  async get(key: string, options: { range?: ByteRange; signal?: AbortSignal } = {}): Promise<StoredObject | undefined> {
    return guard(async () => {
      for (;;) {
        options.signal?.throwIfAborted()
        const { generation, file } = this.generations.current(key)
        const descriptor = openIfThere(file)
        if (descriptor === undefined) {
          if (generation === 0) return undefined
          // Tidied away between the look and the open: a newer generation is there.
          continue
        }
        try {
          const stats = fstatSync(descriptor, { bigint: true })
          if (stats.isDirectory()) return undefined
          const size = Number(stats.size)
          const bytes = await readRange(descriptor, options.range ?? { start: 0, end: size }, size)
          this.generations.remember(key, generation, stats)
          return { bytes, version: versionOf(generation, stats) }
        } finally {
          closeSync(descriptor)
        }
      }
    })
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return guard(async () => {
      const found = this.generations.find(key)
      return found && describe(key, found)
    })
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
    return guard(async () => {
      // Whoever has lost already need not write.
      let found = this.require(key, condition)
      return this.disk.together(async () => {
        const temporary = this.paths.newTemporary()
        try {
          const stats = await this.disk.write(temporary, bytes)
          for (; ; found = this.generations.find(key)) {
            try {
              return await this.place(key, found, temporary, stats)
            } catch (error) {
              // Without a condition the put must win in the end; with one, the caller decides.
              const lostRace = isPhloError(error, 'PHLO_OBJECT_CHANGED') || isPhloError(error, 'PHLO_OBJECT_EXISTS')
              if (condition || !lostRace) throw error
            }
          }
        } finally {
          unlinkIfThere(temporary)
        }
      })
    })
  }

  async putFile(key: string, file: string): Promise<{ version: string }> {
    return guard(() =>
      this.disk.together(async () => {
        const temporary = this.paths.newTemporary()
        try {
          const stats = await this.disk.bring(file, temporary)
          return await this.place(key, this.require(key, { ifAbsent: true }), temporary, stats)
        } finally {
          unlinkIfThere(temporary)
        }
      }),
    )
  }

  async localFile(key: string): Promise<string> {
    return guard(async () => {
      const found = this.generations.find(key)
      if (!found) throw new PhloError('PHLO_OBJECT_NOT_FOUND', `There is no object ${key}`, { context: { key } })
      return found.file
    })
  }

  async localRoot(): Promise<string> {
    return this.paths.root
  }

  async *list(prefix: string, options: { after?: string } = {}): AsyncIterable<ObjectInfo> {
    const slash = prefix.lastIndexOf('/')
    const folder = slash < 0 ? '' : prefix.slice(0, slash)
    if (folder !== '') checkKey(folder)
    let looks = 0
    for (const key of this.walk(folder, prefix, options.after)) {
      if (++looks % listedAtOnce === 0) await new Promise((resolve) => setImmediate(resolve))
      const info = await this.head(key)
      if (info) yield info
    }
  }

  /** Depth first, in the order of the keys' bytes: a folder sorts as its name with a slash. */
  private *walk(folder: string, prefix: string, after: string | undefined): Iterable<string> {
    const names = listFolder(path.join(this.paths.root, folder))
      .filter((entry) => !(folder === '' && entry.name === privateFolder))
      .map((entry) => ({ entry, sortName: entry.isDirectory() ? `${entry.name}/` : entry.name }))
      .sort((a, b) => compareKeys(a.sortName, b.sortName))
    for (const { entry, sortName } of names) {
      const key = folder === '' ? sortName : `${folder}/${sortName}`
      if (entry.isDirectory()) {
        const overlaps = key.startsWith(prefix) || prefix.startsWith(key)
        const passed = after !== undefined && compareKeys(key, after) < 0 && !after.startsWith(key)
        if (overlaps && !passed) yield* this.walk(key.slice(0, -1), prefix, after)
      } else if (key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0)) yield key
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    await guard(async () => {
      for (const key of keys) this.generations.remove(key)
      const folders = new Set(keys.map((key) => path.dirname(this.paths.plainFile(key))))
      for (const folder of folders) if (statIfThere(folder)) await this.disk.syncFolder(folder)
    })
  }

  uri(key: string): string {
    return this.paths.uri(key)
  }

  key(uri: string): string | undefined {
    return this.paths.key(uri)
  }

  async close(): Promise<void> {
    // Nothing is held open between calls.
  }

  /** What the key stands at. Throws when that is not what the condition wants. */
  private require(key: string, condition: PutCondition | undefined): FoundGeneration | undefined {
    const found = this.generations.find(key)
    if (condition?.ifAbsent && found) throw exists(key)
    const isOther = !found || versionOf(found.generation, found.stats) !== condition?.ifMatch
    if (condition?.ifMatch !== undefined && isOther) throw changed(key)
    return found
  }

  /**
   * Links a finished temporary file in as what follows on the state that was found, if nobody else did so meanwhile. Throws
   * PHLO_OBJECT_EXISTS, PHLO_OBJECT_CHANGED.
   */
  private async place(
    key: string,
    found: FoundGeneration | undefined,
    temporary: string,
    stats: BigIntStats,
  ): Promise<{ version: string }> {
    const next = this.generations.next(key, found)
    const { generation } = next
    try {
      await this.disk.link(temporary, next.file)
    } catch (error) {
      if (!hasSystemCode(error, 'EEXIST')) throw error
      throw generation === 0 ? exists(key) : changed(key)
    }
    if (generation > 0) {
      if (this.generations.refuseLate(key, next, found)) throw changed(key)
      this.generations.remember(key, generation, stats)
      await this.generations.tidy(key, generation)
    }
    return { version: versionOf(generation, stats) }
  }
}

function describe(key: string, { generation, stats }: FoundGeneration): ObjectInfo {
  return {
    key,
    size: Number(stats.size),
    version: versionOf(generation, stats),
    modified: new Date(Number(stats.mtimeMs)),
  }
}

async function readRange(descriptor: number, range: ByteRange, size: number): Promise<Uint8Array> {
  const start = Math.min(range.start, size)
  const length = Math.max(0, Math.min(range.end, size) - start)
  const buffer = Buffer.allocUnsafeSlow(length)
  let read = 0
  while (read < length) {
    const bytesRead =
      length <= fewBytes
        ? readSync(descriptor, buffer, read, length - read, start + read)
        : (await readElsewhere(descriptor, buffer, read, length - read, start + read)).bytesRead
    if (bytesRead === 0) break
    read += bytesRead
  }
  return buffer.subarray(0, read)
}

function exists(key: string): PhloError {
  return new PhloError('PHLO_OBJECT_EXISTS', `The object ${key} exists already`, { context: { key } })
}

function changed(key: string): PhloError {
  return new PhloError('PHLO_OBJECT_CHANGED', `The object ${key} is not the one that was expected`, {
    retryable: true,
    context: { key },
  })
}

/** The file system's errors become Phlo's; an abort stays what it is. */
async function guard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isAbort(error)) throw error
    throw toPhloError(error, 'PHLO_STORAGE_FAILED', {
      retryable: hasSystemCode(error, 'EAGAIN', 'EMFILE', 'ENFILE', 'EBUSY', 'EIO'),
    })
  }
}

function isAbort(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError'
}
