import type { SqlDialect } from '@phlo/ports'
import type { Interval } from '../partitions/interval-set.js'

/** An instant as a value of a date, timestamp or timestamptz column: UTC, ISO 8601. */
export function instantText(time: number, type: string): string {
  const text = new Date(time).toISOString()
  if (type === 'date') return text.slice(0, 10)
  return type === 'timestamptz' ? text : text.slice(0, -1)
}

/** SQL condition for rows of the intervals. */
export function partitionFilter(
  column: string,
  type: string,
  intervals: readonly Interval[],
  dialect: SqlDialect,
): string {
  const name = dialect.identifier(column)
  const limit = (time: number) => dialect.typedLiteral(instantText(time, type), type)
  // A date holds hours of its day: the interval goes to the end of its last one.
  const end = (time: number) => (type === 'date' ? Math.ceil(time / millisecondsPerDay) * millisecondsPerDay : time)
  return `(${intervals.map(({ from, to }) => `${name} >= ${limit(from)} AND ${name} < ${limit(end(to))}`).join(' OR ')})`
}

const millisecondsPerDay = 86_400_000
