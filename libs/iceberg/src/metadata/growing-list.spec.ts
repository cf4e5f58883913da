import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { appended, listOfText, listParts } from './growing-list.js'
import { serializeJson } from './json.js'

const item = fc.record({ 'snapshot-id': fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), name: fc.string() })
type Item = { 'snapshot-id': bigint; name: string }

/** Writes the list as a file's writer does. */
function written(list: readonly object[]): string {
  const { parts, written: taken } = listParts(list)
  const bytes = Buffer.concat([Buffer.from('['), ...parts, Buffer.from(']')])
  taken(bytes.subarray(1, -1))
  return bytes.toString('utf8')
}

/** The list of a text, with spaces where they may be. */
function read(items: readonly Item[]): readonly Item[] {
  const spans: number[] = []
  let text = ' '
  for (const json of items.map(serializeJson)) {
    const start = Buffer.byteLength(text)
    text += json
    spans.push(start, Buffer.byteLength(text))
    text += ' , '
  }
  return listOfText<Item>({ bytes: Buffer.from(text), spans }, undefined)
}

describe('a list that grows', () => {
  it('is the array of its items, and is written as they are, whichever lists were made and written before', () => {
    const step = fc.record({ of: fc.nat(), add: fc.array(item, { maxLength: 4 }), same: fc.boolean(), write: fc.nat() })
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 5 }),
        fc.boolean(),
        fc.array(step, { maxLength: 20 }),
        (first, asText, steps) => {
          const lists: (readonly Item[])[] = [asText ? read(first) : first]
          const models: (readonly Item[])[] = [first]
          for (const { of, add, same, write } of steps) {
            const base = of % lists.length
            let list = lists[base] as readonly Item[]
            let model = models[base] as readonly Item[]
            // Another list may have gone on with the very same item.
            const next = lists.find((other) => other.length > list.length)?.[list.length]
            for (const added of same && next ? [next, ...add] : add) {
              list = appended(list, added)
              model = [...model, added]
            }
            lists.push(list)
            models.push(model)
            const chosen = write % lists.length
            expect(JSON.parse(written(lists[chosen] as readonly Item[]), parseIds)).toEqual(
              JSON.parse(serializeJson(models[chosen]), parseIds),
            )
          }
          expect(lists).toEqual(models)
          expect(lists.map((list) => [...list])).toEqual(models)
        },
      ),
      { numRuns: 300 },
    )
  })
  const parseIds = (key: string, value: unknown) => (key === 'snapshot-id' ? String(value) : value)

  it('behaves as an array that cannot be changed', () => {
    const items = [1n, 2n, 3n].map((id) => ({ 'snapshot-id': id, name: `${id}` }))
    const list = read(items)
    expect(Array.isArray(list)).toBe(true)
    expect(Object.keys(list)).toEqual(['0', '1', '2'])
    expect([0 in list, 2 in list, 3 in list, (-1) in list, '01' in list]).toEqual([true, true, false, false, false])
    expect([list[0], list.at(-1), list[3], list.length]).toEqual([items[0], items[2], undefined, 3])
    expect(list[1]).toBe(list[1])
    expect(list.map(({ name }) => name)).toEqual(['1', '2', '3'])
    expect(list.concat(items)).toEqual([...items, ...items])
    expect(Object.getOwnPropertyDescriptor(list, '1')).toMatchObject({ value: items[1], enumerable: true })
    expect(Object.getOwnPropertyDescriptor(list, '7')).toBeUndefined()
    const changeable = list as Item[]
    for (const change of [
      () => changeable.push(items[0] as Item),
      () => (changeable[0] = items[1] as Item),
      () => (changeable.length = 0),
      () => Reflect.defineProperty(changeable, '0', { value: 5 }) || changeable.pop(),
      () => Object.freeze(changeable),
    ])
      expect(change).toThrow(TypeError)
    expect(list).toEqual(items)
  })

  it('is written with the text of the items that it had before', () => {
    let made = 0
    const counting = (id: number) => ({
      get id() {
        made++
        return id
      },
    })
    let list: readonly object[] = []
    for (let id = 0; id < 100; id++) list = appended(list, counting(id))
    written(list)
    const before = made
    written(appended(appended(list, counting(100)), counting(101)))
    expect((made - before) / (before / 100)).toBe(2)
  })
})
