import type { FormatVersion, PartitionColumn, SortColumn } from '@phlo/iceberg'
import { type ColumnSchema, isPhloError, type RowSchema } from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import { columnOfResult, icebergTypeNamed, rowsForVersion } from '../duckdb-types.js'
import { parsePartitionBy } from '../tables/partition-by.js'
import { resultColumns, resultSchema } from '../tables/result-schema.js'
import type { ChangeStatement, ColumnDefinition, SortItem, Span } from './change-statement.js'
import type { SqlComposer } from './composed-sql.js'

type Create = Extract<ChangeStatement, { kind: 'create' }>

/** What a new table is made of. */
export interface TableDefinition {
  readonly rows: RowSchema
  readonly partitioning: readonly PartitionColumn[]
  readonly sortOrder: readonly SortColumn[]
  readonly properties: Readonly<Record<string, string>>
  readonly formatVersion?: FormatVersion
}

/** The columns, partitions and properties that CREATE TABLE asks for. */
export async function tableDefinition(
  connection: Connection,
  composer: SqlComposer,
  statement: Create,
): Promise<TableDefinition> {
  const { 'format-version': version, ...properties } = statement.properties
  const found = statement.query
    ? await rowsOfQuery(connection, composer, statement.query)
    : await rowsOfColumns(connection, composer, statement.columns ?? [])
  const rows = rowsForVersion(found, Number(version ?? 2))
  const named = rows.columns
  const partitioning = partitionColumns(composer, statement.partitionedBy, named)
  const sortOrder = sortColumns(composer, statement.sortedBy, named)
  return {
    rows,
    partitioning,
    sortOrder,
    properties,
    ...(version !== undefined && { formatVersion: formatVersion(statement, composer, version) }),
  }
}

/** What PARTITIONED BY says, of columns that there are. */
export function partitionColumns(
  composer: SqlComposer,
  spans: readonly Span[],
  columns: readonly { readonly name: string }[],
): PartitionColumn[] {
  return spans.map((span) => {
    const wanted = parsePartitionBy(composer.textOf(span))
    const column = columns.find(({ name }) => name.toLowerCase() === wanted.column.toLowerCase())
    if (!column) throw composer.error(span, `There is no column ${wanted.column}`)
    return { ...wanted, column: column.name }
  })
}

/** What SORTED BY says, of columns that there are. */
export function sortColumns(
  composer: SqlComposer,
  items: readonly SortItem[],
  columns: readonly { readonly name: string }[],
): SortColumn[] {
  return items.map(({ by, descending, nullsFirst = !descending }): SortColumn => ({
    ...(partitionColumns(composer, [by], columns)[0] as PartitionColumn),
    direction: descending ? 'desc' : 'asc',
    nullOrder: nullsFirst ? 'nulls-first' : 'nulls-last',
  }))
}

function formatVersion({ target }: Create, composer: SqlComposer, text: string): FormatVersion {
  if (text === '1' || text === '2' || text === '3') return Number(text) as FormatVersion
  throw composer.error(target.span, `format-version ${text} is none: 1, 2 or 3`)
}

async function rowsOfQuery(connection: Connection, composer: SqlComposer, query: Span): Promise<RowSchema> {
  const composed = composer.compose(query)
  return resultSchema(connection, composed.text, { ...composed.statement, ran: composed.text })
}

async function rowsOfColumns(
  connection: Connection,
  composer: SqlComposer,
  definitions: readonly ColumnDefinition[],
): Promise<RowSchema> {
  const columns: ColumnSchema[] = []
  for (const definition of definitions) {
    const { name, span } = definition.column
    if (columns.some((other) => other.name.toLowerCase() === name.toLowerCase()))
      throw composer.error(span, `Two columns are named ${name}`)
    columns.push(await columnOf(connection, composer, definition))
  }
  return { columns }
}

/** The column that a definition describes. Throws PHLO_SQL_INVALID, PHLO_SCHEMA_TYPE_MISMATCH. */
export async function columnOf(
  connection: Connection,
  composer: SqlComposer,
  { column, type, required, doc }: Omit<ColumnDefinition, 'defaultValue'>,
): Promise<ColumnSchema> {
  const own = ownType(composer, type)
  const base = { name: column.name, optional: false, rules: [], unique: false, ...(doc !== undefined && { doc }) }
  if (own !== undefined) return { ...base, type: own, required }
  const { text, statement } = composer.compose(['SELECT CAST(NULL AS ', type, ')'])
  const [result] = await resultColumns(connection, text, { ...statement, ran: text })
  if (!result) throw composer.error(type, 'This is no type')
  return { ...columnOfResult(column.name, result.type, doc), required }
}

/** A type that Iceberg has and DuckDB has not. */
function ownType(composer: SqlComposer, type: Span): string | undefined {
  try {
    return icebergTypeNamed(composer.textOf(type))
  } catch (error) {
    if (isPhloError(error)) throw composer.error(type, error.message)
    throw error
  }
}
