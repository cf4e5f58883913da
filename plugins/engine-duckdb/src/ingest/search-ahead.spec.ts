import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { literal } from '../duckdb-dialect.js'
import { DuckDbHost } from '../duckdb-host.js'
import { TestLake, z } from '../testing/lake.js'

const Row = z.object({ id: z.int().nullable(), k: z.string(), n: z.int().min(0) })
type Row = { readonly id: number | null; readonly k: string; readonly n: number }

let lake: TestLake
beforeAll(async () => {
  lake = await TestLake.open({ threads: 2 })
})
afterAll(() => lake.close())

let files = 0
async function sourceFile(format: 'parquet' | 'ndjson', rows: readonly Row[]): Promise<string> {
  const name = await lake.file(`rows-${++files}.ndjson`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  if (format === 'ndjson') return name
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const parquet = name.replace('.ndjson', '.parquet')
  await connection.run(
    `COPY (FROM read_json(${literal(name)}, columns = {id: 'BIGINT', k: 'VARCHAR', n: 'BIGINT'})) TO ${literal(parquet)}`,
  )
  connection.closeSync()
  instance.closeSync()
  return parquet
}

async function merge(name: string, format: 'parquet' | 'ndjson', key: readonly string[], rows: readonly Row[]) {
  const target = { namespace: ['bronze'], name }
  return lake.ingest(Row, {
    target,
    quarantine: { namespace: ['quarantine'], name },
    inputs: [{ type: 'files', format, paths: [await sourceFile(format, rows)] }],
    strategy: { kind: 'merge', key, keep: 'last' },
  })
}

async function create(name: string, version: number, mode: string): Promise<void> {
  await lake.execute(
    `CREATE TABLE bronze.${name} (id BIGINT, k VARCHAR NOT NULL, n BIGINT NOT NULL)
     WITH ('format-version' = ${version}, 'write.merge.mode' = '${mode}')`,
  )
}

const rowsOf = (name: string) => lake.rows(`SELECT id::VARCHAR AS id, k, n::INT AS n FROM bronze.${name} ORDER BY ALL`)
const connections = () => jest.spyOn(DuckDbHost.prototype, 'open')
const row = fc.record({
  id: fc.option(fc.integer({ min: -4, max: 8 })),
  k: fc.constantFrom('a', 'b', 'ä', 'it’s'),
  // Some are rejected.
  n: fc.integer({ min: -1, max: 9 }),
})
const tables = [2, 3].flatMap((version) =>
  ['copy-on-write', 'merge-on-read'].map(
    (mode) => [`v${version}_${mode.replaceAll('-', '_')}`, version, mode] as const,
  ),
)

describe('a merge of a file whose keys are read at little cost', () => {
  it.each(tables)('leaves the rows that a merge of any other file leaves: %s', async (label, version, mode) => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(['id'], ['k'], ['k', 'id']),
        fc.array(fc.array(row, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 }),
        async (key, batches) => {
          const [fast, plain] = [`fast_${label}_${++run}`, `plain_${label}_${run}`]
          for (const name of [fast, plain]) await create(name, version, mode)
          for (const rows of batches) {
            const told = await merge(fast, 'parquet', key, rows)
            const { read, written, rejected, duplicates } = await merge(plain, 'ndjson', key, rows)
            expect(told).toMatchObject({ read, written, rejected, duplicates })
            expect(await rowsOf(fast)).toEqual(await rowsOf(plain))
          }
        },
      ),
      { numRuns: 5 },
    )
  })

  it('searches on a connection of its own, which is closed', async () => {
    await create('two', 2, 'merge-on-read')
    const rows = Array.from({ length: 10 }, (_, id) => ({ id, k: 'a', n: id }))
    await merge('two', 'parquet', ['id'], rows)
    const opened = connections()
    const close = jest.spyOn(DuckDbHost.prototype, 'close')
    try {
      const changed = rows.slice(5).map((item) => ({ ...item, k: 'b' }))
      await merge('two', 'parquet', ['id'], changed)
      expect(opened).toHaveBeenCalledTimes(2)
      for (const { value } of opened.mock.results) {
        const connection = (await value) as Awaited<ReturnType<DuckDbHost['open']>>
        await expect(connection.run('SELECT 1')).rejects.toMatchObject({ code: 'PHLO_ENGINE_FAILED' })
      }
      opened.mockClear()
      await merge('two', 'ndjson', ['id'], changed)
      expect(opened).toHaveBeenCalledTimes(1)
    } finally {
      opened.mockRestore()
      close.mockRestore()
    }
    expect(await rowsOf('two')).toEqual(rows.map(({ id, n }) => ({ id: String(id), k: id < 5 ? 'a' : 'b', n })))
  })
})
