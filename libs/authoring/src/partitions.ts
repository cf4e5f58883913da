import { floorTo, parsePartitionKey, type PartitionDefinition, type PartitionUnit } from '@phlo/core'
import { PhloError } from '@phlo/ports'

/** Which rows belong together in time. */
export interface PartitionOptions<Column extends string = string> {
  /** A date or timestamp column; the rows of a period of it are taken in together. */
  readonly column: Column
  /** The first period: `2001`, `2001-06`, `2001-06-30` or `2001-06-30T05`. */
  readonly start: string
  /** The first period that is no longer part of it; without it, every period that is over by now is. */
  readonly end?: string
}

/** Partitions of an asset. Made by {@link hourly}, {@link daily}, {@link monthly} and {@link yearly}. */
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
export function monthly<const Column extends string>(options: PartitionOptions<Column>): Partitions<Column> {
  return { unit: 'month', options }
}
export function yearly<const Column extends string>(options: PartitionOptions<Column>): Partitions<Column> {
  return { unit: 'year', options }
}

/** Throws PHLO_PARTITION_INVALID for bounds that are no periods. */
export function partitionDefinition({ unit, options }: Partitions): PartitionDefinition {
  const start = boundary(unit, options.start)
  const end = options.end === undefined ? undefined : boundary(unit, options.end)
  if (end !== undefined && end <= start) {
    throw new PhloError(
      'PHLO_PARTITION_INVALID',
      `Partitions that start at ${options.start} cannot end at ${options.end as string}`,
    )
  }
  return { unit, column: options.column, start, ...(end !== undefined && { end }) }
}

/** A finer key than the unit's own is fine when it is a boundary: `2001-01-01` starts a year. */
function boundary(unit: PartitionUnit, key: string): number {
  const finer = { 4: 'year', 7: 'month', 10: 'day', 13: 'hour' }[key.length] as PartitionUnit | undefined
  const time = parsePartitionKey(finer ?? unit, key)
  return floorTo(unit, time) === time ? time : parsePartitionKey(unit, key)
}
