import { randomBytes } from 'node:crypto'

/** Sorts by start, and is short enough to type: `20261121t104506-3f9a1c`. */
export function newRunId(now: Date = new Date()): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()
  return `${stamp}-${randomBytes(3).toString('hex')}`
}

/** Source of a regular expression for run ids; no groups. */
export const runIdPattern = '\\d{8}t\\d{6}-[0-9a-f]{6}'

/** When the run with that id started, milliseconds since 1970. */
export function runStart(id: string): number {
  const [, ...parts] = /^(\d{4})(\d{2})(\d{2})t(\d{2})(\d{2})(\d{2})/.exec(id) ?? []
  const [year = NaN, month = NaN, day, hour, minute, second] = parts.map(Number)
  return Date.UTC(year, month - 1, day, hour, minute, second)
}
