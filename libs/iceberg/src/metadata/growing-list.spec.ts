import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { growingListJson } from './growing-list.js'
import { serializeJson } from './json.js'

describe('the JSON of a growing list', () => {
  it('is that of its items, whichever lists were asked for before', () => {
    const change = fc.record({
      /** Which of the lists so far the next one is made of, and how many of its items stay. */
      of: fc.nat(),
      keep: fc.nat({ max: 30 }),
      from: fc.nat({ max: 3 }),
      add: fc.array(fc.record({ 'snapshot-id': fc.bigInt(), name: fc.string() }), { maxLength: 12 }),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const lists: (readonly object[])[] = [[]]
        for (const { of, keep, from, add } of changes) {
          const base = lists[of % lists.length] as readonly object[]
          const list = [...base.slice(from === 3 ? 1 : 0, keep), ...add]
          lists.push(list)
          expect(growingListJson(list).toString('utf8')).toBe(list.map((item) => serializeJson(item)).join(','))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('takes over what was made for the list without its last items', () => {
    let made = 0
    const item = (id: number) => ({
      get id() {
        made++
        return id
      },
    })
    const history = Array.from({ length: 100 }, (_, id) => item(id))
    growingListJson(history)
    const before = made
    growingListJson([...history, item(100), item(101)])
    expect((made - before) / (before / 100)).toBe(2)
  })
})
