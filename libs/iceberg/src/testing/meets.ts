import type { BoundExpression } from '../scan/expression.js'
import { compareValues, type Value } from '../types/value.js'

/** A column's value in a row. */
export type Cell = Value | null

/** As engines compare: NaN is equal to itself and above every number, the zeros are equal. */
function compare(a: Value, b: Value): number {
  const [x, y] = [Number.isNaN(a), Number.isNaN(b)]
  if (x || y) return Number(x) - Number(y)
  return a === b ? 0 : compareValues(a, b)
}

/** Does a row with these values meet the filter? Unknown, as SQL has it for NULL, is no. */
export function meets(filter: BoundExpression, cellOf: (fieldId: number) => Cell): boolean {
  if (filter.op === 'and') return meets(filter.left, cellOf) && meets(filter.right, cellOf)
  if (filter.op === 'or') return meets(filter.left, cellOf) || meets(filter.right, cellOf)
  if (!('fieldId' in filter)) return filter.op === 'true'
  const cell = cellOf(filter.fieldId)
  if (filter.op === 'is-null') return cell === null
  if (cell === null) return false
  if ('values' in filter) return filter.values.some((value) => compare(cell, value) === 0) === (filter.op === 'in')
  if (!('value' in filter)) return filter.op === 'not-null' || Number.isNaN(cell) === (filter.op === 'is-nan')
  if (filter.op === 'starts-with' || filter.op === 'not-starts-with')
    return (cell as string).startsWith(filter.value) === (filter.op === 'starts-with')
  const order = compare(cell, filter.value)
  return { lt: order < 0, lte: order <= 0, gt: order > 0, gte: order >= 0, eq: order === 0, neq: order !== 0 }[
    filter.op
  ]
}
