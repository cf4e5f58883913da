// What an upsert cannot do without: DuckDB joins two Parquet files and copies rows to new ones. No table, no commit.
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { fingerprintSql, sqlList, sqlText, upsertSql } from '../orders.js'

const { values } = parseArgs({
  options: {
    base: { type: 'string', multiple: true },
    changes: { type: 'string' },
    mode: { type: 'string' },
    output: { type: 'string' },
    deletes: { type: 'string' },
  },
})
const { base = [], changes = '', mode = '', output = '', deletes = '' } = values
const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
const copy = (select: string, file: string) =>
  connection.run(`COPY (${select}) TO ${sqlText(file)} (FORMAT parquet, COMPRESSION zstd)`)
const from = (file: string) => `FROM read_parquet(${sqlText(file)})`
const places = `read_parquet(${sqlList(base)}, filename = true, file_row_number = true)`

const startedAt = performance.now()
if (mode === 'copy-on-write') await copy(upsertSql(base, changes), output)
else {
  await copy(
    `SELECT filename, file_row_number FROM ${places}
     SEMI JOIN (${from(changes)}) AS changes USING (id)`,
    deletes,
  )
  await copy(from(changes), output)
}
const seconds = (performance.now() - startedAt) / 1000

const rest = `SELECT rows.* FROM ${places} AS rows ANTI JOIN (${from(deletes)}) AS deletes USING (filename, file_row_number)`
const all =
  mode === 'copy-on-write'
    ? from(output)
    : `SELECT * EXCLUDE (filename, file_row_number) FROM (${rest}) UNION ALL ${from(output)}`
const [fingerprint] = (await connection.runAndReadAll(fingerprintSql(`(${all})`))).getRowObjectsJson()
process.stdout.write(JSON.stringify({ seconds, fingerprint }))
