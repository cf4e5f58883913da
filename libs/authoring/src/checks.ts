import { re2Pattern } from '@phlo/schema'
import { type Check, type CheckOptions, makeCheck } from './check-options.js'
import { type Duration, milliseconds } from './durations.js'

type Limit = number | bigint | string

/** No NULL. */
export function notNull<const Column extends string>(
  columns: Column | readonly Column[],
  options?: CheckOptions,
): Check<Column> {
  const list = typeof columns === 'string' ? [columns] : columns
  return makeCheck('null', { columns: list }, `not_null_${list.join('_')}`, options)
}

/** No two rows with the same values, over the whole table. */
export function unique<const Column extends string>(
  columns: Column | readonly Column[],
  options?: CheckOptions,
): Check<Column> {
  const list = typeof columns === 'string' ? [columns] : columns
  return makeCheck('unique', { columns: list }, `unique_${list.join('_')}`, options, 'table')
}

/** Values within limits, both inclusive. */
export function range<const Column extends string>(
  column: Column,
  limits: { readonly min?: Limit; readonly max?: Limit },
  options?: CheckOptions,
): Check<Column> {
  return makeCheck('range', { column, ...limits }, `range_${column}`, options)
}

/** Values from a list. */
export function acceptedValues<const Column extends string>(
  column: Column,
  values: readonly (string | number | boolean)[],
  options?: CheckOptions,
): Check<Column> {
  return makeCheck('accepted_values', { column, values }, `accepted_values_${column}`, options)
}

/** Text in which the pattern is found: a regular expression of JavaScript, or a text in RE2's syntax. */
export function pattern<const Column extends string>(
  column: Column,
  regex: RegExp | string,
  options?: CheckOptions,
): Check<Column> {
  return makeCheck(
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
  return makeCheck('length', { column, ...limits }, `length_${column}`, options)
}

/** A number of rows within limits, both inclusive. */
export function count(limits: { readonly min?: number; readonly max?: number }, options?: CheckOptions): Check<never> {
  return makeCheck('count', limits, 'count', options)
}

/** The newest value is no older than that. Does not block publishing unless told to: old data is no worse published. */
export function fresh<const Column extends string>(
  column: Column,
  maxAge: Duration,
  options?: CheckOptions,
): Check<Column> {
  return makeCheck(
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
  return makeCheck(
    'referential',
    { column, to: typeof table === 'string' ? table : table.key, field },
    `refers_${column}`,
    options,
  )
}

/** A SQL condition that must hold for every row. */
export function holds(condition: string, options: CheckOptions & { readonly name: string }): Check<never> {
  return makeCheck('custom_sql', { condition }, options.name, options)
}

/** A SELECT of the rows that are wrong; `namespace.table` names are read at the run's branch. */
export function noRows(failingRows: string, options: CheckOptions & { readonly name: string }): Check<never> {
  return makeCheck('custom_sql', { failingRows }, options.name, options, 'table')
}

/** A check of a kind that a plugin brings. */
export function check(
  kind: string,
  kindOptions: unknown,
  options: CheckOptions & { readonly name: string },
): Check<never> {
  return makeCheck(kind, kindOptions, options.name, options)
}
