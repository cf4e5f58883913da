import { describe, expect, it } from '@jest/globals'
import { runTimes } from './phlo-project.js'

const event = (type: string, data: object) => JSON.stringify({ runId: 'r', seq: 1, time: 0, type, data })

describe('times of a run', () => {
  it('are taken from its events', () => {
    const stdout = [
      event('run-started', {}),
      event('step-finished', { milliseconds: 1500 }),
      event('step-finished', { milliseconds: 500 }),
      event('run-finished', { outcome: { status: 'succeeded', milliseconds: 2250 } }),
      '',
    ].join('\n')
    expect(runTimes(stdout)).toEqual({ run: 2.25, steps: 2 })
  })

  it('are none when nothing was published', () => {
    const finished = event('run-finished', { outcome: { status: 'nothing-to-do', milliseconds: 3 } })
    expect(() => runTimes(finished)).toThrow('The run ended as nothing-to-do')
    expect(() => runTimes(event('run-started', {}))).toThrow('did not tell how it ended')
  })
})
