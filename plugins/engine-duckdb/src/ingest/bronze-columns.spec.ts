import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { bronzeColumns, type IngestRequest } from '@phlo/ports'
import { TestLake, z } from '../testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open({ threads: 1 })
})
afterEach(() => lake.close())

const Item = z.object({ id: z.int(), v: z.string().nullable() })
const bronze = { columns: bronzeColumns, sourceSystem: 'shop' }
const rows = (...given: object[]) => ({ type: 'rows', name: 'api', rows: given as Record<string, unknown>[] }) as const
const all = (columns: string) => lake.rows(`SELECT ${columns} FROM bronze.t ORDER BY id, v`)
const strategies: IngestRequest['strategy'][] = [
  { kind: 'append' },
  { kind: 'overwrite' },
  { kind: 'merge', key: ['id'], keep: 'last' },
  { kind: 'merge', key: ['id'], keep: 'hash' },
  { kind: 'insert-only', key: ['id'], keep: 'last' },
  { kind: 'scd2', key: ['id'], keep: 'last', absent: 'close' },
]

describe('bronze columns', () => {
  it.each(strategies)('say where rows come from: %j', async (strategy) => {
    const before = Date.now()
    await lake.ingest(Item, { inputs: [rows({ id: 1, v: 'a' }, { id: 2, v: null })], bronze, strategy })
    const found = await all('source_system, source_file, _phlo_run_id, record_hash')
    const md5 = (text: string) => createHash('md5').update(text).digest('hex')
    const same = { source_system: 'shop', source_file: 'api', _phlo_run_id: 'run-1' }
    expect(found).toEqual([
      { ...same, record_hash: md5('{"id":1,"v":"a"}') },
      { ...same, record_hash: md5('{"id":2,"v":null}') },
    ])
    const [times] = await all(
      'epoch_ms(ingestion_timestamp)::DOUBLE AS at, _phlo_partition_date = current_date AS today',
    )
    expect(times?.['at']).toBeGreaterThanOrEqual(before)
    const ids = (await all('_phlo_row_id')).map((row) => row['_phlo_row_id'])
    expect(new Set(ids).size).toBe(2)
  })

  it('give a key the same row id whenever it comes', async () => {
    const strategy = { kind: 'merge', key: ['id'], keep: 'last' } as const
    await lake.ingest(Item, { inputs: [rows({ id: 1, v: 'a' })], bronze, strategy })
    const before = await all('_phlo_row_id')
    await lake.ingest(Item, { inputs: [rows({ id: 1, v: 'b' }, { id: 1, v: 'c' })], bronze, strategy })
    expect(await all('_phlo_row_id, v')).toEqual([{ ...before[0], v: 'c' }])
  })

  it('name each file, whatever its format', async () => {
    const json = await lake.file('a.ndjson', '{"id":1,"v":"a"}\n')
    const mixed = await lake.file('b.ndjson', '{"id":2}\n{"v":"b","id":3}\n')
    const csv = await lake.file('c.csv', 'id,v\n4,d\n')
    const crlf = await lake.file('d.csv', 'id,v\r\n5,e\n6,f\r\n')
    const input = (format: 'ndjson' | 'csv', ...paths: string[]) => ({ type: 'files', format, paths }) as const
    await lake.ingest(z.object({ id: z.int(), v: z.string().nullable().optional() }), {
      inputs: [input('ndjson', json), input('ndjson', mixed), input('csv', csv), input('csv', crlf)],
      bronze: { columns: ['source_file'], sourceSystem: 'shop' },
    })
    expect((await lake.rows('SELECT source_file AS f FROM bronze.t ORDER BY id')).map(({ f }) => f)).toEqual([
      json,
      mixed,
      mixed,
      csv,
      crlf,
      crlf,
    ])
  })

  it('come to a table that was without them, and date rows by their partition', async () => {
    const Event = z.object({ id: z.int(), at: z.iso.datetime() })
    const event = { id: 1, at: '2024-06-30T22:30:00Z' }
    await lake.ingest(Event, { inputs: [rows(event)], strategy: { kind: 'append' } })
    await lake.ingest(Event, {
      inputs: [rows({ ...event, id: 2 })],
      strategy: { kind: 'append' },
      interval: { column: 'at', from: '2024-06-30T22:00:00.000Z', to: '2024-07-01T22:00:00.000Z' },
      bronze: { columns: ['_phlo_partition_date'], sourceSystem: 'shop', timezone: 'Europe/Berlin' },
    })
    expect(await lake.rows('SELECT _phlo_partition_date::VARCHAR AS day FROM bronze.t ORDER BY id')).toEqual([
      { day: null },
      { day: '2024-07-01' },
    ])
  })
})
