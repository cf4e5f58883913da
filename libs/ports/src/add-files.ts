import type { TableIdentifier } from './table-identifier.js'

export interface AddFilesRequest {
  readonly table: TableIdentifier
  /** The branch of the catalog that is changed. */
  readonly ref: string
  /** URIs of Parquet files in the store. They become part of the table where they are. */
  readonly files: readonly string[]
  /** Only tells what would be added. Default false. */
  readonly dryRun?: boolean
  readonly message: string
  readonly author?: string
  readonly signal?: AbortSignal
}

export interface AddFilesResult {
  readonly files: readonly { readonly path: string; readonly rows: number; readonly bytes: number }[]
  readonly rows: number
  readonly bytes: number
  /** The table got a name mapping, by which columns of files without field ids are found. */
  readonly nameMapping: boolean
  /** The snapshot that was made. */
  readonly snapshotId?: bigint
}
