import { closeSync, constants, fsyncSync, linkSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

const bytes = Buffer.alloc(1024, 'x')

/**
 * What no commit on a local disk can do without: a file written, its name given, both on the disk. All of it blocks, so that
 * no trip to another thread counts as the disk's.
 */
export class DurableCreate {
  readonly name = 'durable-create'
  readonly what = 'the limit: write a file of 1 KiB, fsync, link, fsync of the folder'
  private readonly folder: string
  private readonly temporaries: string
  private count = 0

  private constructor(folder: string) {
    this.folder = path.join(folder, 'files')
    this.temporaries = path.join(folder, 'temporaries')
  }

  static async in(folder: string): Promise<DurableCreate> {
    const made = new DurableCreate(folder)
    await mkdir(made.folder, { recursive: true })
    await mkdir(made.temporaries)
    return made
  }

  /** Fills the folder up to so many files, so that it is as large as somebody else's. */
  async fill(files: number): Promise<void> {
    const there = (await readdir(this.folder)).length
    for (let index = there; index < files; index++) await writeFile(path.join(this.folder, `other-${index}`), '')
  }

  /** Gives the milliseconds that one took. */
  once(): number {
    const name = `${this.count++}`
    const temporary = path.join(this.temporaries, name)
    const startedAt = performance.now()
    const file = openSync(temporary, 'wx')
    writeSync(file, bytes)
    fsyncSync(file)
    closeSync(file)
    linkSync(temporary, path.join(this.folder, name))
    const listing = openSync(this.folder, constants.O_RDONLY)
    fsyncSync(listing)
    closeSync(listing)
    const milliseconds = performance.now() - startedAt
    unlinkSync(temporary)
    return milliseconds
  }
}
