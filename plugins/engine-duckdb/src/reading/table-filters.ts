import type { Expression } from '@phlo/iceberg'
import type { IcebergSchema, SqlParameter } from '@phlo/ports'
import { Predicates } from './predicates.js'
import {
  addFilter,
  hidden,
  noSources,
  nullable,
  resolveReference,
  seenThrough,
  type Sources,
  tableSource,
  type TableUse,
  type Target,
  together,
  unknownSources,
  whole,
} from './query-sources.js'
import type {
  CommonTable,
  ExpressionNode,
  JoinNode,
  QueryNode,
  SqlNode,
  SubqueryRef,
  TableNode,
} from './syntax-tree.js'

/** A table expression that is named often is looked at once for each name; beyond this many, nothing is certain. */
const mostUses = 1000

/** A common table expression, and those that it may name itself. */
interface Named {
  readonly table: CommonTable
  readonly scope: Scope
}

type Scope = ReadonlyMap<string, Named | 'itself'>

export interface FilterContext {
  /** The columns of a table that the statement names. */
  readonly schemaOf: (node: TableNode) => IcebergSchema | undefined
  readonly parameters: readonly SqlParameter[]
}

/**
 * What a statement is certain to want of the rows of each of its tables, by the table's node in the syntax tree. A table
 * of whose rows all may be wanted is not there.
 */
export function tableFilters(statement: QueryNode, context: FilterContext): Map<TableNode, Expression> {
  const walk = new FilterWalk(context)
  walk.query(statement, new Map())
  const filters = new Map<TableNode, Expression>()
  if (walk.uses.length > mostUses) return filters
  const unfiltered = new Set<TableNode>()
  for (const { node, filters: own } of walk.uses) {
    const [first, ...rest] = own
    if (!first) {
      unfiltered.add(node)
      continue
    }
    const one = rest.reduce((left, right): Expression => ({ op: 'and', left, right }), first)
    const other = filters.get(node)
    filters.set(node, other ? { op: 'or', left: other, right: one } : one)
  }
  for (const node of unfiltered) filters.delete(node)
  return filters
}

class FilterWalk {
  readonly uses: TableUse[] = []
  private readonly context: FilterContext

  constructor(context: FilterContext) {
    this.context = context
  }

  /** Looks at a query, and gives what its FROM consists of. */
  query(node: QueryNode, outer: Scope): Sources {
    if (this.uses.length > mostUses) return unknownSources
    let scope = outer
    for (const { key, value } of node.cte_map?.map ?? []) {
      const recursive = value.query?.node?.type === 'RECURSIVE_CTE_NODE'
      const named = new Map(scope)
      const inside: Scope = recursive ? new Map([...scope, [key.toLowerCase(), 'itself' as const]]) : scope
      named.set(key.toLowerCase(), { table: value, scope: inside })
      scope = named
    }
    if (node.type !== 'SELECT_NODE') {
      const { cte_map: _named, ...rest } = node
      this.children(Object.values(rest), scope)
      return unknownSources
    }
    const { cte_map: _named, from_table: from, ...rest } = node
    const sources = from ? this.from(from, scope) : noSources
    if (node.where_clause) this.condition(node.where_clause, sources, () => true)
    // Subqueries in expressions are queries of their own.
    this.children(Object.values(rest), scope)
    return sources
  }

  /** Finds the queries and tables below a node whose meaning does not matter. */
  private children(value: unknown, scope: Scope): void {
    if (Array.isArray(value)) {
      for (const item of value) this.children(item, scope)
      return
    }
    if (typeof value !== 'object' || value === null) return
    const node = value as SqlNode
    // Constants have a type that is an object.
    if (typeof node.type === 'string' && node.type.endsWith('_NODE')) this.query(node, scope)
    else if (node.type === 'BASE_TABLE' || node.type === 'SUBQUERY' || node.type === 'JOIN') {
      // An expression of that type has its query below.
      if (node.class === undefined) this.from(node, scope)
      else for (const child of Object.values(value)) this.children(child, scope)
    } else for (const child of Object.values(value)) this.children(child, scope)
  }

