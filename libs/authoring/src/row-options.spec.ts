import { describe, expect, it } from '@jest/globals'
import { bronzeColumns } from '@phlo/ports'
import { z } from 'zod'
import { collect } from './collector.js'
import { ingestion } from './ingestion.js'
import { daily } from './partitions.js'
import { files } from './sources.js'

const Row = z.object({ id: z.int(), at: z.iso.datetime(), day: z.iso.date(), name: z.string(), value: z.number() })

async function asset(options: object) {
  const { assets } = await collect(async () => {
    ingestion({ name: 'rows', schema: Row, ...options } as never, files({ path: 'rows.csv' }))
  })
  return assets[0]
}

describe('what is declared of rows', () => {
  it.each<[object, object]>([
    [{ bronze: true }, { bronze: { columns: bronzeColumns, sourceSystem: 'files' } }],
    [{ bronze: true, group: 'shop' }, { bronze: { columns: bronzeColumns, sourceSystem: 'shop' } }],
    [
      { bronze: ['record_hash'], group: 'shop', sourceSystem: 'till' },
      { bronze: { columns: ['record_hash'], sourceSystem: 'till' } },
    ],
    [{ retention: '30d' }, { retention: { keep: 30 * 86_400_000 } }],
    [{ retention: 'forever' }, { retention: { keep: Infinity } }],
    [{ retention: { keep: '2h', column: 'at' } }, { retention: { keep: 7_200_000, column: 'at' } }],
    [{ uniqueKey: 'id', cursor: { column: 'id', lag: 5 } }, { cursor: { column: 'id', type: 'long', lag: 5 } }],
    [
      { uniqueKey: 'id', cursor: { column: 'at', lag: '2h' } },
      { cursor: { column: 'at', type: 'timestamptz', lag: 7_200_000 } },
    ],
    [
      { uniqueKey: 'id', merge: { strategy: 'scd2', absent: 'keep' }, cursor: { column: 'name' } },
      { cursor: { column: 'name', type: 'string' } },
    ],
    [
      { timeout: '10m', retries: 1 },
      { timeout: 600_000, retries: { attempts: 2, delay: 1000, maxDelay: 60_000 } },
    ],
  ])('%j becomes part of the asset', async (options, expected) => {
    expect(await asset(options)).toMatchObject(expected)
  })

  it.each<[object, string]>([
    [{ bronze: ['hash'] }, 'There is no bronze column "hash"'],
    [{ schema: z.object({ source_file: z.string() }), bronze: true }, 'The schema has a column source_file of its own'],
    [{ cursor: { column: 'at' } }, 'An asset with a cursor reads rows in parts, which does not go with its strategy'],
    [
      { uniqueKey: 'id', merge: { strategy: 'scd2' }, cursor: { column: 'at' } },
      'An asset with a cursor reads rows in parts, which does not go with its strategy',
    ],
    [
      {
        uniqueKey: 'id',
        merge: { strategy: 'merge' },
        partitions: daily({ column: 'at', start: '2024-01-01' }),
        cursor: { column: 'at' },
      },
      'An asset with partitions reads each whole, and has no cursor',
    ],
    [{ uniqueKey: 'id', cursor: { column: 'att' } }, 'cursor names "att", which is no column of the schema'],
    [{ uniqueKey: 'id', cursor: { column: 'value' } }, 'cursor names value, whose values have no order'],
    [{ uniqueKey: 'id', cursor: { column: 'id', lag: '2h' } }, 'The cursor’s lag of "2h" does not suit id, a long'],
    [{ uniqueKey: 'id', cursor: { column: 'at', lag: 5 } }, 'The cursor’s lag of 5 does not suit at, a timestamptz'],
  ])('%j is refused', async (options, message) => {
    await expect(asset(options)).rejects.toMatchObject({
      code: 'PHLO_WORKFLOW_INVALID',
      message: expect.stringContaining(message),
    })
  })
})
