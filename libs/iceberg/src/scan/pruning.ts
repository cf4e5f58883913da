import type { DataFile, FieldSummary } from '../manifest/data-file.js'
import { and, type BoundExpression, type BoundPredicate, or } from './expression.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { applyTransform } from '../partition/transform.js'
import { compareValues, decodeValue, type Value } from '../types/value.js'

/**
 * Which manifests and files may hold rows that a filter wants. Every answer of "no" is certain; "yes" may be wrong.
 * Spec: "Scan Planning".
 */

/** What is known of one column or partition field over a set of rows. */
interface Range {
  readonly type: BoundPredicate['type']
  /** False only when there certainly is no NULL. */
  readonly mayBeNull: boolean
  /** True only when there certainly is nothing but NULL. */
  readonly allNull: boolean
  /** NaN may be among the values; bounds say nothing about it. */
  readonly mayBeNan: boolean
  readonly lower: Value | undefined
  readonly upper: Value | undefined
  /** Every row has this value. */
  readonly only?: Value
}

/** May any row within the range meet the predicate? */
function mayMatch(predicate: BoundPredicate, range: Range): boolean {
  const { lower, upper } = range
  switch (predicate.op) {
    case 'is-null':
      return range.mayBeNull
    case 'not-null':
      return !range.allNull
    default:
  }
  if (range.allNull) return false
  switch (predicate.op) {
    // Engines order NaN above every number: all are below it, and it may meet `>` although no bound shows it.
    case 'lt':
      return lower === undefined || isNan(predicate.value) || order(lower, predicate.value) < 0
    case 'lte':
      return lower === undefined || isNan(predicate.value) || order(lower, predicate.value) <= 0
    case 'gt':
      return range.mayBeNan || upper === undefined || order(upper, predicate.value) > 0
    case 'gte':
      return range.mayBeNan || upper === undefined || order(upper, predicate.value) >= 0
    case 'eq':
      return mayEqual(predicate.value, range)
    case 'in':
      return predicate.values.some((value) => mayEqual(value, range))
    case 'neq':
      return range.only === undefined || order(range.only, predicate.value) !== 0
    case 'not-in': {
      const { only } = range
      return only === undefined || predicate.values.every((value) => order(only, value) !== 0)
    }
  }
}

/** As SQL compares: the two zeros are equal, although bounds tell them apart. */
function order(a: Value, b: Value): number {
  return a === b ? 0 : compareValues(a, b)
}

function isNan(value: Value): boolean {
  return typeof value === 'number' && Number.isNaN(value)
}

function mayEqual(value: Value, { lower, upper, mayBeNan }: Range): boolean {
  if (isNan(value)) return mayBeNan
  return (lower === undefined || order(lower, value) <= 0) && (upper === undefined || order(upper, value) >= 0)
}

function evaluate(expression: BoundExpression, leaf: (predicate: BoundPredicate) => boolean): boolean {
  switch (expression.op) {
    case 'true':
      return true
    case 'false':
      return false
    case 'and':
      return evaluate(expression.left, leaf) && evaluate(expression.right, leaf)
    case 'or':
      return evaluate(expression.left, leaf) || evaluate(expression.right, leaf)
    default:
      return leaf(expression)
  }
}

/** May the file hold a row that the filter wants, going by its column statistics? */
export function fileMayMatch(filter: BoundExpression, file: DataFile): boolean {
  if (file.recordCount === 0) return false
  return evaluate(filter, (predicate) => mayMatch(predicate, columnRange(predicate, file)))
}

function columnRange({ fieldId, type }: BoundPredicate, file: DataFile): Range {
  const nulls = file.nullCounts?.get(fieldId)
  const values = file.valueCounts?.get(fieldId)
  const nans = file.nanCounts?.get(fieldId)
  const lower = file.lowerBounds?.get(fieldId)
  const upper = file.upperBounds?.get(fieldId)
  return {
    type,
    mayBeNull: nulls !== 0,
    allNull: nulls !== undefined && values !== undefined && nulls === values,
    mayBeNan: (type.kind === 'float' || type.kind === 'double') && nans !== 0,
    lower: lower && usableBound(decodeValue(type, lower)),
    upper: upper && usableBound(decodeValue(type, upper)),
  }
}

