import type { QueryResult } from './query-engine.js'

/** A state of one table: of a ref of the catalog, default `main`, perhaps further back in the table's own history. */
export interface TableStateSelection {
  /** Branch, tag or commit of the catalog. */
  readonly ref?: string
  /** One of the table's snapshots there. */
  readonly snapshotId?: bigint
  /** What the table was at that time, within the ref's own history of its snapshots. */
  readonly asOf?: Date
}

/** The states that are compared. */
export interface ComparedStates {
  readonly from: TableStateSelection
  readonly to: TableStateSelection
}

export interface RowDiffOptions {
  /**
   * Columns by which rows are the same row, dotted for those within structs. Default: the identifier fields of `to`. Without
   * any, rows are the same when all of them is, and none is `changed`.
   */
  readonly keys?: readonly string[]
  readonly signal?: AbortSignal
}

/**
 * Rows that differ. The columns of the result are `change` (`added`, `removed` or `changed`), `columns` (the names of those that
 * changed), and `before` and `after`, structs of the columns of `to`, NULL where there is no such row.
 */
export interface RowDiff extends QueryResult {
  /** Dotted names of the columns by which rows were told apart. */
  readonly keys: readonly string[]
}

export interface RowDiffCounts {
  readonly added: number
  readonly removed: number
  readonly changed: number
}
