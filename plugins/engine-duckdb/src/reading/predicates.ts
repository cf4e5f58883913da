import { type Expression, parsePrimitive, type Primitive } from '@phlo/iceberg'
import type { NestedField, SqlParameter } from '@phlo/ports'
import { constantOf, valueText } from './sql-constant.js'
import type { ExpressionNode } from './syntax-tree.js'

/** The field of the table in question that a column reference means, if it certainly means one. */
export type ResolveColumn = (names: readonly string[]) => NestedField | undefined

type Comparison = Extract<Expression, { value: unknown }>['op']

const comparisons: Readonly<Record<string, Comparison>> = {
  COMPARE_EQUAL: 'eq',
  COMPARE_NOTEQUAL: 'neq',
  COMPARE_LESSTHAN: 'lt',
  COMPARE_LESSTHANOREQUALTO: 'lte',
  COMPARE_GREATERTHAN: 'gt',
  COMPARE_GREATERTHANOREQUALTO: 'gte',
}

const mirrored: Readonly<Record<string, Comparison>> = {
  eq: 'eq',
  neq: 'neq',
  lt: 'gt',
  lte: 'gte',
  gt: 'lt',
  gte: 'lte',
}

/** What SQL says of the rows of one table. */
export class Predicates {
  private readonly resolve: ResolveColumn
  private readonly parameters: readonly SqlParameter[]

  constructor(resolve: ResolveColumn, parameters: readonly SqlParameter[]) {
    this.resolve = resolve
    this.parameters = parameters
  }

  /** A filter that every row of the table meets for which the condition is true; `undefined` when nothing is certain. */
  implied(node: ExpressionNode): Expression | undefined {
    if (node.type === 'CONJUNCTION_AND') return all((node.children ?? []).map((child) => this.implied(child)))
    if (node.type === 'CONJUNCTION_OR') return any((node.children ?? []).map((child) => this.implied(child)))
    return this.exact(node)
  }

  /** A filter that is true, false or unknown for the same rows as the condition. */
  exact(node: ExpressionNode): Expression | undefined {
    const children = node.children ?? []
    switch (node.type) {
      case 'CONJUNCTION_AND': {
        const parts = children.map((child) => this.exact(child))
        return parts.includes(undefined) ? undefined : all(parts)
      }
      case 'CONJUNCTION_OR':
        return any(children.map((child) => this.exact(child)))
      case 'OPERATOR_NOT': {
        const child = children[0] && this.exact(children[0])
        return child && { op: 'not', child }
      }
      case 'OPERATOR_IS_NULL':
      case 'OPERATOR_IS_NOT_NULL': {
        const column = this.column(children[0])
        return column && { op: node.type === 'OPERATOR_IS_NULL' ? 'is-null' : 'not-null', column: column.name }
      }
      case 'COMPARE_IN':
      case 'COMPARE_NOT_IN':
        return this.membership(node.type === 'COMPARE_IN' ? 'in' : 'not-in', children)
      case 'COMPARE_BETWEEN':
      case 'COMPARE_NOT_BETWEEN': {
        const low = this.comparison('gte', node.input, node.lower)
        const high = this.comparison('lte', node.input, node.upper)
        const between = low && high && all([low, high])
        return between && node.type === 'COMPARE_NOT_BETWEEN' ? { op: 'not', child: between } : between
      }
      case 'COLUMN_REF': {
        const column = this.column(node)
        return column?.type.kind === 'boolean' ? { op: 'eq', column: column.name, value: true } : undefined
      }
      case 'FUNCTION':
        return this.prefix(node)
      default: {
        const op = comparisons[node.type ?? '']
        return op && this.comparison(op, node.left, node.right)
      }
    }
  }

  private column(node: ExpressionNode | undefined): { name: string; type: Primitive } | undefined {
    const field = node?.class === 'COLUMN_REF' ? this.resolve(node.column_names ?? []) : undefined
    return field && typeof field.type === 'string' ? { name: field.name, type: parsePrimitive(field.type) } : undefined
  }

