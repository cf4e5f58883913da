import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { gzipSync } from 'node:zlib'
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
})

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

interface BadInput {
  readonly what: string
  readonly asset: string
  readonly file: string
  readonly content: string | Uint8Array
  /** Code of the error that stops it. */
  readonly code: string
  /** What the error says. */
  readonly says: RegExp
  /** Reasons in quarantine, where the file could be read on: nothing of it may be lost. */
  readonly quarantined?: readonly string[]
}

const truncated = (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 40)

/** Every bad input, made when the files that some of them are cut from are there. */
async function badInputs(): Promise<BadInput[]> {
  const csv = { asset: 'csv', file: 'rows.csv' }
  const ndjson = { asset: 'ndjson', file: 'rows.ndjson' }
  const json = { asset: 'json', file: 'rows.json' }
  const parquet = { asset: 'parquet', file: 'rows.parquet' }
  const malformed = { code: 'PHLO_SOURCE_MALFORMED' }
  const rejected = { code: 'PHLO_INGEST_REJECTED' }
  const columns = "1::BIGINT AS id, DATE '2024-05-01' AS day"
  return [
    {
      ...csv,
      ...malformed,
      what: 'a quote that never closes',
      content: 'id,day,amount\n1,"2024-05-01,1.5\n2,2024-05-02,2\n',
      says: /in\/rows\.csv:2/,
    },
    {
      ...csv,
      ...rejected,
      what: 'a row too short',
      content: 'id,day,amount\n1,2024-05-01,1\n2,2024-05-02\n',
      says: /malformed \(1\)/,
      quarantined: ['line 3: Expected Number of Columns: 3 Found: 2'],
    },
    {
      ...csv,
      ...rejected,
      what: 'a row too long',
      content: 'id,day,amount\n1,2024-05-01,1\n2,2024-05-02,2,3\n',
      says: /malformed \(1\)/,
      quarantined: ['line 3: Expected Number of Columns: 3 Found: 4'],
    },
    {
      ...csv,
      ...rejected,
      what: 'a value of a wrong type',
      content: 'id,day,amount\r\n1,2024-05-01,1\r\n2,2024-05-02,abc\n',
      says: /amount type \(1\)/,
      quarantined: ['amount must be a double, not "abc"'],
    },
    {
      ...csv,
      ...rejected,
      what: 'a required value that is not there',
      content: 'id,day,amount\n1,2024-05-01,\n2,2024-05-02,2\n',
      says: /amount required \(1\)/,
      quarantined: ['amount must not be null'],
    },
    {
      ...csv,
      code: 'PHLO_SCHEMA_COLUMN_MISSING',
      what: 'a missing column',
      content: 'id,day\n1,2024-05-01\n',
      says: /lacks the column "amount"/,
    },
    {
      ...csv,
      code: 'PHLO_SCHEMA_COLUMN_UNEXPECTED',
      what: 'a column too many',
      content: 'id,day,amount,extra\n1,2024-05-01,1,x\n',
      says: /has the column "extra"/,
    },
    { ...csv, code: 'PHLO_SOURCE_EMPTY', what: 'nothing at all', content: '', says: /in\/rows\.csv/ },
    {
      asset: 'zipped',
      file: 'rows.csv.gz',
      ...malformed,
      what: 'no gzip',
      content: 'id,day,amount\n',
      says: /in\/rows\.csv\.gz/,
    },
    {
      asset: 'zipped',
      file: 'rows.csv.gz',
      ...malformed,
      what: 'half a gzip',
      content: truncated(gzipSync(good.csv.repeat(100))),
      says: /in\/rows\.csv\.gz/,
    },
    {
      ...ndjson,
      ...malformed,
      what: 'a broken line',
      content: '{"id":1,"day":"2024-05-01","amount":1.5}\n{"id":2,"day":\n',
      says: /in\/rows\.ndjson:2/,
    },
    {
      ...ndjson,
      ...rejected,
      what: 'a value of a wrong type',
      content: `${good.ndjson}{"id":12.7,"day":"2024-05-01","amount":1}\n`,
      says: /id type \(1\)/,
      quarantined: ['id must be a long, not "12.7"'],
    },
    {
      ...ndjson,
      code: 'PHLO_SCHEMA_COLUMN_MISSING',
      what: 'a missing column',
      content: '{"id":1,"day":"2024-05-01"}\n',
      says: /lacks the column "amount"/,
    },
    {
      ...ndjson,
      code: 'PHLO_SCHEMA_COLUMN_UNEXPECTED',
      what: 'a column too many',
      content: '{"id":1,"day":"2024-05-01","amount":1,"x":1}\n',
      says: /has the column "x"/,
    },
    { ...ndjson, code: 'PHLO_SOURCE_EMPTY', what: 'nothing at all', content: '', says: /in\/rows\.ndjson/ },
    {
      ...json,
      ...malformed,
      what: 'an array that stops',
      content: '[{"id":1,"day":"2024-05-01","amount":1.5},',
      says: /in\/rows\.json/,
    },
    {
      ...json,
      ...malformed,
      what: 'an object that stops',
      content: '[{"id":1,"day":"2024-05-01","amount":1.5},{"id":2,',
      says: /in\/rows\.json/,
    },
    { ...json, code: 'PHLO_SOURCE_EMPTY', what: 'nothing at all', content: '', says: /in\/rows\.json/ },
    {
      ...parquet,
      ...malformed,
      what: 'half a file',
      content: truncated(await writeParquet(`SELECT ${columns}, 1.5::DOUBLE AS amount`)),
      says: /in\/rows\.parquet/,
    },
    { ...parquet, ...malformed, what: 'something else', content: 'id,day,amount\n', says: /in\/rows\.parquet/ },
    {
      ...parquet,
      code: 'PHLO_SCHEMA_COLUMN_MISSING',
      what: 'a missing column',
      content: await writeParquet(`SELECT ${columns}`),
      says: /lacks the column "amount"/,
    },
    {
      ...parquet,
      code: 'PHLO_SCHEMA_COLUMN_UNEXPECTED',
      what: 'a column too many',
      content: await writeParquet(`SELECT ${columns}, 1.5::DOUBLE AS amount, 1 AS x`),
      says: /has the column "x"/,
    },
    { ...parquet, code: 'PHLO_SOURCE_EMPTY', what: 'nothing at all', content: '', says: /in\/rows\.parquet/ },
  ]
}

