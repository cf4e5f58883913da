import { randomUUID } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { open, readdir, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
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
import { bringToDisk, linkDurably, makeFolder, syncFolder, writeDurably } from './durable-files.js'

/** Folder of the store's own files, beside the objects. */
const privateFolder = '.phlo-store'

/** A key that has more generations than this is tidied by the next writer. */
const mostGenerations = 64
/** Generations that stay after tidying, beside young ones. */
const keptGenerations = 16
/** Generations that are made between one look at what is to be tidied and the next. */
const tidyingInterval = 16
/** Keys whose generation is remembered. */
const rememberedKeys = 1_000
/** So many newer generations are looked for one by one before the folder is listed. */
const mostSteps = 64
/** No writer is paused for longer than this between reading a version and replacing it, or it is refused. */
const youngMilliseconds = 10 * 60_000

/** One state of a key. Generation 0 is the plain file, made by the first put. */
interface Current {
  readonly generation: number
  readonly file: string
}

interface Found {
  readonly current: Current
  readonly stats: BigIntStats
}

/** A generation that was the highest once, told from others that get its number by inode and time. */
interface Seen extends Pick<BigIntStats, 'ino' | 'mtimeNs'> {
  readonly generation: number
}

/**
 * Objects as files under a folder.
 *
 * A file system has no compare-and-swap for a file's contents, and locks outlive crashed processes or need a clock. What
 * it has is `link`: it makes a name exactly once, for one of any number of callers. So an object that changes is a row of
 * generations, `versions/<key>/1`, `2`, …, each linked into place complete; the highest is the object. A conditional put
 * of generation n + 1 succeeds for exactly one writer that saw generation n. A reader never sees half an object, and a
 * crash leaves either the old or the new highest generation, and perhaps a temporary file.
 *
 * Old generations are removed behind a floor, from the lowest up: a marker `floor-<n>` is durable before any generation up
 * to n goes. A writer that slept through all that and then links a generation at or below the floor sees the floor
 * afterwards, takes its link back and reports a changed object.
 *
 * Listing the generations of a key takes time that grows with them. So a generation that was the highest is remembered,
 * and the next look starts there: if a number above is free, and the remembered file is still there afterwards, then
 * nothing above it has been removed, so that the number was never given.
 */
export class LocalObjectStore implements ObjectStore {
  readonly supports: ObjectStoreSupports = { conditionalPut: true }
  private readonly root: string
  private readonly knownFolders = new Set<string>()
  private readonly seen = new Map<string, Seen>()

  private constructor(root: string) {
    this.root = root
  }

  /** Opens the folder and makes it when it is not there. */
  static async open(root: string): Promise<LocalObjectStore> {
    const store = new LocalObjectStore(path.resolve(root))
    await guard(() => makeFolder(path.join(store.root, privateFolder, 'tmp')))
    return store
  }

  async get(key: string, options: { range?: ByteRange; signal?: AbortSignal } = {}): Promise<StoredObject | undefined> {
    return guard(async () => {
      for (;;) {
        options.signal?.throwIfAborted()
        const current = await this.current(key)
        const handle = await openIfThere(current.file)
        if (!handle) {
          if (current.generation === 0) return undefined
          // Tidied away between the look and the open: a newer generation is there.
          continue
        }
        try {
          const stats = await handle.stat({ bigint: true })
          if (stats.isDirectory()) return undefined
          const size = Number(stats.size)
          const bytes = await readRange(handle, options.range ?? { start: 0, end: size }, size)
          this.remember(key, current.generation, stats)
          return { bytes, version: versionOf(current.generation, stats) }
        } finally {
          await handle.close()
        }
      }
    })
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return guard(async () => {
      const found = await this.find(key)
      return found && describe(key, found.current.generation, found.stats)
    })
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
    return guard(async () => {
      const temporary = this.temporaryFile()
      await writeDurably(temporary, bytes)
      try {
        for (;;) {
          try {
            return await this.place(key, temporary, condition)
          } catch (error) {
            // Without a condition the put must win in the end; with one, the caller decides.
            const lostRace = isPhloError(error, 'PHLO_OBJECT_CHANGED') || isPhloError(error, 'PHLO_OBJECT_EXISTS')
            if (condition || !lostRace) throw error
          }
        }
      } finally {
        await unlink(temporary)
      }
    })
  }

  async putFile(key: string, file: string): Promise<{ version: string }> {
    return guard(async () => {
      const temporary = this.temporaryFile()
      await bringToDisk(file, temporary)
      try {
        return await this.place(key, temporary, { ifAbsent: true })
      } finally {
        await unlink(temporary)
      }
    })
  }

  async localFile(key: string): Promise<string> {
    return guard(async () => {
      const found = await this.find(key)
      if (!found) throw new PhloError('PHLO_OBJECT_NOT_FOUND', `There is no object ${key}`, { context: { key } })
      return found.current.file
    })
  }

  async localRoot(): Promise<string> {
    return this.root
  }

  async *list(prefix: string, options: { after?: string } = {}): AsyncIterable<ObjectInfo> {
    const slash = prefix.lastIndexOf('/')
    const folder = slash < 0 ? '' : prefix.slice(0, slash)
    if (folder !== '') checkKey(folder)
    yield* this.walk(folder, prefix, options.after)
  }

  /** Depth first, in the order of the keys' bytes: a folder sorts as its name with a slash. */
  private async *walk(folder: string, prefix: string, after: string | undefined): AsyncIterable<ObjectInfo> {
    const entries = await guard(() => listFolder(path.join(this.root, folder)))
    const names = entries
      .filter((entry) => !(folder === '' && entry.name === privateFolder))
      .map((entry) => ({ entry, sortName: entry.isDirectory() ? `${entry.name}/` : entry.name }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.sortName), Buffer.from(b.sortName)))
    for (const { entry, sortName } of names) {
      const key = folder === '' ? sortName : `${folder}/${sortName}`
      if (entry.isDirectory()) {
        const overlaps = key.startsWith(prefix) || prefix.startsWith(key)
        const passed = after !== undefined && compareKeys(key, after) < 0 && !after.startsWith(key)
        if (overlaps && !passed) yield* this.walk(key.slice(0, -1), prefix, after)
      } else if (key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0)) {
        const info = await this.head(key)
        if (info) yield info
      }
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    await guard(async () => {
      const folders = new Set<string>()
      for (const key of keys) {
        const versions = this.versionsFolder(key)
        const names = (await listFolder(versions)).map(({ name }) => name)
        // From the lowest up: whoever remembers one that is there finds all above it.
        for (const name of names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)))
          await unlinkIfThere(path.join(versions, name))
        const file = this.plainFile(key)
        await unlinkIfThere(file)
        folders.add(path.dirname(file))
      }
      for (const folder of folders) if (await statIfThere(folder)) await syncFolder(folder)
    })
  }

  uri(key: string): string {
    checkKey(key)
    return `file://${this.root.split(path.sep).join('/')}/${key}`
  }

  key(uri: string): string | undefined {
    const file = uri.startsWith('file://')
      ? uri.slice('file://'.length)
      : uri.startsWith('file:/')
        ? uri.slice('file:'.length)
        : uri
    if (!path.isAbsolute(file)) return undefined
    const relative = path.relative(this.root, path.normalize(file))
    const key = relative.split(path.sep).join('/')
    return isKey(key) ? key : undefined
  }

  async close(): Promise<void> {
    // Nothing is held open between calls.
  }

  /** Links a finished temporary file in as the key's next state. */
  private async place(
    key: string,
    temporary: string,
    condition: PutCondition | undefined,
  ): Promise<{ version: string }> {
    const found = await this.find(key)
    if (condition?.ifAbsent && found) throw exists(key)
    if (
      condition?.ifMatch !== undefined &&
      (!found || versionOf(found.current.generation, found.stats) !== condition.ifMatch)
    ) {
      throw changed(key)
    }
    const generation = found ? found.current.generation + 1 : 0
    const target = generation === 0 ? this.plainFile(key) : path.join(this.versionsFolder(key), String(generation))
    await this.ensureFolder(path.dirname(target))
    try {
      await linkDurably(temporary, target)
    } catch (error) {
      if (!hasSystemCode(error, 'EEXIST')) throw error
      throw generation === 0 ? exists(key) : changed(key)
    }
    const stats = await stat(temporary, { bigint: true })
    if (generation > 0) {
      await this.refuseLate(key, target, generation, found)
      this.remember(key, generation, stats)
      if (generation % tidyingInterval === 0) await this.tidy(key, generation)
    }
    return { version: versionOf(generation, stats) }
  }

  /** Takes back a generation whose number had been given before. */
  private async refuseLate(key: string, target: string, generation: number, before: Found | undefined): Promise<void> {
    // Generations are removed from the lowest up.
    if (before && before.current.generation > 0) {
      const stats = await statIfThere(before.current.file)
      if (stats && isSame(stats, before.stats)) return
    }
    const { floor } = await readGenerations(this.versionsFolder(key))
    if (generation > floor) return
    await unlinkIfThere(target)
    throw changed(key)
  }

  /** Removes generations that nobody needs. */
  private async tidy(key: string, generation: number): Promise<void> {
    const folder = this.versionsFolder(key)
    const { floor, generations, floors } = await readGenerations(folder)
    if (generations.length <= mostGenerations) return
    const old: number[] = []
    for (const candidate of generations.filter((number) => number <= generation - keptGenerations)) {
      const stats = await statIfThere(path.join(folder, String(candidate)))
      if (stats && Date.now() - Number(stats.mtimeMs) <= youngMilliseconds) break
      old.push(candidate)
    }
    const newFloor = Math.max(...old, -1)
    if (newFloor <= floor) return
    const marker = this.temporaryFile()
    await writeDurably(marker, new Uint8Array())
    try {
      await linkDurably(marker, path.join(folder, `floor-${newFloor}`))
    } catch (error) {
      if (!hasSystemCode(error, 'EEXIST')) throw error
    } finally {
      await unlink(marker)
    }
    for (const name of [
      ...old.map(String),
      ...floors.filter((number) => number < newFloor).map((number) => `floor-${number}`),
    ]) {
      await unlinkIfThere(path.join(folder, name))
    }
  }

  /** The state that a look right now finds; generation 0 says nothing about whether the plain file exists. */
  private async current(key: string): Promise<Current> {
    const plain = this.plainFile(key)
    const folder = this.versionsFolder(key)
    const highest = (await this.climb(key, folder)) ?? (await readGenerations(folder)).generations.at(-1)
    return highest === undefined
      ? { generation: 0, file: plain }
      : { generation: highest, file: path.join(folder, String(highest)) }
  }

  /** The highest generation, from the remembered one on; `undefined` when that does not lead to it. */
  private async climb(key: string, folder: string): Promise<number | undefined> {
    const seen = this.seen.get(key)
    if (!seen) return undefined
    let { generation } = seen
    while (await statIfThere(path.join(folder, String(generation + 1))))
      if (++generation - seen.generation > mostSteps) return undefined
    const stats = await statIfThere(path.join(folder, String(seen.generation)))
    if (stats && isSame(stats, seen)) return generation
    this.seen.delete(key)
    return undefined
  }

  private remember(key: string, generation: number, { ino, mtimeNs }: BigIntStats): void {
    // Without generations there is nothing to list.
    if (generation === 0) return
    this.seen.delete(key)
    this.seen.set(key, { generation, ino, mtimeNs })
    if (this.seen.size > rememberedKeys) this.seen.delete(this.seen.keys().next().value as string)
  }

  private async find(key: string): Promise<Found | undefined> {
    for (;;) {
      const current = await this.current(key)
      const stats = await statIfThere(current.file)
      if (stats) {
        if (stats.isDirectory()) return undefined
        this.remember(key, current.generation, stats)
        return { current, stats }
      }
      if (current.generation === 0) return undefined
    }
  }

  private plainFile(key: string): string {
    checkKey(key)
    return path.join(this.root, ...key.split('/'))
  }

  private versionsFolder(key: string): string {
    checkKey(key)
    return path.join(this.root, privateFolder, 'versions', ...key.split('/'))
  }

  private temporaryFile(): string {
    return path.join(this.root, privateFolder, 'tmp', randomUUID())
  }

  private async ensureFolder(folder: string): Promise<void> {
    if (this.knownFolders.has(folder)) return
    await makeFolder(folder)
    this.knownFolders.add(folder)
  }
}

