import { type BronzeColumn, bronzeColumns, type ColumnSchema, type IngestRequest } from '@phlo/ports'
import { duckdbDialect, identifier, literal } from '../duckdb-dialect.js'

/** The column in which a scan says of which file a row is. */
export const fileColumn = '_phlo_file'

const types: Readonly<Record<BronzeColumn, string>> = {
  ingestion_timestamp: 'timestamptz',
  source_system: 'string',
  source_file: 'string',
  record_hash: 'string',
  _phlo_run_id: 'string',
  _phlo_partition_date: 'date',
  _phlo_row_id: 'string',
}

const docs: Readonly<Record<BronzeColumn, string>> = {
  ingestion_timestamp: 'When the row was taken in',
  source_system: 'The system that it came from',
  source_file: 'The file or source that it came from',
  record_hash: 'MD5 of its columns, as JSON',
  _phlo_run_id: 'The run that took it in',
  _phlo_partition_date: 'The day that it belongs to: of its partition, or on which it was taken in',
  _phlo_row_id: 'One id a row: of its key where it has one, random otherwise',
}

/** The wanted columns, which a table may get later: rows from before have NULL. */
export function bronzeSchema({ bronze }: IngestRequest): readonly ColumnSchema[] {
  return bronzeColumns
    .filter((name) => bronze?.columns.includes(name))
    .map((name) => ({
      name,
      type: types[name],
      required: false,
      optional: true,
      rules: [],
      unique: false,
      doc: docs[name],
    }))
}

/** Do rows have to say of which file they are? */
export function needsFile({ bronze }: IngestRequest): boolean {
  return bronze?.columns.includes('source_file') ?? false
}

/** SQL of the wanted columns' values, over the row's own columns and {@link fileColumn}. */
export function bronzeValues(
  request: IngestRequest,
  now: Date,
  names: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const { bronze, schema, strategy, interval, runId } = request
  if (!bronze) return new Map()
  const instant = duckdbDialect.typedLiteral(now.toISOString(), 'timestamptz')
  const columns = schema.columns.map(({ name }) => name)
  const files = [...names].map(([copy, name]) => `WHEN ${literal(copy)} THEN ${literal(name)} `)
  const key = 'key' in strategy && !(strategy.kind === 'merge' && strategy.keep === 'hash') ? strategy.key : undefined
  // A history has a row for each version of a key.
  const version = strategy.kind === 'scd2' ? `, ${literal(now.toISOString())}` : ''
  const dated = interval && schema.columns.find(({ name }) => name === interval.column)
  const zone = bronze.timezone !== undefined && dated?.type === 'timestamptz' ? literal(bronze.timezone) : undefined
  const date =
    dated && (zone === undefined ? identifier(dated.name) : `(${identifier(dated.name)} AT TIME ZONE ${zone})`)
  const values: Record<BronzeColumn, string> = {
    ingestion_timestamp: instant,
    source_system: literal(bronze.sourceSystem),
    source_file: files.length > 0 ? `CASE ${fileColumn} ${files.join('')}ELSE ${fileColumn} END` : fileColumn,
    record_hash: md5(columns),
    _phlo_run_id: literal(runId),
    _phlo_partition_date: `CAST(${date ?? instant} AS DATE)`,
    _phlo_row_id: key ? `md5(concat(${md5(key)}${version}))` : 'CAST(uuidv7() AS VARCHAR)',
  }
  return new Map(bronzeColumns.filter((name) => bronze.columns.includes(name)).map((name) => [name, values[name]]))
}

function md5(columns: readonly string[]): string {
  return `md5(to_json({${columns.map((name) => `${literal(name)}: ${identifier(name)}`).join(', ')}})::VARCHAR)`
}
