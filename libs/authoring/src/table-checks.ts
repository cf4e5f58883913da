import { type Check, type CheckOptions, makeCheck } from './check-options.js'

/** No row is there twice, over the whole table. Default: rows of equal values in all columns. */
export function noDuplicates<const Column extends string>(
  columns?: readonly Column[],
  options?: CheckOptions,
): Check<Column> {
  const name = columns ? `no_duplicates_${columns.join('_')}` : 'no_duplicates'
  return makeCheck('duplicates', { ...(columns && { columns }) }, name, options, 'table')
}

/**
 * Two columns of each row stand in that relation. NULL in one of them is no mistake, but for `together`: both are NULL or
 * neither is.
 */
export function compare<const Column extends string>(
  column: Column,
  relation: '=' | '!=' | '<' | '<=' | '>' | '>=' | 'together',
  other: Column,
  options?: CheckOptions,
): Check<Column> {
  return makeCheck('column_pair', { column, relation, other }, `compare_${column}_${other}`, options)
}

/** No value is further from the mean than so many standard deviations. Default 3. */
export function outliers<const Column extends string>(
  column: Column,
  limit: { readonly zScore?: number } = {},
  options?: CheckOptions,
): Check<Column> {
  return makeCheck('outliers', { column, ...limit }, `outliers_${column}`, options)
}

/** The table has these columns, of these Iceberg types (`any`: of whatever type). */
export function hasColumns(
  columns: Readonly<Record<string, string>>,
  rules: { readonly exact?: boolean; readonly ordered?: boolean } = {},
  options?: CheckOptions,
): Check<never> {
  return makeCheck('schema', { columns, ...rules }, 'columns', options, 'table')
}

/** What a table is reconciled with: an asset, a table's name, or the rows of a SELECT. */
export type ReconciliationSource = string | { readonly key: string } | { readonly sql: string }

/** How far figures may be apart: by a share of the source's (0.05 is 5 %), or by so much. */
export interface Tolerance {
  readonly tolerance?: number
  readonly absoluteTolerance?: number
}

function sourceOf(source: ReconciliationSource): string | { readonly sql: string } {
  return typeof source === 'object' && 'key' in source ? source.key : source
}

/** For a check's name: that of the table, or `sql`. */
function labelOf(source: ReconciliationSource): string {
  const given = sourceOf(source)
  return typeof given === 'string' ? given.replaceAll(/\W+/g, '_') : 'sql'
}

/** As many rows as the source has, or no fewer. */
export function reconcileRows(
  source: ReconciliationSource,
  rules: Tolerance & { readonly mode?: 'parity' | 'at_least' } = {},
  options?: CheckOptions,
): Check<never> {
  const name = `rows_as_${labelOf(source)}`
  return makeCheck('reconcile_rows', { source: sourceOf(source), ...rules }, name, options, 'table')
}

/** Sums and other aggregates are the source's, group by group. */
export function reconcileAggregates<const Column extends string>(
  source: ReconciliationSource,
  rules: Tolerance & {
    readonly aggregates: readonly (Tolerance & {
      readonly function: 'count' | 'count_distinct' | 'sum' | 'avg' | 'min' | 'max'
      readonly column?: Column
      /** The source's name for the column. Default: the same. */
      readonly sourceColumn?: string
    })[]
    readonly groupBy?: readonly Column[]
  },
  options?: CheckOptions,
): Check<Column> {
  const name = `aggregates_as_${labelOf(source)}`
  return makeCheck('reconcile_aggregates', { source: sourceOf(source), ...rules }, name, options, 'table')
}

/** The same keys as the source has. */
export function reconcileKeys<const Column extends string>(
  source: ReconciliationSource,
  columns: Column | readonly Column[],
  rules: { readonly sourceColumns?: readonly string[]; readonly problems?: 'missing' | 'extra' | 'both' } = {},
  options?: CheckOptions,
): Check<Column> {
  const list = typeof columns === 'string' ? [columns] : columns
  const given = { source: sourceOf(source), columns: list, ...rules }
  return makeCheck('reconcile_keys', given, `keys_as_${labelOf(source)}`, options, 'table')
}

/** Each row, told by its key, is the source's, by a checksum over its columns. */
export function reconcileChecksums<const Column extends string>(
  source: ReconciliationSource,
  rules: { readonly key: readonly Column[]; readonly columns?: readonly Column[] },
  options?: CheckOptions,
): Check<Column> {
  const name = `checksums_as_${labelOf(source)}`
  return makeCheck('reconcile_checksums', { source: sourceOf(source), ...rules }, name, options, 'table')
}

/** How a figure is held against those of the asset's own past. */
export interface AnomalyOptions {
  /** So many standard deviations from the mean of the past are in line. Default 3. */
  readonly zScore?: number
  /** Instead: what is between two quantiles of the past, and `reach` times (default 1.5) their distance beyond them. */
  readonly quantiles?: { readonly low: number; readonly high: number; readonly reach?: number }
  /** With fewer values in the past, any value is in line. Default 5. */
  readonly minHistory?: number
  /** So many values of the past count, the newest. Default 30. */
  readonly maxHistory?: number
  /** What differs by no more than this share of the past's mean is in line in any case. Default 0. */
  readonly tolerance?: number
}

/** What is watched once it is published keeps nothing back. */
const watched = { layer: 'drift', blocking: false } as const

/** A number of rows in line with the asset's own past. Looks at what was published. */
export function volume(anomaly: AnomalyOptions = {}, options?: CheckOptions): Check<never> {
  return makeCheck('volume', anomaly, 'volume', { ...watched, ...options })
}

/** A column's values are spread as in the asset's own past. Looks at what was published. */
export function distribution<const Column extends string>(
  column: Column,
  anomaly: AnomalyOptions & {
    /** Default: `mean`, `deviation` and `nulls`. Times count as seconds since 1970. */
    readonly statistics?: readonly (
      'mean' | 'deviation' | 'min' | 'max' | 'median' | 'p05' | 'p25' | 'p75' | 'p95' | 'nulls' | 'distinct'
    )[]
  } = {},
  options?: CheckOptions,
): Check<Column> {
  return makeCheck('distribution', { column, ...anomaly }, `distribution_${column}`, { ...watched, ...options })
}
