import type { Expression } from '@phlo/iceberg'
import type { IcebergSchema, NestedField } from '@phlo/ports'
import type { TableFunctionNode } from './interval-call.js'
import { rejectsNulls } from './predicates.js'
import type { QueryNode, SelectItem, TableNode } from './syntax-tree.js'

/** One use of a table by a statement, with what is certain of the rows that it needs. */
export interface TableUse {
  readonly node: TableNode
  readonly filters: Expression[]
}

/** The rows of one table, seen through a source of FROM. */
export interface Target {
  readonly use: TableUse
  /** The table's field behind a column of the source, if it certainly is one. */
  readonly field: (column: string) => NestedField | undefined
  /** An outer join may put NULLs in the place of its rows. */
  readonly nullable: boolean
  /** Which rows there are decides about others, as in a positional join: nothing may be left out. */
  readonly whole: boolean
}

/** Something in FROM that has a name of its own. */
export interface Source {
  readonly alias: string
  /** Of a table, the namespace by which it may be qualified. */
  readonly schema?: string
  /** No other kind of table has to be thought of when a column of that name is looked for. */
  readonly has: (column: string) => boolean
  readonly targets: readonly Target[]
  /** Not seen by what stands outside its join. */
  readonly hidden: boolean
}

/** What a FROM, or a part of it, consists of. */
export interface Sources {
  readonly list: readonly Source[]
  /** Columns that USING makes one of two, in lower case. */
  readonly merged: ReadonlySet<string>
  /** A natural join merges columns by what the tables have. */
  readonly natural: boolean
  /** There is something else with columns that nobody here knows. */
  readonly others: boolean
}

export const noSources: Sources = { list: [], merged: new Set(), natural: false, others: false }
export const unknownSources: Sources = { ...noSources, others: true }

/** A table's source; that of a function's rows is named like the function. */
export function tableSource(
  node: TableNode & TableFunctionNode,
  schema: IcebergSchema | undefined,
  use: TableUse,
): Sources {
  if (!schema || (node.column_name_alias ?? []).length > 0) return unknownSources
  const fields = new Map(schema.fields.map((field) => [field.name.toLowerCase(), field]))
  const name = (node.table_name ?? node.function?.function_name ?? '').toLowerCase()
  const source: Source = {
    alias: (node.alias ?? '').toLowerCase() || name,
    ...(!node.alias && { schema: (node.schema_name ?? '').toLowerCase() }),
    has: (column) => fields.has(column),
    targets: [
      {
        use,
        field: (column) => fields.get(column),
        nullable: false,
        whole: Boolean(node.sample),
      },
    ],
    hidden: false,
  }
  return { ...noSources, list: [source] }
}

/** The sources, changed alike. */
function withTargets(sources: Sources, change: (target: Target) => Target): Sources {
  return { ...sources, list: sources.list.map((source) => ({ ...source, targets: source.targets.map(change) })) }
}

export function nullable(sources: Sources): Sources {
  return withTargets(sources, (target) => ({ ...target, nullable: true }))
}

export function whole(sources: Sources): Sources {
  return withTargets(sources, (target) => ({ ...target, whole: true }))
}

export function hidden(sources: Sources): Sources {
  return { ...sources, list: sources.list.map((source) => ({ ...source, hidden: true })) }
}

export function together(left: Sources, right: Sources, using: readonly string[], natural: boolean): Sources {
  return {
    list: [...left.list, ...right.list],
    merged: new Set([...left.merged, ...right.merged, ...using.map((column) => column.toLowerCase())]),
    natural: natural || left.natural || right.natural,
    others: left.others || right.others,
  }
}

/** The source and the column that a reference means, if it certainly means one of these sources. */
export function resolveReference(
  sources: Sources,
  names: readonly string[],
): { readonly source: Source; readonly column: string } | undefined {
  const lower = names.map((name) => name.toLowerCase())
  const visible = sources.list.filter((source) => !source.hidden)
  const column = lower.at(-1) ?? ''
  if (lower.length === 1) {
    if (sources.natural || sources.merged.has(column)) return undefined
    return only(
      visible.filter((source) => source.has(column)),
      column,
    )
  }
  const [first, second] = lower
  if (lower.length === 2)
    return only(
      visible.filter(({ alias }) => alias === first),
      column,
    )
  if (lower.length !== 3) return undefined
  return only(
    visible.filter(({ alias, schema }) => schema === first && alias === second),
    column,
  )
}