  private comparison(
    op: Comparison,
    left: ExpressionNode | undefined,
    right: ExpressionNode | undefined,
  ): Expression | undefined {
    const column = this.column(left)
    if (!column) return this.column(right) && this.comparison(mirrored[op] as Comparison, right, left)
    const value = this.constant(right, column.type)
    // Nothing is equal to NULL, nor different from it.
    if (value === null) return undefined
    return value === undefined ? undefined : { op, column: column.name, value }
  }

  private membership(op: 'in' | 'not-in', children: readonly ExpressionNode[]): Expression | undefined {
    const [first, ...items] = children
    const column = this.column(first)
    if (!column) return undefined
    const values: string[] = []
    for (const item of items) {
      const value = this.constant(item, column.type)
      if (typeof value !== 'string') return undefined
      values.push(value)
    }
    return { op, column: column.name, values }
  }

  /** `LIKE 'x%'` and its kin: all texts from the prefix to the next one. */
  private prefix(node: ExpressionNode): Expression | undefined {
    const [first, second] = node.children ?? []
    const column = this.column(first)
    const pattern = second && constantOf(second, this.parameters)
    if (column?.type.kind !== 'string' || pattern?.kind !== 'text') return undefined
    const isLike = node.function_name === '~~'
    if (!isLike && !['^@', 'starts_with', 'prefix'].includes(node.function_name ?? '')) return undefined
    const wild = isLike ? pattern.text.search(/[%_]/) : -1
    const prefix = wild < 0 ? pattern.text : pattern.text.slice(0, wild)
    if (isLike && wild < 0) return { op: 'eq', column: column.name, value: prefix }
    // Anything else than a prefix is more than a range can say, so that its negation would say too much.
    if (isLike && pattern.text.slice(wild) !== '%') return undefined
    const after = nextText(prefix)
    if (prefix === '' || after === undefined) return undefined
    return {
      op: 'and',
      left: { op: 'gte', column: column.name, value: prefix },
      right: { op: 'lt', column: column.name, value: after },
    }
  }

  private constant(node: ExpressionNode | undefined, type: Primitive): string | null | undefined {
    const constant = node && constantOf(node, this.parameters)
    return constant && valueText(constant, type)
  }
}

/** The first text, by code points, that is behind all texts with the prefix. */
function nextText(prefix: string): string | undefined {
  const points = [...prefix]
  const last = points.pop()?.codePointAt(0)
  if (last === undefined || last >= 0x10ffff) return undefined
  // Surrogates are no characters.
  return points.join('') + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1)
}

function all(parts: readonly (Expression | undefined)[]): Expression | undefined {
  return parts.reduce(
    (left, right) => (left === undefined ? right : right === undefined ? left : { op: 'and', left, right }),
    undefined,
  )
}

function any(parts: readonly (Expression | undefined)[]): Expression | undefined {
  const [first, ...rest] = parts
  return rest.reduce((left, right) => left && right && { op: 'or', left, right }, first)
}

/** Is the filter not true for a row of NULLs, as outer joins add them? */
export function rejectsNulls(expression: Expression): boolean {
  return ofNulls(expression) !== true
}

/** True, false or unknown (`null`) of a row of NULLs. */
function ofNulls(expression: Expression): boolean | null {
  switch (expression.op) {
    case 'true':
    case 'false':
      return expression.op === 'true'
    case 'is-null':
      return true
    case 'not-null':
      return false
    case 'not': {
      const child = ofNulls(expression.child)
      return child === null ? null : !child
    }
    case 'and': {
      const [left, right] = [ofNulls(expression.left), ofNulls(expression.right)]
      return left === false || right === false ? false : left === null || right === null ? null : true
    }
    case 'or': {
      const [left, right] = [ofNulls(expression.left), ofNulls(expression.right)]
      return left === true || right === true ? true : left === null || right === null ? null : false
    }
    default:
      return null
  }
}
