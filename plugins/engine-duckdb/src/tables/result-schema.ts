import type { DuckDBType } from '@duckdb/node-api'
import { PhloError, type RowSchema } from '@phlo/ports'
import type { UserStatement } from '../duckdb-errors.js'
import type { Connection } from '../duckdb-host.js'
import { columnOfResult } from '../duckdb-types.js'

/** The columns that a SELECT gives, in DuckDB's types. Nothing is run. */
export async function resultColumns(
  connection: Connection,
  select: string,
  statement: UserStatement,
): Promise<readonly { readonly name: string; readonly type: DuckDBType }[]> {
  // Prepared as it is: a SELECT around it would rename columns of one name.
  return connection.guard(async () => {
    const prepared = await connection.raw.prepare(select)
    try {
      if (prepared.parameterCount > 0)
        throw new PhloError('PHLO_SQL_INVALID', 'A SELECT that makes a table takes no parameters')
      return Array.from({ length: prepared.columnCount }, (_, index) => ({
        name: prepared.columnName(index),
        type: prepared.columnType(index),
      }))
    } finally {
      prepared.destroySync()
    }
  }, statement)
}

/** The columns of a table that a SELECT makes. Throws PHLO_SQL_INVALID for two of one name. */
export async function resultSchema(
  connection: Connection,
  select: string,
  statement: UserStatement,
  docs: Readonly<Record<string, string>> = {},
): Promise<RowSchema> {
  const columns = await resultColumns(connection, select, statement)
  const seen = new Set<string>()
  for (const { name } of columns) {
    if (seen.has(name.toLowerCase())) {
      throw new PhloError('PHLO_SQL_INVALID', `Two columns of the result are named ${name}`, {
        hint: 'Give each column a name of its own with AS.',
      })
    }
    seen.add(name.toLowerCase())
  }
  return { columns: columns.map(({ name, type }) => columnOfResult(name, type, docs[name])) }
}
