import { isStruct } from '@phlo/iceberg'
import type { ColumnSchema, FileInput, IcebergType, RowSchema } from '@phlo/ports'
import { anyLong } from '@phlo/schema'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { columnOfResult, typeForVersion } from '../duckdb-types.js'
import { requiredFields } from '../tables/required-fields.js'
import { readCsvHeader } from './csv-header.js'
import { csvScan } from './csv-scan.js'
import { jsonReader, jsonScan } from './json-scan.js'
import { losslessCast } from './lossless-cast.js'
import { parquetScan } from './parquet-scan.js'
import type { Scan } from './scan.js'
import { asSourceError } from './source-files.js'

/** A type that a text may have, with what its texts look like beside being castable. */
interface Candidate {
  readonly type: string
  /** SQL condition on the text; `{}` stands for it. */
  readonly looks: string
}

/** A number whose first digit is a zero is a code of something: `007`. */
const plainNumber = "regexp_full_match({}, '-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?')"
const offset = "regexp_matches({}, '(Z|[-+][0-9]{2}:?[0-9]{2})$')"
const dayAndTime = "regexp_matches({}, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}')"

const numbers: readonly Candidate[] = [
  { type: 'long', looks: plainNumber },
  { type: 'double', looks: plainNumber },
]
const times: readonly Candidate[] = [
  { type: 'date', looks: "regexp_full_match({}, '[0-9]{4}-[0-9]{2}-[0-9]{2}')" },
  { type: 'timestamptz', looks: `${dayAndTime} AND ${offset}` },
  { type: 'timestamp', looks: `${dayAndTime} AND NOT ${offset}` },
]
const booleans: readonly Candidate[] = [{ type: 'boolean', looks: "{} IN ('true', 'false')" }]

/** What is known of a column before its values are looked at. */
interface Guess {
  readonly name: string
  /** The first that every value fits is taken; a text when none does. */
  readonly candidates: readonly Candidate[]
  /** A nested type, or the type of a typed file, in place of candidates. */
  readonly type?: IcebergType
}

/**
 * The columns of files by what all their rows hold, so that an ingestion with them takes every row: the narrowest type
 * that loses nothing, and NULL allowed where there is one. Throws what reading the files throws.
 */
export async function inferRows(connection: Connection, input: FileInput): Promise<RowSchema> {
  try {
    const names = await columnNames(connection, input)
    const untyped: RowSchema = { columns: names.map((name) => textColumn(name)) }
    const { scan, guesses } = await open(connection, input, untyped)
    return { columns: await inspect(connection, scan, guesses, input.format) }
  } catch (error) {
    throw await asSourceError(error, input)
  }
}

function textColumn(name: string): ColumnSchema {
  return { name, type: 'string', required: false, optional: true, rules: [], unique: false }
}

async function columnNames(connection: Connection, input: FileInput): Promise<string[]> {
  switch (input.format) {
    case 'csv': {
      const headers = await Promise.all(input.paths.map((file) => readCsvHeader(file, { columns: [] }, input)))
      return [...new Set(headers.flatMap(({ columns }) => columns))]
    }
    case 'parquet': {
      const rows = await connection.run(
        `DESCRIBE SELECT * FROM read_parquet([${input.paths.map(literal).join(', ')}], hive_partitioning = false, union_by_name = true)`,
      )
      return rows.map((row) => row['column_name'] as string)
    }
    case 'ndjson':
    case 'json': {
      const rows = await connection.run(
        `SELECT key FROM (SELECT unnest(keys) AS key, generate_subscripts(keys, 1) AS place ` +
          `FROM (SELECT json_keys(json) AS keys FROM ${jsonReader(input.format).objects(input.paths)})) ` +
          `GROUP BY key ORDER BY min(place), key`,
      )
      return rows.map((row) => row['key'] as string)
    }
  }
}

async function open(
  connection: Connection,
  input: FileInput,
  untyped: RowSchema,
): Promise<{ readonly scan: Scan; readonly guesses: readonly Guess[] }> {
  const { columns } = untyped
  const { format } = input
  switch (format) {
    case 'csv':
      return {
        scan: await csvScan(input, untyped, 'freeze'),
        guesses: columns.map(({ name }) => ({ name, candidates: [...booleans, ...numbers, ...times] })),
      }
    case 'parquet': {
      const scan = await parquetScan(connection, input, untyped, 'freeze')
      const types = await connection.guard(async () => {
        const result = await connection.raw.run(`${scan.select} LIMIT 0`)
        const found = result.columnTypes()
        return new Map(result.columnNames().map((name, index) => [name, found[index]]))
      })
      return {
        scan,
        guesses: columns.map(({ name }) => {
          const type = types.get(name)
          return {
            name,
            candidates: [],
            ...(type && { type: typeForVersion(columnOfResult(name, type, undefined).type, 2) }),
          }
        }),
      }
    }
    default: {
      const options = { unexpected: 'freeze', byPosition: false } as const
      const scan = await jsonScan(connection, { ...input, format }, untyped, options)
      const { structure } = await connection.one(
        `SELECT json_group_structure(json)::VARCHAR AS structure FROM ${jsonReader(format).objects(input.paths)}`,
      )
      const shape = JSON.parse(structure as string) as Readonly<Record<string, JsonShape>>
      return { scan, guesses: columns.map(({ name }) => guessOf(name, shape[name] ?? 'NULL')) }
    }
  }
}

