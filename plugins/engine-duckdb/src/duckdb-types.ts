import { formatPrimitive, isList, isMap, isStruct, parsePrimitive } from '@phlo/iceberg'
import { type ColumnSchema, type IcebergType, type NestedField, PhloError, type RowSchema } from '@phlo/ports'
import type { DuckDBType } from '@duckdb/node-api'

/** DuckDB's type for an Iceberg type, as SQL. */
export function duckdbType(type: IcebergType): string {
  if (isStruct(type)) {
    return `STRUCT(${type.fields.map((field) => `"${field.name.replaceAll('"', '""')}" ${duckdbType(field.type)}`).join(', ')})`
  }
  if (isList(type)) return `${duckdbType(type.element)}[]`
  if (isMap(type)) return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`
  const primitive = parsePrimitive(type)
  switch (primitive.kind) {
    case 'boolean':
      return 'BOOLEAN'
    case 'int':
      return 'INTEGER'
    case 'long':
      return 'BIGINT'
    case 'float':
      return 'FLOAT'
    case 'double':
      return 'DOUBLE'
    case 'date':
      return 'DATE'
    case 'time':
      return 'TIME'
    case 'timestamp':
      return 'TIMESTAMP'
    case 'timestamptz':
      return 'TIMESTAMP WITH TIME ZONE'
    case 'timestamp_ns':
      return 'TIMESTAMP_NS'
    case 'string':
      return 'VARCHAR'
    case 'uuid':
      return 'UUID'
    case 'binary':
    case 'fixed':
      return 'BLOB'
    case 'decimal':
      return `DECIMAL(${primitive.precision}, ${primitive.scale})`
    // DuckDB has no moments in nanoseconds: these are clocks in UTC, and files say so, see `parquet/logical-types.ts`.
    case 'timestamptz_ns':
      return 'TIMESTAMP_NS'
    case 'unknown':
      return '"NULL"'
    case 'variant':
      return 'VARIANT'
    // Coordinate reference systems are the table's: DuckDB knows few of them.
    case 'geometry':
    case 'geography':
      return 'GEOMETRY'
  }
}

/**
 * The column that a result of that DuckDB type becomes in a table; always nullable, as DuckDB does not track it.
 * Throws PHLO_SCHEMA_TYPE_MISMATCH for types that Iceberg has not.
 */
export function columnOfResult(name: string, type: DuckDBType, doc: string | undefined): ColumnSchema {
  return {
    name,
    type: icebergType(name, type),
    required: false,
    optional: false,
    rules: [],
    unique: false,
    ...(doc !== undefined && { doc }),
  }
}

/** What DuckDB's nested and decimal types carry. */
interface TypeDetails {
  readonly valueType: DuckDBType
  readonly keyType: DuckDBType
  readonly entryNames: readonly string[]
  readonly entryTypes: readonly DuckDBType[]
  readonly width: number
  readonly scale: number
}

/**
 * DuckDB's type ids, part of its C API, which never change. Named here because importing the package's own enum would
 * load DuckDB.
 */
export const duckdbTypeId = {
  BOOLEAN: 1,
  TINYINT: 2,
  SMALLINT: 3,
  INTEGER: 4,
  BIGINT: 5,
  UTINYINT: 6,
  USMALLINT: 7,
  UINTEGER: 8,
  UBIGINT: 9,
  FLOAT: 10,
  DOUBLE: 11,
  TIMESTAMP: 12,
  DATE: 13,
  TIME: 14,
  INTERVAL: 15,
  HUGEINT: 16,
  VARCHAR: 17,
  BLOB: 18,
  DECIMAL: 19,
  TIMESTAMP_S: 20,
  TIMESTAMP_MS: 21,
  TIMESTAMP_NS: 22,
  ENUM: 23,
  LIST: 24,
  STRUCT: 25,
  MAP: 26,
  UUID: 27,
  TIMESTAMP_TZ: 31,
  ARRAY: 33,
  GEOMETRY: 40,
  VARIANT: 41,
} as const

const plainTypes = new Map<number, string>([
  [duckdbTypeId.BOOLEAN, 'boolean'],
  [duckdbTypeId.TINYINT, 'int'],
  [duckdbTypeId.SMALLINT, 'int'],
  [duckdbTypeId.INTEGER, 'int'],
  [duckdbTypeId.UTINYINT, 'int'],
  [duckdbTypeId.USMALLINT, 'int'],
  [duckdbTypeId.BIGINT, 'long'],
  [duckdbTypeId.UINTEGER, 'long'],
  // `sum` of a BIGINT is a HUGEINT; other engines keep it a BIGINT and fail on overflow, as the cast does.
  [duckdbTypeId.HUGEINT, 'long'],
  [duckdbTypeId.UBIGINT, 'decimal(20, 0)'],
  [duckdbTypeId.FLOAT, 'float'],
  [duckdbTypeId.DOUBLE, 'double'],
  [duckdbTypeId.VARCHAR, 'string'],
  [duckdbTypeId.ENUM, 'string'],
  [duckdbTypeId.BLOB, 'binary'],
  [duckdbTypeId.DATE, 'date'],
  [duckdbTypeId.TIME, 'time'],
  [duckdbTypeId.TIMESTAMP, 'timestamp'],
  [duckdbTypeId.TIMESTAMP_S, 'timestamp'],
  [duckdbTypeId.TIMESTAMP_MS, 'timestamp'],
  [duckdbTypeId.TIMESTAMP_NS, 'timestamp_ns'],
  [duckdbTypeId.TIMESTAMP_TZ, 'timestamptz'],
  [duckdbTypeId.UUID, 'uuid'],
  [duckdbTypeId.VARIANT, 'variant'],
  [duckdbTypeId.GEOMETRY, 'geometry'],
])

/** The type in a table of that format version, as older ones have no nanoseconds; others are refused there. */
export function typeForVersion(type: IcebergType, version: number): IcebergType {
  if (version >= 3) return type
  if (isStruct(type)) {
    return { ...type, fields: type.fields.map((field) => ({ ...field, type: typeForVersion(field.type, version) })) }
  }
  if (isList(type)) return { ...type, element: typeForVersion(type.element, version) }
  if (isMap(type))
    return { ...type, key: typeForVersion(type.key, version), value: typeForVersion(type.value, version) }
  return type === 'timestamp_ns' ? 'timestamp' : type
}

/** The columns in a table of that format version, see {@link typeForVersion}. */
export function rowsForVersion({ columns }: RowSchema, version: number): RowSchema {
  return { columns: columns.map((column) => ({ ...column, type: typeForVersion(column.type, version) })) }
}

/**
 * The Iceberg type that a text means which is no type of DuckDB's, or has parameters that DuckDB does not know.
 * Throws PHLO_ICEBERG_INVALID for such a one with wrong parameters.
 */
export function icebergTypeNamed(text: string): string | undefined {
  const [, kind, parameters] = /^\s*(timestamptz_ns|unknown|geometry|geography)\s*(\(.*\))?\s*$/is.exec(text) ?? []
  if (kind === undefined) return undefined
  const name = kind.toLowerCase()
  return parameters === undefined ? name : formatPrimitive(parsePrimitive(`${name}${parameters.replaceAll("'", '')}`))
}

function icebergType(column: string, type: DuckDBType): IcebergType {
  const details = type as unknown as TypeDetails
  const plain = plainTypes.get(type.typeId)
  if (plain !== undefined) return plain
  switch (type.typeId as number) {
    case duckdbTypeId.DECIMAL:
      return `decimal(${details.width}, ${details.scale})`
    case duckdbTypeId.LIST:
    case duckdbTypeId.ARRAY:
      return {
        type: 'list',
        'element-id': 0,
        element: icebergType(column, details.valueType),
        'element-required': false,
      }
    case duckdbTypeId.MAP:
      return {
        type: 'map',
        'key-id': 0,
        key: icebergType(column, details.keyType),
        'value-id': 0,
        value: icebergType(column, details.valueType),
        'value-required': false,
      }
    case duckdbTypeId.STRUCT: {
      const fields: NestedField[] = details.entryTypes.map((entry, index) => ({
        id: 0,
        name: details.entryNames[index] as string,
        type: icebergType(column, entry),
        required: false,
      }))
      return { type: 'struct', fields }
    }
    default:
  }
  throw new PhloError(
    'PHLO_SCHEMA_TYPE_MISMATCH',
    `The column ${column} is of DuckDB's type ${type.toString()}, which Iceberg tables do not have`,
    {
      hint: `Cast it, for instance: CAST(${column} AS VARCHAR) AS ${column}`,
      context: { column },
    },
  )
}
