import { describe, expect, it } from '@jest/globals'
import { historyOf } from './lake-retention.js'

describe('how long a branch’s past stays', () => {
  const retention = {
    history: 30,
    branches: [
      { pattern: 'dev', history: 1 },
      { pattern: 'dev/*', history: 2 },
      { pattern: 'run-*-test', history: 3 },
      { pattern: '*a*b*', history: 4 },
    ],
  }

  it.each([
    ['main', 30],
    ['dev', 1],
    ['dev/', 2],
    ['dev/ana/x', 2],
    ['devil', 30],
    ['run-1-test', 3],
    ['run--test', 3],
    ['run-test', 30],
    ['xaxbx', 4],
    ['ab', 4],
    ['ba', 30],
  ])('is that of the first pattern that %s matches, or of all', (branch, history) => {
    expect(historyOf(retention, branch)).toBe(history)
  })
})
