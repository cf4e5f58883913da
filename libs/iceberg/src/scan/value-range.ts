import type { BoundPredicate } from './expression.js'
import { compareValues, type Value } from '../types/value.js'

/** What is known of one column or partition field over a set of rows. */
export interface ValueRange {
  /** False only when there certainly is no NULL. */
  readonly mayBeNull: boolean
  /** True only when there certainly is nothing but NULL. */
  readonly allNull: boolean
  /** NaN may be among the values; bounds say nothing about it. */
  readonly mayBeNan: boolean
  /** True only when there certainly is nothing but NaN. */
  readonly allNan: boolean
  /** No value is below; `undefined` when not known. */
  readonly lower: Value | undefined
  /** No value is above; `undefined` when not known. */
  readonly upper: Value | undefined
}

/** May any row within the range meet the predicate? "No" is certain. Asks the range for no more than it needs. */
export function mayMatch(predicate: BoundPredicate, range: ValueRange): boolean {
  if (predicate.op === 'is-null') return range.mayBeNull
  if (range.allNull) return false
  switch (predicate.op) {
    case 'not-null':
      return true
    case 'is-nan':
      return range.mayBeNan
    case 'not-nan':
      return !range.allNan
    // Engines order NaN above every number: all are below it, and it may meet `>` although no bound shows it.
    case 'lt':
      return isNan(predicate.value) || !(compareTo(range.lower, predicate.value) >= 0)
    case 'lte':
      return isNan(predicate.value) || !(compareTo(range.lower, predicate.value) > 0)
    case 'gt':
      return range.mayBeNan || !(compareTo(range.upper, predicate.value) <= 0)
    case 'gte':
      return range.mayBeNan || !(compareTo(range.upper, predicate.value) < 0)
    case 'eq':
      return mayEqual(predicate.value, range)
    case 'in':
      return predicate.values.some((value) => mayEqual(value, range))
    case 'neq':
      return !mustEqual(predicate.value, range)
    case 'not-in':
      return !predicate.values.some((value) => mustEqual(value, range))
    case 'starts-with':
      return !isOutside(predicate.value, range)
    case 'not-starts-with':
      return !isWithin(predicate.value, range)
  }
}

/**
 * Does every row within the range meet the predicate, whether the engine orders NaN or not? "Yes" is certain. Asks the
 * range for no more than it needs.
 */
export function mustMatch(predicate: BoundPredicate, range: ValueRange): boolean {
  if (predicate.op === 'is-null') return range.allNull
  if (range.mayBeNull) return false
  switch (predicate.op) {
    case 'not-null':
      return true
    case 'is-nan':
      return range.allNan
    case 'not-nan':
      return !range.mayBeNan
    case 'lt':
      return isComparable(predicate.value, range) && compareTo(range.upper, predicate.value) < 0
    case 'lte':
      return isComparable(predicate.value, range) && compareTo(range.upper, predicate.value) <= 0
    case 'gt':
      return isComparable(predicate.value, range) && compareTo(range.lower, predicate.value) > 0
    case 'gte':
      return isComparable(predicate.value, range) && compareTo(range.lower, predicate.value) >= 0
    case 'eq':
      return mustEqual(predicate.value, range)
    case 'in':
      return predicate.values.some((value) => mustEqual(value, range))
    case 'neq':
      return !mayEqual(predicate.value, range)
    case 'not-in':
      return !predicate.values.some((value) => mayEqual(value, range))
    case 'starts-with':
      return isWithin(predicate.value, range)
    case 'not-starts-with':
      return isOutside(predicate.value, range)
  }
}

/** May both hold the same value, or both NULL or NaN? "No" is certain. */
export function mayShareValue(a: ValueRange, b: ValueRange): boolean {
  if ((a.mayBeNull && b.mayBeNull) || (a.mayBeNan && b.mayBeNan)) return true
  if (a.allNull || b.allNull || a.allNan || b.allNan) return false
  const below = (upper: Value | undefined, lower: Value | undefined) =>
    lower !== undefined && compareTo(upper, lower) < 0
  return !below(a.upper, b.lower) && !below(b.upper, a.lower)
}

/** As SQL compares: the two zeros are equal, although bounds tell them apart. NaN when the bound is not known. */
function compareTo(bound: Value | undefined, value: Value): number {
  if (bound === undefined) return NaN
  return bound === value ? 0 : compareValues(bound, value)
}

export function isNan(value: Value): boolean {
  return typeof value === 'number' && Number.isNaN(value)
}

function isComparable(value: Value, range: ValueRange): boolean {
  return !range.mayBeNan && !isNan(value)
}

function mayEqual(value: Value, range: ValueRange): boolean {
  if (isNan(value)) return range.mayBeNan
  return !range.allNan && !(compareTo(range.lower, value) > 0) && !(compareTo(range.upper, value) < 0)
}

/** Is every value that is not NULL this one? */
function mustEqual(value: Value, range: ValueRange): boolean {
  return isComparable(value, range) && compareTo(range.lower, value) === 0 && compareTo(range.upper, value) === 0
}

/** Does every value start with the prefix? */
function isWithin(prefix: string, { lower, upper }: ValueRange): boolean {
  return startsWith(lower, prefix) && startsWith(upper, prefix)
}

/** Does no value start with the prefix? All are below it, or above and beyond what starts with it. */
function isOutside(prefix: string, range: ValueRange): boolean {
  const { lower } = range
  return compareTo(range.upper, prefix) < 0 || (compareTo(lower, prefix) > 0 && !startsWith(lower, prefix))
}

function startsWith(bound: Value | undefined, prefix: string): boolean {
  return typeof bound === 'string' && bound.startsWith(prefix)
}
