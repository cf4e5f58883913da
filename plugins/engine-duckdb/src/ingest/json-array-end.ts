import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { PhloError } from '@phlo/ports'

/** Bytes of whitespace that an array's end may be followed by. */
const tail = 65_536

/**
 * Throws PHLO_SOURCE_MALFORMED for a JSON array that stops before its end: DuckDB takes `[{…},` for a whole array, and
 * the rows that got lost would not be missed.
 */
export async function requireArrayEnd(file: string): Promise<void> {
  let last = ''
  const start = Math.max(0, (await stat(file)).size - tail)
  for await (const chunk of createReadStream(file, { start })) {
    const end = lastCharacter(chunk as Buffer)
    if (end !== undefined) last = end
  }
  if (last === ']') return
  throw new PhloError(
    'PHLO_SOURCE_MALFORMED',
    `${path.basename(file)} is no whole JSON array: it does not end with ]`,
    {
      hint: 'A file that was cut off must be delivered again; one with an object a line is read as .ndjson. Nothing of it was taken in.',
      location: { file },
    },
  )
}

/** The last byte that is no whitespace of JSON's, as a character. */
function lastCharacter(chunk: Buffer): string | undefined {
  for (let index = chunk.length - 1; index >= 0; index--) {
    const byte = chunk[index] as number
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return String.fromCharCode(byte)
  }
  return undefined
}
