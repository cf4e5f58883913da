import { describe, expect, it } from '@jest/globals'
import type { CaseRecord } from './case.js'
import { recordText } from './record-text.js'

const record: CaseRecord = {
  case: 'start',
  measuredAt: '2026-01-01T00:00:00.000Z',
  rounds: 3,
  machine: { cpu: 'a', cores: 2, memoryGiB: 23.5, system: 'b', versions: { node: '20.19.0' } },
  measures: [
    { name: 'node', what: 'node', unit: 's', median: 0.0412345678, runs: [0.04, 0.0412345678, 1234567], parts: {} },
  ],
  targets: [],
}

describe('a record', () => {
  it('keeps its figures on one line, without needless digits', () => {
    expect(recordText(record)).toContain('"runs": [0.04, 0.041235, 1234567]')
    expect(recordText(record)).toContain('"median": 0.041235,')
  })

  it('is JSON that says the same', () => {
    const [measure] = record.measures
    expect(JSON.parse(recordText(record))).toEqual({
      ...record,
      measures: [{ ...measure, median: 0.041235, runs: [0.04, 0.041235, 1234567] }],
    })
  })
})
