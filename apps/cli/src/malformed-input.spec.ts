import { gzipSync } from 'node:zlib'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { DuckDBInstance } from '@duckdb/node-api'
import { lakeContent } from './testing/lake-content.js'
import { type Outcome, TestProject } from './testing/project.js'

/** An asset over one file of each kind; `strict` so that one wrong row is enough. */
const workflow = `import { files, ingestion, z } from 'phlo'

const Row = z.object({ id: z.int(), day: z.iso.date(), amount: z.number() })
const options = { schema: Row, uniqueKey: 'id', strict: true } as const

export const csv = ingestion({ ...options, name: 'csv' }, files({ path: 'in/rows.csv' }))
export const zipped = ingestion({ ...options, name: 'zipped' }, files({ path: 'in/rows.csv.gz' }))
export const ndjson = ingestion({ ...options, name: 'ndjson' }, files({ path: 'in/rows.ndjson' }))
export const json = ingestion({ ...options, name: 'json' }, files({ path: 'in/rows.json' }))
export const parquet = ingestion({ ...options, name: 'parquet' }, files({ path: 'in/rows.parquet' }))
`

const good = {
  csv: 'id,day,amount\n1,2024-05-01,1.5\n2,2024-05-02,2\n',
  ndjson: '{"id":1,"day":"2024-05-01","amount":1.5}\n{"id":2,"day":"2024-05-02","amount":2}\n',
  json: '[{"id":1,"day":"2024-05-01","amount":1.5},{"id":2,"day":"2024-05-02","amount":2}]',
}

let project: TestProject
let published: Awaited<ReturnType<typeof lakeContent>>

async function writeParquet(sql: string): Promise<Buffer> {
  const { readFile } = await import('node:fs/promises')
  const file = path.join(project.dir, 'made.parquet')
  const connection = await (await DuckDBInstance.create()).connect()
  await connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet)`)
  connection.closeSync()
  return readFile(file)
}

beforeAll(async () => {
  project = await TestProject.create({ 'phlo.yaml': 'name: bad\n', 'workflows/rows.ts': workflow })
  await project.write('in/rows.csv', good.csv)
  await project.write('in/rows.ndjson', good.ndjson)
  await project.write('in/rows.json', good.json)
  await writeFile(path.join(project.dir, 'in/rows.csv.gz'), gzipSync(good.csv))
  await writeFile(
    path.join(project.dir, 'in/rows.parquet'),
    await writeParquet("SELECT 1::BIGINT AS id, DATE '2024-05-01' AS day, 1.5::DOUBLE AS amount"),
  )
  await project.succeed(['run'])
  published = await lakeContent(project.dir)
}, 120_000)

afterAll(() => project.remove())

it('publishes the good input of every kind', () => {
  expect(Object.keys(published).sort()).toEqual([
    'bronze.csv',
    'bronze.json',
    'bronze.ndjson',
    'bronze.parquet',
    'bronze.zipped',
  ])
})

/** What a bad file of an asset must give: an error with this code, and main as it was. */
async function expectStopped(
  asset: string,
  file: string,
  content: string | Uint8Array,
  code: string,
  text: RegExp,
): Promise<Outcome> {
  await writeFile(path.join(project.dir, 'in', file), content)
  const outcome = await project.phlo(['run', asset])
  expect(outcome.stdout + outcome.stderr).toContain(code)
  expect(outcome.stdout + outcome.stderr).toMatch(text)
  expect(outcome.code).toBe(1)
  expect(await lakeContent(project.dir)).toEqual(published)
  return outcome
}

/** Rows of the asset's quarantine on the branch that the run left. */
async function rejected(asset: string, outcome: Outcome): Promise<readonly Record<string, unknown>[]> {
  const branch = /pipeline-run-\S+/.exec(outcome.stdout)?.[0] as string
  return project.query(`SELECT source_row, reason, "row" FROM quarantine.bronze_${asset} ORDER BY source_row`, branch)
}

it.each([
  ['csv', 'rows.csv', 'id,day,amount\n1,"2024-05-01,1.5\n2,2024-05-02,2\n', 'an unclosed quote'],
  ['csv', 'rows.csv', 'id,day,amount\n1,2024-05-01,1.5\n2,2024-05-02\n', 'a row that is too short'],
  ['csv', 'rows.csv', 'id,day,amount\n1,2024-05-01,1.5\n2,2024-05-02,2,3\n', 'a row that is too long'],
  ['ndjson', 'rows.ndjson', '{"id":1,"day":"2024-05-01","amount":1.5}\n{"id":2,"day":\n', 'a broken line'],
])(
  'A malformed %s file, %s: the broken row is named or kept',
  async (asset, file, content) => {
    const outcome = await expectStopped(asset, file, content, 'PHLO_INGEST_', /./)
    // Nothing is lost: every row is either named by an error or kept in quarantine.
    const said = outcome.stdout + outcome.stderr
    if (said.includes('PHLO_INGEST_REJECTED')) expect((await rejected(asset, outcome)).length).toBeGreaterThan(0)
    else expect(said).toMatch(/rows\.(csv|ndjson)/)
  },
  60_000,
)
