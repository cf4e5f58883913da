import type { DuckDBType } from '@duckdb/node-api'
import type { FileInput, RowSchema } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { fileColumn } from './bronze-columns.js'
import type { SourceType } from './lossless-cast.js'
import type { Scan } from './scan.js'
import { checkColumns } from './source-columns.js'
import { sourceName } from './source-files.js'

/** Parquet files as a scan. Files may differ in which optional columns they have. */
export async function parquetScan(
  connection: Connection,
  input: FileInput,
  schema: RowSchema,
  unexpected: 'freeze' | 'discard_value',
  withFile = false,
): Promise<Scan> {
  const list = (paths: readonly string[]) => `[${paths.map(literal).join(', ')}]`
  const types = new Map<string, SourceType>()
  const names = new Map<string, readonly string[]>()
  let differ = false
  let first: string | undefined
  for (const file of input.paths) {
    const columns = await describe(connection, `SELECT * FROM read_parquet(${list([file])}, hive_partitioning = false)`)
    checkColumns(
      schema,
      columns.map(({ name }) => name),
      sourceName([file]),
      unexpected,
    )
    names.set(
      file,
      columns.map(({ name }) => name),
    )
    const shape = JSON.stringify(columns)
    first ??= shape
    differ ||= shape !== first
    for (const { name, type } of columns)
      if (schema.columns.some((column) => column.name === name)) types.set(name, { duckdb: type })
  }
  const present = schema.columns.filter(({ name }) => types.has(name)).map(({ name }) => identifier(name))
  const options = `hive_partitioning = false${differ ? ', union_by_name = true' : ''}`
  const { rows } = await connection.one(
    `SELECT sum(num_rows)::BIGINT AS rows FROM parquet_file_metadata(${list(input.paths)})`,
  )
  return {
    name: sourceName(input.paths),
    select: withFile
      ? `SELECT ${[...present, fileColumn].join(', ')} FROM read_parquet(${list(input.paths)}, ${options}, filename = ${literal(fileColumn)})`
      : `SELECT ${present.join(', ')} FROM read_parquet(${list(input.paths)}, ${options})`,
    types: differ ? await unionTypes(connection, list(input.paths), options, types) : types,
    rows: Number(rows),
    files: input.paths.map((file) => ({
      file,
      select:
        `SELECT ${present.join(', ')}, file_row_number + 1 AS _phlo_row, ${rowText(names.get(file) ?? [])} AS _phlo_text ` +
        `FROM read_parquet(${list([file])}, hive_partitioning = false, file_row_number = true)`,
    })),
  }
}

/** SQL for the whole row as JSON, columns that the schema does not know included. */
function rowText(columns: readonly string[]): string {
  return `to_json({${columns.map((name) => `${literal(name)}: ${identifier(name)}`).join(', ')}})::VARCHAR`
}

/** The types that DuckDB gives the columns of files that differ. */
async function unionTypes(
  connection: Connection,
  files: string,
  options: string,
  known: ReadonlyMap<string, SourceType>,
): Promise<Map<string, SourceType>> {
  const columns = await describe(connection, `SELECT * FROM read_parquet(${files}, ${options})`)
  return new Map(columns.filter(({ name }) => known.has(name)).map(({ name, type }) => [name, { duckdb: type }]))
}

async function describe(connection: Connection, select: string): Promise<{ name: string; type: string }[]> {
  return connection.guard(async () => {
    const result = await connection.raw.run(`${select} LIMIT 0`)
    const types = result.columnTypes()
    return result.columnNames().map((name, index) => ({ name, type: (types[index] as DuckDBType).toString() }))
  })
}
