import { mkdir } from 'node:fs/promises'
import { errorMessage, isPhloError, PhloError, type RowsInput, type SourceBatch } from '@phlo/ports'
import type { RecordBatch } from 'apache-arrow'
import { cancelled } from '../duckdb-errors.js'
import { ArrowParts } from './arrow-parts.js'
import { JsonLines } from './json-lines.js'
import type { WrittenRows } from './rows-writer.js'

/**
 * Writes rows from a program into files in a folder, so that they meet the same casts and rules as any other source.
 * Throws PHLO_SOURCE_FAILED with what the program raised.
 */
export async function writeRows(
  input: RowsInput,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<WrittenRows> {
  await mkdir(folder, { recursive: true })
  const name = input.name.replace(/[^A-Za-z0-9_.-]/g, '_') || 'rows'
  let lines: JsonLines | undefined
  let parts: ArrowParts | undefined
  const rows = () => (lines ?? parts)?.rows ?? 0
  try {
    for await (const item of input.rows) {
      if (signal?.aborted) throw cancelled(signal.reason)
      if (isArrow(item)) {
        if (lines) throw mixed(input.name, rows())
        parts ??= new ArrowParts(folder, name)
        for (const batch of batches(item)) await parts.add(batch)
        continue
      }
      if (typeof item !== 'object' || item === null || Array.isArray(item)) {
        throw new PhloError(
          'PHLO_SOURCE_FAILED',
          `${input.name} gave ${JSON.stringify(item) ?? 'nothing'} as row ${rows() + 1} instead of an object`,
        )
      }
      if (parts) throw mixed(input.name, rows())
      lines ??= new JsonLines(folder, name)
      await lines.add(item)
    }
    await (lines ?? parts)?.end()
  } catch (error) {
    await (lines ?? parts)?.end().catch(() => undefined)
    if (isPhloError(error)) throw error
    if (signal?.aborted) throw cancelled(error)
    throw new PhloError('PHLO_SOURCE_FAILED', `${input.name} failed after ${rows()} rows: ${errorMessage(error)}`, {
      cause: error,
    })
  }
  return lines ?? parts ?? { files: { format: 'ndjson', paths: [] }, rowsBefore: new Map() }
}

function mixed(name: string, rows: number): PhloError {
  return new PhloError('PHLO_SOURCE_FAILED', `${name} gave rows and Arrow batches mixed, after ${rows} rows`, {
    hint: 'Give objects, or record batches, but not both from one source.',
  })
}

/** Told by its parts, since a program may bring an apache-arrow of its own. A table is many batches. */
function isArrow(item: unknown): item is SourceBatch {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return false
  const { schema, numRows, getChildAt } = item as Partial<RecordBatch>
  return Array.isArray(schema?.fields) && typeof numRows === 'number' && typeof getChildAt === 'function'
}

function batches(item: SourceBatch): readonly RecordBatch[] {
  return 'batches' in item ? item.batches : [item]
}
