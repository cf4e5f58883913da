import { describe, expect, it } from '@jest/globals'
import { daily, hourly, partitionDefinition, type Partitions, weekly } from './partitions.js'
import { retryPolicy } from './retries.js'

describe('declared partitions', () => {
  it.each<[Partitions, object]>([
    [daily({ column: 'at', start: '2024-01-01' }), { unit: 'day', column: 'at', start: Date.UTC(2024, 0, 1) }],
    [
      daily({ column: 'at', start: '2024-07-01', timezone: 'Europe/Berlin' }),
      { unit: 'day', column: 'at', start: Date.UTC(2024, 5, 30, 22), timezone: 'Europe/Berlin' },
    ],
    [weekly({ column: 'at', start: '2024-W02' }), { unit: 'week', column: 'at', start: Date.UTC(2024, 0, 8) }],
    [weekly({ column: 'at', start: '2024-01-08' }), { unit: 'week', column: 'at', start: Date.UTC(2024, 0, 8) }],
  ])('%j begin where they are said to', (partitions, expected) => {
    expect(partitionDefinition(partitions)).toEqual(expected)
  })

  it.each<[Partitions, string]>([
    [hourly({ column: 'at', start: '2024-01-01', timezone: 'Europe/Berlin' }), 'Hours are the same in every time zone'],
    [daily({ column: 'at', start: '2024-01-01', timezone: 'Berlin' }), '"Berlin" is no time zone'],
    [weekly({ column: 'at', start: '2024-01-09' }), '"2024-01-09" is no week partition'],
  ])('%j are refused', (partitions, message) => {
    expect(() => partitionDefinition(partitions)).toThrow(
      expect.objectContaining({ code: 'PHLO_PARTITION_INVALID', message }),
    )
  })
})

describe('declared retries', () => {
  it('wait longer and longer, up to a limit', () => {
    expect(retryPolicy(2)).toEqual({ attempts: 3, delay: 1000, maxDelay: 60_000 })
    expect(retryPolicy({ times: 5, delay: '5s', maxDelay: '10m' })).toEqual({
      attempts: 6,
      delay: 5000,
      maxDelay: 600_000,
    })
  })

  it.each([-1, 1.5, NaN])('are refused for %d times', (times) => {
    expect(() => retryPolicy(times)).toThrow(expect.objectContaining({ code: 'PHLO_WORKFLOW_INVALID' }))
  })
})
