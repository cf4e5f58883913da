import type { AssetCheck, CheckScope, Severity } from '@phlo/core'
import { re2Pattern } from '@phlo/schema'
import { declaredAt } from './declared-at.js'
import { type Duration, milliseconds } from './durations.js'

/** What every check can be told. */
export interface CheckOptions {
  /** Under this name its results are kept. */
  readonly name?: string
  /** Default `error`. */
  readonly severity?: Severity
  /** Whether a failure keeps the run from being published. Default true. */
  readonly blocking?: boolean
  /** The share of failing rows that still passes, 0 to 1. */
  readonly allow?: number
  /** The share of failing rows up to which a failure only warns. */
  readonly warn?: number
  /** `partition` (default): the rows of the run's partitions. `table`: all rows. `{ days }`: those of the last days. */
  readonly scope?: CheckScope
  /** The column that tells a row's partition. Default: that of the asset's partitions. */
  readonly partitionColumn?: string
  /**
   * `table` (default): on the run's branch, before it is published. `drift`: on main, once it is published, so that it
   * keeps nothing back.
   */
  readonly layer?: 'table' | 'drift'
}

/** A check on columns of these names, which lets the compiler hold it against a table. */
export interface Check<out Column extends string> {
  readonly check: AssetCheck
  /** Never set: carries the names. */
  readonly columns?: Column
}

function make<Column extends string>(
  kind: string,
  options: unknown,
  name: string,
  given: CheckOptions = {},
  defaultScope: CheckScope = 'partition',
): Check<Column> {
  const location = declaredAt()
  return {
    check: {
      kind,
      options,
      name: given.name ?? name,
      severity: given.severity ?? 'error',
      blocking: given.blocking ?? true,
      ...(given.allow !== undefined && { allowThreshold: given.allow }),
      ...(given.warn !== undefined && { warnThreshold: given.warn }),
      scope: given.scope ?? defaultScope,
      ...(given.partitionColumn !== undefined && { partitionColumn: given.partitionColumn }),
      layer: given.layer ?? 'table',
      source: 'phlo',
      ...(location && { location }),
    },
  }
}

type Limit = number | bigint | string

/** No NULL. */
export function notNull<const Column extends string>(
  columns: Column | readonly Column[],
  options?: CheckOptions,
): Check<Column> {
  const list = typeof columns === 'string' ? [columns] : columns
  return make('null', { columns: list }, `not_null_${list.join('_')}`, options)
}

/** No two rows with the same values, over the whole table. */
export function unique<const Column extends string>(
  columns: Column | readonly Column[],
  options?: CheckOptions,
): Check<Column> {
  const list = typeof columns === 'string' ? [columns] : columns
  return make('unique', { columns: list }, `unique_${list.join('_')}`, options, 'table')
}

/** Values within limits, both inclusive. */
export function range<const Column extends string>(
  column: Column,
  limits: { readonly min?: Limit; readonly max?: Limit },
  options?: CheckOptions,
): Check<Column> {
  return make('range', { column, ...limits }, `range_${column}`, options)
}

/** Values from a list. */
export function acceptedValues<const Column extends string>(
  column: Column,
  values: readonly (string | number | boolean)[],
  options?: CheckOptions,
): Check<Column> {
  return make('accepted_values', { column, values }, `accepted_values_${column}`, options)
}

/** Text in which the pattern is found: a regular expression of JavaScript, or a text in RE2's syntax. */
export function pattern<const Column extends string>(
  column: Column,
  regex: RegExp | string,
  options?: CheckOptions,
): Check<Column> {
  return make(
    'pattern',
    { column, pattern: typeof regex === 'string' ? regex : inlineFlags(regex) + re2Pattern(regex, column) },
    `pattern_${column}`,
    options,
  )
}

/** Engines that check patterns take the flag within the pattern. */
function inlineFlags({ ignoreCase }: RegExp): string {
  return ignoreCase ? '(?i)' : ''
}

/** Text of a length within limits, both inclusive. */
export function length<const Column extends string>(
  column: Column,
  limits: { readonly min?: number; readonly max?: number },
  options?: CheckOptions,
): Check<Column> {
  return make('length', { column, ...limits }, `length_${column}`, options)
}

/** A number of rows within limits, both inclusive. */
export function count(limits: { readonly min?: number; readonly max?: number }, options?: CheckOptions): Check<never> {
  return make('count', limits, 'count', options)
}

/** The newest value is no older than that. Does not block publishing unless told to: old data is no worse published. */
export function fresh<const Column extends string>(
  column: Column,
  maxAge: Duration,
  options?: CheckOptions,
): Check<Column> {
  return make(
    'freshness',
    { column, maxAge: milliseconds(maxAge) / 3_600_000 },
    `fresh_${column}`,
    { blocking: false, ...options },
    'table',
  )
}

/** Every value is one of another table's column. */
export function refersTo<const Column extends string>(
  column: Column,
  table: { readonly key: string } | string,
  field: string,
  options?: CheckOptions,
): Check<Column> {
  return make(
    'referential',
    { column, to: typeof table === 'string' ? table : table.key, field },
    `refers_${column}`,
    options,
  )
}

/** A SQL condition that must hold for every row. */
export function holds(condition: string, options: CheckOptions & { readonly name: string }): Check<never> {
  return make('custom_sql', { condition }, options.name, options)
}

/** A SELECT of the rows that are wrong; `namespace.table` names are read at the run's branch. */
export function noRows(failingRows: string, options: CheckOptions & { readonly name: string }): Check<never> {
  return make('custom_sql', { failingRows }, options.name, options, 'table')
}

/** A check of a kind that a plugin brings. */
export function check(
  kind: string,
  kindOptions: unknown,
  options: CheckOptions & { readonly name: string },
): Check<never> {
  return make(kind, kindOptions, options.name, options)
}
