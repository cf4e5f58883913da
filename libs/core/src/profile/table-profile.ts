import type { PlainValue } from '../result-rows.js'

/** Rows whose value is within `[from, to)`; the last interval holds its end, too. */
export interface HistogramBin {
  /** Of a time, seconds since 1970. */
  readonly from: number
  readonly to: number
  readonly rows: number
}

/** A check that would pass now. */
export interface SuggestedCheck {
  /** As it would stand in `quality(asset, (t) => […])`. */
  readonly code: string
  readonly why: string
}

export interface ColumnProfile {
  readonly name: string
  /** Iceberg's type; `struct`, `list` or `map` for nested ones. */
  readonly type: string
  readonly nulls: number
  /** Different values, NULL left out. Absent for nested columns. */
  readonly distinct?: { readonly count: number; readonly isExact: boolean }
  readonly min?: PlainValue
  readonly max?: PlainValue
  readonly mean?: number
  readonly deviation?: number
  /** Estimates. */
  readonly quantiles?: {
    readonly p05: number
    readonly p25: number
    readonly median: number
    readonly p75: number
    readonly p95: number
  }
  /** Of texts, in code points. */
  readonly lengths?: { readonly min: number; readonly max: number }
  readonly histogram?: readonly HistogramBin[]
  /** All values of a column that has few, the most frequent first. */
  readonly values?: readonly { readonly value: string; readonly rows: number }[]
}

export interface TableProfile {
  readonly table: string
  readonly ref: string
  readonly rows: number
  readonly columns: readonly ColumnProfile[]
  readonly suggestions: readonly SuggestedCheck[]
}
