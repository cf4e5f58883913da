import { type DataFile, fileContent, isDeletionVector, type ManifestEntry } from '../manifest/data-file.js'
import { invalid } from '../invalid.js'
import { partitionKey } from '../manifest/partition-key.js'
import { statisticsOf } from '../manifest/file-statistics.js'
import { ColumnRange } from './pruning.js'
import type { TableFiles } from '../manifest/table-files.js'
import { mayShareValue } from './value-range.js'

/** A delete file that applies to a data file. */
export interface DeleteFile {
  readonly file: DataFile
  readonly sequenceNumber: number
}

/** Iceberg's reserved field ids of a position-delete file's columns. Spec: "Reserved Field IDs". */
export const deleteColumnIds = { path: 2147483546, position: 2147483545 } as const

/**
 * The delete files of a snapshot, found by the data file that they apply to.
 * Spec: "Scan Planning", the rules for delete files.
 */
export class DeleteIndex {
  private readonly vectors = new Map<string, DeleteFile>()
  private readonly positionsByPath = new Map<string, DeleteFile[]>()
  private readonly positionsByPartition = new Map<string, DeleteFile[]>()
  private readonly equalityByPartition = new Map<string, DeleteFile[]>()
  private readonly equalityOfAll: DeleteFile[] = []
  private readonly table: Pick<TableFiles, 'spec' | 'columnType'>
  /** Columns whose statistics tell which equality deletes can apply to a data file. */
  readonly equalityColumns = new Set<number>()

  /**
   * `table` knows specs and columns. Throws PHLO_ICEBERG_INVALID for a data file with two deletion vectors of one commit, or
   * a vector without a data file.
   */
  constructor(
    entries: Iterable<Pick<ManifestEntry, 'file' | 'sequenceNumber'>>,
    table: Pick<TableFiles, 'spec' | 'columnType'>,
  ) {
    this.table = table
    for (const { file, sequenceNumber } of entries) {
      const item: DeleteFile = { file, sequenceNumber }
      if (file.content === fileContent.equalityDeletes) this.addEquality(item)
      else if (isDeletionVector(file)) this.addVector(item)
      else {
        const path = referencedDataFile(file)
        if (path === undefined) append(this.positionsByPartition, partitionOf(file), item)
        else append(this.positionsByPath, path, item)
      }
    }
  }

  private addEquality(item: DeleteFile): void {
    if (this.table.spec(item.file.specId).length === 0) this.equalityOfAll.push(item)
    else append(this.equalityByPartition, partitionOf(item.file), item)
    for (const id of item.file.equalityIds ?? []) if (this.table.columnType(id)) this.equalityColumns.add(id)
  }

  private addVector(item: DeleteFile): void {
    const { path, referencedDataFile: of } = item.file
    if (of === undefined) throw invalid(path, 'is a deletion vector without a data file')
    const other = this.vectors.get(of)
    if (other?.sequenceNumber === item.sequenceNumber) throw invalid(of, 'has two deletion vectors')
    // The younger one holds what the older one deletes.
    if (!other || other.sequenceNumber < item.sequenceNumber) this.vectors.set(of, item)
  }

  /**
   * The delete files that may delete rows of the data file of that data sequence number. Throws PHLO_ICEBERG_INVALID when
   * one names the data file but is of another partition.
   */
  of(file: DataFile, sequenceNumber: number): DeleteFile[] {
    const partition = partitionOf(file)
    // Equality deletes know nothing of rows of their own commit, which come after them.
    const equality = [...this.equalityOfAll, ...(this.equalityByPartition.get(partition) ?? [])].filter(
      (item) => item.sequenceNumber > sequenceNumber && this.mayEqual(item.file, file),
    )
    const vector = this.vectors.get(file.path)
    // A writer of a deletion vector merges all earlier position deletes of the file into it.
    if (vector && vector.sequenceNumber >= sequenceNumber) {
      requirePartition(vector, file, partition)
      return [...equality, vector]
    }
    const byPath = (this.positionsByPath.get(file.path) ?? []).filter((item) => item.sequenceNumber >= sequenceNumber)
    for (const item of byPath) requirePartition(item, file, partition)
    const candidates = this.positionsByPartition.get(partition)
    if (!candidates) return [...equality, ...byPath]
    const path = Buffer.from(file.path, 'utf8')
    return [
      ...equality,
      ...byPath,
      ...candidates.filter((item) => item.sequenceNumber >= sequenceNumber && mayName(item.file, path)),
    ]
  }

  /** May a row of the data file be equal to one of the equality-delete file? "No" is certain. */
  private mayEqual(deletes: DataFile, file: DataFile): boolean {
    const [deleted, present] = [statisticsOf(deletes), statisticsOf(file)]
    return (deletes.equalityIds ?? []).every((fieldId) => {
      const type = this.table.columnType(fieldId)
      return (
        !type || mayShareValue(new ColumnRange({ fieldId, type }, deleted), new ColumnRange({ fieldId, type }, present))
      )
    })
  }
}

/** The one data file that a file of position deletes is about, as far as its metadata tells. */
export function referencedDataFile(file: DataFile): string | undefined {
  if (file.referencedDataFile !== undefined) return file.referencedDataFile
  const lower = file.lowerBounds?.get(deleteColumnIds.path)
  const upper = file.upperBounds?.get(deleteColumnIds.path)
  // Every path is between the bounds, so equal ones name it.
  return lower && upper && Buffer.compare(lower, upper) === 0 ? Buffer.from(lower).toString('utf8') : undefined
}

/** May the file of position deletes name the data file, going by its bounds? */
function mayName(deletes: DataFile, path: Uint8Array): boolean {
  const lower = deletes.lowerBounds?.get(deleteColumnIds.path)
  const upper = deletes.upperBounds?.get(deleteColumnIds.path)
  return !(lower && Buffer.compare(lower, path) > 0) && !(upper && Buffer.compare(upper, path) < 0)
}

function requirePartition({ file: deletes }: DeleteFile, file: DataFile, partition: string): void {
  if (partitionOf(deletes) !== partition)
    throw invalid(deletes.path, `deletes rows of ${file.path}, which is of another partition`)
}

function partitionOf(file: DataFile): string {
  return `${file.specId}\u001f${partitionKey(file)}`
}

function append(index: Map<string, DeleteFile[]>, key: string, item: DeleteFile): void {
  const list = index.get(key)
  if (list) list.push(item)
  else index.set(key, [item])
}
