import { describe, expect, it } from '@jest/globals'
import { inRounds, type Participant, rotated } from './rounds.js'

/** A participant that writes down what is asked of it. */
function recording(name: string, log: string[], verify: () => Promise<void> = async () => undefined): Participant {
  return {
    name,
    what: name,
    prepare: async () => void log.push(`prepare ${name}`),
    run: async () => {
      log.push(`run ${name}`)
      return { seconds: log.length, parts: {} }
    },
    verify,
    clean: async () => void log.push(`clean ${name}`),
  }
}

const nothing = async () => undefined
const silent = () => undefined

describe('rounds', () => {
  it('runs everybody once a round, each round starting with the next one', async () => {
    const log: string[] = []
    await inRounds(
      ['a', 'b', 'c'].map((name) => recording(name, log)),
      3,
      nothing,
      silent,
    )
    expect(log.filter((line) => line.startsWith('run')).map((line) => line.slice(4))).toEqual([
      ...['a', 'b', 'c'],
      ...['b', 'c', 'a'],
      ...['c', 'a', 'b'],
    ])
  })

  it('prepares and waits for the disk before a run, and cleans up behind it', async () => {
    const log: string[] = []
    await inRounds([recording('a', log)], 1, async () => void log.push('settle'), silent)
    expect(log).toEqual(['prepare a', 'settle', 'run a', 'clean a'])
  })

  it('keeps a sample of each round', async () => {
    const samples = await inRounds([recording('a', []), recording('b', [])], 4, nothing, silent)
    expect([...samples].map(([name, list]) => [name, list.length])).toEqual([
      ['a', 4],
      ['b', 4],
    ])
  })

  it('ends with the first wrong result', async () => {
    const log: string[] = []
    const wrong = recording('wrong', log, () => Promise.reject(new Error('not the right rows')))
    await expect(inRounds([wrong, recording('b', log)], 1, nothing, silent)).rejects.toThrow('not the right rows')
    expect(log).not.toContain('run b')
  })

  it('rotates nothing to nothing', () => {
    expect(rotated([], 3)).toEqual([])
    expect(rotated([1, 2, 3], 4)).toEqual([2, 3, 1])
  })
})
