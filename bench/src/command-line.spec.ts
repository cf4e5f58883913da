import { describe, expect, it } from '@jest/globals'
import { helpText, readCommandLine } from './command-line.js'

const known = ['start', 'memory']

describe('command line', () => {
  it('takes cases and numbers', () => {
    expect(readCommandLine(['memory', '--runs', '5', '--rows', '1_000', '--out', 'x'], known)).toEqual({
      cases: ['memory'],
      runs: 5,
      rows: 1000,
      out: 'x',
      help: false,
    })
  })

  it('means all cases, three rounds and each case’s own rows when nothing is said', () => {
    expect(readCommandLine([], known)).toEqual({ cases: [], runs: 3, rows: undefined, out: undefined, help: false })
  })

  it('names the known cases when it does not know one', () => {
    expect(() => readCommandLine(['strat'], known)).toThrow('There is no case strat. Cases: start, memory')
  })

  it.each([['0'], ['-1'], ['1.5'], ['many'], ['']])('takes no number of rounds that is %j', (runs) => {
    expect(() => readCommandLine([`--runs=${runs}`], known)).toThrow('--runs must be a whole number above 0')
  })

  it('does not swallow an option that it does not know', () => {
    expect(() => readCommandLine(['--row', '5'], known)).toThrow('--row')
  })

  it('lists every case in its help', () => {
    const text = helpText([{ name: 'start', description: 'how it starts' }])
    expect(text).toContain('  start  how it starts')
    expect(text).toContain('--rows N')
  })
})
