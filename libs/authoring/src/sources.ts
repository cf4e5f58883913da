import type { SourceSpec } from '@phlo/ports'

/** Files to read, relative to the project's folder. Read by the plugin `@phlo/source-files`. */
export interface FilesOptions {
  /** Paths or globs (`*`, `**`, `?`, `[…]`, `{a,b}`). */
  readonly path: string | readonly string[]
  /** Found from the files' names when absent. */
  readonly format?: 'parquet' | 'csv' | 'ndjson' | 'json'
  /** CSV's separator; found from the header when absent. */
  readonly delimiter?: string
  /** CSV's text for NULL beside the empty field. */
  readonly nullText?: string
}

/** Reads CSV, JSON lines, JSON or Parquet files. */
export function files(options: FilesOptions): SourceSpec {
  return { kind: 'files', options }
}

/** Reads from a source that a plugin brings. */
export function source(kind: string, options: unknown): SourceSpec {
  return { kind, options }
}
