import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { errorMessage, isPhloError, PhloError, type RowsInput } from '@phlo/ports'
import { cancelled } from '../duckdb-errors.js'

/** Text is handed to the file in pieces of about this size. */
const pieceSize = 256 * 1024

/**
 * Writes rows from a program into a file of JSON lines, so that they meet the same casts and rules as any other source.
 * Dates become ISO text and bigints plain numbers. Throws PHLO_SOURCE_FAILED with what the program raised.
 */
export async function writeRows(input: RowsInput, file: string, signal: AbortSignal | undefined): Promise<number> {
  const stream = createWriteStream(file)
  let rows = 0
  let piece = ''
  try {
    for await (const row of input.rows) {
      if (signal?.aborted) throw cancelled(signal.reason)
      if (typeof row !== 'object' || row === null || Array.isArray(row)) {
        throw new PhloError(
          'PHLO_SOURCE_FAILED',
          `${input.name} gave ${JSON.stringify(row) ?? 'nothing'} as row ${rows + 1} instead of an object`,
        )
      }
      piece += `${serialize(row)}\n`
      rows++
      if (piece.length >= pieceSize) {
        if (!stream.write(piece)) await once(stream, 'drain')
        piece = ''
      }
    }
    stream.end(piece)
    await finished(stream)
    return rows
  } catch (error) {
    stream.destroy()
    if (isPhloError(error)) throw error
    if (signal?.aborted) throw cancelled(error)
    throw new PhloError('PHLO_SOURCE_FAILED', `${input.name} failed after ${rows} rows: ${errorMessage(error)}`, {
      cause: error,
    })
  }
}

/** Unguessable, so that no text of a user's can be taken for a number. */
const bigintMark = `bigint-${randomBytes(12).toString('hex')}:`
const markedBigint = new RegExp(`"${bigintMark}(-?\\d+)"`, 'g')

function serialize(row: object): string {
  let hasBigint = false
  const text = JSON.stringify(row, (_key, value: unknown) => {
    if (typeof value !== 'bigint') return value
    hasBigint = true
    return `${bigintMark}${value}`
  })
  // Numbers in JSON have any length; only JavaScript's do not.
  return hasBigint ? text.replace(markedBigint, '$1') : text
}
