import { type CheckContext, nearest, PhloError, type SqlDialect } from '@phlo/ports'
import type { AssetCheck } from '../assets/asset.js'
import type { Interval } from '../partitions/interval-set.js'
import { partitionFilter } from '../run/partition-filter.js'

/** The partitions that were written, or asked for. */
export interface CheckedPartitions {
  /** The column that tells a row's partition. */
  readonly column: string
  readonly intervals: readonly Interval[]
  /** As the quality contract names them: `2001-06-30`, or several, with commas. */
  readonly key: string
}

interface ScopedRows {
  readonly columns: CheckContext['columns']
  readonly partitions?: CheckedPartitions
}

const day = 86_400_000

/**
 * SQL condition for the rows that a check looks at; `undefined` for all rows.
 * Throws PHLO_CHECK_INVALID when there is no column that dates them.
 */
export function scopeCondition(
  rows: ScopedRows,
  check: Pick<AssetCheck, 'name' | 'scope' | 'partitionColumn'>,
  dialect: SqlDialect,
  now: Date,
): string | undefined {
  const { scope } = check
  const { partitions } = rows
  if (scope === 'table') return undefined
  if (scope === 'partition') {
    if (!partitions) return undefined
    return conditionOn(rows, check.name, check.partitionColumn ?? partitions.column, partitions.intervals, dialect)
  }
  const column = scope.column ?? check.partitionColumn ?? partitions?.column
  if (column === undefined) {
    throw new PhloError('PHLO_CHECK_INVALID', `The check ${check.name} looks at a window of days of no column`, {
      hint: 'Name the column that dates the rows: { scope: { days: 7, column: "…" } }.',
    })
  }
  return conditionOn(rows, check.name, column, [windowInterval(scope.days, partitions?.intervals, now)], dialect)
}

/** From so many days before the last partition (or today) to its end. Whole days in UTC. */
export function windowInterval(days: number, partitions: readonly Interval[] | undefined, now: Date): Interval {
  const last = (partitions ?? []).reduce<Interval | undefined>((a, b) => (a && a.to > b.to ? a : b), undefined)
  const [from, to] = last ? [last.from, last.to] : [now.getTime(), now.getTime() + 1]
  return { from: Math.floor(from / day) * day - days * day, to: Math.ceil(to / day) * day }
}

function conditionOn(
  { columns }: ScopedRows,
  check: string,
  name: string,
  intervals: readonly Interval[],
  dialect: SqlDialect,
): string {
  const column = columns.find((item) => item.name === name)
  if (typeof column?.type === 'string' && /^(date|timestamp(tz)?)$/.test(column.type)) {
    return partitionFilter(name, column.type, intervals, dialect)
  }
  if (column) {
    throw new PhloError('PHLO_CHECK_INVALID', `The check ${check} takes ${name} for a time, which it is not`)
  }
  const names = columns.map((item) => item.name)
  const near = nearest(name, names)
  throw new PhloError(
    'PHLO_CHECK_INVALID',
    `The check ${check} looks for partitions in ${name}, a column that is not there`,
    {
      hint: near === undefined ? `Columns: ${names.join(', ')}.` : `Did you mean ${near}?`,
    },
  )
}
