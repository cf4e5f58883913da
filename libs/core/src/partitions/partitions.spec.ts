import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { knownOutcomes } from '../testing/known-outcomes.js'
import { type Interval, IntervalSet } from './interval-set.js'
import {
  countPartitions,
  coverage,
  describeInterval,
  eachPartition,
  floorTo,
  next,
  parsePartitionKey,
  type PartitionDefinition,
  partitionKey,
  type PartitionUnit,
  requestedInterval,
} from './partition-definition.js'

const span = 40
const interval: fc.Arbitrary<Interval> = fc
  .tuple(fc.integer({ min: 0, max: span }), fc.integer({ min: 0, max: span }))
  .map(([from, to]) => ({ from, to }))
const set = fc.array(interval, { maxLength: 8 }).map((intervals) => ({ intervals, set: new IntervalSet(intervals) }))

/** The instants of intervals, one by one. */
function instants(intervals: readonly Interval[]): boolean[] {
  return Array.from({ length: span + 1 }, (_, time) => intervals.some(({ from, to }) => from <= time && time < to))
}

describe('a set of intervals', () => {
  it('holds the instants that it was given, in as few intervals as can be', () => {
    fc.assert(
      fc.property(set, ({ intervals, set: made }) => {
        expect(instants(made.intervals)).toEqual(instants(intervals))
        made.intervals.forEach(({ from, to }, index) => {
          expect(from).toBeLessThan(to)
          if (index > 0) expect(made.intervals[index - 1]!.to).toBeLessThan(from)
        })
        expect(made.isEmpty).toBe(!instants(intervals).includes(true))
      }),
    )
  })

  it('unites and takes away instant by instant', () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        const [left, right] = [instants(a.intervals), instants(b.intervals)]
        expect(instants(a.set.plus(b.set).intervals)).toEqual(left.map((held, time) => held || right[time]))
        expect(instants(a.set.minus(b.set).intervals)).toEqual(left.map((held, time) => held && !right[time]))
      }),
    )
  })

  it('reads its own text again', () => {
    fc.assert(fc.property(set, ({ set: made }) => expect(IntervalSet.parse(made.toString())).toEqual(made)))
  })

  it.each([undefined, '', 'nonsense', '2001-01-01', '2001-01-02T00:00:00Z/2001-01-01T00:00:00Z'])(
    'is empty for a text that says nothing: %s',
    (text) => {
      expect(IntervalSet.parse(text).isEmpty).toBe(true)
    },
  )
})

const units = ['hour', 'day', 'week', 'month', 'year'] as const
const unit: fc.Arbitrary<PartitionUnit> = fc.constantFrom(...units)
const time = fc.integer({ min: Date.UTC(1900, 0), max: Date.UTC(2100, 0) })

describe('partitions', () => {
  it('hold each instant in exactly one, whose key leads back to it', () => {
    fc.assert(
      fc.property(unit, time, (of, at) => {
        const start = floorTo({ unit: of }, at)
        expect(start).toBeLessThanOrEqual(at)
        expect(next({ unit: of }, at)).toBeGreaterThan(at)
        expect(next({ unit: of }, start)).toBe(next({ unit: of }, at))
        expect(floorTo({ unit: of }, next({ unit: of }, at))).toBe(next({ unit: of }, at))
        expect(floorTo({ unit: of }, next({ unit: of }, at) - 1)).toBe(start)
        expect(parsePartitionKey({ unit: of }, partitionKey({ unit: of }, at))).toBe(start)
      }),
    )
  })

  it('are counted and named as they are', () => {
    const { start, end, partitions } = knownOutcomes.backfill
    const year = {
      from: parsePartitionKey({ unit: 'day' }, start),
      to: next({ unit: 'day' }, parsePartitionKey({ unit: 'day' }, end)),
    }
    expect(countPartitions({ unit: 'day' }, year)).toBe(partitions)
    expect(describeInterval({ unit: 'day' }, year)).toBe('2024-01-01..2024-12-31')
    expect(describeInterval({ unit: 'month' }, year)).toBe('2024-01..2024-12')
    expect(describeInterval({ unit: 'year' }, year)).toBe('2024')
    expect(countPartitions({ unit: 'hour' }, year)).toBe(366 * 24)
  })

  it.each<[PartitionUnit, string]>([
    ['day', '2001-02-29'],
    ['day', '2001-6-30'],
    ['day', '2001-06'],
    ['day', '2001-06-30T00'],
    ['month', '2001-13'],
    ['year', '01'],
    ['week', '2001-W53'],
    ['week', '2001-W00'],
    ['week', '2001-06-25'],
    ['hour', '2001-06-30T24'],
    ['hour', '2001-06-30'],
    ['day', ''],
    ['day', 'yesterday'],
  ])('refuse a %s key %j', (of, key) => {
    expect(() => parsePartitionKey({ unit: of }, key)).toThrow(`${JSON.stringify(key)} is no ${of} partition`)
  })
})

const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'America/Sao_Paulo',
  'Pacific/Apia',
  'Australia/Lord_Howe',
]
const zone = fc.constantFrom(...zones)
/** What clocks show, by another way than the one that is tested. */
const shown = (timezone: string, at: number) =>
  new Date(at).toLocaleString('sv-SE', { timeZone: timezone }).replace(' ', 'T')

