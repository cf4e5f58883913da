import { describe, expect, it } from '@jest/globals'
import { knownOutcomes } from '../testing/known-outcomes.js'
import { checkCron, nextDue } from './schedule.js'

describe('a schedule', () => {
  it.each(knownOutcomes.cron.map(({ text, valid }) => [text, valid] as const))(
    'takes expressions as the original system does: %s',
    (text, valid) => {
      if (valid) expect(() => checkCron(text)).not.toThrow()
      else expect(() => checkCron(text)).toThrow(expect.objectContaining({ code: 'PHLO_WORKFLOW_INVALID' }))
    },
  )

  it('says what is wrong, and where', () => {
    const location = { file: 'workflows/a.ts', line: 2 }
    expect(() => checkCron('0 * * * * *', 'UTC', location)).toThrow(
      expect.objectContaining({
        message: '"0 * * * * *" is no cron expression: it must have five fields',
        location,
      }),
    )
    expect(() => checkCron('0 * * * *', 'Europe/Berlim', location)).toThrow(
      expect.objectContaining({
        code: 'PHLO_WORKFLOW_INVALID',
        message: '"Europe/Berlim" is no time zone',
        location,
      }),
    )
  })

  it('is due in its own time zone', () => {
    const winter = new Date('2024-01-10T00:00:00Z')
    expect(nextDue({ cron: '*/15 * * * *', timezone: 'UTC' }, winter)).toEqual(new Date('2024-01-10T00:15:00Z'))
    expect(nextDue({ cron: '0 6 * * *', timezone: 'Europe/Berlin' }, winter)).toEqual(new Date('2024-01-10T05:00:00Z'))
    expect(nextDue({ cron: '0 6 * * *', timezone: 'Europe/Berlin' }, new Date('2024-07-10T00:00:00Z'))).toEqual(
      new Date('2024-07-10T04:00:00Z'),
    )
    expect(nextDue({ cron: '0 0 30 2 *', timezone: 'UTC' }, winter)).toBeUndefined()
  })
})
