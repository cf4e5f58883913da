import { parseJson } from '@phlo/iceberg'
import { formatIdentifier, PhloError, statementFile, type TableIdentifier } from '@phlo/ports'
import { literal, tableName } from './duckdb-dialect.js'
import { lineAndColumn, textOffset } from './duckdb-errors.js'
import type { Connection } from './duckdb-host.js'
import { type AtClause, findAtClause } from './reading/at-clause.js'
import {
  aboutOfFunction,
  type IntervalCall,
  intervalUsage,
  readIntervalCall,
  type TableFunctionNode,
} from './reading/interval-call.js'
import { tableAtRef } from './reading/table-at-ref.js'
import type { CommonTables, QueryNode, SqlNode, TableNode } from './reading/syntax-tree.js'

/** A place of a statement that names a table. */
export interface TableReference {
  readonly identifier: TableIdentifier
  readonly node: SqlNode
  /** Where the name begins in the statement; where it is an argument of a function, where that one's does. */
  readonly start: number
  readonly at?: AtClause
  /** The function that asks for a part of the table's history. */
  readonly call?: IntervalCall
  /** Where the catalog is read instead of where the statement is run, as in `"orders@dev"`. */
  readonly ref?: string
  /** How the statement names the table: its schema, if there is one, and its name. */
  readonly written: { readonly schema: string; readonly name: string }
}

/** What a statement of a user says. */
export interface Statement {
  readonly sql: string
  readonly tables: readonly TableIdentifier[]
  readonly references: readonly TableReference[]
  /** DuckDB's syntax tree of the SELECT. */
  readonly tree: { readonly node: QueryNode }
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
  if (tableAtRef(table.namespace[0] ?? '', table.name)) {
    throw new PhloError('PHLO_UNSUPPORTED', `${formatIdentifier(table)}: behind an @, SQL names a ref`, {
      hint: 'Choose another name.',
    })
  }
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
  const parsed = parseJson(json as string, 'the syntax tree') as SerializedSql
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
  const tree = parsed.statements?.[0] as { readonly node: QueryNode }
  const references: TableReference[] = []
  new Walk(sql, placeOf, references).visit(tree, new Set())
  const tables = new Map(references.map(({ identifier }) => [formatIdentifier(identifier), identifier]))
  return { sql, tables: [...tables.values()], references, tree }
}

interface SerializedSql {
  readonly error: boolean
  readonly error_type?: string
  readonly error_message?: string
  readonly position?: string
  readonly statements?: readonly { readonly node: QueryNode }[]
}

interface Node extends TableNode, TableFunctionNode {
  readonly cte_map?: CommonTables
  readonly query?: unknown
}

/** Goes through DuckDB's syntax tree, keeping track of the names that WITH gives. */
class Walk {
  private readonly sql: string
  private readonly placeOf: Places
  private readonly references: TableReference[]

  constructor(sql: string, placeOf: Places, references: TableReference[]) {
    this.sql = sql
    this.placeOf = placeOf
    this.references = references
  }

  visit(value: unknown, scope: ReadonlySet<string>): void {
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, scope)
      return
    }
    if (typeof value !== 'object' || value === null) return
    const { cte_map: commonTables, ...children } = value as Node
    const node = value as Node
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
    for (const child of Object.values(children)) this.visit(child, inner)
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
    const other = tableAtRef(schema, name)
    if (schema === '' && !other) {
      throw new PhloError('PHLO_SQL_INVALID', `There is no table ${name}`, {
        hint: 'Tables are named namespace.table.',
        ...at,
      })
    }
    // DuckDB's own catalogs tell of the engine, not of the lake.
    const identifier: TableIdentifier = other?.identifier ?? { namespace: [schema], name }
    if (engineSchemas.has((identifier.namespace[0] ?? '').toLowerCase())) {
      throw new PhloError('PHLO_SQL_FORBIDDEN', `${formatIdentifier(identifier)} is a table of the engine’s own`, at)
    }
    const start = this.offset(node.query_location) ?? 0
    this.references.push({
      identifier,
      node,
      start,
      written: { schema, name },
      ...(node.at_clause && { at: findAtClause(this.sql, start) }),
      ...(other && { ref: other.ref }),
    })
  }

  private tableFunction(node: Node): void {
    const name = node.function?.function_name.toLowerCase() ?? ''
    if (harmlessTableFunctions.has(name)) return
    const about = aboutOfFunction(node)
    if (about) {
      this.interval(node, about)
      return
    }
    throw new PhloError('PHLO_SQL_FORBIDDEN', `The function ${name} is not allowed in FROM: SQL reaches tables only`, {
      hint: 'Read files with an ingestion asset, then query its table.',
      ...this.location(node.function?.query_location ?? node.query_location),
    })
  }

  private interval(node: Node, about: string): void {
    const count = node.function?.query_location ?? node.query_location
    const start = this.offset(count) ?? 0
    const read = readIntervalCall(this.sql, start, node)
    const at = this.location(count)
    if (!read) {
      throw new PhloError('PHLO_SQL_INVALID', `${node.function?.function_name ?? ''} is called in another way`, {
        hint: intervalUsage,
        ...at,
      })
    }
    const { call } = read
    const other =
      read.table.namespace.length === 1 ? tableAtRef(read.table.namespace[0] as string, read.table.name) : undefined
    const table = other?.identifier ?? read.table
    if (engineSchemas.has((table.namespace[0] ?? '').toLowerCase()))
      throw new PhloError('PHLO_SQL_FORBIDDEN', `${formatIdentifier(table)} is a table of the engine’s own`, at)
    this.references.push({
      identifier: { ...table, name: `${table.name}$${about}` },
      node,
      start,
      call,
      written: { schema: '', name: call.name },
      ...(other && { ref: other.ref }),
    })
  }

  private location(count: number | bigint | undefined) {
    const offset = this.offset(count)
    const place = offset === undefined ? undefined : this.placeOf(offset)
    return place ? { location: { file: statementFile, ...place } } : {}
  }

  /** DuckDB counts bytes here; where it knows no place, the count is beyond any text. */
  private offset(count: number | bigint | undefined): number | undefined {
    return count !== undefined && count <= Buffer.byteLength(this.sql)
      ? textOffset(this.sql, { unit: 'bytes', count: Number(count) })
      : undefined
  }
}
