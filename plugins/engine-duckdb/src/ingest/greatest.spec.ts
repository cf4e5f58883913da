import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { table, TestLake, z } from '../testing/lake.js'

let lake: TestLake
beforeAll(async () => {
  lake = await TestLake.open({ threads: 1 })
})
afterAll(() => lake.close())

const Row = z.object({
  id: z.int().max(9_007_199_254_740_990),
  day: z.iso.date(),
  local: z.iso.datetime({ local: true }),
  at: z.iso.datetime(),
  name: z.string(),
})
const rows = [
  {
    id: 9_007_199_254_740_990,
    day: '2024-02-29',
    local: '2024-01-01T00:00:00.123456',
    at: '2024-01-01T01:00:00+01:00',
    name: 'b',
  },
  { id: 7, day: '1969-12-31', local: '1969-12-31T23:59:59', at: '2024-01-01T00:00:00.000001Z', name: 'a' },
  { id: 9_007_199_254_740_991, day: '2999-01-01', local: '2999-01-01T00:00:00', at: '2999-01-01T00:00:00Z', name: 'z' },
]

describe('the greatest value of a column', () => {
  it.each([
    ['id', '9007199254740990'],
    ['day', '2024-02-29'],
    ['local', '2024-01-01T00:00:00.123456'],
    ['at', '2024-01-01T00:00:00.000001Z'],
    ['name', 'b'],
  ])('%s of the valid rows is committed with them', async (column, expected) => {
    const target = table(`bronze.of_${column}`)
    const take = (given: readonly Record<string, unknown>[]) =>
      lake.ingest(Row, {
        target,
        inputs: [{ type: 'rows', name: 'rows', rows: given }],
        greatestOf: column,
        propertiesRead: ({ greatest = 'none' }) => ({ greatest }),
      })
    const property = async () => (await lake.catalog.loadTable(target))?.metadata.properties?.['greatest']
    await take(rows)
    expect(await property()).toBe(expected)
    await take([])
    expect(await property()).toBe('none')
  })
})
