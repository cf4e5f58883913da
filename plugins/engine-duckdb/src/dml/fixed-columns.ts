import { bindExpression, currentSchema, type DataFile, fileMustMatch, statisticsOf } from '@phlo/iceberg'
import type { SqlParameter, TableMetadata } from '@phlo/ports'
import type { ChangedTable } from './change-selects.js'
import type { ChangeStatement, Span } from './change-statement.js'
import { targetPredicates } from './exact-filter.js'
import { findColumn } from './insert-rows.js'
import type { TreeNode } from './statement-parts.js'

/** A column of the target that has to have a value of the statement's for a row to match. */
export interface FixedColumn {
  readonly id: number
  readonly column: string
  readonly value: string
}

/** The columns that MERGE's condition holds to one value: `t.day = DATE '2026-01-01'`. */
export function fixedColumns(
  { on: condition }: Extract<ChangeStatement, { kind: 'merge' }>,
  changed: ChangedTable,
  expressions: ReadonlyMap<Span, TreeNode>,
  parameters: readonly SqlParameter[],
): FixedColumn[] {
  if (!('start' in condition)) return []
  const { fields } = currentSchema(changed.metadata)
  // A bare name may be one of the source's.
  const predicates = targetPredicates(changed, parameters, (qualified) => qualified)
  const visit = (node: TreeNode | undefined): FixedColumn[] => {
    if (node?.type === 'CONJUNCTION_AND') return (node.children ?? []).flatMap(visit)
    const filter = node?.type === 'COMPARE_EQUAL' ? predicates.exact(node) : undefined
    if (filter?.op !== 'eq' || typeof filter.value !== 'string') return []
    const field = findColumn(fields, filter.column)
    return field ? [{ id: field.id, column: field.name, value: filter.value }] : []
  }
  return visit(expressions.get(condition))
}

/**
 * Ids of those columns that are part of the key by which rows were merged: where all rows that came have the value, too,
 * rows with another one are of no interest.
 */
export function fixedKeys(
  fixed: readonly FixedColumn[],
  metadata: TableMetadata,
  files: readonly DataFile[],
): number[] {
  return fixed
    .filter(({ column, value }) => {
      const filter = bindExpression({ op: 'eq', column, value }, currentSchema(metadata))
      return files.every((file) => fileMustMatch(filter, statisticsOf(file)))
    })
    .map(({ id }) => id)
}
