import { randomBytes } from 'node:crypto'

/** Sorts by start, and is short enough to type: `20261121t104506-3f9a1c`. */
export function newRunId(now: Date = new Date()): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()
  return `${stamp}-${randomBytes(3).toString('hex')}`
}
