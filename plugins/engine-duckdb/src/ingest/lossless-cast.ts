import { formatPrimitive, formatType, isList, isMap, isStruct, parsePrimitive, type Primitive } from '@phlo/iceberg'
import type { IcebergType } from '@phlo/ports'
import { duckdbType } from '../duckdb-types.js'

/** What a source's column is made of. */
export type SourceType =
  /** Text of CSV or JSON: a value's own text, JSON text for nested ones, NULL for absent ones. */
  | 'text'
  /** One of DuckDB's types, as SQL, from a typed file. */
  | { readonly duckdb: string }

/** A cast that loses nothing: NULL for what does not fit. */
export interface Cast {
  readonly sql: string
  /** The column already has the type; no value can fail. */
  readonly identity: boolean
}

/**
 * SQL that turns a raw value into the column's type, or into NULL when that would change what it says: `12.7` is no
 * integer, `2024-01-01 10:00` no date, 300 no 8-bit number. `undefined` when no value of the source type can fit.
 */
export function losslessCast(raw: string, from: SourceType, to: IcebergType): Cast | undefined {
  if (from !== 'text' && sameDuckdbType(from.duckdb, duckdbType(to))) return { sql: raw, identity: true }
  if (typeof to !== 'string')
    return from === 'text' ? { sql: nestedFromText(raw, to), identity: false } : nestedFromTyped(raw, from.duckdb, to)
  const type = parsePrimitive(to)
  const sql = from === 'text' || from.duckdb === 'VARCHAR' ? fromText(raw, type) : fromTyped(raw, from.duckdb, type)
  return sql === undefined
    ? undefined
    : { sql, identity: type.kind === 'string' && (from === 'text' || from.duckdb === 'VARCHAR') }
}

