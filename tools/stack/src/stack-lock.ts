import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, markOf, type ProcessMark } from './process-mark.js'

/**
 * Does the work while no other process does any on the same folder. A lock whose process is gone is taken over.
 * `waiting` is told once when somebody else holds it.
 */
export async function withStackLock<T>(folder: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true })
  const lock = path.join(folder, 'lock')
  const own = `${lock}-${randomUUID()}`
  writeFileSync(own, JSON.stringify(markOf(process.pid)))
  try {
    for (let told = false; !take(lock, own); told = true) {
      if (!told) waiting()
      await sleep(200)
    }
    try {
      return await work()
    } finally {
      rmSync(lock, { force: true })
    }
  } finally {
    rmSync(own, { force: true })
  }
}

/** Linking makes a name for exactly one of several. */
function take(lock: string, own: string): boolean {
  try {
    linkSync(own, lock)
    return true
  } catch {
    const holder = holderOf(lock)
    if (holder && !isRunning(holder)) removeStale(lock, holder)
    return false
  }
}

/** Between the look and the removal another may have taken over: what was removed by mistake is put back. */
function removeStale(lock: string, holder: ProcessMark): void {
  const aside = `${lock}-${randomUUID()}`
  try {
    renameSync(lock, aside)
  } catch {
    return
  }
  const removed = holderOf(aside)
  if (removed && removed.started !== holder.started) linkSync(aside, lock)
  rmSync(aside, { force: true })
}

function holderOf(file: string): ProcessMark | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessMark
  } catch {
    return undefined
  }
}
