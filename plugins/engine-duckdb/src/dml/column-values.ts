import { formatIdentifier, type IcebergSchema, type NestedField, type TableIdentifier } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'
import type { SqlPart } from './composed-sql.js'

/** A value as one of the column's type: an assignment converts what a cast can. */
export function assigned(field: NestedField, value: SqlPart): SqlPart {
  return ['CAST((', value, `) AS ${duckdbType(field.type)})`]
}

/** The rows, and an error for a NULL in a column that must have a value. */
export function withRequired(schema: Pick<IcebergSchema, 'fields'>, table: TableIdentifier, rows: SqlPart): SqlPart {
  if (!schema.fields.some(({ required }) => required)) return rows
  const columns = schema.fields.map(({ name, required }) => {
    const column = identifier(name)
    const message = `${formatIdentifier(table)}.${name} is NOT NULL, and a row has no value for it`
    return required
      ? `CASE WHEN ${column} IS NULL THEN error(${literal(message)}) ELSE ${column} END AS ${column}`
      : column
  })
  return [`SELECT ${columns.join(', ')} FROM (`, rows, ')']
}
