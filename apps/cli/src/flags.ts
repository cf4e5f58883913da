/** Options of `run` and `plan`. */
export interface RunFlags {
  readonly partition?: string
  readonly from?: string
  readonly to?: string
  readonly force?: boolean
}

export interface QueryFlags {
  readonly ref: string
  readonly snapshot: readonly string[]
  readonly format?: 'table' | 'csv' | 'json' | 'ndjson' | 'arrow'
  readonly limit: string
  readonly explain?: boolean
}
