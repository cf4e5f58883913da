import type { FormatVersion, PartitionColumn } from '@phlo/iceberg'
import type { ColumnSchema, RowSchema } from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import { columnOfResult } from '../duckdb-types.js'
import { parsePartitionBy } from '../tables/partition-by.js'
import { resultColumns, resultSchema } from '../tables/result-schema.js'
import type { ChangeStatement, ColumnDefinition, Span } from './change-statement.js'
import type { SqlComposer } from './composed-sql.js'

type Create = Extract<ChangeStatement, { kind: 'create' }>

/** What a new table is made of. */
export interface TableDefinition {
  readonly rows: RowSchema
  readonly partitioning: readonly PartitionColumn[]
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
  const rows = statement.query
    ? await rowsOfQuery(connection, composer, statement.query)
    : await rowsOfColumns(connection, composer, statement.columns ?? [])
  const partitioning = statement.partitionedBy.map((span) => {
    const wanted = parsePartitionBy(composer.textOf(span))
    const column = rows.columns.find(({ name }) => name.toLowerCase() === wanted.column.toLowerCase())
    if (!column) throw composer.error(span, `There is no column ${wanted.column} to partition by`)
    return { ...wanted, column: column.name }
  })
  return {
    rows,
    partitioning,
    properties,
    ...(version !== undefined && { formatVersion: formatVersion(statement, composer, version) }),
  }
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
async function columnOf(
  connection: Connection,
  composer: SqlComposer,
  { column, type, required, doc }: Omit<ColumnDefinition, 'defaultValue'>,
): Promise<ColumnSchema> {
  const { text, statement } = composer.compose(['SELECT CAST(NULL AS ', type, ')'])
  const [result] = await resultColumns(connection, text, { ...statement, ran: text })
  if (!result) throw composer.error(type, 'This is no type')
  return { ...columnOfResult(column.name, result.type, doc), required }
}
