import type { FieldSummary } from '../manifest/data-file.js'
import type { FileStatistics } from '../manifest/file-statistics.js'
import { and, type BoundExpression, type BoundPredicate, or } from './expression.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { applyTransform, sourceIds } from '../partition/transform.js'
import type { Primitive } from '../types/primitive.js'
import { compareValues, decodeValue, type Value } from '../types/value.js'

/**
 * Which manifests and files may hold rows that a filter wants. Every answer of "no" is certain; "yes" may be wrong.
 * Spec: "Scan Planning".
 */

/** What is known of one column or partition field over a set of rows. */
interface Range {
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
    case 'lte': {
      const { lower } = range
      if (lower === undefined || isNan(predicate.value)) return true
      const compared = order(lower, predicate.value)
      return compared < 0 || (compared === 0 && predicate.op === 'lte')
    }
    case 'gt':
    case 'gte': {
      if (range.mayBeNan) return true
      const { upper } = range
      if (upper === undefined) return true
      const compared = order(upper, predicate.value)
      return compared > 0 || (compared === 0 && predicate.op === 'gte')
    }
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

function mayEqual(value: Value, range: Range): boolean {
  if (isNan(value)) return range.mayBeNan
  const { lower } = range
  if (lower !== undefined && order(lower, value) > 0) return false
  const { upper } = range
  return upper === undefined || order(upper, value) >= 0
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
export function fileMayMatch(filter: BoundExpression, file: FileStatistics): boolean {
  if (file.recordCount === 0) return false
  return evaluate(filter, (predicate) => mayMatch(predicate, new ColumnRange(predicate, file)))
}

/** The range of a file's column. What a predicate does not ask for is not decoded. */
class ColumnRange implements Range {
  private readonly fieldId: number
  private readonly type: Primitive
  private readonly file: FileStatistics

  constructor({ fieldId, type }: BoundPredicate, file: FileStatistics) {
    this.fieldId = fieldId
    this.type = type
    this.file = file
  }

  get mayBeNull(): boolean {
    return this.file.nullCount(this.fieldId) !== 0
  }
  get allNull(): boolean {
    const nulls = this.file.nullCount(this.fieldId)
    return nulls !== undefined && nulls === this.file.valueCount(this.fieldId)
  }
  get mayBeNan(): boolean {
    const { kind } = this.type
    return (kind === 'float' || kind === 'double') && this.file.nanCount(this.fieldId) !== 0
  }
  get lower(): Value | undefined {
    return usableBound(this.file.lowerBound(this.fieldId, this.type))
  }
  get upper(): Value | undefined {
    return usableBound(this.file.upperBound(this.fieldId, this.type))
  }
}

/** Old writers left NaN as a bound, which bounds nothing. */
function usableBound(bound: Value | undefined): Value | undefined {
  return bound !== undefined && isNan(bound) ? undefined : bound
}

/** A filter on a spec's partition values that every partition with a wanted row meets. Its field ids are indexes. */
export function projectFilter(filter: BoundExpression, spec: readonly BoundPartitionField[]): BoundExpression {
  if (filter.op === 'and') return and(projectFilter(filter.left, spec), projectFilter(filter.right, spec))
  if (filter.op === 'or') return or(projectFilter(filter.left, spec), projectFilter(filter.right, spec))
  if (!('fieldId' in filter)) return filter
  let projected: BoundExpression = { op: 'true' }
  spec.forEach((bound, index) => {
    if (sourceIds(bound.field).includes(filter.fieldId))
      projected = and(projected, projectPredicate(filter, bound, index))
  })
  return projected
}

/** Spec: "Scan Planning" — the inclusive projection of a predicate through a transform. */
function projectPredicate(predicate: BoundPredicate, bound: BoundPartitionField, index: number): BoundExpression {
  const { transform, sourceType } = bound
  const base = { fieldId: index, type: bound.type }
  const apply = (value: Value) => applyTransform(transform, sourceType, value) as Value
  if (transform.kind === 'void' || transform.kind === 'unknown') return { op: 'true' }
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
      mayBeNull: summary.containsNull,
      allNull: noValues && summary.containsNull && summary.containsNan === false,
      mayBeNan: (predicate.type.kind === 'float' || predicate.type.kind === 'double') && summary.containsNan !== false,
      lower: lowerBound && decodeValue(predicate.type, lowerBound),
      upper: upperBound && decodeValue(predicate.type, upperBound),
    })
  })
}