it('stops every malformed input with an error of its own, publishes nothing and loses nothing', async () => {
  const seen: unknown[] = []
  const expected: unknown[] = []
  for (const { what, asset, file, content, code, says, quarantined = [] } of await badInputs()) {
    await writeFile(path.join(project.dir, 'in', file), content)
    const outcome = await project.phlo(['run', asset])
    const text = outcome.stdout + outcome.stderr
    seen.push({
      asset,
      what,
      exit: outcome.code,
      code: /error (PHLO_\w+)/.exec(text)?.[1],
      says: says.test(text) || text,
      quarantined: quarantined.length === 0 ? [] : await reasons(asset, outcome),
      mainAsBefore: isDeepStrictEqual(await lakeContent(project.dir), published),
    })
    expected.push({ asset, what, exit: 1, code, says: true, quarantined, mainAsBefore: true })
  }
  expect(seen).toEqual(expected)
})

it('takes rows of a duplicate key once, the last one, and says how many', async () => {
  await project.write('in/rows.csv', 'id,day,amount\n1,2024-05-01,1\n2,2024-05-02,2\n1,2024-05-01,3\n')
  expect(await project.succeed(['run', 'csv'])).toMatch(/1 duplicate merged/)
  expect((await lakeContent(project.dir))['bronze.csv']).toEqual([
    '{"id":1,"day":"2024-05-01","amount":3}',
    '{"id":2,"day":"2024-05-02","amount":2}',
  ])
})

it('reads CRLF lines with a last one in LF', async () => {
  await project.write('in/rows.csv', 'id,day,amount\r\n8,2024-05-01,1\r\n9,2024-05-02,2\n')
  await project.succeed(['run', 'csv'])
  expect((await lakeContent(project.dir))['bronze.csv']).toEqual(
    expect.arrayContaining(['{"id":8,"day":"2024-05-01","amount":1}', '{"id":9,"day":"2024-05-02","amount":2}']),
  )
})

/** Why the asset's quarantine holds what it holds, on the branch that the run left. */
async function reasons(asset: string, outcome: Outcome): Promise<readonly unknown[]> {
  const branch = /pipeline-run-\S+/.exec(outcome.stdout)?.[0] as string
  const rows = await project.query(`SELECT reason FROM quarantine.bronze_${asset} ORDER BY source_row`, branch)
  return rows.map(({ reason }) => reason)
}
