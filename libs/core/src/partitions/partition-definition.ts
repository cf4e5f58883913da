import { PhloError } from '@phlo/ports'
import { IntervalSet, type Interval } from './interval-set.js'

export type PartitionUnit = 'hour' | 'day' | 'month' | 'year'

/** Time partitions of an asset, in UTC: the rows whose `column` falls into one are replaced together. */
export interface PartitionDefinition {
  readonly unit: PartitionUnit
  /** A date or timestamp column of the schema. */
  readonly column: string
  /** First instant, milliseconds since 1970; on a boundary of the unit. */
  readonly start: number
  /** First instant that is no longer covered; now when absent. */
  readonly end?: number
}

/** Text of an instant as a key shows it: `2001`, `2001-06`, `2001-06-30`, `2001-06-30T05`. */
const keyLengths: Record<PartitionUnit, number> = { year: 4, month: 7, day: 10, hour: 13 }

/** The boundary at or before the instant. */
export function floorTo(unit: PartitionUnit, time: number): number {
  const date = new Date(time)
  if (unit !== 'hour') date.setUTCHours(0)
  date.setUTCMinutes(0, 0, 0)
  if (unit === 'month' || unit === 'year') date.setUTCDate(1)
  if (unit === 'year') date.setUTCMonth(0)
  return date.getTime()
}

/** The boundary after the one at `time`. */
export function next(unit: PartitionUnit, time: number): number {
  const date = new Date(floorTo(unit, time))
  if (unit === 'hour') date.setUTCHours(date.getUTCHours() + 1)
  else if (unit === 'day') date.setUTCDate(date.getUTCDate() + 1)
  else if (unit === 'month') date.setUTCMonth(date.getUTCMonth() + 1)
  else date.setUTCFullYear(date.getUTCFullYear() + 1)
  return date.getTime()
}

export function partitionKey(unit: PartitionUnit, time: number): string {
  return new Date(time).toISOString().slice(0, keyLengths[unit])
}

/** The first instant of the partition with that key. Throws PHLO_PARTITION_INVALID. */
export function parsePartitionKey(unit: PartitionUnit, key: string): number {
  const padded = { year: `${key}-01-01T00`, month: `${key}-01T00`, day: `${key}T00`, hour: key }[unit]
  const time = /^\d{4}(-\d{2}){0,2}(T\d{2})?$/.test(key) ? Date.parse(`${padded}:00:00Z`) : NaN
  if (Number.isNaN(time) || partitionKey(unit, time) !== key) {
    throw new PhloError('PHLO_PARTITION_INVALID', `${JSON.stringify(key)} is no ${unit} partition`, {
      hint: `Write it like ${partitionKey(unit, Date.UTC(2001, 5, 30, 5))}.`,
    })
  }
  return time
}

/** Number of partitions of the interval. */
export function countPartitions(unit: PartitionUnit, { from, to }: Interval): number {
  let count = 0
  for (let time = from; time < to; time = next(unit, time)) count++
  return count
}

/** `2001-06-30`, or `2001-06-01..2001-06-30` when there are several. */
export function describeInterval(unit: PartitionUnit, { from, to }: Interval): string {
  const first = partitionKey(unit, from)
  const last = partitionKey(unit, to - 1)
  return first === last ? first : `${first}..${last}`
}

/** What the definition covers at that time: whole partitions only, so that a day that is not over is not taken in yet. */
export function coverage(definition: PartitionDefinition, now: number): Interval {
  const end = definition.end ?? floorTo(definition.unit, now)
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
  const { unit } = definition
  const covered = coverage(definition, now)
  const start = partition ?? from
  const end = partition ?? to
  const interval = {
    from: start === undefined ? covered.from : parsePartitionKey(unit, start),
    to: end === undefined ? covered.to : next(unit, parsePartitionKey(unit, end)),
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
      `${describeInterval(unit, interval)} is not covered by the asset’s partitions`,
      {
        hint: `They start at ${partitionKey(unit, definition.start)}${definition.end === undefined ? '' : ` and end before ${partitionKey(unit, definition.end)}`}.`,
      },
    )
  }
  return interval
}
