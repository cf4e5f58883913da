import type { RuleValue } from './row-schema.js'
import type { TableIdentifier } from './table-identifier.js'

/** How rows lie in rewritten files. */
export type RewriteStrategy =
  /** As they come: only the files' sizes change. */
  | { readonly kind: 'binpack' }
  /** Sorted by these keys, without any by the table's own sort order. */
  | { readonly kind: 'sort'; readonly by?: readonly SortKey[] }
  /** Along a curve on which rows lie near each other that are alike in all of these columns. */
  | { readonly kind: 'zorder' | 'hilbert'; readonly columns: readonly string[] }

export interface SortKey {
  readonly column: string
  /** Default false. */
  readonly descending?: boolean
  /** Default: first when ascending, last when descending, as in Iceberg. */
  readonly nullsFirst?: boolean
}

/** A condition on a column's values. NULL never meets one. */
export interface ColumnCondition {
  readonly column: string
  readonly op: 'lt' | 'lte' | 'gt' | 'gte' | 'eq' | 'neq'
  readonly value: RuleValue
}

export interface RewriteRequest {
  readonly table: TableIdentifier
  /** The branch of the catalog that is read and written. */
  readonly ref: string
  /** The table's own branch. Default `main`. */
  readonly tableBranch?: string
  /** Default: bin-packing. */
  readonly strategy?: RewriteStrategy
  /** Only files that may hold rows which meet all of these. */
  readonly where?: readonly ColumnCondition[]
  /** Bytes. Default: the table's own, `write.target-file-size-bytes`. */
  readonly targetFileSize?: number
  /** As many small files of a partition are worth a rewrite. Default 5. */
  readonly minInputFiles?: number
  /** Files with at least as many delete files are rewritten. Default: no number of them is a reason. */
  readonly deleteFileThreshold?: number
  /** Files of which at least this part of the rows is deleted are rewritten. 0 to 1; default 0.3. */
  readonly deleteRatioThreshold?: number
  /** Files of one partition are written and committed in groups of at most as many bytes. Default 8 GiB. */
  readonly maxGroupSize?: number
  /** Every file, whatever its size. Default: only for strategies that order rows. */
  readonly all?: boolean
  /** At most as many commits, so that an interruption loses little and the table's history stays short. Default 10. */
  readonly maxCommits?: number
  /** Only tells what would be done. Default false. */
  readonly dryRun?: boolean
  readonly message: string
  readonly author?: string
  readonly onProgress?: (progress: RewriteProgress) => void
  readonly signal?: AbortSignal
}

export interface RewriteProgress {
  readonly groups: number
  readonly groupsDone: number
  readonly files: number
  readonly filesDone: number
  readonly bytes: number
  readonly bytesDone: number
}

/** What a rewrite did, or with `dryRun` would do. */
export interface RewriteResult {
  /** Data files that were looked at. */
  readonly examined: number
  readonly groups: number
  /** Groups that are as they were because somebody else changed their files meanwhile. */
  readonly conflicts: number
  /** Data files that leave, and their bytes. */
  readonly removedFiles: number
  readonly removedBytes: number
  /** Data files that come, and their bytes. Not known before they are written. */
  readonly addedFiles: number
  readonly addedBytes: number
  /** Rows that were written. */
  readonly rows: number
  /** The snapshots that were made, in their order. */
  readonly snapshotIds: readonly bigint[]
}

export interface RewriteDeletesRequest {
  readonly table: TableIdentifier
  /** The branch of the catalog that is read and written. */
  readonly ref: string
  /** The table's own branch. Default `main`. */
  readonly tableBranch?: string
  /** At most as many commits, so that an interruption loses little and the table's history stays short. Default 10. */
  readonly maxCommits?: number
  /** Only tells which files would be written anew. Default false. */
  readonly dryRun?: boolean
  readonly message: string
  readonly author?: string
  readonly signal?: AbortSignal
}

export interface RewriteDeletesResult {
  /** How many files of position deletes there were, without deletion vectors. */
  readonly examined: number
  /** Partitions whose deletes are written anew. */
  readonly groups: number
  /** Partitions that are as they were because somebody else changed their files meanwhile. */
  readonly conflicts: number
  /** Delete files that leave, and their bytes. */
  readonly removedFiles: number
  readonly removedBytes: number
  /** Delete files that come, and their bytes. Not known before they are written. */
  readonly addedFiles: number
  readonly addedBytes: number
  /** Deleted rows that the new files name. */
  readonly positions: number
  /** The snapshots that were made, in their order. */
  readonly snapshotIds: readonly bigint[]
}
