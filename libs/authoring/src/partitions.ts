import {
  floorTo,
  isTimeZone,
  parsePartitionKey,
  type PartitionCalendar,
  type PartitionDefinition,
  type PartitionUnit,
} from '@phlo/core'
import { PhloError } from '@phlo/ports'

/** Which rows belong together in time. */
export interface PartitionOptions<Column extends string = string> {
  /** A date or timestamp column; the rows of a period of it are taken in together. */
  readonly column: Column
  /** The first period: `2001`, `2001-06`, `2001-W26`, `2001-06-30` or `2001-06-30T05`. */
  readonly start: string
  /** The first period that is no longer part of it; without it, every period that is over by now is. */
  readonly end?: string
  /**
   * IANA name of the time zone in whose days, weeks, months or years the instants of a timestamptz column are counted, with
   * 23 or 25 hours where clocks are changed. Default: UTC.
   */
  readonly timezone?: string
}

/** Partitions of an asset. Made by {@link hourly}, {@link daily}, {@link weekly}, {@link monthly} and {@link yearly}. */
export interface Partitions<Column extends string = string> {
  readonly unit: PartitionUnit
  readonly options: PartitionOptions<Column>
}

export function hourly<const Column extends string>(options: PartitionOptions<Column>): Partitions<Column> {
  return { unit: 'hour', options }
}
export function daily<const Column extends string>(options: PartitionOptions<Column>): Partitions<Column> {
  return { unit: 'day', options }
}
/** Weeks from Monday to Sunday. ISO 8601. */
export function weekly<const Column extends string>(options: PartitionOptions<Column>): Partitions<Column> {
  return { unit: 'week', options }
}
export function monthly<const Column extends string>(options: PartitionOptions<Column>): Partitions<Column> {
  return { unit: 'month', options }
}
export function yearly<const Column extends string>(options: PartitionOptions<Column>): Partitions<Column> {
  return { unit: 'year', options }
}

/** Throws PHLO_PARTITION_INVALID for bounds that are no periods. */
export function partitionDefinition({ unit, options }: Partitions): PartitionDefinition {
  const { timezone } = options
  if (timezone !== undefined) checkTimezone(unit, timezone)
  const calendar = { unit, ...(timezone !== undefined && { timezone }) }
  const start = boundary(calendar, options.start)
  const end = options.end === undefined ? undefined : boundary(calendar, options.end)
  if (end !== undefined && end <= start) {
    throw new PhloError(
      'PHLO_PARTITION_INVALID',
      `Partitions that start at ${options.start} cannot end at ${options.end as string}`,
    )
  }
  return { ...calendar, column: options.column, start, ...(end !== undefined && { end }) }
}

function checkTimezone(unit: PartitionUnit, timezone: string): void {
  if (unit === 'hour') {
    throw new PhloError('PHLO_PARTITION_INVALID', 'Hours are the same in every time zone', {
      hint: 'Leave timezone out.',
    })
  }
  if (!isTimeZone(timezone)) {
    throw new PhloError('PHLO_PARTITION_INVALID', `${JSON.stringify(timezone)} is no time zone`, {
      hint: 'Write its IANA name, for instance Europe/Berlin.',
    })
  }
}

/** A finer key than the unit's own is fine when it is a boundary: `2001-01-01` starts a year. */
function boundary(calendar: PartitionCalendar, key: string): number {
  const finer = { 4: 'year', 7: 'month', 8: 'week', 10: 'day', 13: 'hour' }[key.length] as PartitionUnit | undefined
  const time = parsePartitionKey({ ...calendar, unit: finer ?? calendar.unit }, key)
  return floorTo(calendar, time) === time ? time : parsePartitionKey(calendar, key)
}
