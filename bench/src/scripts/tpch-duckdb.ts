// Runs queries on bare Parquet files with DuckDB, all of them several times.
import { readFile } from 'node:fs/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { repeatQueries, type TpchRequest } from '../tpch/repeat-queries.js'

const { queries, files, repeats } = JSON.parse(await readFile(process.argv[2] as string, 'utf8')) as TpchRequest
const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
for (const [table, paths] of Object.entries(files)) {
  await connection.run(`CREATE SCHEMA IF NOT EXISTS ${table.split('.')[0] as string}`)
  const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`)
  await connection.run(`CREATE VIEW ${table} AS FROM read_parquet([${list.join(', ')}])`)
}
await repeatQueries(queries, repeats, {
  run: async (sql) => (await connection.runAndReadAll(sql)).currentRowCount,
  rows: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson(),
})
