import { isZodNode } from './zod-definition.js'

/** A value that has an order: what zod gives for numbers, texts, dates and times. */
export type Comparable = number | bigint | string | boolean | Date

/**
 * Tells which of two values comes first: below, equal to or above zero, and NaN for values without an order. The order is
 * the one that SQL has for the values of a zod type: times by what they mean, texts by code points.
 */
export type Comparison = (a: Comparable, b: Comparable) => number

/** The order of a zod type's values. */
export function comparisonOf(schema: object): Comparison {
  const format = formatOf(schema)
  const reading = format === 'datetime' ? instantOf : format === 'time' ? clockOf : undefined
  return (a, b) => {
    if (typeof a === 'string' && typeof b === 'string')
      return reading ? order(reading(a), reading(b)) : compareTexts(a, b)
    return order(a instanceof Date ? a.getTime() : a, b instanceof Date ? b.getTime() : b)
  }
}

function formatOf(schema: object): string | undefined {
  if (!isZodNode(schema)) return undefined
  const { innerType, format } = schema._zod.def
  return innerType ? formatOf(innerType) : format
}

function order<T extends number | bigint | string | boolean>(a: T | undefined, b: T | undefined): number {
  if (a === undefined || b === undefined) return NaN
  return a < b ? -1 : a > b ? 1 : a == b ? 0 : NaN
}

const instant = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/

/** Microseconds since 1970: what columns of times hold; what comes behind is cut off, as by the column. */
function instantOf(text: string): bigint | undefined {
  const [, time, fraction = '', offset = 'Z'] = instant.exec(text) ?? []
  const milliseconds = time === undefined ? NaN : Date.parse(`${time}${offset}`)
  // `Date` knows milliseconds only.
  return Number.isNaN(milliseconds)
    ? undefined
    : BigInt(milliseconds) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'))
}

function clockOf(text: string): bigint | undefined {
  return instantOf(`1970-01-01T${text}`)
}

/** JavaScript orders by halves of characters, SQL by whole ones. */
function compareTexts(a: string, b: string): number {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()]
  for (;;) {
    const [x, y] = [left.next(), right.next()]
    if (x.done || y.done) return Number(y.done ?? false) - Number(x.done ?? false)
    const difference = (x.value.codePointAt(0) as number) - (y.value.codePointAt(0) as number)
    if (difference !== 0) return difference
  }
}
