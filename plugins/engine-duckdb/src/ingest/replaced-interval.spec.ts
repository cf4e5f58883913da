import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { IngestRequest } from '@phlo/ports'
import { table, TestLake, z } from '../testing/lake.js'

let lake: TestLake
beforeAll(async () => {
  lake = await TestLake.open({ threads: 1 })
})
afterAll(() => lake.close())

const Event = z.object({ id: z.int().max(99), at: z.iso.datetime() })

describe('an interval that ends within partitions of the table', () => {
  it.each(['copy-on-write', 'merge-on-read'])('is replaced by its rows alone, %s', async (mode) => {
    const name = `zone_${mode.replaceAll('-', '_')}`
    const take = (from: string, to: string, rows: readonly object[], runId = 'run') =>
      lake.ingest(Event, {
        target: table(`bronze.${name}`),
        quarantine: table(`quarantine.${name}`),
        inputs: [{ type: 'rows', name: 'rows', rows: rows as Iterable<Record<string, unknown>> }],
        interval: { column: 'at', from, to },
        partitioning: [{ column: 'at', transform: 'day' }],
        properties: { 'write.delete.mode': mode },
        runId,
      } satisfies Partial<IngestRequest>)
    const ids = async (of = `bronze.${name}`, column = 'id::INT AS id') =>
      (await lake.rows(`SELECT ${column} FROM ${of} ORDER BY ALL`)).map(({ id }) => id)
    // Two days in Berlin, which share a day of UTC.
    const first = ['2024-06-29T22:00:00.000Z', '2024-06-30T22:00:00.000Z'] as const
    const second = ['2024-06-30T22:00:00.000Z', '2024-07-01T22:00:00.000Z'] as const
    await take(...first, [
      { id: 1, at: '2024-06-29T22:00:00Z' },
      { id: 2, at: '2024-06-30T21:59:59Z' },
      { id: 3, at: '2024-06-30T22:00:00Z' },
    ])
    await take(...second, [
      { id: 4, at: '2024-06-30T22:00:00Z' },
      { id: 5, at: '2024-07-01T12:00:00Z' },
      { id: 100, at: '2024-06-30T23:00:00Z' },
    ])
    expect(await ids()).toEqual([1, 2, 4, 5])
    await take(...first, [{ id: 6, at: '2024-06-30T12:00:00Z' }])
    expect(await ids()).toEqual([4, 5, 6])
    expect(await ids(`quarantine.${name}`, 'run_id AS id')).toEqual(['run'])
    await take(...second, [{ id: 7, at: '2024-07-01T00:00:00Z' }], 'again')
    expect(await ids()).toEqual([6, 7])
    expect(await ids(`quarantine.${name}`, 'run_id AS id')).toEqual([])
  })
})
