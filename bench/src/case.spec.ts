import { describe, expect, it } from '@jest/globals'
import { judge } from './case.js'

const target = { text: 'a target', wanted: 2, unit: '×' } as const

describe('targets', () => {
  it('are met up to the wanted value and missed behind it', () => {
    expect(judge({ ...target, kind: 'at most', found: 2 }, true).met).toBe(true)
    expect(judge({ ...target, kind: 'at most', found: 2.01 }, true).met).toBe(false)
    expect(judge({ ...target, kind: 'at least', found: 2 }, true).met).toBe(true)
    expect(judge({ ...target, kind: 'at least', found: 1.99 }, true).met).toBe(false)
  })

  it('are not judged on another input than the one they are meant for', () => {
    expect(judge({ ...target, kind: 'at most', found: 1 }, false).met).toBeUndefined()
  })

  it('are missed when nothing sensible was found', () => {
    expect(judge({ ...target, kind: 'at most', found: NaN }, true).met).toBe(false)
    expect(judge({ ...target, kind: 'at least', found: NaN }, true).met).toBe(false)
  })
})
