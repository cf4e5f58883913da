import { expect, it } from '@jest/globals'
import { parseDuration } from './duration.js'

it('a duration is milliseconds', () => {
  expect(['90s', '30m', '12h', '7d'].map(parseDuration)).toEqual([90_000, 1_800_000, 43_200_000, 604_800_000])
  for (const text of ['1w', '7', 'd', '-1d', '1.5h', '']) expect(() => parseDuration(text)).toThrow(RangeError)
})
