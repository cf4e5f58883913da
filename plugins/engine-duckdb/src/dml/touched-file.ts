import type { ScanTask } from '@phlo/iceberg'

/** A data file that rows leave. */
export interface TouchedFile {
  readonly index: number
  readonly task: ScanTask
  /** How many leave. */
  readonly rows: number
}
