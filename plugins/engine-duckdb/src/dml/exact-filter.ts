import { currentSchema, type Expression } from '@phlo/iceberg'
import type { SqlParameter } from '@phlo/ports'
import { Predicates } from '../reading/predicates.js'
import type { ChangedTable } from './change-selects.js'
import type { ChangeStatement, Span } from './change-statement.js'
import { findColumn } from './insert-rows.js'
import type { TreeNode } from './statement-parts.js'

/**
 * A filter that is true for the very rows that DELETE removes, so that files can leave by what is known of them;
 * `undefined` when its condition is more than a filter can say.
 */
export function exactFilter(
  { using, where }: Pick<Extract<ChangeStatement, { kind: 'delete' }>, 'using' | 'where'>,
  changed: ChangedTable,
  expressions: ReadonlyMap<Span, TreeNode>,
  parameters: readonly SqlParameter[],
): Expression | undefined {
  if (using) return undefined
  if (!where) return { op: 'true' }
  const condition = expressions.get(where)
  return condition && targetPredicates(changed, parameters).exact(condition)
}

/** What conditions say of the target's columns, as filters that SQL and bounds of files understand alike. */
export function targetPredicates(
  { alias, metadata }: ChangedTable,
  parameters: readonly SqlParameter[],
  isCertain: (qualified: boolean) => boolean = () => true,
): Predicates {
  const { fields } = currentSchema(metadata)
  return new Predicates((names) => {
    const [first = '', second, ...more] = names
    const isQualified = second !== undefined
    if (more.length > 0 || (isQualified && first.toLowerCase() !== alias.toLowerCase())) return undefined
    if (!isCertain(isQualified)) return undefined
    const field = findColumn(fields, isQualified ? second : first)
    // NaN, which is above all numbers in SQL, is none of a filter's.
    return field?.type === 'float' || field?.type === 'double' ? undefined : field
  }, parameters)
}
