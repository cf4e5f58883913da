import { beforeEach, describe, expect, it } from '@jest/globals'
import type { LoadContext } from '../assets/asset.js'
import { ingested, TestProject } from '../testing/test-project.js'
import { laterOf, readFrom } from './watermark.js'

let project: TestProject
beforeEach(async () => {
  project = await TestProject.open()
})

describe('a cursor', () => {
  it.each([
    ['long', 10, '9007199254740993', '9007199254740983'],
    ['int', undefined, '5', '5'],
    ['date', 3_600_000, '2024-03-01', '2024-02-29'],
    ['timestamp', 3_600_000, '2024-03-01T00:30:00.123456', '2024-02-29T23:30:00.123'],
    ['timestamptz', 3_600_000, '2024-03-01T00:30:00.123456Z', '2024-02-29T23:30:00.123Z'],
    ['string', undefined, 'b', 'b'],
  ])('of type %s with the lag %s goes back from %s to %s', (type, lag, greatest, from) => {
    expect(readFrom({ column: 'at', type, ...(lag !== undefined && { lag }) }, greatest)).toBe(from)
  })

  it('never goes back by itself', () => {
    expect(laterOf({ column: 'n', type: 'long' }, '10', '9')).toBe('10')
    expect(laterOf({ column: 'n', type: 'long' }, undefined, '9')).toBe('9')
    expect(
      laterOf({ column: 'at', type: 'timestamptz' }, '2024-01-01T00:00:00.000001Z', '2024-01-01T00:00:00.000000Z'),
    ).toBe('2024-01-01T00:00:00.000001Z')
  })

  it('is committed with its rows, and tells the next read where to begin', async () => {
    const asked: unknown[] = []
    const batches = [[{ id: 1 }, { id: 30 }], [], [{ id: 25 }, { id: 40 }]]
    const asset = ingested('bronze.a', {
      strategy: { kind: 'merge', key: ['id'], keep: 'last' },
      cursor: { column: 'id', type: 'long', lag: 10 },
      source: {
        kind: 'function',
        load: ({ cursor }: LoadContext) => {
          asked.push(cursor)
          return batches[asked.length - 1] ?? []
        },
      },
    })
    for (const _batch of [...batches, []]) await project.run([asset])
    expect(asked).toEqual([
      undefined,
      { column: 'id', from: '20' },
      { column: 'id', from: '20' },
      { column: 'id', from: '30' },
    ])
  })
})
