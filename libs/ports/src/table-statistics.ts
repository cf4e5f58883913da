import type { TableIdentifier } from './table-identifier.js'

export interface AnalyzeRequest {
  readonly table: TableIdentifier
  /** The branch of the catalog that is read and written. */
  readonly ref: string
  /** Top-level columns. Default: all that hold single values. */
  readonly columns?: readonly string[]
  /** Only tells what would be written. Default false. */
  readonly dryRun?: boolean
  readonly message: string
  readonly author?: string
  readonly signal?: AbortSignal
}

export interface AnalyzeResult {
  /** The snapshot that the statistics are of; absent for a table that never had rows. */
  readonly snapshotId?: bigint
  /** How many distinct values columns have, estimated; NULL is none. */
  readonly columns: readonly { readonly column: string; readonly ndv: number }[]
  /** URI of the file that was written. */
  readonly path?: string
}
