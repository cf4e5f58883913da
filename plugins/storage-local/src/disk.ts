import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  fsync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  write,
  writeSync,
} from 'node:fs'
import { copyFile, rename, unlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { hasSystemCode } from '@phlo/ports'

const syncElsewhere = promisify(fsync)
const writeElsewhere = promisify(write)

/** So many bytes at most are read or written on the calling thread. */
export const fewBytes = 256 << 10

/** A disk that took less than that for its last sync is not waited for on another thread. */
const quickMilliseconds = 1

/** The calling thread waits for the disk so long at most before everything else gets its turn. */
const mostMilliseconds = 4

/**
 * File operations that have reached the disk when they resolve.
 *
 * All but the waiting for the disk is done on the calling thread: it takes microseconds, and a trip to another thread and
 * back ten times as many. The waiting is done on other threads, where several files share it and the process goes on; but
 * not for a small file that nothing else goes along with, on a disk that is quick: there the trip would cost half as much
 * as the waiting.
 */
export class Disk {
  private underWay = 0
  /** Ends the wait of the one that is alone. */
  private accompany: (() => void) | undefined
  /** How long the last sync took. */
  private milliseconds = 0
  /** How long this thread has waited in this turn of the event loop. */
  private waited = 0

  /**
   * Does what makes one object durable. Whoever comes alone lets what is going on in the process begin its own ones first,
   * so that they go together.
   */
  async together<T>(work: () => Promise<T>): Promise<T> {
    this.underWay++
    try {
      if (this.underWay > 1) this.accompany?.()
      else {
        await new Promise<void>((resolve) => {
          this.accompany = resolve
          if (this.waited < mostMilliseconds) process.nextTick(resolve)
          else setImmediate(resolve)
        })
      }
      return await work()
    } finally {
      this.underWay--
    }
  }

  /** Writes a new file. */
  async write(file: string, bytes: Uint8Array): Promise<BigIntStats> {
    const descriptor = openSync(file, 'wx')
    try {
      // At once: writeFile would go to the disk half a mebibyte at a time.
      for (let written = 0; written < bytes.length;)
        written +=
          bytes.length <= fewBytes
            ? writeSync(descriptor, bytes, written)
            : (await writeElsewhere(descriptor, bytes, written, bytes.length - written)).bytesWritten
      await this.sync(descriptor, bytes.length)
      return fstatSync(descriptor, { bigint: true })
    } finally {
      closeSync(descriptor)
    }
  }

  /**
   * Gives a finished file a second name that nothing has yet: atomic, and EEXIST for all but one of several callers.
   * Makes the folders that it takes.
   */
  async link(file: string, target: string): Promise<void> {
    const folder = path.dirname(target)
    try {
      linkSync(file, target)
    } catch (error) {
      if (!hasSystemCode(error, 'ENOENT')) throw error
      const made = makeFolders(folder)
      linkSync(file, target)
      await Promise.all([folder, ...made].map((changed) => this.syncFolder(changed, Infinity)))
      return
    }
    await this.syncFolder(folder)
  }

  /** Makes a folder and those above it. */
  async makeFolder(folder: string): Promise<void> {
    await Promise.all(makeFolders(folder).map((changed) => this.syncFolder(changed, Infinity)))
  }

  /** A file of another disk becomes one of this disk under a temporary name; one of this disk is only renamed. */
  async bring(file: string, temporary: string): Promise<BigIntStats> {
    try {
      await rename(file, temporary)
    } catch (error) {
      if (!hasSystemCode(error, 'EXDEV')) throw error
      await copyFile(file, temporary, constants.COPYFILE_EXCL)
      await unlink(file)
    }
    const descriptor = openSync(temporary, 'r+')
    try {
      await this.sync(descriptor, Infinity)
      return fstatSync(descriptor, { bigint: true })
    } finally {
      closeSync(descriptor)
    }
  }

  /** Makes what a folder lists durable. Windows cannot open folders and orders this by itself. */
  async syncFolder(folder: string, bytes = 0): Promise<void> {
    if (process.platform === 'win32') return
    const descriptor = openSync(folder, constants.O_RDONLY)
    try {
      await this.sync(descriptor, bytes)
    } finally {
      closeSync(descriptor)
    }
  }

  /** `bytes` is what may have to be written. */
  private async sync(descriptor: number, bytes: number): Promise<void> {
    const startedAt = performance.now()
    const waits = this.underWay === 1 && bytes <= fewBytes && this.milliseconds < quickMilliseconds
    if (waits) fsyncSync(descriptor)
    else await syncElsewhere(descriptor)
    this.milliseconds = performance.now() - startedAt
    if (waits) this.countWait(this.milliseconds)
  }

  private countWait(milliseconds: number): void {
    if (this.waited === 0) setImmediate(() => (this.waited = 0))
    this.waited += milliseconds
  }
}

/** Makes a folder and those above it; gives the folders that list one more now. */
function makeFolders(folder: string): string[] {
  const first = mkdirSync(folder, { recursive: true })
  if (first === undefined) return []
  const changed: string[] = []
  for (let made = folder; ; made = path.dirname(made)) {
    changed.push(path.dirname(made))
    if (made === first) return changed
  }
}
