import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { literal } from '../duckdb-dialect.js'
import { TestLake, z } from '../testing/lake.js'

const Numbered = z.object({ id: z.int().nullable(), n: z.int() })

async function withLake(work: (lake: TestLake) => Promise<void>): Promise<void> {
  const lake = await TestLake.open({ threads: 1 })
  try {
    await lake.execute(
      "CREATE TABLE bronze.t (id BIGINT, n BIGINT NOT NULL) WITH ('write.merge.mode' = 'merge-on-read')",
    )
    await work(lake)
  } finally {
    await lake.close()
  }
}

async function merge(lake: TestLake, name: string, rows: readonly { id: number | null; n: number }[]) {
  const file = await lake.file(`${name}.ndjson`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return lake.ingest(Numbered, {
    inputs: [{ type: 'files', format: 'ndjson', paths: [file] }],
    strategy: { kind: 'merge', key: ['id'], keep: 'last' },
  })
}

describe('a merge by whole numbers', () => {
  it('leaves the last row of each, whether numbers lie close together or far apart', async () => {
    const limit = 2 ** 53 - 1
    const range = fc.constantFrom([0, 5], [-40, 40], [-1000, 1_000_000], [limit - 3, limit], [-limit, limit] as const)
    const batches = range.chain(([min, max]) =>
      fc.array(fc.array(fc.option(fc.integer({ min, max })), { minLength: 1, maxLength: 12 }), {
        minLength: 1,
        maxLength: 3,
      }),
    )
    await fc.assert(
      fc.asyncProperty(batches, (all) =>
        withLake(async (lake) => {
          const expected = new Map<number, number>()
          let n = 0
          for (const [index, ids] of all.entries()) {
            const rows = ids.map((id) => ({ id, n: n++ }))
            // NULL equals nothing that is there; of one batch's, a single one stays.
            const distinct = new Set(ids).size
            for (const { id, n: value } of rows) if (id !== null) expected.set(id, value)
            const result = await merge(lake, `batch-${index}`, rows)
            expect(result).toMatchObject({ read: ids.length, written: distinct, duplicates: ids.length - distinct })
          }
          const found = await lake.rows('SELECT id::VARCHAR AS id, n::INT AS n FROM bronze.t WHERE id IS NOT NULL')
          expect(new Map(found.map(({ id, n: value }) => [Number(id), value]))).toEqual(expected)
          expect(found).toHaveLength(expected.size)
        }),
      ),
      { numRuns: 12 },
    )
  })

  it('writes the places of replaced rows in the order of their files’ paths and of their positions', async () => {
    await withLake(async (lake) => {
      for (const first of [0, 100, 200])
        await merge(
          lake,
          `rows-${first}`,
          Array.from({ length: 100 }, (_, index) => ({ id: first + index, n: 0 })),
        )
      const replaced = [250, 3, 120, 7, 205, 110, 299, 0].map((id) => ({ id, n: 1 }))
      await merge(lake, 'replacing', replaced)
      const names = await readdir(lake.folder, { recursive: true })
      const files = names
        .filter((name) => name.endsWith('-deletes.parquet'))
        .map((name) => path.join(lake.folder, name))
      expect(files).toHaveLength(1)
      const instance = await DuckDBInstance.create(':memory:')
      const connection = await instance.connect()
      const rows = `read_parquet(${literal(files[0] as string)}, file_row_number = true)`
      const result = await connection.runAndReadAll(`SELECT file_path, pos FROM ${rows} ORDER BY file_row_number`)
      const places = result.getRowsJson() as [string, string][]
      instance.closeSync()
      expect(places).toHaveLength(replaced.length)
      expect(places).toEqual(
        places.toSorted(([a, m], [b, n]) => Buffer.compare(Buffer.from(a), Buffer.from(b)) || Number(m) - Number(n)),
      )
      expect(new Set(places.map(([file]) => file)).size).toBe(3)
    })
  })
})
