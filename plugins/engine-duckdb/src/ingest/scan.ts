import type { SourceType } from './lossless-cast.js'

/** One file's rows with their places, for telling which ones were rejected. */
export interface PositionedScan {
  readonly file: string
  /** Like {@link Scan.select}, and `_phlo_row`, counted from 1, and `_phlo_text`, the whole row as JSON. */
  readonly select: string
}

/** A source that DuckDB can read: its columns under the schema's names, uncast. */
export interface Scan {
  /** For messages: the file, or `N files`. */
  readonly name: string
  /** SELECT of the raw columns. */
  readonly select: string
  /** The columns that the source has, of those that the schema declares. */
  readonly types: ReadonlyMap<string, SourceType>
  /** A boolean column of {@link select}: rows where it is not true do not have the shape that the SELECT reads. */
  readonly guard?: string
  /** Number of rows, when it is known without reading them. */
  readonly rows?: number
  readonly files: readonly PositionedScan[]
  /** Name of DuckDB's table of rows that are no rows at all (CSV), filled when the rows are read. */
  readonly malformedRows?: {
    readonly errors: string
    readonly scans: string
    /** Lines of each file that come before its first row. */
    readonly linesBefore: number
  }
}
