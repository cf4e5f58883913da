import { type DataFile, fileContent, isDeletionVector, type ManifestEntry } from '../manifest/data-file.js'
import { partitionKey } from '../manifest/partition-key.js'

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

  /** `unpartitioned` says whether a spec has no fields. */
  constructor(entries: Iterable<ManifestEntry>, unpartitioned: (specId: number) => boolean) {
    for (const { file, sequenceNumber } of entries) {
      const item: DeleteFile = { file, sequenceNumber }
      if (file.content === fileContent.equalityDeletes) {
        if (unpartitioned(file.specId)) this.equalityOfAll.push(item)
        else append(this.equalityByPartition, partitionOf(file), item)
        continue
      }
      const path = referencedDataFile(file)
      if (isDeletionVector(file) && path !== undefined) this.vectors.set(path, item)
      else if (path !== undefined) append(this.positionsByPath, path, item)
      else append(this.positionsByPartition, partitionOf(file), item)
    }
  }

  /** The delete files that may delete rows of the data file of that data sequence number. */
  of(file: DataFile, sequenceNumber: number): DeleteFile[] {
    const partition = partitionOf(file)
    const equality = [...this.equalityOfAll, ...(this.equalityByPartition.get(partition) ?? [])].filter(
      (item) => item.sequenceNumber > sequenceNumber,
    )
    const vector = this.vectors.get(file.path)
    // A writer of a deletion vector merges all earlier position deletes of the file into it.
    if (vector && vector.sequenceNumber >= sequenceNumber) return [...equality, vector]
    const positions = [
      ...(this.positionsByPath.get(file.path) ?? []),
      ...(this.positionsByPartition.get(partition) ?? []),
    ].filter((item) => item.sequenceNumber >= sequenceNumber)
    return [...equality, ...positions]
  }
}

/** The one data file that a file of position deletes is about, as far as its metadata tells. */
export function referencedDataFile(file: DataFile): string | undefined {
  if (file.referencedDataFile !== undefined) return file.referencedDataFile
  const lower = file.lowerBounds?.get(deleteColumnIds.path)
  const upper = file.upperBounds?.get(deleteColumnIds.path)
  // Bounds of paths are not shortened when there is but one; equal ones name it.
  return lower && upper && Buffer.compare(lower, upper) === 0 ? Buffer.from(lower).toString('utf8') : undefined
}

function partitionOf(file: DataFile): string {
  return `${file.specId}\u001f${partitionKey(file)}`
}

function append(index: Map<string, DeleteFile[]>, key: string, item: DeleteFile): void {
  const list = index.get(key)
  if (list) list.push(item)
  else index.set(key, [item])
}
