import { type FileInput, PhloError, type RowSchema } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { requireArrayEnd } from './json-array-end.js'
import { fileColumn } from './bronze-columns.js'
import type { SourceType } from './lossless-cast.js'
import type { PositionedScan, Scan } from './scan.js'
import { missingColumns, unexpectedColumns } from './source-columns.js'
import { sourceName } from './source-files.js'

/** Rows whose keys are looked at to choose how the file is read. */
const sampleRows = 2_000

/** SQL that reads files of JSON. */
export interface JsonReader {
  readonly objects: (paths: readonly string[]) => string
  readonly table: (paths: readonly string[], columns: string, records: boolean, withFile?: boolean) => string
}

export function jsonReader(format: 'ndjson' | 'json'): JsonReader {
  const kind = format === 'ndjson' ? 'newline_delimited' : 'array'
  const list = (paths: readonly string[]) => `[${paths.map(literal).join(', ')}]`
  return {
    objects: (paths) => `read_json_objects(${list(paths)}, format = '${kind}')`,
    table: (paths, columns, records, withFile = false) =>
      `read_json(${list(paths)}, format = '${kind}', records = ${records}, columns = ${columns}` +
      `${withFile ? `, filename = ${literal(fileColumn)}` : ''})`,
  }
}

/**
 * JSON objects as a scan, every value as text. Files whose objects all have the same keys in the same order, as those of
 * programs have, are read by position, which checks every row's keys on the way; others by name.
 */
export async function jsonScan(
  connection: Connection,
  input: FileInput & { readonly format: 'ndjson' | 'json' },
  schema: RowSchema,
  options: {
    readonly unexpected: 'freeze' | 'discard_value'
    readonly byPosition: boolean
    readonly withFile?: boolean
  },
): Promise<Scan> {
  const json = jsonReader(input.format)
  if (input.format === 'json') for (const file of input.paths) await requireArrayEnd(file)
  const samples = await connection.run(
    `SELECT json_keys(json) AS keys, json_type(json) AS type, count(*) AS rows ` +
      `FROM (SELECT json FROM ${json.objects(input.paths)} LIMIT ${sampleRows}) GROUP BY ALL`,
  )
  const wrong = samples.find(({ type }) => type !== 'OBJECT')
  if (wrong) throw notObjects(wrong['type'] as string, input.paths)
  const [only] = samples
  const keys = samples.length === 1 && only ? (only['keys'] as string[]) : undefined
  const sampled = new Set(samples.flatMap((sample) => sample['keys'] as string[]))
  const name = sourceName(input.paths)
  const declared = new Set(schema.columns.map((column) => column.name))
  const extra = [...sampled].filter((key) => !declared.has(key))
  await requireColumns(connection, json, input, schema, sampled, samples.length > 0, extra)
  if (options.unexpected === 'freeze' && extra.length > 0) throw unexpectedColumns(extra, name)
  const byPosition = options.byPosition && keys !== undefined && new Set(keys).size === keys.length
  const { withFile = false } = options
  const shape = byPosition
    ? positional(json, input.paths, keys, schema, withFile)
    : named(json, input.paths, schema, withFile)
  // Read by position, rows of another shape fail the guard.
  if (!byPosition) await checkAllRows(connection, json, input.paths, schema, options.unexpected)
  return {
    name,
    ...shape,
    types: new Map<string, SourceType>(schema.columns.map((column) => [column.name, 'text'])),
    files: input.paths.map((file) => positioned(json, file, schema)),
  }
}

/** Values in the order of the keys that every row should have; rows with others fail the guard. */
function positional(
  json: JsonReader,
  paths: readonly string[],
  keys: readonly string[],
  schema: RowSchema,
  withFile: boolean,
) {
  const own = withFile ? `, ${fileColumn}` : ''
  const columns = schema.columns.map((column) => {
    const position = keys.indexOf(column.name)
    return `${position < 0 ? 'CAST(NULL AS VARCHAR)' : `v[${position + 1}]`} AS ${identifier(column.name)}`
  })
  return {
    select:
      `SELECT ${columns.join(', ')}, (k = [${keys.map(literal).join(', ')}]) AS _phlo_shape${own} FROM (` +
      `SELECT map_keys(json) AS k, map_values(json) AS v${own} FROM ${json.table(paths, "{json: 'MAP(VARCHAR, VARCHAR)'}", false, withFile)})`,
    guard: '_phlo_shape',
  }
}

