import { formatIdentifier, PhloError, type TableIdentifier } from '@phlo/ports'
import { literal } from './duckdb-dialect.js'
import { lineAndColumn } from './duckdb-errors.js'
import type { Connection } from './duckdb-host.js'

/** What a statement of a user names. */
export interface Statement {
  readonly tables: readonly TableIdentifier[]
}

/** Functions in FROM that make rows out of nothing but their arguments. */
const harmlessTableFunctions = new Set([
  'range',
  'generate_series',
  'unnest',
  'repeat',
  'repeat_row',
  'json_each',
  'json_tree',
  'regexp_split_to_table',
])

/**
 * Looks at a statement before it runs: it must be one SELECT that reads nothing but tables of the catalog.
 * Throws PHLO_SQL_INVALID and PHLO_SQL_FORBIDDEN with line and column.
 */
export async function inspectStatement(connection: Connection, sql: string): Promise<Statement> {
  const { json } = await connection.one(`SELECT json_serialize_sql(${literal(sql)}) AS json`)
  const parsed = JSON.parse(json as string) as SerializedSql
  if (parsed.error) {
    if (parsed.error_type === 'not implemented') {
      throw new PhloError('PHLO_SQL_FORBIDDEN', 'Only SELECT is allowed here', {
        hint: 'Tables change by runs, not by queries.',
      })
    }
    const offset = Number(parsed.position)
    throw new PhloError('PHLO_SQL_INVALID', `SQL does not parse: ${parsed.error_message ?? 'unknown problem'}`, {
      ...(Number.isFinite(offset) && { location: { file: '<sql>', ...lineAndColumn(sql, offset) } }),
    })
  }
  if (parsed.statements?.length !== 1) {
    throw new PhloError('PHLO_SQL_FORBIDDEN', `One statement is allowed here, not ${parsed.statements?.length ?? 0}`)
  }
  const names = new Map<string, TableIdentifier>()
  new Walk(sql, names).visit(parsed.statements[0], new Set())
  return { tables: [...names.values()] }
}

interface SerializedSql {
  readonly error: boolean
  readonly error_type?: string
  readonly error_message?: string
  readonly position?: string
  readonly statements?: readonly unknown[]
}

interface Node {
  readonly type?: unknown
  readonly query_location?: number
  readonly catalog_name?: string
  readonly schema_name?: string
  readonly table_name?: string
  readonly function?: { readonly function_name: string; readonly query_location?: number }
  readonly cte_map?: { readonly map: readonly { readonly key: string; readonly value: unknown }[] }
}

/** Goes through DuckDB's syntax tree, keeping track of the names that WITH gives. */
class Walk {
  private readonly sql: string
  private readonly names: Map<string, TableIdentifier>

  constructor(sql: string, names: Map<string, TableIdentifier>) {
    this.sql = sql
    this.names = names
  }

  visit(value: unknown, scope: ReadonlySet<string>): void {
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, scope)
      return
    }
    if (typeof value !== 'object' || value === null) return
    const node = value as Node
    let inner = scope
    if (node.cte_map?.map.length) inner = new Set([...scope, ...node.cte_map.map.map(({ key }) => key.toLowerCase())])
    if (node.type === 'BASE_TABLE') this.table(node, inner)
    if (node.type === 'TABLE_FUNCTION') this.tableFunction(node)
    for (const child of Object.values(value)) this.visit(child, inner)
  }

  private table(node: Node, scope: ReadonlySet<string>): void {
    const { catalog_name: catalog = '', schema_name: schema = '', table_name: name = '' } = node
    if (schema === '' && catalog === '' && scope.has(name.toLowerCase())) return
    const at = this.location(node.query_location)
    if (catalog !== '') {
      throw new PhloError(
        'PHLO_SQL_INVALID',
        `${[catalog, schema, name].join('.')}: tables are named namespace.table`,
        at,
      )
    }
    if (schema === '') {
      throw new PhloError('PHLO_SQL_INVALID', `There is no table ${name}`, {
        hint: 'Tables are named namespace.table.',
        ...at,
      })
    }
    // DuckDB's own catalogs tell of the engine, not of the lake.
    if (['information_schema', 'pg_catalog', 'main', 'temp', 'system'].includes(schema.toLowerCase())) {
      throw new PhloError('PHLO_SQL_FORBIDDEN', `${schema}.${name} is a table of the engine’s own`, at)
    }
    const identifier: TableIdentifier = { namespace: [schema], name }
    this.names.set(formatIdentifier(identifier), identifier)
  }

  private tableFunction(node: Node): void {
    const name = node.function?.function_name.toLowerCase() ?? ''
    if (harmlessTableFunctions.has(name)) return
    throw new PhloError('PHLO_SQL_FORBIDDEN', `The function ${name} is not allowed in FROM: SQL reaches tables only`, {
      hint: 'Read files with an ingestion asset, then query its table.',
      ...this.location(node.function?.query_location ?? node.query_location),
    })
  }

  private location(offset: number | undefined) {
    return offset !== undefined && offset <= this.sql.length
      ? { location: { file: '<sql>', ...lineAndColumn(this.sql, offset) } }
      : {}
  }
}