function isSame(a: Pick<BigIntStats, 'ino' | 'mtimeNs'>, b: Pick<BigIntStats, 'ino' | 'mtimeNs'>): boolean {
  return a.ino === b.ino && a.mtimeNs === b.mtimeNs
}

/** A generation's number is unique while its key lives; inode and time tell a key that was deleted and made again. */
function versionOf(generation: number, stats: BigIntStats): string {
  return `${generation}-${stats.ino.toString(36)}-${stats.mtimeNs.toString(36)}`
}

function describe(key: string, generation: number, stats: BigIntStats): ObjectInfo {
  return {
    key,
    size: Number(stats.size),
    version: versionOf(generation, stats),
    modified: new Date(Number(stats.mtimeMs)),
  }
}

/** What a versions folder lists, ascending. */
async function readGenerations(folder: string): Promise<{ floor: number; generations: number[]; floors: number[] }> {
  const names = (await listFolder(folder)).map((entry) => entry.name)
  const numbers = (pattern: RegExp) =>
    names
      .map((name) => pattern.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b)
  const floors = numbers(/^floor-(\d+)$/)
  const floor = floors.at(-1) ?? -1
  return { floor, floors, generations: numbers(/^(\d+)$/).filter((number) => number > floor) }
}

async function readRange(
  handle: Awaited<ReturnType<typeof open>>,
  range: ByteRange,
  size: number,
): Promise<Uint8Array> {
  const start = Math.min(range.start, size)
  const length = Math.max(0, Math.min(range.end, size) - start)
  const buffer = Buffer.allocUnsafeSlow(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await handle.read(buffer, read, length - read, start + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return buffer.subarray(0, read)
}

function isKey(key: string): boolean {
  const segments = key.split('/')
  const bad = segments.some(
    (segment) => segment === '' || segment === '.' || segment === '..' || /[\0\\]/.test(segment),
  )
  return !bad && segments[0] !== privateFolder
}

function checkKey(key: string): void {
  if (!isKey(key)) throw new PhloError('PHLO_STORAGE_FAILED', `${JSON.stringify(key)} is no key of an object`)
}

function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
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

async function listFolder(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

async function openIfThere(file: string) {
  try {
    return await open(file, 'r')
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

async function statIfThere(file: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(file, { bigint: true })
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

async function unlinkIfThere(file: string): Promise<void> {
  try {
    await unlink(file)
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT')) throw error
  }
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
