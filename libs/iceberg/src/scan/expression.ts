import type { IcebergSchema, RuleValue } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { findField } from '../schema/schema.js'
import { formatPrimitive, type Primitive, parsePrimitive } from '../types/primitive.js'
import { toValue, type Value } from '../types/value.js'

/** A filter on rows, by column names, as callers write it. NULL never meets a comparison. */
export type Expression =
  | { readonly op: 'true' | 'false' }
  | { readonly op: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly op: 'not'; readonly child: Expression }
  | { readonly op: 'is-null' | 'not-null'; readonly column: string }
  | { readonly op: ComparisonOp; readonly column: string; readonly value: RuleValue }
  | { readonly op: 'in' | 'not-in'; readonly column: string; readonly values: readonly RuleValue[] }

export type ComparisonOp = 'lt' | 'lte' | 'gt' | 'gte' | 'eq' | 'neq'

/** A comparison on a field of the schema, without negation above it. */
export type BoundPredicate =
  | { readonly op: 'is-null' | 'not-null'; readonly fieldId: number; readonly type: Primitive }
  | { readonly op: ComparisonOp; readonly fieldId: number; readonly type: Primitive; readonly value: Value }
  | {
      readonly op: 'in' | 'not-in'
      readonly fieldId: number
      readonly type: Primitive
      readonly values: readonly Value[]
    }

/** A filter bound to a schema, negations pushed down to the predicates. */
export type BoundExpression =
  | { readonly op: 'true' | 'false' }
  | { readonly op: 'and' | 'or'; readonly left: BoundExpression; readonly right: BoundExpression }
  | BoundPredicate

const negated = {
  lt: 'gte',
  lte: 'gt',
  gt: 'lte',
  gte: 'lt',
  eq: 'neq',
  neq: 'eq',
  in: 'not-in',
  'not-in': 'in',
  'is-null': 'not-null',
  'not-null': 'is-null',
} as const

/**
 * Binds the filter's columns and values to the schema. Throws PHLO_ICEBERG_INVALID for an unknown column or a value that
 * is none of the column's type.
 */
export function bindExpression(expression: Expression, schema: IcebergSchema): BoundExpression {
  return bind(expression, schema, false)
}

function bind(expression: Expression, schema: IcebergSchema, negate: boolean): BoundExpression {
  switch (expression.op) {
    case 'true':
    case 'false':
      return { op: (expression.op === 'true') !== negate ? 'true' : 'false' }
    case 'not':
      return bind(expression.child, schema, !negate)
    case 'and':
    case 'or': {
      const left = bind(expression.left, schema, negate)
      const right = bind(expression.right, schema, negate)
      return (expression.op === 'and') !== negate ? and(left, right) : or(left, right)
    }
    default:
      return bindPredicate(expression, schema, negate)
  }
}

function bindPredicate(
  expression: Exclude<Expression, { op: 'true' | 'false' | 'and' | 'or' | 'not' }>,
  schema: IcebergSchema,
  negate: boolean,
): BoundPredicate {
  const field = findField(schema, expression.column)
  if (!field || typeof field.type !== 'string')
    throw invalid('filter', `there is no column ${expression.column} of a plain type`)
  const type = parsePrimitive(field.type)
  const base = { fieldId: field.id, type }
  const convert = (input: RuleValue): Value => {
    const value = toValue(type, input)
    if (value === undefined)
      throw invalid(
        'filter',
        `${JSON.stringify(String(input))} is no ${formatPrimitive(type)}, as ${expression.column} is`,
      )
    return value
  }
  const op = negate ? negated[expression.op] : expression.op
  if ('values' in expression) return { ...base, op: op as 'in' | 'not-in', values: expression.values.map(convert) }
  if ('value' in expression) return { ...base, op: op as ComparisonOp, value: convert(expression.value) }
  return { ...base, op: op as 'is-null' | 'not-null' }
}

export function and(left: BoundExpression, right: BoundExpression): BoundExpression {
  if (left.op === 'false' || right.op === 'true') return left
  if (right.op === 'false' || left.op === 'true') return right
  return { op: 'and', left, right }
}

export function or(left: BoundExpression, right: BoundExpression): BoundExpression {
  if (left.op === 'true' || right.op === 'false') return left
  if (right.op === 'true' || left.op === 'false') return right
  return { op: 'or', left, right }
}

/** The ids of the fields that the filter looks at. */
export function referencedFields(expression: BoundExpression): Set<number> {
  const ids = new Set<number>()
  const visit = (node: BoundExpression): void => {
    if ('left' in node) {
      visit(node.left)
      visit(node.right)
    } else if ('fieldId' in node) ids.add(node.fieldId)
  }
  visit(expression)
  return ids
}