function only(found: readonly Source[], column: string) {
  const [source, ...others] = found
  return source && others.length === 0 ? { source, column } : undefined
}

/** A table behind a filter may leave out rows only when that makes no others appear. */
export function addFilter(target: Target, filter: Expression | undefined): void {
  if (filter && !target.whole && (!target.nullable || rejectsNulls(filter))) target.use.filters.push(filter)
}

/**
 * The tables of a query as they are seen from outside it, where what is wanted of its columns is wanted of the tables'
 * rows: it neither groups nor numbers nor counts them.
 */
export function seenThrough(node: QueryNode, inner: Sources, aliases: readonly string[], alias: string): Sources {
  if (aliases.length > 0 || !passesRows(node)) return unknownSources
  const items = node.select_list ?? []
  // A star over what nobody knows may give a column before any other of its name.
  if (items.some((item) => item.class === 'STAR' && !isKnownStar(item, inner))) return unknownSources
  const columns = new Map<string, ReturnType<typeof columnsOf>>()
  const find = (column: string) => {
    const found = columns.get(column) ?? columnsOf(items, inner, column)
    columns.set(column, found)
    return found
  }
  const source: Source = {
    alias: alias.toLowerCase(),
    has: (column) => find(column).length > 0,
    targets: inner.list.flatMap((below) =>
      below.targets.map((target) => ({
        ...target,
        field: (column: string) => {
          const [found, ...others] = find(column)
          return found?.source === below && others.length === 0 ? target.field(found.column) : undefined
        },
      })),
    ),
    hidden: false,
  }
  return { ...noSources, list: [source] }
}

function passesRows(node: QueryNode): boolean {
  return (
    node.type === 'SELECT_NODE' &&
    (node.group_expressions ?? []).length === 0 &&
    (node.group_sets ?? []).length === 0 &&
    node.aggregate_handling === 'STANDARD_HANDLING' &&
    !node.having &&
    !node.qualify &&
    !node.sample &&
    (node.modifiers ?? []).every(
      ({ type, distinct_on_targets: targets }) =>
        type === 'ORDER_MODIFIER' || (type === 'DISTINCT_MODIFIER' && (targets ?? []).length === 0),
    ) &&
    // A window looks at rows that a filter behind it would leave out.
    !/"class":"WINDOW"/.test(
      JSON.stringify(node.select_list, (_key, value: unknown) => (typeof value === 'bigint' ? 0 : value)),
    )
  )
}

/** What a query's column of that name may come from; a source of `undefined` is something computed. */
function columnsOf(
  items: readonly SelectItem[],
  inner: Sources,
  column: string,
): readonly { readonly source: Source | undefined; readonly column: string }[] {
  return items.flatMap((item) => {
    if (item.class === 'STAR') return ofStar(item, inner, column)
    const reference = item.class === 'COLUMN_REF' ? (item.column_names ?? []) : []
    const name = item.alias || reference.at(-1) || ''
    if (name.toLowerCase() !== column) return []
    const found = reference.length > 0 ? resolveReference(inner, reference) : undefined
    return [found ?? { source: undefined, column }]
  })
}

/** A plain star, or one that leaves out columns, over tables whose columns are known. */
function isKnownStar(item: SelectItem, inner: Sources): boolean {
  const { exclude_list: excluded = [], qualified_exclude_list: others = [], columns, expr } = item
  const changed = [...others, ...(item.replace_list ?? []), ...(item.rename_list ?? [])]
  return (
    changed.length === 0 &&
    excluded.every((name) => typeof name === 'string') &&
    !columns &&
    !expr &&
    !inner.natural &&
    !inner.others
  )
}

function ofStar(item: SelectItem, inner: Sources, column: string) {
  if ((item.exclude_list ?? []).some((name) => (name as string).toLowerCase() === column)) return []
  if (inner.merged.has(column)) return [{ source: undefined, column }]
  const relation = (item.relation_name ?? '').toLowerCase()
  return inner.list
    .filter((source) => !source.hidden && (relation === '' || source.alias === relation) && source.has(column))
    .map((source) => ({ source, column }))
}
