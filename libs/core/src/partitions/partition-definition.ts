import { PhloError } from '@phlo/ports'
import { IntervalSet, type Interval } from './interval-set.js'
import { instantOf, wallTime } from './time-zone.js'

export type PartitionUnit = 'hour' | 'day' | 'week' | 'month' | 'year'

/** Which instants belong together. */
export interface PartitionCalendar {
  readonly unit: PartitionUnit
  /** IANA name of the time zone in whose days, weeks, months and years they are counted. Default: UTC. Not for hours. */
  readonly timezone?: string
}

/** Time partitions of an asset: the rows whose `column` falls into one are replaced together. */
export interface PartitionDefinition extends PartitionCalendar {
  /** A date or timestamp column of the schema. */
  readonly column: string
  /** First instant, milliseconds since 1970; on a boundary of the unit. */
  readonly start: number
  /** First instant that is no longer covered; now when absent. */
  readonly end?: number
}

/** How a table divides its files for such partitions: Iceberg has no weeks. */
export function partitionTransform({ unit }: PartitionCalendar): Exclude<PartitionUnit, 'week'> {
  return unit === 'week' ? 'day' : unit
}

const day = 86_400_000

/** Text of an instant as a key shows it: `2001`, `2001-06`, `2001-W26`, `2001-06-30`, `2001-06-30T05`. */
const keyLengths: Record<Exclude<PartitionUnit, 'week'>, number> = { year: 4, month: 7, day: 10, hour: 13 }

/** The boundary at or before the instant. */
export function floorTo({ unit, timezone }: PartitionCalendar, time: number): number {
  return instantOf(floorWall(unit, wallTime(time, timezone)), timezone)
}

/** The boundary after the one at `time`. */
export function next({ unit, timezone }: PartitionCalendar, time: number): number {
  return instantOf(nextWall(unit, wallTime(time, timezone)), timezone)
}

function floorWall(unit: PartitionUnit, wall: number): number {
  const date = new Date(wall)
  if (unit !== 'hour') date.setUTCHours(0)
  date.setUTCMinutes(0, 0, 0)
  // Weeks begin on Mondays. ISO 8601.
  if (unit === 'week') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7))
  if (unit === 'month' || unit === 'year') date.setUTCDate(1)
  if (unit === 'year') date.setUTCMonth(0)
  return date.getTime()
}

function nextWall(unit: PartitionUnit, wall: number): number {
  const date = new Date(floorWall(unit, wall))
  if (unit === 'hour') date.setUTCHours(date.getUTCHours() + 1)
  else if (unit === 'day') date.setUTCDate(date.getUTCDate() + 1)
  else if (unit === 'week') date.setUTCDate(date.getUTCDate() + 7)
  else if (unit === 'month') date.setUTCMonth(date.getUTCMonth() + 1)
  else date.setUTCFullYear(date.getUTCFullYear() + 1)
  return date.getTime()
}

export function partitionKey({ unit, timezone }: PartitionCalendar, time: number): string {
  const wall = wallTime(time, timezone)
  if (unit !== 'week') return new Date(wall).toISOString().slice(0, keyLengths[unit])
  // A week is of the year in which its Thursday is. ISO 8601.
  const thursday = floorWall('week', wall) + 3 * day
  const year = new Date(thursday).getUTCFullYear()
  const number = Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * day)) + 1
  return `${String(year).padStart(4, '0')}-W${String(number).padStart(2, '0')}`
}

/** The first instant of the partition with that key. Throws PHLO_PARTITION_INVALID. */
export function parsePartitionKey(calendar: PartitionCalendar, key: string): number {
  const wall = wallOfKey(calendar.unit, key)
  const time = Number.isNaN(wall) ? NaN : instantOf(wall, calendar.timezone)
  if (Number.isNaN(time) || partitionKey(calendar, time) !== key) {
    throw new PhloError('PHLO_PARTITION_INVALID', `${JSON.stringify(key)} is no ${calendar.unit} partition`, {
      hint: `Write it like ${partitionKey(calendar, Date.UTC(2001, 5, 30, 5))}.`,
    })
  }
  return time
}

function wallOfKey(unit: PartitionUnit, key: string): number {
  if (unit === 'week') {
    const [, year, week] = /^(\d{4})-W(\d{2})$/.exec(key) ?? []
    // The fourth of January is always in the first week. ISO 8601.
    return year === undefined
      ? NaN
      : floorWall('week', Date.parse(`${year}-01-04T00:00:00Z`)) + (Number(week) - 1) * 7 * day
  }
  const padded = { year: `${key}-01-01T00`, month: `${key}-01T00`, day: `${key}T00`, hour: key }[unit]
  return /^\d{4}(-\d{2}){0,2}(T\d{2})?$/.test(key) ? Date.parse(`${padded}:00:00Z`) : NaN
}

/** Number of partitions of the interval. */
export function countPartitions(calendar: PartitionCalendar, interval: Interval): number {
  return eachPartition(calendar, interval).length
}

/** `2001-06-30`, or `2001-06-01..2001-06-30` when there are several. */
export function describeInterval(calendar: PartitionCalendar, { from, to }: Interval): string {
  const first = partitionKey(calendar, from)
  const last = partitionKey(calendar, to - 1)
  return first === last ? first : `${first}..${last}`
}

/** The partitions of an interval, one by one. */
export function eachPartition(calendar: PartitionCalendar, { from, to }: Interval): Interval[] {
  const found: Interval[] = []
  for (let time = from; time < to;) {
    const end = next(calendar, time)
    found.push({ from: time, to: end })
    time = end
  }
  return found
}

/** What the definition covers at that time: whole partitions only, so that a day that is not over is not taken in yet. */
export function coverage(definition: PartitionDefinition, now: number): Interval {
  const end = definition.end ?? floorTo(definition, now)
  return { from: definition.start, to: Math.max(definition.start, end) }
}

/** Which partitions are asked for. Both bounds of a range are partition keys, inclusive. */
export interface PartitionRequest {
  readonly partition?: string
  readonly from?: string
  readonly to?: string
}

/** The interval that is asked for, or `undefined` when nothing is. Throws PHLO_PARTITION_INVALID. */
export function requestedInterval(
  definition: PartitionDefinition,
  request: PartitionRequest,
  now: number,
): Interval | undefined {
  const { partition, from, to } = request
  if (partition === undefined && from === undefined && to === undefined) return undefined
  const covered = coverage(definition, now)
  const start = partition ?? from
  const end = partition ?? to
  const interval = {
    from: start === undefined ? covered.from : parsePartitionKey(definition, start),
    to: end === undefined ? covered.to : next(definition, parsePartitionKey(definition, end)),
  }
  if (interval.from >= interval.to) {
    throw new PhloError('PHLO_PARTITION_INVALID', `The range ${start ?? ''}..${end ?? ''} is empty`, {
      hint: 'Its first partition comes behind its last one.',
    })
  }
  const outside = new IntervalSet([interval]).minus(
    new IntervalSet([{ from: definition.start, to: definition.end ?? Infinity }]),
  )
  if (!outside.isEmpty) {
    throw new PhloError(
      'PHLO_PARTITION_INVALID',
      `${describeInterval(definition, interval)} is not covered by the asset’s partitions`,
      {
        hint: `They start at ${partitionKey(definition, definition.start)}${definition.end === undefined ? '' : ` and end before ${partitionKey(definition, definition.end)}`}.`,
      },
    )
  }
  return interval
}
