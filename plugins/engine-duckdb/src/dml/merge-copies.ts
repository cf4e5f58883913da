import { currentSchema, formatType } from '@phlo/iceberg'
import type { ColumnSchema, NestedField } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'
import { type ChangedTable, matchCondition, type MergeSource, placeOf } from './change-selects.js'
import type { ChangeStatement, MergeAction, Span } from './change-statement.js'
import { withRequired } from './column-values.js'
import type { SqlPart } from './composed-sql.js'
import { findColumn } from './insert-rows.js'
import { columnNamed, type MergeKey } from './merge-keys.js'
import type { TreeNode } from './statement-parts.js'

/**
 * A MERGE whose every source row becomes a row of the table, in the place of the one that it matches if it matches one.
 * The values then need not go through a join.
 */
export interface MergeCopies {
  /** A SELECT of the places of the rows that are matched, and of {@link keys}. */
  readonly places: SqlPart
  /**
   * Columns with the source row's keys. When they are distinct among the places, no source row matches two rows, each of
   * which it would be the new version of.
   */
  readonly keys: readonly string[]
  /** A SELECT of the rows that come. */
  readonly coming: SqlPart
  /** A SELECT of how many these are, as `rows`. */
  readonly count: SqlPart
}

/** What can be copied; `undefined` unless both clauses do nothing else with every row. */
export function mergeCopies(
  statement: Extract<ChangeStatement, { kind: 'merge' }>,
  changed: ChangedTable,
  source: MergeSource,
  keys: readonly MergeKey[],
  expressions: ReadonlyMap<Span, TreeNode>,
): MergeCopies | undefined {
  // Version 3 knows a row by an id that its new version keeps, which only the join finds.
  if (changed.metadata['format-version'] >= 3 || keys.length === 0) return undefined
  if (changed.alias.toLowerCase() === source.alias.toLowerCase()) return undefined
  const { clauses } = statement
  const matched = clauses.find(({ when }) => when === 'matched')
  const unmatched = clauses.find(({ when }) => when === 'not-matched-by-target')
  if (!matched || !unmatched || clauses.length !== 2 || clauses.some(({ condition }) => condition)) return undefined
  const schema = currentSchema(changed.metadata)
  const updated = copiedColumns(matched.action, schema.fields, source, expressions)
  const inserted = copiedColumns(unmatched.action, schema.fields, source, expressions)
  if (!updated || !inserted) return undefined
  const columns: string[] = []
  for (const field of schema.fields) {
    const column = inserted.get(field)
    if (!column || !isOfType(column, field)) return undefined
    // What keeps its value has that of the source if both are equal anyway.
    const kept = !updated.has(field) && keys.some((key) => key.field === field && key.column === column)
    if (updated.get(field) !== column && !kept) return undefined
    const value = `${identifier(source.alias)}.${identifier(column.name)}`
    columns.push(`CAST(${value} AS ${duckdbType(field.type)}) AS ${identifier(field.name)}`)
  }
  const given: SqlPart = ['(SELECT * FROM ', source.from, `) AS ${identifier(source.alias)}`]
  const keyNames = keys.map((_, index) => `_phlo_key_${index}`)
  const keyColumns = keys.map(
    ({ column }, index) => `, ${identifier(source.alias)}.${identifier(column.name)} AS ${keyNames[index]}`,
  )
  return {
    places: [
      `SELECT ${placeOf(changed)}${keyColumns.join('')} FROM ${changed.from} JOIN `,
      given,
      ' ON ',
      matchCondition(statement, changed, source),
    ],
    keys: keyNames,
    coming: withRequired(schema, changed.table, [`SELECT ${columns.join(', ')} FROM `, given]),
    count: ['SELECT count(*) AS rows FROM ', given],
  }
}

/** The source's columns that an action gives columns of the target as they are; `undefined` if it does anything else. */
function copiedColumns(
  action: MergeAction,
  fields: readonly NestedField[],
  source: MergeSource,
  expressions: ReadonlyMap<Span, TreeNode>,
): Map<NestedField, ColumnSchema> | undefined {
  const columnOf = (wanted: string | undefined) =>
    source.columns.find(({ name }) => name.toLowerCase() === wanted?.toLowerCase())
  const copied = new Map<NestedField, ColumnSchema>()
  const given = givenValues(action, fields)
  if (given === 'by name') {
    for (const field of fields) {
      const column = columnOf(field.name)
      if (column) copied.set(field, column)
    }
    return copied
  }
  for (const [name, value] of given ?? []) {
    const field = findColumn(fields, name)
    const column = value && columnOf(columnNamed(expressions.get(value), source.alias))
    // Errors are found where values are worked out.
    if (!field || !column || copied.has(field)) return undefined
    copied.set(field, column)
  }
  return given && copied
}

function givenValues(
  action: MergeAction,
  fields: readonly NestedField[],
): 'by name' | (readonly [name: string, value: Span | undefined])[] | undefined {
  if (action.kind === 'update')
    return action.assignments?.map(({ column, value }) => [column.name, value] as const) ?? 'by name'
  if (action.kind !== 'insert') return undefined
  const { columns = fields, values } = action
  if (!values) return 'by name'
  return columns.length === values.length ? columns.map(({ name }, index) => [name, values[index]] as const) : undefined
}

/** Does every value of the column fit without a change that could fail? */
function isOfType(column: ColumnSchema, field: NestedField): boolean {
  if (typeof column.type !== 'string' || typeof field.type !== 'string') return false
  const [given, own] = [formatType(column.type), formatType(field.type)]
  return given === own || (given === 'int' && own === 'long')
}
