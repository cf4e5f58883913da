import { stat } from 'node:fs/promises'
import { errorMessage, PhloError } from '@phlo/ports'
import { expandGlob } from './glob.js'

/** A file that is there to be read. */
export interface FoundFile {
  /** Absolute. */
  readonly file: string
  readonly size: number
  /** Milliseconds since 1970. */
  readonly changed: number
}

/** Each file once, those of a glob in the order of their names. */
export async function findFiles(patterns: readonly string[], projectDir: string): Promise<string[]> {
  const found = new Set<string>()
  for (const pattern of patterns) for (const file of await expandGlob(pattern, projectDir)) found.add(file)
  return [...found]
}

/** Throws PHLO_SOURCE_FAILED, as something to try again, for files that are gone meanwhile. */
export async function lookAt(file: string): Promise<FoundFile> {
  try {
    const { size, mtimeMs } = await stat(file)
    return { file, size, changed: mtimeMs }
  } catch (error) {
    throw new PhloError('PHLO_SOURCE_FAILED', `The file ${file} cannot be looked at: ${errorMessage(error)}`, {
      retryable: true,
      cause: error,
    })
  }
}
