import { formatIdentifier, type IcebergSchema, type NestedField, type TableIdentifier } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'
import { requiredFields } from '../tables/required-fields.js'
import type { SqlPart } from './composed-sql.js'

/** A value as one of the column's type: an assignment converts what a cast can. */
export function assigned(field: NestedField, value: SqlPart): SqlPart {
  return ['CAST((', value, `) AS ${duckdbType(field.type)})`]
}

/** The rows, and an error for a NULL in a column, or a field within one, that must have a value. */
export function withRequired(schema: Pick<IcebergSchema, 'fields'>, table: TableIdentifier, rows: SqlPart): SqlPart {
  const isNull = (path: string) =>
    `error(${literal(`${formatIdentifier(table)}.${path} is NOT NULL, and a row has no value for it`)})`
  let checks = false
  const columns = schema.fields.map(({ name, required, type }) => {
    const column = identifier(name)
    const cases = [
      ...(required ? [` WHEN ${column} IS NULL THEN ${isNull(name)}`] : []),
      ...requiredFields(column, type, name).map(({ path, holds }) => ` WHEN NOT ${holds} THEN ${isNull(path)}`),
    ]
    if (cases.length === 0) return column
    checks = true
    return `CASE${cases.join('')} ELSE ${column} END AS ${column}`
  })
  return checks ? [`SELECT ${columns.join(', ')} FROM (`, rows, ')'] : rows
}
