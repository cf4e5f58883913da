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

export interface RowDiffCounts {
  readonly added: number
  readonly removed: number
  readonly changed: number
}
