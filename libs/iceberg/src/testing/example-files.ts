import type { ColumnSchema, RowSchema } from '@phlo/ports'
import type { AddedFile } from '../commit/snapshot-change.js'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { parsePrimitive } from '../types/primitive.js'
import { encodeValue } from '../types/value.js'

/** A column that rows may leave out. */
export function column(name: string, type: string): ColumnSchema {
  return { name, type, required: false, optional: false, rules: [], unique: false }
}

/** Columns with the field ids 1 and 2. */
export const idAndDay: RowSchema = { columns: [column('id', 'int'), column('day', 'date')] }

const idBytes = (id: number) => encodeValue(parsePrimitive('int'), id)

/** The URI of {@link dataFile} and the others. */
export const uriOf = (name: string): string => `memory:///${name}`

/** A file of ten rows of the first spec with one partition field, with these ids where they matter. */
export function dataFile(name: string, day: number | null = 1, ids?: readonly [number, number]): AddedFile {
  return {
    content: fileContent.data,
    specId: 0,
    path: uriOf(name),
    format: 'PARQUET',
    partition: [day],
    recordCount: 10,
    fileSize: 100,
    ...(ids && {
      valueCounts: new Map([[1, 10]]),
      nullCounts: new Map([[1, 0]]),
      lowerBounds: new Map([[1, idBytes(ids[0])]]),
      upperBounds: new Map([[1, idBytes(ids[1])]]),
    }),
  }
}

/** Deletes two rows by position, of one data file or of a partition. */
export function positionDeletes(name: string, day: number | null = 1, of?: string): DataFile {
  return {
    ...dataFile(name, day),
    content: fileContent.positionDeletes,
    recordCount: 2,
    ...(of !== undefined && { referencedDataFile: uriOf(of) }),
  }
}

/** Deletes by three values of `id`. */
export function equalityDeletes(name: string, day: number | null = 1, ids?: readonly [number, number]): DataFile {
  return { ...dataFile(name, day, ids), content: fileContent.equalityDeletes, recordCount: 3, equalityIds: [1] }
}

/** Deletes two rows of a data file by a vector. */
export function deletionVector(of: string, contentOffset = 4, day: number | null = 1): DataFile {
  return { ...positionDeletes('vectors', day, of), format: 'PUFFIN', contentOffset, contentSize: 40 }
}
