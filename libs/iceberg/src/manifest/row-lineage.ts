import { parsePrimitive } from '../types/primitive.js'
import type { DataFile } from './data-file.js'
import { statisticsOf } from './file-statistics.js'

/** Ids of the columns in which rewritten files keep what rows were. Spec: "Reserved Field IDs", "Row Lineage". */
export const lineageIds = { _row_id: 2147483540, _last_updated_sequence_number: 2147483539 } as const

const long = parsePrimitive('long')

/**
 * Does a row of the file bring a `_row_id` from there on, instead of being given one by its place? `undefined` where the
 * file's statistics don't tell.
 */
export function bringsRowIds(file: DataFile, from: number): boolean | undefined {
  const statistics = statisticsOf(file)
  const highest = statistics.upperBound(lineageIds._row_id, long)
  if (highest !== undefined) return Number(highest) >= from
  return statistics.nullCount(lineageIds._row_id) === file.recordCount ? false : undefined
}
