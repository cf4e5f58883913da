import type { IcebergSchema, NestedField, RuleValue } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { findField } from '../schema/schema.js'
import { formatPrimitive, isStruct, type Primitive, parsePrimitive } from '../types/primitive.js'
import { toValue, type Value } from '../types/value.js'

/**
 * A filter on rows, by column names, as callers write it. As in SQL, NULL meets nothing but `is-null`, also where a
 * predicate is negated.
 */
export type Expression =
  | { readonly op: 'true' | 'false' }
  | { readonly op: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly op: 'not'; readonly child: Expression }
  | { readonly op: 'is-null' | 'not-null'; readonly column: string }
  /** Of a float or double column. */
  | { readonly op: 'is-nan' | 'not-nan'; readonly column: string }
  | { readonly op: ComparisonOp; readonly column: string; readonly value: RuleValue }
  /** Of a string column. */
  | { readonly op: PrefixOp; readonly column: string; readonly value: string }
  | { readonly op: 'in' | 'not-in'; readonly column: string; readonly values: readonly RuleValue[] }

export type ComparisonOp = 'lt' | 'lte' | 'gt' | 'gte' | 'eq' | 'neq'
type PrefixOp = 'starts-with' | 'not-starts-with'
type UnaryOp = 'is-null' | 'not-null' | 'is-nan' | 'not-nan'

/** A comparison on a field of the schema, without negation above it. */
export type BoundPredicate =
  | { readonly op: UnaryOp; readonly fieldId: number; readonly type: Primitive }
  | { readonly op: ComparisonOp; readonly fieldId: number; readonly type: Primitive; readonly value: Value }
  | { readonly op: PrefixOp; readonly fieldId: number; readonly type: Primitive; readonly value: string }
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
  'is-nan': 'not-nan',
  'not-nan': 'is-nan',
  'starts-with': 'not-starts-with',
  'not-starts-with': 'starts-with',
} as const

export interface BindOptions {
  /** With `false`, columns are found whatever the case of their names. Default true. */
  readonly caseSensitive?: boolean
}

/**
 * Binds the filter's columns and values to the schema. Throws PHLO_ICEBERG_INVALID for an unknown or ambiguous column, or
 * a value or predicate that does not suit the column's type.
 */
export function bindExpression(
  expression: Expression,
  schema: IcebergSchema,
  { caseSensitive = true }: BindOptions = {},
): BoundExpression {
  const find = caseSensitive
    ? (column: string) => findField(schema, column)
    : (column: string) => findInAnyCase(schema.fields, column)
  return bind(expression, find, false)
}

type FindColumn = (column: string) => NestedField | undefined

/** The top-level or nested field whose dotted name differs in case only. */
function findInAnyCase(fields: readonly NestedField[], column: string): NestedField | undefined {
  const wanted = column.toLowerCase()
  const found = fields.flatMap((field) => {
    const name = field.name.toLowerCase()
    if (name === wanted) return [field]
    const nested =
      isStruct(field.type) && wanted.startsWith(`${name}.`)
        ? findInAnyCase(field.type.fields, wanted.slice(name.length + 1))
        : undefined
    return nested ? [nested] : []
  })
  if (found.length > 1) throw invalid('filter', `${column} names several columns when case is ignored`)
  return found[0]
}

function bind(expression: Expression, find: FindColumn, negate: boolean): BoundExpression {
  switch (expression.op) {
    case 'true':
    case 'false':
      return { op: (expression.op === 'true') !== negate ? 'true' : 'false' }
    case 'not':
      return bind(expression.child, find, !negate)
    case 'and':
    case 'or': {
      const left = bind(expression.left, find, negate)
      const right = bind(expression.right, find, negate)
      return (expression.op === 'and') !== negate ? and(left, right) : or(left, right)
    }
    default:
      return bindPredicate(expression, find, negate)
  }
}

function bindPredicate(
  expression: Exclude<Expression, { op: 'true' | 'false' | 'and' | 'or' | 'not' }>,
  find: FindColumn,
  negate: boolean,
): BoundPredicate {
  const field = find(expression.column)
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
  const needs = (fits: boolean, kind: string) => {
    if (!fits) throw invalid('filter', `${expression.op} needs a ${kind} column, and ${expression.column} is none`)
  }
  if ('values' in expression) return { ...base, op: op as 'in' | 'not-in', values: expression.values.map(convert) }
  if (expression.op === 'starts-with' || expression.op === 'not-starts-with') {
    needs(type.kind === 'string', 'string')
    return { ...base, op: op as PrefixOp, value: expression.value }
  }
  if ('value' in expression) return { ...base, op: op as ComparisonOp, value: convert(expression.value) }
  if (expression.op === 'is-nan' || expression.op === 'not-nan')
    needs(type.kind === 'float' || type.kind === 'double', 'float or double')
  return { ...base, op: op as UnaryOp }
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
