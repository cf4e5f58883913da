import { and, type BoundExpression, type BoundPredicate, or } from './expression.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { applyTransform, sourceIds } from '../partition/transform.js'
import type { Primitive } from '../types/primitive.js'
import type { Value } from '../types/value.js'

/**
 * Filters on rows become filters on partition values, whose field ids are indexes of the spec.
 * Spec: "Scan Planning", inclusive and strict projection.
 */

type Project = (predicate: BoundPredicate, bound: BoundPartitionField, index: number) => BoundExpression

/** A filter on a spec's partition values that every partition with a wanted row meets. */
export function projectFilter(filter: BoundExpression, spec: readonly BoundPartitionField[]): BoundExpression {
  if (filter.op === 'and') return and(projectFilter(filter.left, spec), projectFilter(filter.right, spec))
  if (filter.op === 'or') return or(projectFilter(filter.left, spec), projectFilter(filter.right, spec))
  if (!('fieldId' in filter)) return filter
  return fieldsOf(filter, spec, inclusive).reduce(and, { op: 'true' })
}

/** A filter on a spec's partition values; in a partition that meets it, every row meets the predicate. */
export function projectStrictly(predicate: BoundPredicate, spec: readonly BoundPartitionField[]): BoundExpression {
  return fieldsOf(predicate, spec, strict).reduce(or, { op: 'false' })
}

function fieldsOf(
  predicate: BoundPredicate,
  spec: readonly BoundPartitionField[],
  project: Project,
): BoundExpression[] {
  return spec.flatMap((bound, index) =>
    sourceIds(bound.field).includes(predicate.fieldId) ? [project(predicate, bound, index)] : [],
  )
}

/** Values of a time transform from before 1970 that writers up to Iceberg 0.10 stored one too high. */
function mayBeOneHigher({ transform, sourceType }: BoundPartitionField, value: Value): boolean {
  const isTime =
    ['year', 'month', 'hour'].includes(transform.kind) || (transform.kind === 'day' && sourceType.kind !== 'date')
  return isTime && (value as number) < 0
}

/** Everything that partitions may have for the predicate's values. */
function storedValues(predicate: BoundPredicate, bound: BoundPartitionField): Value[] {
  const values = 'values' in predicate ? predicate.values : 'value' in predicate ? [predicate.value] : []
  return values.flatMap((source) => {
    const value = applyTransform(bound.transform, bound.sourceType, source) as Value
    return mayBeOneHigher(bound, value) ? [value, (value as number) + 1] : [value]
  })
}

function inclusive(predicate: BoundPredicate, bound: BoundPartitionField, index: number): BoundExpression {
  const { transform, sourceType } = bound
  const base = { fieldId: index, type: bound.type }
  const apply = (value: Value) => applyTransform(transform, sourceType, value) as Value
  if (transform.kind === 'void' || transform.kind === 'unknown') return { op: 'true' }
  if (transform.kind === 'identity') return { ...predicate, ...base }
  switch (predicate.op) {
    case 'is-null':
    case 'not-null':
      return { ...base, op: predicate.op }
    case 'eq':
    case 'in': {
      const stored = storedValues(predicate, bound)
      const [only] = stored
      return stored.length === 1 && only !== undefined
        ? { ...base, op: 'eq', value: only }
        : { ...base, op: 'in', values: stored }
    }
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte': {
      if (transform.kind === 'bucket') return { op: 'true' }
      // Two source values may share a transformed one, so a strict bound becomes inclusive.
      const value = apply(predicate.value)
      if (predicate.op === 'gt' || predicate.op === 'gte') return { ...base, op: 'gte', value }
      return { ...base, op: 'lte', value: mayBeOneHigher(bound, value) ? (value as number) + 1 : value }
    }
    case 'starts-with':
      if (transform.kind !== 'truncate') return { op: 'true' }
      return codePoints(predicate.value) < transform.width
        ? { ...base, op: 'starts-with', value: predicate.value }
        : { ...base, op: 'eq', value: apply(predicate.value) }
    case 'not-starts-with':
      if (transform.kind !== 'truncate' || codePoints(predicate.value) > transform.width) return { op: 'true' }
      return { ...base, op: 'not-starts-with', value: predicate.value }
    // Being unequal excludes nothing, for the same reason.
    case 'neq':
    case 'not-in':
    case 'is-nan':
    case 'not-nan':
      return { op: 'true' }
  }
}

function strict(predicate: BoundPredicate, bound: BoundPartitionField, index: number): BoundExpression {
  const { transform, sourceType } = bound
  const base = { fieldId: index, type: bound.type }
  const apply = (value: Value) => applyTransform(transform, sourceType, value) as Value
  if (transform.kind === 'void' || transform.kind === 'unknown') return { op: 'false' }
  if (transform.kind === 'identity') return { ...predicate, ...base }
  switch (predicate.op) {
    case 'is-null':
    case 'not-null':
      return { ...base, op: predicate.op }
    // Values that differ once transformed differed before.
    case 'neq':
    case 'not-in':
      return { ...base, op: 'not-in', values: storedValues(predicate, bound) }
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      if (transform.kind === 'bucket') return { op: 'false' }
      return strictBound(predicate.op, predicate.value, bound, index)
    case 'starts-with':
      if (transform.kind !== 'truncate' || codePoints(predicate.value) > transform.width) return { op: 'false' }
      return { ...base, op: 'starts-with', value: predicate.value }
    case 'not-starts-with':
      if (transform.kind !== 'truncate') return { op: 'false' }
      return codePoints(predicate.value) <= transform.width
        ? { ...base, op: 'not-starts-with', value: predicate.value }
        : { ...base, op: 'neq', value: apply(predicate.value) }
    case 'eq':
    case 'in':
    case 'is-nan':
    case 'not-nan':
      return { op: 'false' }
  }
}

/** Beyond the partition that the bound lies in, everything is on its side of the bound. */
function strictBound(
  op: 'lt' | 'lte' | 'gt' | 'gte',
  limit: Value,
  bound: BoundPartitionField,
  index: number,
): BoundExpression {
  const { transform, sourceType } = bound
  const isLower = op === 'gt' || op === 'gte'
  const beyond = op === 'lte' || op === 'gte' ? neighbour(sourceType, limit, isLower ? -1 : 1) : limit
  const value = applyTransform(transform, sourceType, beyond) as Value
  const base = { fieldId: index, type: bound.type }
  if (!isLower) return { ...base, op: 'lt', value }
  // What was stored one too high may be of the bound's own partition.
  return { ...base, op: 'gt', value: mayBeOneHigher(bound, value) ? (value as number) + 1 : value }
}

/** The value next to this one, where the type's values are integers; otherwise, and at the type's end, the same. */
function neighbour(type: Primitive, value: Value, step: 1 | -1): Value {
  if (typeof value === 'bigint') {
    const next = value + BigInt(step)
    return type.kind === 'decimal' || BigInt.asIntN(64, next) === next ? next : value
  }
  if (typeof value !== 'number' || (type.kind !== 'int' && type.kind !== 'date')) return value
  const next = value + step
  return (next | 0) === next ? next : value
}

function codePoints(text: string): number {
  return [...text].length
}
