import { formatIdentifier, PhloError, statementFile, type TableIdentifier } from '@phlo/ports'
import { literal, tableName } from './duckdb-dialect.js'
import { lineAndColumn, textOffset } from './duckdb-errors.js'
import type { Connection } from './duckdb-host.js'

/** What a statement of a user names. */
export interface Statement {
  readonly tables: readonly TableIdentifier[]
  /** DuckDB's syntax tree of the SELECT. */
  readonly tree: unknown
}

/** The line and column that an offset into a text means to the user, where it means one. */
export type Places = (offset: number) => { readonly line: number; readonly column: number } | undefined

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

/** Schemas that DuckDB has by itself, so that a namespace of that name could not be read. */
const engineSchemas = new Set(['information_schema', 'pg_catalog', 'main', 'temp', 'system'])

/** Throws PHLO_UNSUPPORTED for a table that SQL could not name afterwards. */
export function requireReadable(table: TableIdentifier): void {
  tableName(table)
  if (engineSchemas.has((table.namespace[0] ?? '').toLowerCase())) {
    throw new PhloError(
      'PHLO_UNSUPPORTED',
      `${formatIdentifier(table)}: DuckDB keeps the name ${table.namespace[0] ?? ''} for itself`,
      {
        hint: 'Choose another namespace.',
      },
    )
  }
}

/**
 * Looks at a statement before it runs: it must be one SELECT that reads nothing but tables of the catalog.
 * Throws PHLO_SQL_INVALID and PHLO_SQL_FORBIDDEN with line and column.
 */
export async function inspectStatement(
  connection: Connection,
  sql: string,
  placeOf: Places = (offset) => lineAndColumn(sql, offset),
): Promise<Statement> {
  const { json } = await connection.one(`SELECT json_serialize_sql(${literal(sql)}) AS json`)
  const parsed = JSON.parse(json as string) as SerializedSql
  if (parsed.error) {
    if (parsed.error_type === 'not implemented') {
      throw new PhloError('PHLO_SQL_FORBIDDEN', 'Only SELECT is allowed here', {
        hint: 'Tables change by runs, not by queries.',
      })
    }
    // The parser counts characters.
    const count = Number(parsed.position)
    const place = Number.isFinite(count) ? placeOf(textOffset(sql, { unit: 'characters', count })) : undefined
    throw new PhloError('PHLO_SQL_INVALID', `SQL does not parse: ${parsed.error_message ?? 'unknown problem'}`, {
      ...(place && { location: { file: statementFile, ...place } }),
    })
  }
  const count = parsed.statements?.length ?? 0
  if (count === 0) throw new PhloError('PHLO_SQL_INVALID', 'There is no statement')
  if (count > 1) throw new PhloError('PHLO_SQL_FORBIDDEN', `One statement is allowed here, not ${count}`)
  const names = new Map<string, TableIdentifier>()
  const tree = parsed.statements?.[0]
  new Walk(sql, placeOf, names).visit(tree, new Set())
  return { tables: [...names.values()], tree }
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
  readonly cte_map?: { readonly map: readonly { readonly key: string; readonly value: CommonTable }[] }
  readonly query?: unknown
  readonly at_clause?: unknown
}

interface CommonTable {
  readonly query?: { readonly node?: { readonly type?: unknown } }
}

/** Goes through DuckDB's syntax tree, keeping track of the names that WITH gives. */
class Walk {
  private readonly sql: string
  private readonly placeOf: Places
  private readonly names: Map<string, TableIdentifier>

  constructor(sql: string, placeOf: Places, names: Map<string, TableIdentifier>) {
    this.sql = sql
    this.placeOf = placeOf
    this.names = names
  }

  visit(value: unknown, scope: ReadonlySet<string>): void {
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, scope)
      return
    }
    if (typeof value !== 'object' || value === null) return
    const { cte_map: commonTables, ...node } = value as Node
    let inner = scope
    // A name of WITH is known to those behind it, and to itself only when it is recursive. Elsewhere the same name would
    // be looked for among files.
    for (const { key, value: table } of commonTables?.map ?? []) {
      const named = new Set([...inner, key.toLowerCase()])
      this.visit(table, table.query?.node?.type === 'RECURSIVE_CTE_NODE' ? named : inner)
      inner = named
    }
    if (node.type === 'BASE_TABLE') this.table(node, inner)
    if (node.type === 'TABLE_FUNCTION') this.tableFunction(node)
    if (node.type === 'SHOW_REF' && node.query === null) {
      throw new PhloError('PHLO_SQL_FORBIDDEN', 'SHOW tells of the engine, not of the lake', {
        hint: 'Write DESCRIBE namespace.table for a table’s columns.',
      })
    }
    for (const child of Object.values(node)) this.visit(child, inner)
  }

  private table(node: Node, scope: ReadonlySet<string>): void {
    const { catalog_name: catalog = '', schema_name: schema = '', table_name: name = '' } = node
    if (schema === '' && catalog === '' && scope.has(name.toLowerCase())) return
    const at = this.location(node.query_location)
    if (node.at_clause) {
      throw new PhloError('PHLO_SQL_INVALID', 'AT (…) is not understood here', {
        hint: 'The ref, time or snapshot to read at is given beside the statement.',
        ...at,
      })
    }
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
    if (engineSchemas.has(schema.toLowerCase())) {
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

  /** DuckDB counts bytes here; where it knows no place, the count is beyond any text. */
  private location(count: number | undefined) {
    if (count === undefined || count > Buffer.byteLength(this.sql)) return {}
    const place = this.placeOf(textOffset(this.sql, { unit: 'bytes', count }))
    return place ? { location: { file: statementFile, ...place } } : {}
  }
}
