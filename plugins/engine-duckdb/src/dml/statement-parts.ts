import { formatIdentifier, PhloError, statementFile, type TableIdentifier } from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import { inspectStatement } from '../statement.js'
import type { ChangeStatement, ColumnDefinition, Span } from './change-statement.js'
import type { SqlComposer, SqlPart } from './composed-sql.js'

/** What of DuckDB's syntax tree is looked at here. */
interface SelectNode {
  readonly type?: unknown
  readonly select_list?: readonly TreeNode[]
  readonly from_table?: TreeNode
  readonly where_clause?: unknown
  readonly group_expressions?: readonly unknown[]
  readonly having?: unknown
  readonly qualify?: unknown
  readonly sample?: unknown
  readonly modifiers?: readonly unknown[]
  readonly cte_map?: { readonly map: readonly unknown[] }
}

/** A node of an expression or of FROM. */
export interface TreeNode {
  readonly class?: string
  readonly type?: string
  readonly alias?: string
  readonly schema_name?: string
  readonly table_name?: string
  readonly function_name?: string
  readonly column_names?: readonly string[]
  readonly children?: readonly TreeNode[]
  readonly left?: TreeNode
  readonly right?: TreeNode
  readonly [key: string]: unknown
}

/**
 * Has DuckDB parse each part of a user's statement by itself, so that none can be more than what it is taken for, and
 * collects the tables that they read.
 */
class StatementParts {
  private readonly connection: Connection
  private readonly composer: SqlComposer
  private readonly names = new Map<string, TableIdentifier>()
  private prefix: readonly SqlPart[] = []
  /** How many common tables there are. */
  private known = 0
  /** The trees of the values and conditions that were looked at so far. */
  readonly expressions = new Map<Span, TreeNode>()

  constructor(connection: Connection, composer: SqlComposer) {
    this.connection = connection
    this.composer = composer
  }

  /** The tables that the parts read that were looked at so far. */
  get tables(): readonly TableIdentifier[] {
    return [...this.names.values()]
  }

  /** Common tables that all further parts know. */
  async common(span: Span): Promise<void> {
    const tree = await this.inspect([span, ' SELECT 1'])
    const { select_list: list, from_table: from, cte_map: known } = select(tree)
    this.known = known?.map.length ?? 0
    if (list?.length !== 1 || from?.type !== 'EMPTY' || !this.isBare(select(tree)) || this.known === 0)
      throw this.composer.error(span, 'This is more than common tables')
    this.prefix = [span, ' ']
  }

  /** A SELECT or VALUES. */
  async query(span: Span): Promise<TreeNode> {
    if (this.known === 0) return this.inspect(span)
    // It may have a WITH of its own.
    const { from_table: from } = select(await this.inspect([...this.prefix, 'FROM (', span, ')']))
    const subquery = from?.['subquery'] as TreeNode | undefined
    if (!subquery) throw this.composer.error(span, 'This is no query')
    return subquery
  }

  /** One value or condition. */
  async expression(span: Span): Promise<TreeNode> {
    const node = select(await this.inspect([...this.prefix, 'SELECT (', span, ')']))
    const [expression, ...more] = node.select_list ?? []
    if (!expression || more.length > 0 || node.from_table?.type !== 'EMPTY' || !this.isBare(node))
      throw this.composer.error(span, 'This is more than one expression')
    refuseSeveralValues(expression, (what) => this.composer.error(span, `${what} does not stand for one value`))
    this.expressions.set(span, expression)
    return expression
  }

  /** What can stand behind FROM. */
  async tableReference(span: Span): Promise<TreeNode> {
    const node = select(await this.inspect([...this.prefix, 'SELECT 1 FROM ', span]))
    if (node.select_list?.length !== 1 || !node.from_table || !this.isBare(node))
      throw this.composer.error(span, 'This is more than a table')
    return node.from_table
  }

  /** The name of a type. */
  async type(span: Span): Promise<void> {
    const node = select(await this.inspect([...this.prefix, 'SELECT CAST(NULL AS ', span, ')']))
    const [cast, ...more] = node.select_list ?? []
    if (cast?.class !== 'CAST' || more.length > 0 || node.from_table?.type !== 'EMPTY' || !this.isBare(node))
      throw this.composer.error(span, 'This is no type')
  }

