import type { Primitive } from '../types/primitive.js'
import { decodeValue, type Value } from '../types/value.js'
import type { DataFile } from './data-file.js'

/** What a manifest tells of a file's columns, by their field ids. Spec: "Data File Fields". */
export interface FileStatistics {
  readonly recordCount: number
  valueCount(fieldId: number): number | undefined
  nullCount(fieldId: number): number | undefined
  nanCount(fieldId: number): number | undefined
  lowerBound(fieldId: number, type: Primitive): Value | undefined
  upperBound(fieldId: number, type: Primitive): Value | undefined
}

/** The statistics of a file that was read whole. */
export function statisticsOf(file: DataFile): FileStatistics {
  const bound = (bytes: Uint8Array | undefined, type: Primitive) => bytes && decodeValue(type, bytes)
  return {
    recordCount: file.recordCount,
    valueCount: (id) => file.valueCounts?.get(id),
    nullCount: (id) => file.nullCounts?.get(id),
    nanCount: (id) => file.nanCounts?.get(id),
    lowerBound: (id, type) => bound(file.lowerBounds?.get(id), type),
    upperBound: (id, type) => bound(file.upperBounds?.get(id), type),
  }
}
