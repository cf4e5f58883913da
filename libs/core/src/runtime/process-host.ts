import os from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { hasSystemCode } from '@phlo/ports'
import type { Clock } from '../run/retrying.js'
import type { RunHost } from '../run/run-dependencies.js'

/** Time as it is. */
export const processClock: Clock = {
  sleep: (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }),
  random: Math.random,
}

/** This process as the host of runs: named by machine and process id. */
export const processHost: RunHost = {
  owner: `${os.hostname()}:${process.pid}`,
  author: userName(),
  isGone: (owner) => {
    const colon = owner.lastIndexOf(':')
    return owner.slice(0, colon) === os.hostname() && !processExists(Number(owner.slice(colon + 1)))
  },
}

function userName(): string {
  try {
    return os.userInfo().username
  } catch {
    // Containers run as users that have no entry.
    return 'phlo'
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    return hasSystemCode(error, 'EPERM')
  }
}
