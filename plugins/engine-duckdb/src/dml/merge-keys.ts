import { currentSchema, type Expression, formatType, parsePrimitive, toValue } from '@phlo/iceberg'
import type { ColumnSchema, NestedField } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import type { ChangedTable, MergeSource } from './change-selects.js'
import type { ChangeStatement, Span } from './change-statement.js'
import type { SqlComposer } from './composed-sql.js'
import type { TreeNode } from './statement-parts.js'

type Merge = Extract<ChangeStatement, { kind: 'merge' }>

/** A column of the target that has to equal one of the source. */
export interface MergeKey {
  readonly field: NestedField
  readonly column: ColumnSchema
}

/**
 * The columns of both sides that rows which match have equal values in, of types that are equal and ordered alike.
 * `expressions` has the tree of the condition.
 */
export function mergeKeys(
  statement: Merge,
  changed: ChangedTable,
  source: MergeSource,
  expressions: ReadonlyMap<Span, TreeNode>,
): MergeKey[] {
  return equalColumns(statement, changed, source, expressions).filter(isOrderedAlike)
}

/** The ranges of the source's keys, which rows of the target that are matched lie within; `undefined` when all are of interest. */
export async function keyRanges(
  connection: Connection,
  composer: SqlComposer,
  statement: Merge,
  keys: readonly MergeKey[],
  source: MergeSource,
): Promise<Expression | undefined> {
  if (statement.clauses.some(({ when }) => when === 'not-matched-by-source')) return undefined
  if (keys.length === 0) return undefined
  const limits = keys.flatMap(({ column }, index) => [
    `CAST(min(${identifier(column.name)}) AS VARCHAR) AS low_${index}`,
    `CAST(max(${identifier(column.name)}) AS VARCHAR) AS high_${index}`,
  ])
  const { text, statement: places } = composer.compose([
    `SELECT ${limits.join(', ')} FROM (SELECT * FROM `,
    source.from,
    ')',
  ])
  const [row] = await connection.run(text, places)
  return keys.reduce<Expression | undefined>((filter, { field }, index) => {
    const [low, high] = [row?.[`low_${index}`], row?.[`high_${index}`]]
    // Nothing equals NULL.
    if (typeof low !== 'string' || typeof high !== 'string') return { op: 'false' }
    const type = parsePrimitive(field.type as string)
    if (toValue(type, low) === undefined || toValue(type, high) === undefined) return filter
    const range: Expression = {
      op: 'and',
      left: { op: 'gte', column: field.name, value: low },
      right: { op: 'lte', column: field.name, value: high },
    }
    return filter ? { op: 'and', left: filter, right: range } : range
  }, undefined)
}

/** Are both compared as values of one type, whose order is also that of a file's bounds? */
function isOrderedAlike({ field, column }: MergeKey): boolean {
  if (typeof field.type !== 'string' || typeof column.type !== 'string') return false
  const [own, given] = [formatType(field.type), formatType(column.type)]
  const integers = ['int', 'long']
  if (integers.includes(own) && integers.includes(given)) return true
  return own === given && /^(date|string|timestamp|timestamptz|uuid|decimal)/.test(own)
}

function equalColumns(
  { on: condition }: Merge,
  changed: ChangedTable,
  source: MergeSource,
  expressions: ReadonlyMap<Span, TreeNode>,
): MergeKey[] {
  const { fields } = currentSchema(changed.metadata)
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
  const key = (own: string, given: string): MergeKey[] => {
    const field = fields.find(({ name }) => same(name, own))
    const column = source.columns.find(({ name }) => same(name, given))
    return field && column ? [{ field, column }] : []
  }
  if (!('start' in condition)) return condition.flatMap(({ name }) => key(name, name))
  const visit = (node: TreeNode | undefined): MergeKey[] => {
    if (node?.type === 'CONJUNCTION_AND') return (node.children ?? []).flatMap(visit)
    if (node?.type !== 'COMPARE_EQUAL') return []
    for (const [left, right] of [
      [node.left, node.right],
      [node.right, node.left],
    ]) {
      const own = columnNamed(left, changed.alias)
      const given = columnNamed(right, source.alias)
      if (own !== undefined && given !== undefined) return key(own, given)
    }
    return []
  }
  return visit(expressions.get(condition))
}

/** The column that a reference with the name of its table means, whose it is then certain. */
export function columnNamed(node: TreeNode | undefined, alias: string): string | undefined {
  const [table, name, ...more] = node?.class === 'COLUMN_REF' ? (node.column_names ?? []) : []
  return table?.toLowerCase() === alias.toLowerCase() && more.length === 0 ? name : undefined
}