describe('partitions of a time zone', () => {
  const local = fc.constantFrom<PartitionUnit>('day', 'week', 'month', 'year')
  // Before 1970 zones had offsets of odd seconds.
  const recent = fc.integer({ min: Date.UTC(1970, 0, 3), max: Date.UTC(2037, 0) })

  it('hold each instant in exactly one, named by the clocks of the zone', () => {
    fc.assert(
      fc.property(local, zone, recent, (of, timezone, at) => {
        const calendar = { unit: of, timezone }
        const start = floorTo(calendar, at)
        const end = next(calendar, at)
        expect(start).toBeLessThanOrEqual(at)
        expect(end).toBeGreaterThan(at)
        expect(floorTo(calendar, end)).toBe(end)
        expect(floorTo(calendar, end - 1)).toBe(start)
        expect(partitionKey(calendar, start)).toBe(partitionKey(calendar, end - 1))
        expect(parsePartitionKey(calendar, partitionKey(calendar, at))).toBe(start)
        if (of === 'day') expect(partitionKey(calendar, at)).toBe(shown(timezone, at).slice(0, 10))
        // Midnight, or the time to which clocks were put forward over it.
        expect(shown(timezone, start - 1000).slice(0, 10)).not.toBe(shown(timezone, start).slice(0, 10))
      }),
    )
  })

  it.each([
    ['Europe/Berlin', '2024-03-31', 23, '2024-03-30T23:00:00.000Z'],
    ['Europe/Berlin', '2024-10-27', 25, '2024-10-26T22:00:00.000Z'],
    ['Europe/Berlin', '2024-10-28', 24, '2024-10-27T23:00:00.000Z'],
    ['America/Sao_Paulo', '2018-11-04', 23, '2018-11-04T03:00:00.000Z'],
    ['Australia/Lord_Howe', '2024-04-07', 24.5, '2024-04-06T13:00:00.000Z'],
    ['Asia/Kolkata', '2024-04-07', 24, '2024-04-06T18:30:00.000Z'],
  ])('%s has on %s a day of %d hours', (timezone, key, hours, start) => {
    const calendar = { unit: 'day', timezone } as const
    const from = parsePartitionKey(calendar, key)
    expect(new Date(from).toISOString()).toBe(start)
    expect((next(calendar, from) - from) / 3_600_000).toBe(hours)
    expect(describeInterval(calendar, { from, to: next(calendar, from) })).toBe(key)
  })

  it('leave out a day that a zone left out', () => {
    const calendar = { unit: 'day', timezone: 'Pacific/Apia' } as const
    const from = parsePartitionKey(calendar, '2011-12-29')
    const keys = eachPartition(calendar, { from, to: parsePartitionKey(calendar, '2012-01-01') })
    expect(keys.map((each) => partitionKey(calendar, each.from))).toEqual(['2011-12-29', '2011-12-31'])
    expect(() => parsePartitionKey(calendar, '2011-12-30')).toThrow('"2011-12-30" is no day partition')
  })

  it('are weeks of ISO 8601', () => {
    const week = { unit: 'week' } as const
    for (const [key, monday] of [
      ['2020-W53', '2020-12-28'],
      ['2021-W01', '2021-01-04'],
      ['2024-W01', '2024-01-01'],
      ['2025-W01', '2024-12-30'],
    ] as const) {
      expect(new Date(parsePartitionKey(week, key)).toISOString().slice(0, 10)).toBe(monday)
      expect(partitionKey(week, Date.parse(monday) + 6 * 86_400_000)).toBe(key)
    }
  })
})

describe('the partitions that are asked for', () => {
  const now = Date.UTC(2024, 5, 30, 12)
  const open: PartitionDefinition = { unit: 'day', column: 'at', start: Date.UTC(2024, 5, 1) }
  const closed: PartitionDefinition = { ...open, end: Date.UTC(2024, 5, 11) }
  const asked = (definition: PartitionDefinition, request: Parameters<typeof requestedInterval>[1]) => {
    const found = requestedInterval(definition, request, now)
    return found && describeInterval(definition, found)
  }

  it('are none when nothing is asked for', () => {
    expect(asked(open, {})).toBeUndefined()
  })

  it('are one, or a range whose bounds both belong to it', () => {
    expect(asked(open, { partition: '2024-06-05' })).toBe('2024-06-05')
    expect(asked(open, { from: '2024-06-05', to: '2024-06-07' })).toBe('2024-06-05..2024-06-07')
    expect(asked(open, { from: '2024-06-05' })).toBe('2024-06-05..2024-06-29')
    expect(asked(open, { to: '2024-06-05' })).toBe('2024-06-01..2024-06-05')
    expect(asked(closed, { from: '2024-06-05' })).toBe('2024-06-05..2024-06-10')
  })

  it('may be one that is not over yet', () => {
    expect(asked(open, { partition: '2024-06-30' })).toBe('2024-06-30')
    expect(coverage(open, now)).toEqual({ from: open.start, to: Date.UTC(2024, 5, 30) })
    expect(coverage({ ...open, start: Date.UTC(2025, 0) }, now)).toEqual({
      from: Date.UTC(2025, 0),
      to: Date.UTC(2025, 0),
    })
  })

  it.each([
    [open, { partition: '2024-05-31' }, '2024-05-31 is not covered by the asset’s partitions'],
    [closed, { partition: '2024-06-11' }, '2024-06-11 is not covered by the asset’s partitions'],
    [closed, { from: '2024-06-05', to: '2024-06-20' }, '2024-06-05..2024-06-20 is not covered'],
    [open, { from: '2024-06-05', to: '2024-06-04' }, 'The range 2024-06-05..2024-06-04 is empty'],
    [open, { partition: '2024-06' }, '"2024-06" is no day partition'],
  ])('are refused when the asset has no such ones: %#', (definition, request, message) => {
    expect(() => asked(definition, request)).toThrow(
      expect.objectContaining({ code: 'PHLO_PARTITION_INVALID', message: expect.stringContaining(message) }),
    )
  })
})
