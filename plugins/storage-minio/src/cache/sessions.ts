import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { hasSystemCode } from '@phlo/ports'

/** Milliseconds between two signs of life. */
const beat = 3_600_000
/** A session of another machine, whose processes cannot be seen, has ended when it gave no sign for this long. */
const silence = 7 * 24 * beat

/**
 * The folder of one open cache: files in the making, and a second name of each file that is in use, by which it stays when
 * the cache drops it. It goes with its process; what a killed one left is removed by the next.
 */
export class Session {
  readonly folder: string
  private readonly heart: NodeJS.Timeout

  private constructor(folder: string) {
    this.folder = folder
    this.heart = setInterval(() => {
      const now = new Date()
      void utimes(folder, now, now).catch(() => undefined)
    }, beat).unref()
  }

  static async open(sessions: string): Promise<Session> {
    const folder = path.join(sessions, `${encodeURIComponent(os.hostname())}~${process.pid}~${randomUUID()}`)
    await mkdir(folder, { recursive: true })
    await removeEnded(sessions)
    return new Session(folder)
  }

  async close(): Promise<void> {
    clearInterval(this.heart)
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function removeEnded(sessions: string): Promise<void> {
  for (const name of await readdir(sessions)) {
    const folder = path.join(sessions, name)
    if (await hasEnded(name, folder)) await rm(folder, { recursive: true, force: true })
  }
}

async function hasEnded(name: string, folder: string): Promise<boolean> {
  const [host, pid] = name.split('~')
  if (host === encodeURIComponent(os.hostname())) return !isAlive(Number(pid))
  try {
    return Date.now() - (await stat(folder)).mtimeMs > silence
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return false
    throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasSystemCode(error, 'EPERM')
  }
}
