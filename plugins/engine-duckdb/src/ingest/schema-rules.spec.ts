import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { currentSchema } from '@phlo/iceberg'
import type { LoadedTable } from '@phlo/ports'
import { rowRules } from '@phlo/schema'
import { field, table, TestLake, z } from '../testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
})
afterEach(() => lake.close())

const rows = (...given: Record<string, unknown>[]) => ({ type: 'rows', name: 'rows', rows: given }) as const

describe('rules over several columns', () => {
  const Trip = rowRules(
    z.object({
      id: z.int(),
      start: z.iso.datetime(),
      end: z.iso.datetime().nullable(),
      card: z.string().nullable(),
      voucher: z.string().optional(),
    }),
    { ends_after_start: ['end', '>=', 'start'], paid: { anyOf: ['card', 'voucher'] } },
  )

  it('send rows to quarantine under their names, beside those of columns', async () => {
    const result = await lake.ingest(Trip, {
      inputs: [
        rows(
          { id: 1, start: '2024-01-01T10:00:00Z', end: '2024-01-01T11:00:00Z', card: 'a', voucher: null },
          { id: 2, start: '2024-01-01T10:00:00Z', end: '2024-01-01T09:00:00Z', card: 'a', voucher: null },
          { id: 3, start: '2024-01-01T10:00:00Z', end: null, card: null, voucher: 'v' },
          { id: 4, start: '2024-01-01T10:00:00Z', end: '2024-01-01T09:00:00Z', card: null, voucher: null },
        ),
      ],
    })
    expect(result).toMatchObject({ read: 4, written: 2, rejected: 2 })
    expect(result.rejectedRules).toEqual([
      { rule: 'ends_after_start', rows: 2 },
      { rule: 'paid', rows: 1 },
    ])
    expect(await lake.rows('SELECT reason FROM quarantine.t ORDER BY source_row')).toEqual([
      { reason: 'ends_after_start: end must be >= start' },
      { reason: 'ends_after_start: end must be >= start; paid: one of card, voucher must have a value' },
    ])
  })
})

describe('a renamed column', () => {
  const Before = z.object({ id: z.int(), v: z.int() })
  const After = z.object({ id: z.int(), worth: field(z.int(), { renamedFrom: 'v' }) })

  it.each(['append', 'merge'] as const)('keeps the values of old rows: %s', async (kind) => {
    const strategy = kind === 'merge' ? ({ kind, key: ['id'], keep: 'last' } as const) : ({ kind } as const)
    await lake.ingest(Before, { strategy, inputs: [rows({ id: 1, v: 10 }, { id: 2, v: 20 })] })
    const ids = async () => {
      const { metadata } = (await lake.catalog.loadTable(table('bronze.t'))) as LoadedTable
      return currentSchema(metadata).fields.map(({ id, name }) => [name, id])
    }
    expect(await ids()).toEqual([
      ['id', 1],
      ['v', 2],
    ])
    await lake.ingest(After, { strategy, inputs: [rows({ id: 2, worth: 21 }, { id: 3, worth: 30 })] })
    expect(await ids()).toEqual([
      ['id', 1],
      ['worth', 2],
    ])
    const old = kind === 'merge' ? [] : [{ id: 2, worth: 20 }]
    expect(await lake.rows('SELECT id::INT AS id, worth::INT AS worth FROM bronze.t ORDER BY id, worth')).toEqual([
      { id: 1, worth: 10 },
      ...old,
      { id: 2, worth: 21 },
      { id: 3, worth: 30 },
    ])
  })
})
