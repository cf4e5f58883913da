import { type DataFile, type FieldSummary, fileContent } from '../manifest/data-file.js'
import type { BoundExpression, BoundPredicate } from './expression.js'
import { type FileStatistics, statisticsOf } from '../manifest/file-statistics.js'
import type { Primitive } from '../types/primitive.js'
import { decodeValue, type Value } from '../types/value.js'
import { isNan, mayMatch, mustMatch, type ValueRange } from './value-range.js'

/**
 * Which manifests and files may hold rows that a filter wants, and of which files it wants all rows.
 * Spec: "Scan Planning".
 */

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

/** May the file hold a row that the filter wants, going by its column statistics? "No" is certain. */
export function fileMayMatch(filter: BoundExpression, file: FileStatistics): boolean {
  if (file.recordCount === 0) return false
  return evaluate(filter, (predicate) => mayMatch(predicate, new ColumnRange(predicate, file)))
}

/** Does the filter want every row of the file, going by its column statistics? "Yes" is certain. */
export function fileMustMatch(filter: BoundExpression, file: FileStatistics): boolean {
  if (file.recordCount === 0) return true
  return evaluate(filter, (predicate) => mustMatch(predicate, new ColumnRange(predicate, file)))
}

/** The range of a file's column. What a predicate does not ask for is not decoded. */
export class ColumnRange implements ValueRange {
  private readonly fieldId: number
  private readonly type: Primitive
  private readonly file: FileStatistics

  constructor({ fieldId, type }: Pick<BoundPredicate, 'fieldId' | 'type'>, file: FileStatistics) {
    this.fieldId = fieldId
    this.type = type
    this.file = file
  }

  get mayBeNull(): boolean {
    // Below a struct that is NULL, some writers count neither value nor NULL.
    return this.file.nullCount(this.fieldId) !== 0 || this.file.valueCount(this.fieldId) !== this.file.recordCount
  }
  get allNull(): boolean {
    const nulls = this.file.nullCount(this.fieldId)
    return nulls !== undefined && nulls === this.file.valueCount(this.fieldId)
  }
  get mayBeNan(): boolean {
    return this.isFloating && this.file.nanCount(this.fieldId) !== 0
  }
  get allNan(): boolean {
    if (!this.isFloating) return false
    const nans = this.file.nanCount(this.fieldId)
    return nans !== undefined && nans === this.file.valueCount(this.fieldId)
  }
  get lower(): Value | undefined {
    return usableBound(this.file.lowerBound(this.fieldId, this.type))
  }
  get upper(): Value | undefined {
    return usableBound(this.file.upperBound(this.fieldId, this.type))
  }

  private get isFloating(): boolean {
    return this.type.kind === 'float' || this.type.kind === 'double'
  }
}

/** Old writers left NaN as a bound, which bounds nothing. */
function usableBound(bound: Value | undefined): Value | undefined {
  return bound !== undefined && isNan(bound) ? undefined : bound
}

/** May the partition hold a wanted row? The filter is one of `projectFilter`. */
export function partitionMayMatch(projected: BoundExpression, partition: readonly (Value | null)[]): boolean {
  return evaluate(projected, (predicate) => mayMatch(predicate, valueRange(partition[predicate.fieldId] ?? null)))
}

/** Is every row of the partition wanted? The filter is one of `projectStrictly`. */
export function partitionMustMatch(projected: BoundExpression, partition: readonly (Value | null)[]): boolean {
  return evaluate(projected, (predicate) => mustMatch(predicate, valueRange(partition[predicate.fieldId] ?? null)))
}

/** One value, and nothing else. */
function valueRange(value: Value | null): ValueRange {
  const nan = value !== null && isNan(value)
  const bound = value === null || nan ? undefined : value
  return { mayBeNull: value === null, allNull: value === null, mayBeNan: nan, allNan: nan, lower: bound, upper: bound }
}

/** May the manifest hold a wanted partition, going by its summary? The filter is one of `projectFilter`. */
export function manifestMayMatch(projected: BoundExpression, summaries: readonly FieldSummary[] | undefined): boolean {
  if (!summaries) return true
  return evaluate(projected, (predicate) => {
    const summary = summaries[predicate.fieldId]
    if (!summary) return true
    const { type } = predicate
    const { lowerBound, upperBound } = summary
    const isFloating = type.kind === 'float' || type.kind === 'double'
    const noValues = lowerBound === undefined && upperBound === undefined
    return mayMatch(predicate, {
      mayBeNull: summary.containsNull,
      allNull: noValues && summary.containsNull && summary.containsNan === false,
      mayBeNan: isFloating && summary.containsNan !== false,
      allNan: false,
      lower: lowerBound && usableBound(decodeValue(type, lowerBound)),
      upper: upperBound && usableBound(decodeValue(type, upperBound)),
    })
  })
}

/**
 * May the file of deletes delete a wanted row? "No" is certain: the rows that it deletes are equal to its own in the
 * equality columns, whose statistics it has. Of position deletes nothing is known.
 */
export function equalityMayMatch(filter: BoundExpression, deletes: DataFile): boolean {
  if (deletes.content !== fileContent.equalityDeletes) return true
  const statistics = statisticsOf(deletes)
  return evaluate(
    filter,
    (predicate) =>
      deletes.equalityIds?.includes(predicate.fieldId) !== true ||
      mayMatch(predicate, new ColumnRange(predicate, statistics)),
  )
}