  private from(node: SqlNode, scope: Scope): Sources {
    switch (node.type) {
      case 'BASE_TABLE':
        return this.table(node, scope)
      case 'TABLE_FUNCTION':
        return this.tableFunction(node, scope)
      case 'SUBQUERY': {
        const { subquery, alias = '', column_name_alias: aliases = [], sample } = node as SubqueryRef
        const inner = this.query(subquery.node, scope)
        const seen = seenThrough(subquery.node, inner, aliases, alias)
        return sample ? whole(seen) : seen
      }
      case 'JOIN':
        return this.join(node as JoinNode, scope)
      default: {
        this.children(Object.values(node), scope)
        return unknownSources
      }
    }
  }

  private table(node: TableNode, scope: Scope): Sources {
    const named = node.schema_name || node.catalog_name ? undefined : scope.get((node.table_name ?? '').toLowerCase())
    if (named === 'itself') return unknownSources
    if (!named) {
      const use: TableUse = { node, filters: [] }
      this.uses.push(use)
      return tableSource(node, this.context.schemaOf(node), use)
    }
    const query = named.table.query?.node
    if (!query) return unknownSources
    const inner = this.query(query, named.scope)
    const aliases = [...(named.table.aliases ?? []), ...(node.column_name_alias ?? [])]
    const seen = seenThrough(query, inner, aliases, node.alias || (node.table_name ?? ''))
    return node.sample ? whole(seen) : seen
  }

  /** One whose rows are a table's. */
  private tableFunction(node: SqlNode, scope: Scope): Sources {
    const schema = this.context.schemaOf(node)
    if (!schema) {
      this.children(Object.values(node), scope)
      return unknownSources
    }
    const use: TableUse = { node, filters: [] }
    this.uses.push(use)
    return tableSource(node, schema, use)
  }

  private join(node: JoinNode, scope: Scope): Sources {
    const left = this.from(node.left, scope)
    const right = this.from(node.right, scope)
    const using = node.using_columns ?? []
    const natural = node.ref_type === 'NATURAL'
    if (node.condition) this.children(node.condition, scope)
    if (node.ref_type === 'POSITIONAL') return whole(together(left, right, using, natural))
    if (node.ref_type === 'REGULAR' && node.condition) {
      const both = together(left, right, using, natural)
      const [ofLeft, ofRight] = [targetsOf(left), targetsOf(right)]
      // Rows that are kept whatever the condition says cannot be left out for its sake.
      this.condition(node.condition, both, (target) => {
        switch (node.join_type) {
          case 'INNER':
          case 'SEMI':
            return true
          case 'LEFT':
          case 'ANTI':
            return ofRight.has(target)
          case 'RIGHT':
            return ofLeft.has(target)
          default:
            return false
        }
      })
    }
    // Which row is the nearest depends on all of them.
    const nearest = node.ref_type === 'ASOF' ? whole(right) : right
    switch (node.join_type) {
      case 'INNER':
        return together(left, nearest, using, natural)
      case 'LEFT':
        return together(left, nullable(nearest), using, natural)
      case 'RIGHT':
        return together(nullable(left), nearest, using, natural)
      case 'SEMI':
      case 'ANTI':
        return together(left, hidden(nearest), using, natural)
      default:
        return together(nullable(left), nullable(nearest), using, natural)
    }
  }

  /** Notes what a condition says of the tables of a FROM. */
  private condition(node: ExpressionNode, sources: Sources, applies: (target: Target) => boolean): void {
    for (const source of sources.list) {
      if (source.hidden) continue
      for (const target of source.targets) {
        if (!applies(target)) continue
        const predicates = new Predicates((names) => {
          const found = resolveReference(sources, names)
          return found?.source === source ? target.field(found.column) : undefined
        }, this.context.parameters)
        addFilter(target, predicates.implied(node))
      }
    }
  }
}

function targetsOf(sources: Sources): ReadonlySet<Target> {
  return new Set(sources.list.flatMap(({ targets }) => targets))
}
