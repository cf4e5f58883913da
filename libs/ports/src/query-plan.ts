import type { TableIdentifier } from './table-identifier.js'

/** How much of something was looked at or passed over. */
export interface Considered {
  readonly total: number
  readonly skipped: number
}

/** What the plan of a scan reads, and what it passes over and why. Source: REST catalog, `ScanReport`. */
export interface ScanReport {
  /** What is certain of the rows that are wanted; `true` when all of them may be. */
  readonly filter: string
  /** Manifests with live files; skipped for the ranges of their partitions. */
  readonly dataManifests: Considered
  /** Skipped for that, or because all of their deletes are older than the data. */
  readonly deleteManifests: Considered
  readonly files: {
    /** Live files that only skipped manifests list, as far as the manifest list counts them. */
    readonly skippedByManifest: number
    readonly skippedByPartition: number
    /** By their columns' bounds and counts. */
    readonly skippedByStatistics: number
    readonly read: number
  }
  /** Of the files that are read, before deletes. */
  readonly rows: number
  readonly bytes: number
  /** Of the files that are read; absent when a file does not tell. The engine may pass over some of them. */
  readonly rowGroups?: number
  /** Files of deletes that apply to files that are read, and those that were looked at and apply to none. */
  readonly deletes: {
    readonly positions: number
    readonly vectors: number
    readonly equality: number
    readonly skipped: number
  }
  /** What is left of the filter for rows, with the number of files for which it is. */
  readonly residuals: readonly { readonly filter: string; readonly files: number }[]
}

/** What a statement reads of a table. */
export interface TableReadPlan extends ScanReport {
  readonly table: TableIdentifier
  /** Absent for a table without data. */
  readonly snapshotId?: bigint
}

/** How an engine would run a statement. */
export interface QueryPlan {
  /** Each table at each state that the statement reads. */
  readonly tables: readonly TableReadPlan[]
  /** The engine's own description of what it does with them. */
  readonly engine: string
}
