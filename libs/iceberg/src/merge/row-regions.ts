import { AddedPartitions } from '../commit/leaving-files.js'
import type { RowRegion } from '../commit/snapshot-change.js'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { statisticsOf } from '../manifest/file-statistics.js'
import type { TableFiles } from '../manifest/table-files.js'
import { sourceIds } from '../partition/transform.js'
import { referencedDataFile } from '../scan/delete-index.js'
import { ColumnRange } from '../scan/pruning.js'
import { mayShareValue } from '../scan/value-range.js'
import type { Value } from '../types/value.js'

/** The partitions of the files. What is partitioned another way may be in any of them. */
export function partitionsOf(touched: readonly DataFile[], files: TableFiles): RowRegion {
  const partitions = new AddedPartitions(
    touched.map((file) => ({ ...file, content: fileContent.data })),
    files,
  )
  const specs = new Set(touched.map(({ specId }) => specId))
  return {
    mayBeIn: (manifest) => !specs.has(manifest.specId) || partitions.mayBeIn(manifest),
    has: (file) => !specs.has(file.specId) || partitions.has(file),
  }
}

/** All of the table. */
export const everywhere: RowRegion = { mayBeIn: () => true, has: () => true }

/**
 * Rows that may have the same key as one of the files', by the columns' bounds and by partitions that the key decides.
 * Position deletes are in it unless they and all of `deletes` name data files, and others; data files of `apart` are not.
 */
export function sameKeys(
  keyIds: readonly number[],
  own: readonly DataFile[],
  deletes: readonly DataFile[],
  files: TableFiles,
  apart?: ReadonlySet<string>,
): RowRegion {
  const deleted = new Set(deletes.map(referencedDataFile))
  return {
    mayBeIn: () => true,
    has: (file) => {
      const path = referencedDataFile(file)
      if (file.content === fileContent.positionDeletes && path !== undefined && !deleted.has(undefined))
        return deleted.has(path)
      if (file.content !== fileContent.data) return true
      return !apart?.has(file.path) && own.some((other) => mayShareKey(keyIds, other, file, files))
    },
    columns: keyIds,
  }
}

/** Of a region the position deletes that may be about a data file of the others: those that name one, and all that don't. */
export function ofSameFiles(deletes: readonly DataFile[], region: RowRegion): RowRegion {
  const named = new Set(deletes.map(referencedDataFile))
  return {
    ...region,
    has: (file) => {
      const path = referencedDataFile(file)
      return path !== undefined && !named.has(undefined) ? named.has(path) : region.has(file)
    },
  }
}

/** May a row of the one data file have the key of one of the other? "No" is certain. */
export function mayShareKey(keyIds: readonly number[], a: DataFile, b: DataFile, files: TableFiles): boolean {
  if (a.specId === b.specId) {
    const parted = files.spec(a.specId).some(({ field, transform }, index) => {
      const ofKey = transform.kind !== 'unknown' && sourceIds(field).every((id) => keyIds.includes(id))
      return ofKey && textOf(a.partition[index]) !== textOf(b.partition[index])
    })
    if (parted) return false
  }
  const [one, other] = [statisticsOf(a), statisticsOf(b)]
  return keyIds.every((fieldId) => {
    const type = files.columnType(fieldId)
    return !type || mayShareValue(new ColumnRange({ fieldId, type }, one), new ColumnRange({ fieldId, type }, other))
  })
}

/** Other texts are other values, also where a column was an int and is a long now. */
function textOf(value: Value | null | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value)
}