function named(json: JsonReader, paths: readonly string[], schema: RowSchema, withFile: boolean) {
  const columns = [...schema.columns.map((column) => identifier(column.name)), ...(withFile ? [fileColumn] : [])]
  return { select: `SELECT ${columns.join(', ')} FROM ${json.table(paths, textColumns(schema), true, withFile)}` }
}

function textColumns(schema: RowSchema): string {
  return `{${schema.columns.map((column) => `${literal(column.name)}: 'VARCHAR'`).join(', ')}}`
}

function positioned(json: JsonReader, file: string, schema: RowSchema): PositionedScan {
  const columns = schema.columns.map(
    (column) => `json ->> ${literal(jsonPointer(column.name))} AS ${identifier(column.name)}`,
  )
  return {
    file,
    select: `SELECT ${columns.join(', ')}, row_number() OVER () AS _phlo_row, json::VARCHAR AS _phlo_text FROM ${json.objects([file])}`,
  }
}

/** RFC 6901. */
function jsonPointer(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** A required column that the sample lacks must be somewhere else in the files, or the files lack it. */
async function requireColumns(
  connection: Connection,
  json: JsonReader,
  input: FileInput,
  schema: RowSchema,
  sampled: ReadonlySet<string>,
  hasRows: boolean,
  extra: readonly string[],
): Promise<void> {
  const absent = schema.columns.filter((column) => column.required && !sampled.has(column.name)).map(({ name }) => name)
  if (!hasRows || absent.length === 0) return
  const counts = absent.map(
    (column, index) => `count(*) FILTER (WHERE json_exists(json, ${literal(jsonPointer(column))})) AS c${index}`,
  )
  const found = await connection.one(`SELECT ${counts.join(', ')} FROM ${json.objects(input.paths)}`)
  const missing = absent.filter((_column, index) => Number(found[`c${index}`]) === 0)
  if (missing.length > 0) throw missingColumns(missing, extra, sourceName(input.paths))
}

/**
 * Throws PHLO_SOURCE_MALFORMED for a row that is no object, and PHLO_SCHEMA_COLUMN_UNEXPECTED for a key that any row has
 * and the schema has not, when those are frozen.
 */
async function checkAllRows(
  connection: Connection,
  json: JsonReader,
  paths: readonly string[],
  schema: RowSchema,
  unexpected: 'freeze' | 'discard_value',
): Promise<void> {
  const known = `[${schema.columns.map((column) => literal(column.name)).join(', ')}]`
  const shapes =
    `SELECT DISTINCT json_type(json) AS type, ` +
    `list_filter(json_keys(json), lambda k: NOT list_contains(${known}, k)) AS extra FROM ${json.objects(paths)}`
  const rows = await connection.run(
    `SELECT DISTINCT type, unnest(CASE WHEN extra = [] OR extra IS NULL THEN [NULL] ELSE extra END) AS key FROM (${shapes}) LIMIT 1000`,
  )
  const wrong = rows.find(({ type }) => type !== 'OBJECT')
  if (wrong) throw notObjects(wrong['type'] as string, paths)
  const extra = rows.flatMap(({ key }) => (key === null ? [] : [key as string]))
  if (unexpected === 'freeze' && extra.length > 0) throw unexpectedColumns(extra, sourceName(paths))
}

function notObjects(type: string, paths: readonly string[]): PhloError {
  return new PhloError(
    'PHLO_SOURCE_MALFORMED',
    `${sourceName(paths)} holds a JSON ${type.toLowerCase()} where a row must be an object`,
    {
      hint: 'Each row is one JSON object: one a line (ndjson), or all of them in one array (json).',
      ...(paths.length === 1 && { location: { file: paths[0] as string } }),
    },
  )
}