/** As `json_group_structure` tells it. */
type JsonShape = string | readonly JsonShape[] | { readonly [key: string]: JsonShape }

function guessOf(name: string, shape: JsonShape): Guess {
  if (typeof shape !== 'string') {
    const type = nestedType(shape)
    return { name, candidates: [], ...(type !== undefined && { type }) }
  }
  switch (shape) {
    case 'VARCHAR':
      // A number in quotes is a text: whoever wrote it could have left them out.
      return { name, candidates: times }
    case 'BOOLEAN':
      return { name, candidates: booleans }
    case 'BIGINT':
    case 'UBIGINT':
    case 'HUGEINT':
    case 'DOUBLE':
      return { name, candidates: numbers }
    default:
      return { name, candidates: [] }
  }
}

const jsonTypes: Readonly<Record<string, string>> = {
  BOOLEAN: 'boolean',
  BIGINT: 'long',
  UBIGINT: 'long',
  HUGEINT: 'double',
  DOUBLE: 'double',
}

/** A list or struct with all its fields required; `undefined` where something in it has no shape of its own. */
function nestedType(shape: JsonShape): IcebergType | undefined {
  if (typeof shape === 'string') return jsonTypes[shape] ?? 'string'
  if (Array.isArray(shape)) {
    const element = nestedType((shape as readonly JsonShape[])[0] ?? 'NULL')
    return element === undefined ? undefined : { type: 'list', 'element-id': 0, element, 'element-required': true }
  }
  const fields = Object.entries(shape).map(([name, inner]) => ({
    id: 0,
    name,
    type: nestedType(inner),
    required: true,
  }))
  // A struct without fields is no type.
  if (fields.length === 0 || fields.some(({ type }) => type === undefined)) return undefined
  return { type: 'struct', fields: fields.map((field) => ({ ...field, type: field.type as IcebergType })) }
}

/** One scan over all rows that tells which candidates hold. */
async function inspect(
  connection: Connection,
  scan: Scan,
  guesses: readonly Guess[],
  format: FileInput['format'],
): Promise<ColumnSchema[]> {
  const tests = guesses.flatMap((guess, index) => {
    const raw = identifier(guess.name)
    // Only long columns ask for it.
    const counted = possibilities(guess, scan).some(({ type }) => type === 'long')
    return [
      `count(*) FILTER (WHERE ${raw} IS NULL) AS nulls_${index}`,
      ...(counted
        ? [`count(*) FILTER (WHERE abs(TRY_CAST(${raw} AS HUGEINT)) > ${Number.MAX_SAFE_INTEGER}) AS big_${index}`]
        : []),
      ...possibilities(guess, scan).map(
        ({ holds }, at) =>
          `count(*) FILTER (WHERE ${raw} IS NOT NULL AND (${holds}) IS NOT TRUE) AS misfits_${index}_${at}`,
      ),
    ]
  })
  const counts = await connection.one(`SELECT count(*) AS total, ${tests.join(', ')} FROM (${scan.select})`)
  const total = Number(counts['total'])
  return guesses.map((guess, index) => {
    const nulls = Number(counts[`nulls_${index}`])
    const fitting = possibilities(guess, scan).find((_, at) => Number(counts[`misfits_${index}_${at}`]) === 0)
    // A column without values says nothing of its type, unless the file does.
    const type = (guess.type !== undefined || nulls < total) && fitting ? fitting.type : 'string'
    const lacking = nulls > 0 || total === 0
    return {
      name: guess.name,
      type,
      required: !lacking,
      // Objects of JSON leave out what they have not.
      optional: lacking && (format === 'json' || format === 'ndjson'),
      rules: type === 'long' && Number(counts[`big_${index}`]) > 0 ? [anyLong] : [],
      unique: false,
    }
  })
}

interface Possibility {
  readonly type: IcebergType
  readonly holds: string
}

function possibilities({ name, candidates, type }: Guess, scan: Scan): Possibility[] {
  const raw = identifier(name)
  const from = scan.types.get(name) ?? 'text'
  if (type === undefined) {
    return candidates.flatMap((candidate) => {
      const cast = losslessCast(raw, from, candidate.type)
      const looks = candidate.looks.replaceAll('{}', raw)
      return cast ? [{ type: candidate.type, holds: `${looks} AND ${cast.sql} IS NOT NULL` }] : []
    })
  }
  const variants = typeof type === 'string' ? [type] : [withRequired(type, true), withRequired(type, false)]
  return variants.flatMap((variant) => {
    const cast = losslessCast(raw, from, variant)
    if (!cast) return []
    const required = requiredFields(cast.sql, variant, name).map(({ holds }) => holds)
    return [{ type: variant, holds: [`${cast.sql} IS NOT NULL`, ...required].join(' AND ') }]
  })
}

/** The nested type with everything within it required, or nothing. */
function withRequired(type: IcebergType, required: boolean): IcebergType {
  if (typeof type === 'string') return type
  if (isStruct(type)) {
    const fields = type.fields.map((field) => ({ ...field, required, type: withRequired(field.type, required) }))
    return { ...type, fields }
  }
  if (type.type === 'list')
    return { ...type, element: withRequired(type.element, required), 'element-required': required }
  return { ...type, value: withRequired(type.value, required), 'value-required': required }
}
