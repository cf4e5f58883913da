import { currentSchema, type Expression, parseJson } from '@phlo/iceberg'
import type { TableMetadata } from '@phlo/ports'
import { literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import type { QueryNode } from '../reading/syntax-tree.js'
import { tableFilters } from '../reading/table-filters.js'
import type { ComposedSql } from './composed-sql.js'

/**
 * What a SELECT of Phlo's own certainly wants of the rows of the tables in a database of its own, the target of a
 * statement; `undefined` when it may want all.
 */
export async function targetFilter(
  connection: Connection,
  { text }: ComposedSql,
  database: string,
  metadata: TableMetadata,
): Promise<Expression | undefined> {
  const { json } = await connection.one(`SELECT json_serialize_sql(${literal(text)}) AS json`)
  const parsed = parseJson(json as string, 'a syntax tree') as {
    readonly statements?: readonly { readonly node: QueryNode }[]
  }
  const node = parsed.statements?.[0]?.node
  if (!node) return undefined
  const schema = currentSchema(metadata)
  const filters = tableFilters(node, {
    schemaOf: (table) => (table.catalog_name === database ? schema : undefined),
    // They are literals by now.
    parameters: [],
  })
  for (const [table, filter] of filters) if (table.catalog_name === database) return filter
  return undefined
}