  /** Nothing but a list, a table and the common tables. */
  private isBare(node: SelectNode): boolean {
    return (
      node.where_clause === null &&
      node.having === null &&
      node.qualify === null &&
      node.sample === null &&
      node.group_expressions?.length === 0 &&
      node.modifiers?.length === 0 &&
      node.cte_map?.map.length === this.known
    )
  }

  private async inspect(part: SqlPart): Promise<TreeNode> {
    const { text, statement } = this.composer.compose(part, { keepParameters: true })
    const { tables, references, tree } = await inspectStatement(this.connection, text, statement.placeOf)
    const past = references.find((one) => one.at !== undefined || one.call !== undefined || one.ref !== undefined)
    if (past) {
      const place = statement.placeOf?.(past.start)
      throw new PhloError(
        'PHLO_SQL_INVALID',
        'table@ref, AT (…) and parts of a table’s history are understood in queries alone',
        {
          hint: 'A change reads tables as they are. Query the past state by itself, or roll the table back to it.',
          ...(place && { location: { file: statementFile, ...place } }),
        },
      )
    }
    for (const table of tables) this.names.set(formatIdentifier(table), table)
    return tree
  }
}

function select(tree: TreeNode): SelectNode {
  const { node } = tree as { readonly node?: SelectNode }
  return node?.type === 'SELECT_NODE' ? node : {}
}

/** Goes through an expression, not into its subqueries. */
function visitExpression(node: unknown, visit: (node: TreeNode) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) visitExpression(item, visit)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const tree = node as TreeNode
  visit(tree)
  for (const [key, child] of Object.entries(tree)) if (key !== 'subquery') visitExpression(child, visit)
}

function refuseSeveralValues(expression: TreeNode, error: (what: string) => Error): void {
  visitExpression(expression, (node) => {
    if (node.class === 'STAR') throw error('*')
    if (node.class === 'FUNCTION' && /^(unnest|unlist)$/i.test(node.function_name ?? '')) throw error('unnest')
  })
}

/** What a statement's parts are, once DuckDB has parsed each. */
export interface InspectedParts {
  /** The tables that are read. */
  readonly tables: readonly TableIdentifier[]
  /** The tree of an INSERT's query or of a MERGE's source. */
  readonly tree: TreeNode | undefined
  /** The trees of values and conditions. */
  readonly expressions: ReadonlyMap<Span, TreeNode>
}

/** Has every part of a statement parsed and checked. Throws PHLO_SQL_INVALID and PHLO_SQL_FORBIDDEN. */
export async function inspectParts(
  connection: Connection,
  composer: SqlComposer,
  statement: ChangeStatement,
): Promise<InspectedParts> {
  const parts = new StatementParts(connection, composer)
  let tree: TreeNode | undefined
  const expressions = async (spans: readonly (Span | undefined)[]) => {
    for (const span of spans) if (span) await parts.expression(span)
  }
  const columns = async (definitions: readonly Pick<ColumnDefinition, 'type' | 'defaultValue'>[]) => {
    for (const { type, defaultValue } of definitions) {
      await parts.type(type)
      await expressions([defaultValue])
    }
  }
  if ('with' in statement && statement.with) await parts.common(statement.with)
  switch (statement.kind) {
    case 'insert':
      if (statement.query) tree = await parts.query(statement.query)
      break
    case 'create':
      if (statement.query) await parts.query(statement.query)
      await columns(statement.columns ?? [])
      break
    case 'update':
      await expressions([...statement.assignments.map(({ value }) => value), statement.where])
      if (statement.from) await parts.tableReference(statement.from)
      break
    case 'delete':
      if (statement.using) await parts.tableReference(statement.using)
      await expressions([statement.where])
      break
    case 'merge':
      tree = await parts.tableReference(statement.source)
      if ('start' in statement.on) await parts.expression(statement.on)
      for (const { condition, action } of statement.clauses) {
        await expressions([condition])
        if (action.kind === 'update') await expressions((action.assignments ?? []).map(({ value }) => value))
        if (action.kind === 'insert') await expressions(action.values ?? [])
      }
      break
    case 'alter':
      if (statement.alteration.kind === 'add-column') await columns([statement.alteration])
      if (statement.alteration.kind === 'set-type') await parts.type(statement.alteration.type)
      if (statement.alteration.kind === 'set-default') await expressions([statement.alteration.value])
      break
    case 'truncate':
    case 'drop':
  }
  return { tables: parts.tables, tree, expressions: parts.expressions }
}
