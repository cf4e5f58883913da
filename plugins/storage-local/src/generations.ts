import { type BigIntStats, existsSync } from 'node:fs'
import path from 'node:path'
import { hasSystemCode } from '@phlo/ports'
import type { Disk } from './disk.js'
import { listFolder, statIfThere, unlinkIfThere } from './present-files.js'
import type { StorePaths } from './store-paths.js'

/** A key that has more generations than this is tidied by the next writer. */
const mostGenerations = 64
/** Generations that stay after tidying, beside young ones. */
const keptGenerations = 16
/** Generations that are made between one look at what is to be tidied and the next, at least. */
const tidyingInterval = 16
/** Keys whose generation is remembered. */
const rememberedKeys = 1_000
/** So many newer generations are looked for one by one before the folder is listed. */
const mostSteps = 64
/** No writer is paused for longer than this between reading a version and replacing it, or it is refused. */
const youngMilliseconds = 10 * 60_000

/** One state of a key. Generation 0 is the plain file, made by the first put. */
interface Generation {
  readonly generation: number
  readonly file: string
}

export interface FoundGeneration extends Generation {
  readonly stats: BigIntStats
}

/** A generation that was the highest once, told from others that get its number by inode and time. */
interface Seen extends Pick<BigIntStats, 'ino' | 'mtimeNs'> {
  readonly generation: number
}

/**
 * The states of objects that change.
 *
 * A file system has no compare-and-swap for a file's contents, and locks outlive crashed processes or need a clock. What
 * it has is `link`: it makes a name exactly once, for one of any number of callers. So an object that changes is a row of
 * generations, `versions/<key>/1`, `2`, …, each linked into place complete; the highest is the object. A conditional put
 * of generation n + 1 succeeds for exactly one writer that saw generation n. A reader never sees half an object, and a
 * crash leaves either the old or the new highest generation, and perhaps a temporary file.
 *
 * Old generations are removed behind a floor, from the lowest up: a marker `floor-<n>` is durable before any generation up
 * to n goes. A writer that slept through all that and then links a generation at or below the floor sees the floor
 * afterwards, and takes its link back.
 *
 * Listing the generations of a key takes time that grows with them. So a generation that was the highest is remembered,
 * and the next look starts there: if a number above is free, and the remembered file is still there afterwards, then
 * nothing above it has been removed, so that the number was never given.
 */
export class Generations {
  private readonly paths: StorePaths
  private readonly disk: Disk
  private readonly seen = new Map<string, Seen>()
  /** The generation at which a key is next looked at for tidying. */
  private readonly nextTidying = new Map<string, number>()

  constructor(paths: StorePaths, disk: Disk) {
    this.paths = paths
    this.disk = disk
  }

  /** The state that a look right now finds; generation 0 says nothing about whether the plain file exists. */
  current(key: string): Generation {
    const folder = this.paths.versionsFolder(key)
    const highest = this.climb(key, folder) ?? readGenerations(folder).generations.at(-1)
    return highest === undefined
      ? { generation: 0, file: this.paths.plainFile(key) }
      : { generation: highest, file: path.join(folder, String(highest)) }
  }

  /** As {@link current}, with what is known of the file; `undefined` where there is none. */
  find(key: string): FoundGeneration | undefined {
    for (;;) {
      const current = this.current(key)
      const stats = statIfThere(current.file)
      if (stats) {
        if (stats.isDirectory()) return undefined
        this.remember(key, current.generation, stats)
        return { ...current, stats }
      }
      if (current.generation === 0) return undefined
    }
  }

  /** What follows on what was found. */
  next(key: string, found: Generation | undefined): Generation {
    if (!found) return { generation: 0, file: this.paths.plainFile(key) }
    const generation = found.generation + 1
    return { generation, file: path.join(this.paths.versionsFolder(key), String(generation)) }
  }

