import { isList, isMap, isStruct, parsePrimitive } from '@phlo/iceberg'
import { type IcebergSchema, type IcebergType, type NestedField, PhloError } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { StagedFile } from './copied-files.js'

/** Types that DuckDB writes as columns of a table and not within others. */
const onlyWhole = new Set(['unknown', 'variant', 'geography'])

/**
 * The fields that files have: those of no type are not stored. Throws PHLO_UNSUPPORTED where none is left, and for columns
 * with something in them that DuckDB does not write there. Spec: Appendix A, "Parquet".
 */
export function storableFields(fields: readonly NestedField[]): readonly NestedField[] {
  for (const { name, type } of fields) {
    const kind = typeof type === 'string' ? undefined : nestedKind(type)
    if (kind === undefined) continue
    throw new PhloError('PHLO_UNSUPPORTED', `DuckDB’s engine does not write ${kind} values within another column`, {
      hint: `Give ${name} no fields of that type, or make them columns of the table.`,
      context: { column: name },
    })
  }
  const stored = fields.filter(({ type }) => type !== 'unknown')
  if (stored.length > 0) return stored
  throw new PhloError('PHLO_UNSUPPORTED', 'A table none of whose columns has a type cannot have rows', {
    hint: 'Add a column, for instance of type int.',
  })
}

function nestedKind(type: IcebergType): string | undefined {
  const within = isStruct(type)
    ? type.fields.map((field) => field.type)
    : isList(type)
      ? [type.element]
      : isMap(type)
        ? [type.key, type.value]
        : []
  for (const inner of within) {
    const kind = typeof inner === 'string' ? parsePrimitive(inner).kind : nestedKind(inner)
    if (kind !== undefined && (typeof inner !== 'string' || onlyWhole.has(kind))) return kind
  }
  return undefined
}

/** SQL of a column as files have it. Bytes of a geography have no statistics, as those of planes would be wrong. */
export function storedColumn({ name, type }: NestedField): string {
  const column = identifier(name)
  return isGeography(type) ? `ST_AsWKB(${column}) AS ${column}` : column
}

/** The rows of files whose logical types are not declared yet, with the columns that a write had. */
export function storedRows(files: readonly StagedFile[], { fields }: IcebergSchema): string {
  const columnsOf = (wanted: (type: IcebergType) => boolean) =>
    fields.filter(({ type }) => wanted(type)).map(({ name }) => identifier(name))
  const replaced = columnsOf(isGeography).map((column) => `ST_GeomFromWKB(${column}) AS ${column}`)
  const list = [
    replaced.length > 0 ? `* REPLACE (${replaced.join(', ')})` : '*',
    ...columnsOf((type) => type === 'unknown').map((column) => `NULL AS ${column}`),
  ]
  const paths = files.map(({ path }) => literal(path)).join(', ')
  return `SELECT ${list.join(', ')} FROM read_parquet([${paths}], hive_partitioning = false)`
}

function isGeography(type: IcebergType): boolean {
  return typeof type === 'string' && parsePrimitive(type).kind === 'geography'
}
