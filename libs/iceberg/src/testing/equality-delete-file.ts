import { type DataFile, fileContent } from '../manifest/data-file.js'
import { parsePrimitive } from '../types/primitive.js'
import { encodeValue } from '../types/value.js'

const int = parsePrimitive('int')

/** A description of a file that deletes the rows of a partition with that value in a column. */
export function equalityDeleteFile(path: string, part: number, fieldId: number, value: number): DataFile {
  const bound = new Map([[fieldId, encodeValue(int, value)]])
  return {
    content: fileContent.equalityDeletes,
    specId: 0,
    path,
    format: 'PARQUET',
    partition: [part],
    recordCount: 1,
    fileSize: 50,
    equalityIds: [fieldId],
    valueCounts: new Map([[fieldId, 1]]),
    nullCounts: new Map([[fieldId, 0]]),
    lowerBounds: bound,
    upperBounds: bound,
  }
}