/** Old writers left NaN as a bound, which bounds nothing. */
function usableBound(bound: Value): Value | undefined {
  return isNan(bound) ? undefined : bound
}

/** A filter on a spec's partition values that every partition with a wanted row meets. Its field ids are indexes. */
export function projectFilter(filter: BoundExpression, spec: readonly BoundPartitionField[]): BoundExpression {
  if (filter.op === 'and') return and(projectFilter(filter.left, spec), projectFilter(filter.right, spec))
  if (filter.op === 'or') return or(projectFilter(filter.left, spec), projectFilter(filter.right, spec))
  if (!('fieldId' in filter)) return filter
  let projected: BoundExpression = { op: 'true' }
  spec.forEach((bound, index) => {
    if (bound.field['source-id'] === filter.fieldId) projected = and(projected, projectPredicate(filter, bound, index))
  })
  return projected
}

/** Spec: "Scan Planning" — the inclusive projection of a predicate through a transform. */
function projectPredicate(predicate: BoundPredicate, bound: BoundPartitionField, index: number): BoundExpression {
  const { transform, sourceType } = bound
  const base = { fieldId: index, type: bound.type }
  const apply = (value: Value) => applyTransform(transform, sourceType, value) as Value
  if (transform.kind === 'void') return { op: 'true' }
  switch (predicate.op) {
    case 'is-null':
    case 'not-null':
      return { ...base, op: predicate.op }
    case 'eq':
      return { ...base, op: 'eq', value: apply(predicate.value) }
    case 'in':
      return { ...base, op: 'in', values: predicate.values.map(apply) }
    // Two source values may share a transformed one, so being unequal excludes nothing.
    case 'neq':
      return transform.kind === 'identity' ? { ...base, op: 'neq', value: predicate.value } : { op: 'true' }
    case 'not-in':
      return transform.kind === 'identity' ? { ...base, op: 'not-in', values: predicate.values } : { op: 'true' }
    default:
      if (transform.kind === 'bucket') return { op: 'true' }
      if (transform.kind === 'identity') return { ...base, op: predicate.op, value: predicate.value }
      // For the same reason a strict bound becomes inclusive.
      return {
        ...base,
        op: predicate.op === 'lt' || predicate.op === 'lte' ? 'lte' : 'gte',
        value: apply(predicate.value),
      }
  }
}

/** May the partition hold a wanted row? The filter is one of {@link projectFilter}. */
export function partitionMayMatch(projected: BoundExpression, partition: readonly (Value | null)[]): boolean {
  return evaluate(projected, (predicate) => {
    const value = partition[predicate.fieldId] ?? null
    return mayMatch(predicate, {
      type: predicate.type,
      mayBeNull: value === null,
      allNull: value === null,
      mayBeNan: value !== null && isNan(value),
      lower: value ?? undefined,
      upper: value ?? undefined,
      ...(value !== null && { only: value }),
    })
  })
}

/** May the manifest hold a wanted partition, going by its summary? The filter is one of {@link projectFilter}. */
export function manifestMayMatch(projected: BoundExpression, summaries: readonly FieldSummary[] | undefined): boolean {
  if (!summaries) return true
  return evaluate(projected, (predicate) => {
    const summary = summaries[predicate.fieldId]
    if (!summary) return true
    const { lowerBound, upperBound } = summary
    const noValues = lowerBound === undefined && upperBound === undefined
    return mayMatch(predicate, {
      type: predicate.type,
      mayBeNull: summary.containsNull,
      allNull: noValues && summary.containsNull && summary.containsNan === false,
      mayBeNan: (predicate.type.kind === 'float' || predicate.type.kind === 'double') && summary.containsNan !== false,
      lower: lowerBound && decodeValue(predicate.type, lowerBound),
      upper: upperBound && decodeValue(predicate.type, upperBound),
    })
  })
}
