import { currentSchema } from '@phlo/iceberg'
import { formatIdentifier, type NestedField, type TableIdentifier, type TableMetadata } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { resultColumns } from '../tables/result-schema.js'
import { type ChangeStatement, commonTables, type NamedColumn, type Span } from './change-statement.js'
import { assigned, withRequired } from './column-values.js'
import { writeDefault } from '../reading/constants.js'
import type { SqlComposer, SqlPart } from './composed-sql.js'
import { readValues } from './read-statement.js'
import type { TreeNode } from './statement-parts.js'

type Insert = Extract<ChangeStatement, { kind: 'insert' }>

/** The column of that name, whatever the case of its letters. Throws PHLO_SQL_INVALID. */
export function requireColumn(
  fields: readonly NestedField[],
  table: TableIdentifier,
  column: NamedColumn,
  composer: SqlComposer,
): NestedField {
  const found = findColumn(fields, column.name)
  if (found) return found
  throw composer.error(
    column.span,
    `${formatIdentifier(table)} has no column ${column.name}`,
    `Its columns: ${fields.map(({ name }) => name).join(', ')}`,
  )
}

/** The column of that name, whatever the case of its letters. */
export function findColumn(fields: readonly NestedField[], wanted: string): NestedField | undefined {
  return (
    fields.find(({ name }) => name === wanted) ?? fields.find(({ name }) => name.toLowerCase() === wanted.toLowerCase())
  )
}

/** A SELECT of the rows that INSERT adds, as columns of the table's current schema. */
export async function insertedRows(
  connection: Connection,
  composer: SqlComposer,
  statement: Insert,
  table: TableIdentifier,
  metadata: TableMetadata,
  tree: TreeNode | undefined,
): Promise<SqlPart> {
  const schema = currentSchema(metadata)
  const wanted = statement.columns?.map((column) => requireColumn(schema.fields, table, column, composer))
  wanted?.forEach((field, index) => {
    const column = statement.columns?.[index] as NamedColumn
    if (wanted.indexOf(field) !== index) throw composer.error(column.span, `${column.name} is named twice`)
  })
  if (!statement.query) {
    const values = schema.fields.map((field) => `${writeDefault(field)} AS ${identifier(field.name)}`)
    return withRequired(schema, table, `SELECT ${values.join(', ')}`)
  }
  const { query } = statement
  const positional = wanted ?? schema.fields
  const source = isValues(tree) && !statement.byName ? castValues(composer, query, positional) : query
  const common = commonTables(statement)
  // The query may have a WITH of its own.
  const composed = composer.compose(common.length > 0 ? [...common, 'FROM (', source, ')'] : source)
  const given = await resultColumns(connection, composed.text, { ...composed.statement, ran: composed.text })
  const targets = statement.byName
    ? given.map(({ name }) => requireColumn(schema.fields, table, { name, span: query }, composer))
    : positional
  if (given.length !== targets.length)
    throw composer.error(query, `${targets.length} columns are to be given, but the rows have ${given.length}`)
  if (new Set(targets).size !== targets.length) throw composer.error(query, 'Two columns of the rows have one name')
  const columns = schema.fields.map((field) => {
    const index = targets.indexOf(field)
    return [index < 0 ? writeDefault(field) : assigned(field, `_phlo_${index}`), ` AS ${identifier(field.name)}`]
  })
  const names = given.map((_, index) => `_phlo_${index}`)
  const rows: SqlPart = ['SELECT ', separated(columns), ' FROM (', source, `) AS _phlo_rows(${names.join(', ')})`]
  return [...common, withRequired(schema, table, rows)]
}

/** Parts with commas between. */
export function separated(parts: readonly SqlPart[]): SqlPart[] {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [', ', part]))
}

/** A list of values and nothing else. */
function isValues(tree: TreeNode | undefined): boolean {
  const { node } = (tree ?? {}) as { readonly node?: TreeNode }
  const modifiers = node?.['modifiers']
  return (
    node?.['from_table'] !== undefined &&
    isExpressionList(node['from_table']) &&
    Array.isArray(modifiers) &&
    modifiers.length === 0
  )
}

function isExpressionList(table: unknown): boolean {
  return (table as TreeNode | null)?.type === 'EXPRESSION_LIST'
}

/** Each value becomes one of its column's type by itself, and DEFAULT what the column says, as where DuckDB inserts. */
function castValues(composer: SqlComposer, query: Span, fields: readonly NestedField[]): SqlPart {
  const rows = readValues(composer.sql, query)
  const lists = rows.map((row): SqlPart => {
    if (row.length !== fields.length)
      throw composer.error(query, `${fields.length} columns are to be given, but a row has ${row.length}`)
    const values = row.map((value, index): SqlPart => {
      const field = fields[index] as NestedField
      return value ? assigned(field, value) : writeDefault(field)
    })
    return ['(', separated(values), ')']
  })
  return ['VALUES ', separated(lists)]
}