  /** Keeps that a generation was the highest. */
  remember(key: string, generation: number, { ino, mtimeNs }: BigIntStats): void {
    // Without generations there is nothing to list.
    if (generation === 0) return
    this.seen.delete(key)
    this.seen.set(key, { generation, ino, mtimeNs })
    if (this.seen.size <= rememberedKeys) return
    const oldest = this.seen.keys().next().value as string
    this.seen.delete(oldest)
    this.nextTidying.delete(oldest)
  }

  /** Whether a generation that was just linked had its number already once; then the link is taken back. */
  refuseLate(key: string, linked: Generation, before: FoundGeneration | undefined): boolean {
    // Generations are removed from the lowest up.
    if (before && before.generation > 0) {
      const stats = statIfThere(before.file)
      if (stats && isSame(stats, before.stats)) return false
    }
    if (linked.generation > readGenerations(this.paths.versionsFolder(key)).floor) return false
    unlinkIfThere(linked.file)
    return true
  }

  /** Removes generations that nobody needs, now and then. */
  async tidy(key: string, generation: number): Promise<void> {
    const next = this.nextTidying.get(key) ?? Math.ceil(generation / tidyingInterval) * tidyingInterval
    this.nextTidying.set(key, next)
    if (generation < next) return
    const folder = this.paths.versionsFolder(key)
    const { floor, generations, floors } = readGenerations(folder)
    // A look takes time that grows with what is there, so it has to be worth it.
    this.nextTidying.set(key, generation + Math.max(tidyingInterval, generations.length >> 2))
    if (generations.length <= mostGenerations) return
    const old: number[] = []
    for (const candidate of generations.filter((number) => number <= generation - keptGenerations)) {
      const stats = statIfThere(path.join(folder, String(candidate)))
      if (stats && Date.now() - Number(stats.mtimeMs) <= youngMilliseconds) break
      old.push(candidate)
    }
    const newFloor = Math.max(...old.slice(-1), -1)
    if (newFloor <= floor) return
    const marker = this.paths.newTemporary()
    await this.disk.write(marker, new Uint8Array())
    try {
      await this.disk.link(marker, path.join(folder, `floor-${newFloor}`))
    } catch (error) {
      if (!hasSystemCode(error, 'EEXIST')) throw error
    } finally {
      unlinkIfThere(marker)
    }
    for (const name of [
      ...old.map(String),
      ...floors.filter((number) => number < newFloor).map((number) => `floor-${number}`),
    ]) {
      unlinkIfThere(path.join(folder, name))
    }
  }

  /** Removes all states of a key. */
  remove(key: string): void {
    const folder = this.paths.versionsFolder(key)
    const names = listFolder(folder).map(({ name }) => name)
    // From the lowest up: whoever remembers one that is there finds all above it.
    for (const name of names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)))
      unlinkIfThere(path.join(folder, name))
    unlinkIfThere(this.paths.plainFile(key))
  }

  /** The highest generation, from the remembered one on; `undefined` when that does not lead to it. */
  private climb(key: string, folder: string): number | undefined {
    const seen = this.seen.get(key)
    if (!seen) return undefined
    let { generation } = seen
    while (existsSync(`${folder}${path.sep}${generation + 1}`))
      if (++generation - seen.generation > mostSteps) return undefined
    const stats = statIfThere(`${folder}${path.sep}${seen.generation}`)
    if (stats && isSame(stats, seen)) return generation
    this.seen.delete(key)
    return undefined
  }
}

function isSame(a: Pick<BigIntStats, 'ino' | 'mtimeNs'>, b: Pick<BigIntStats, 'ino' | 'mtimeNs'>): boolean {
  return a.ino === b.ino && a.mtimeNs === b.mtimeNs
}

/** A generation's number is unique while its key lives; inode and time tell a key that was deleted and made again. */
export function versionOf(generation: number, stats: BigIntStats): string {
  return `${generation}-${stats.ino.toString(36)}-${stats.mtimeNs.toString(36)}`
}

/** What a versions folder lists, ascending. */
function readGenerations(folder: string): { floor: number; generations: number[]; floors: number[] } {
  const names = listFolder(folder).map((entry) => entry.name)
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
