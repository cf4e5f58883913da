import { type BigIntStats, type Dirent, existsSync, openSync, readdirSync, statSync, unlinkSync } from 'node:fs'
import { hasSystemCode } from '@phlo/ports'

/**
 * Looks at files that may not be there. They block, since a look takes microseconds, and a trip to another thread and back
 * ten times as many.
 */

export function listFolder(folder: string): Dirent[] {
  if (!existsSync(folder)) return []
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

export function openIfThere(file: string): number | undefined {
  // An error costs ten times the look.
  if (!existsSync(file)) return undefined
  try {
    return openSync(file, 'r')
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

export function statIfThere(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

export function unlinkIfThere(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT')) throw error
  }
}
