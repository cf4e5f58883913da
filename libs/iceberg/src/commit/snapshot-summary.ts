import type { Snapshot, SnapshotOperation } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { type DataFile, fileContent, isDeletionVector } from '../manifest/data-file.js'
import { partitionKey } from '../manifest/partition-key.js'

/** Spec: Appendix F, "Optional Snapshot Summary Fields". */
export const summaryKeys = {
  replacePartitions: 'replace-partitions',
  stagedAs: 'wap.id',
  publishedAs: 'published-wap-id',
  sourceSnapshot: 'source-snapshot-id',
  /** Ids of the fields by which rows were merged. Phlo's own. */
  mergeKeys: 'phlo.merge-keys',
  /** `table` or `partitions`: which rows were replaced, also where there were none. Phlo's own. */
  replaces: 'phlo.replaces',
} as const

/** Does the summary's entry count what the snapshot did? */
export function isCount(key: string): boolean {
  return /^(added|deleted|removed|total|changed|manifests)-|^entries-processed$/.test(key)
}

class DeleteCounts {
  positionFiles = 0
  vectors = 0
  positions = 0
  equalityFiles = 0
  equalities = 0

  get files(): number {
    return this.positionFiles + this.vectors + this.equalityFiles
  }

  count(file: DataFile): void {
    if (file.content === fileContent.equalityDeletes) {
      this.equalityFiles++
      this.equalities += file.recordCount
      return
    }
    if (isDeletionVector(file)) this.vectors++
    else this.positionFiles++
    this.positions += file.recordCount
  }
}

/** Several deletion vectors may share a Puffin file, of which each has its own part. */
function sizeOf(file: DataFile): number {
  return isDeletionVector(file) ? (file.contentSize ?? 0) : file.fileSize
}

/** Counts for a snapshot's summary. Spec: Appendix F, "Optional Snapshot Summary Fields". */
export class SummaryBuilder {
  private addedFiles = 0
  private addedRecords = 0
  private addedSize = 0
  private removedFiles = 0
  private removedRecords = 0
  private removedSize = 0
  private readonly addedDeletes = new DeleteCounts()
  private readonly removedDeletes = new DeleteCounts()
  private readonly partitions = new Set<string>()

  added(file: DataFile): void {
    this.addedSize += sizeOf(file)
    this.partitions.add(`${file.specId} ${partitionKey(file)}`)
    if (file.content !== fileContent.data) return this.addedDeletes.count(file)
    this.addedFiles++
    this.addedRecords += file.recordCount
  }

  removed(file: DataFile): void {
    this.removedSize += sizeOf(file)
    this.partitions.add(`${file.specId} ${partitionKey(file)}`)
    if (file.content !== fileContent.data) return this.removedDeletes.count(file)
    this.removedFiles++
    this.removedRecords += file.recordCount
  }

  operation(): SnapshotOperation {
    if (this.removedFiles === 0 && this.removedDeletes.files === 0 && this.addedDeletes.files === 0) return 'append'
    return this.addedFiles === 0 ? 'delete' : 'overwrite'
  }

  /** A rewrite may lose rows that were deleted, and gains none. Throws PHLO_ICEBERG_INVALID. */
  requireNoNewRows(): void {
    if (this.addedRecords > this.removedRecords)
      throw invalid('replace', `${this.addedRecords} rows cannot take the place of ${this.removedRecords}`)
  }

  /** `parent` is the snapshot before, `undefined` for a table's first. */
  counts(parent: Snapshot | undefined): Record<string, string> {
    // Writers may leave totals out; what is not known then cannot be known from here on.
    const before = (name: string) => (parent ? Number(parent.summary?.[name] ?? Number.NaN) : 0)
    const counts: Record<string, number> = {
      'added-data-files': this.addedFiles,
      'added-records': this.addedRecords,
      'added-files-size': this.addedSize,
      'deleted-data-files': this.removedFiles,
      'deleted-records': this.removedRecords,
      'removed-files-size': this.removedSize,
      'added-delete-files': this.addedDeletes.files,
      'added-position-delete-files': this.addedDeletes.positionFiles,
      'added-dvs': this.addedDeletes.vectors,
      'added-position-deletes': this.addedDeletes.positions,
      'added-equality-delete-files': this.addedDeletes.equalityFiles,
      'added-equality-deletes': this.addedDeletes.equalities,
      'removed-delete-files': this.removedDeletes.files,
      'removed-position-delete-files': this.removedDeletes.positionFiles,
      'removed-dvs': this.removedDeletes.vectors,
      'removed-position-deletes': this.removedDeletes.positions,
      'removed-equality-delete-files': this.removedDeletes.equalityFiles,
      'removed-equality-deletes': this.removedDeletes.equalities,
      'changed-partition-count': this.partitions.size,
    }
    const totals: Record<string, number> = {
      'total-data-files': before('total-data-files') + this.addedFiles - this.removedFiles,
      'total-records': before('total-records') + this.addedRecords - this.removedRecords,
      'total-files-size': before('total-files-size') + this.addedSize - this.removedSize,
      'total-delete-files': before('total-delete-files') + this.addedDeletes.files - this.removedDeletes.files,
      'total-position-deletes':
        before('total-position-deletes') + this.addedDeletes.positions - this.removedDeletes.positions,
      'total-equality-deletes':
        before('total-equality-deletes') + this.addedDeletes.equalities - this.removedDeletes.equalities,
    }
    const changed = Object.entries(counts).filter(([, value]) => value > 0)
    const known = Object.entries(totals).filter(([, value]) => value >= 0)
    return Object.fromEntries([...changed, ...known].map(([name, value]) => [name, String(value)]))
  }
}
