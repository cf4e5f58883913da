// The bare work: DuckDB reads a file and writes Parquet. No schema, no checks, no table.
import { parseArgs } from 'node:util'

const startedAt = performance.now()
const { DuckDBInstance } = await import('@duckdb/node-api')
const { values } = parseArgs({
  options: {
    select: { type: 'string' },
    output: { type: 'string' },
    options: { type: 'string' },
    settings: { type: 'string' },
  },
})
const { select = '', output = '', options = '', settings = '{}' } = values
const instance = await DuckDBInstance.create(':memory:', JSON.parse(settings) as Record<string, string>)
const connection = await instance.connect()
const loadedAt = performance.now()
await connection.run(`COPY (${select}) TO '${output.replaceAll("'", "''")}' (${options})`)
const seconds = (performance.now() - loadedAt) / 1000
process.stdout.write(JSON.stringify({ seconds, loading: (loadedAt - startedAt) / 1000 }))
