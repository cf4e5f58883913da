import type { IcebergSchema } from '@phlo/ports'
import { indexById } from '../schema/schema.js'
import { formatValue } from '../types/value.js'
import type { BoundExpression, BoundPredicate } from './expression.js'

/** More values of a list are only counted. */
const mostValues = 10

const operators = { lt: '<', lte: '<=', gt: '>', gte: '>=', eq: '=', neq: '<>' } as const
const tests = { 'is-null': 'IS NULL', 'not-null': 'IS NOT NULL', 'is-nan': 'IS NAN', 'not-nan': 'IS NOT NAN' } as const

/** A filter as people read it, with the names that its columns have in the schema. */
export function expressionText(expression: BoundExpression, schema: IcebergSchema): string {
  const fields = indexById(schema)
  const predicateText = (predicate: BoundPredicate): string => {
    const { fieldId, type } = predicate
    const column = fields.get(fieldId)?.path.join('.') ?? `#${fieldId}`
    const value = (of: Parameters<typeof formatValue>[1]) => {
      const text = formatValue(type, of)
      return typeof of === 'number' || typeof of === 'bigint' ? text : `'${text.replaceAll("'", "''")}'`
    }
    switch (predicate.op) {
      case 'in':
      case 'not-in': {
        const shown = predicate.values.slice(0, mostValues).map(value)
        const more = predicate.values.length - shown.length
        return `${column} ${predicate.op === 'in' ? 'IN' : 'NOT IN'} (${[...shown, ...(more > 0 ? [`… ${more} more`] : [])].join(', ')})`
      }
      case 'starts-with':
      case 'not-starts-with':
        return `${column} ${predicate.op === 'starts-with' ? 'STARTS WITH' : 'NOT STARTS WITH'} ${value(predicate.value)}`
      case 'is-null':
      case 'not-null':
      case 'is-nan':
      case 'not-nan':
        return `${column} ${tests[predicate.op]}`
      default:
        return `${column} ${operators[predicate.op]} ${value(predicate.value)}`
    }
  }
  const text = (node: BoundExpression, outer?: 'and' | 'or'): string => {
    if (!('left' in node)) return 'fieldId' in node ? predicateText(node) : node.op
    const inner = `${text(node.left, node.op)} ${node.op.toUpperCase()} ${text(node.right, node.op)}`
    return outer === undefined || outer === node.op ? inner : `(${inner})`
  }
  return text(expression)
}