function sameDuckdbType(a: string, b: string): boolean {
  const bare = (type: string) => type.replaceAll(/\s|"/g, '').toUpperCase()
  return bare(a) === bare(b)
}

const tryCast = (raw: string, type: string) => `TRY_CAST(${raw} AS ${type})`

function fromText(raw: string, type: Primitive): string | undefined {
  const target = duckdbType(formatPrimitive(type))
  switch (type.kind) {
    case 'string':
      return raw
    case 'int':
    case 'long':
      // A cast of text rounds; the number that the text says is the witness.
      return `CASE WHEN ${tryCast(raw, target)} = ${tryCast(raw, 'DOUBLE')} THEN ${tryCast(raw, target)} END`
    case 'float':
    case 'double':
    case 'uuid':
    case 'time':
      return tryCast(raw, target)
    case 'boolean':
      // The usual spelling first: `lower` makes a text of every value.
      return (
        `CASE WHEN ${raw} = 'true' THEN TRUE WHEN ${raw} = 'false' THEN FALSE ` +
        `WHEN lower(${raw}) = 'true' THEN TRUE WHEN lower(${raw}) = 'false' THEN FALSE END`
      )
    case 'decimal':
      return decimalFromText(raw, target, type.scale)
    case 'date':
      return finite(
        `CASE WHEN strlen(${raw}) <= 10 THEN ${tryCast(raw, 'DATE')} ` +
          `WHEN ${tryCast(raw, 'TIMESTAMP')} = CAST(${tryCast(raw, 'TIMESTAMP')} AS DATE) THEN CAST(${tryCast(raw, 'TIMESTAMP')} AS DATE) END`,
      )
    case 'timestamp':
      // An offset behind the time would be dropped without a word.
      return finite(
        `CASE WHEN strlen(${raw}) <= 19 OR NOT (${raw} LIKE '%:%-%' OR ${raw} LIKE '%:%+%') THEN ${tryCast(raw, 'TIMESTAMP')} END`,
      )
    case 'timestamptz':
      // Without an offset, or with Z, the time is UTC; taking that way is five times faster than the time zone library.
      return finite(
        `CASE WHEN strlen(${raw}) <= 19 OR suffix(${raw}, 'Z') THEN make_timestamptz(epoch_us(${tryCast(raw, 'TIMESTAMP')})) ` +
          `ELSE ${tryCast(raw, 'TIMESTAMP WITH TIME ZONE')} END`,
      )
    default:
      return undefined
  }
}

/**
 * A cast of text rounds, so the text itself must say that it need not: it has no more decimals than the type, or zeros
 * there. A wider decimal as a witness would be a hundred times slower beyond 18 digits. With an exponent the text's
 * decimals say nothing; then the number as a double is the witness.
 */
function decimalFromText(raw: string, target: string, scale: number): string {
  const cast = tryCast(raw, target)
  const decimals = `(strpos(${raw}, '.') = 0 OR strlen(${raw}) - strpos(${raw}, '.') <= ${scale})`
  const exponent = `(contains(${raw}, 'e') OR contains(${raw}, 'E'))`
  return (
    `CASE WHEN ${decimals} AND NOT ${exponent} THEN ${cast} ` +
    `WHEN ${exponent} THEN CASE WHEN CAST(${cast} AS DOUBLE) = ${tryCast(raw, 'DOUBLE')} THEN ${cast} END ` +
    `WHEN regexp_full_match(${raw}, '\\s*[-+]?[0-9]*[.][0-9]{0,${scale}}0*\\s*') THEN ${cast} END`
  )
}

/** Words such as `infinity` are dates to DuckDB and to nobody else. */
function finite(sql: string): string {
  return `CASE WHEN isfinite(${sql}) THEN ${sql} END`
}

const integerTypes = [
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
  'UHUGEINT',
]
const timestampTypes = ['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS']

function fromTyped(raw: string, from: string, type: Primitive): string | undefined {
  const target = duckdbType(formatPrimitive(type))
  const isInteger = integerTypes.includes(from)
  const isFloat = from === 'FLOAT' || from === 'DOUBLE'
  const isDecimal = from.startsWith('DECIMAL')
  const isTimestamp = timestampTypes.includes(from)
  const isZoned = from === 'TIMESTAMP WITH TIME ZONE'
  const comparing = (cast: string) => `CASE WHEN ${cast} = ${raw} THEN ${cast} END`
  switch (type.kind) {
    case 'string':
      return from === 'BLOB' ? undefined : `CAST(${raw} AS VARCHAR)`
    case 'int':
    case 'long':
      if (isInteger) return tryCast(raw, target)
      return isFloat || isDecimal ? comparing(tryCast(raw, target)) : undefined
    case 'double':
      if (isFloat) return tryCast(raw, target)
      return isInteger || isDecimal ? tryCast(raw, target) : undefined
    case 'float':
      return isInteger || isDecimal || isFloat ? tryCast(raw, target) : undefined
    case 'decimal':
      if (isInteger || isDecimal) return comparing(tryCast(raw, target))
      return isFloat
        ? `CASE WHEN CAST(${tryCast(raw, target)} AS DOUBLE) = ${raw} THEN ${tryCast(raw, target)} END`
        : undefined
    case 'date':
      return isTimestamp ? comparing(`CAST(${raw} AS DATE)`) : undefined
    case 'timestamp':
      if (isZoned) return `(${raw} AT TIME ZONE 'UTC')`
      return isTimestamp || from === 'DATE' ? tryCast(raw, 'TIMESTAMP') : undefined
    case 'timestamptz':
      return isTimestamp || from === 'DATE' ? `(CAST(${raw} AS TIMESTAMP) AT TIME ZONE 'UTC')` : undefined
    default:
      return undefined
  }
}

/** A list or struct in JSON's text. */
function nestedFromText(raw: string, to: IcebergType): string {
  return `TRY_CAST(TRY_CAST(${raw} AS JSON) AS ${duckdbType(to)})`
}

function nestedFromTyped(raw: string, from: string, to: IcebergType): Cast | undefined {
  const sameKind =
    (isList(to) && /\]$/.test(from)) ||
    (isStruct(to) && from.startsWith('STRUCT')) ||
    (isMap(to) && from.startsWith('MAP'))
  return sameKind ? { sql: tryCast(raw, duckdbType(to)), identity: false } : undefined
}

/** The type in words, for messages. */
export function typeInWords(type: IcebergType): string {
  return formatType(type)
}
