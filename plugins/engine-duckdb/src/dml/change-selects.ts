import { currentSchema } from '@phlo/iceberg'
import { formatIdentifier, type NestedField, type TableIdentifier, type TableMetadata } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Assignment, ChangeStatement, MergeAction, MergeClause } from './change-statement.js'
import { assigned, defaultValue } from './column-values.js'
import type { SqlComposer, SqlPart } from './composed-sql.js'
import { requireColumn, separated } from './insert-rows.js'
import type { TreeNode } from './statement-parts.js'
import { positionColumn, taskColumn } from './target-rows.js'

/** What happens to a row, as a number in the table of changes. */
export const rowAction = { update: 0, delete: 1, insert: 2 } as const

/** The column with a {@link rowAction}. */
export const actionColumn = '_phlo_action'

/** The columns with the new values of a row, in the order of the schema. */
export function valueColumn(index: number): string {
  return `_phlo_value_${index}`
}

/** The target of a statement, as its SELECT names it. */
export interface ChangedTable {
  readonly table: TableIdentifier
  readonly metadata: TableMetadata
  /** What stands behind FROM. */
  readonly from: string
  /** The name that expressions know it by. */
  readonly alias: string
}

/** The rows that UPDATE changes, with their places and new values. */
export function updatedRows(
  composer: SqlComposer,
  statement: Extract<ChangeStatement, { kind: 'update' }>,
  changed: ChangedTable,
): SqlPart {
  const { fields } = currentSchema(changed.metadata)
  const values = assignedValues(composer, statement.assignments, changed)
  const columns = fields.map((field, index): SqlPart => [
    values.get(field) ?? own(changed, field),
    ` AS ${valueColumn(index)}`,
  ])
  return [
    `SELECT ${placeOf(changed)}, ${rowAction.update} AS ${actionColumn}, `,
    separated(columns),
    ` FROM ${changed.from}`,
    statement.from ? [', ', statement.from] : '',
    statement.where ? [' WHERE (', statement.where, ')'] : '',
  ]
}

/** The places of the rows that DELETE removes. */
export function deletedRows(statement: Extract<ChangeStatement, { kind: 'delete' }>, changed: ChangedTable): SqlPart {
  // A row that meets several of USING leaves once.
  return [
    `SELECT DISTINCT ${placeOf(changed)}, ${rowAction.delete} AS ${actionColumn} FROM ${changed.from}`,
    statement.using ? [', ', statement.using] : '',
    statement.where ? [' WHERE (', statement.where, ')'] : '',
  ]
}

/** What is known of the rows that MERGE compares with the target. */
export interface MergeSource {
  /** The name that expressions know it by. */
  readonly alias: string
  /** Its columns' names. */
  readonly columns: readonly string[]
}

/** The name by which a table in FROM is known, or `undefined` for a join. */
export function aliasOf(tree: TreeNode): string | undefined {
  if (tree.alias) return tree.alias
  return tree.type === 'BASE_TABLE' ? tree.table_name : undefined
}

/** The rows that MERGE touches: by the first clause that applies, with what it makes of them. */
export function mergedRows(
  composer: SqlComposer,
  statement: Extract<ChangeStatement, { kind: 'merge' }>,
  changed: ChangedTable,
  source: MergeSource,
): SqlPart {
  const { clauses, on } = statement
  const target = identifier(changed.alias)
  const given = identifier(source.alias)
  const hasTarget = `${target}.${positionColumn} IS NOT NULL`
  const hasSource = `${given}.${sourceMark} IS NOT NULL`
  const present: Record<MergeClause['when'], string> = {
    matched: `${hasTarget} AND ${hasSource}`,
    'not-matched-by-target': `NOT (${hasTarget})`,
    'not-matched-by-source': `NOT (${hasSource})`,
  }
  const choice: SqlPart[] = clauses.map(({ when, condition }, index) => [
    ` WHEN ${present[when]}`,
    condition ? [' AND (', condition, ')'] : '',
    ` THEN ${index}`,
  ])
  const condition: SqlPart =
    'start' in on
      ? ['(', on, ')']
      : on.map(({ name }) => `${target}.${identifier(name)} = ${given}.${identifier(name)}`).join(' AND ')
  const values = clauses.map((clause) => clauseValues(composer, clause, changed, source))
  const { fields } = currentSchema(changed.metadata)
  const columns = fields.map((field, index): SqlPart => {
    const cases = values.flatMap((value, clause): SqlPart[] =>
      value ? [[` WHEN ${clause} THEN `, value.get(field) ?? own(changed, field)]] : [],
    )
    const chosen: SqlPart = cases.length === 0 ? defaultValue(field) : [`CASE ${clauseColumn}`, cases, ' END']
    return [', ', chosen, ` AS ${valueColumn(index)}`]
  })
  const actions = clauses.map(({ action }, index) => ` WHEN ${index} THEN ${actionCode(action, changed)}`)
  return [
    `SELECT * EXCLUDE (${clauseColumn}), CASE ${clauseColumn}${actions.join('')} END AS ${actionColumn} FROM (`,
    `SELECT ${placeOf(changed)}, CASE`,
    choice,
    ` END AS ${clauseColumn}`,
    columns,
    ` FROM ${changed.from} ${joinOf(clauses)} JOIN (SELECT *, TRUE AS ${sourceMark} FROM `,
    statement.source,
    `) AS ${given} ON `,
    condition,
    `) WHERE ${actionColumn} IS NOT NULL`,
  ]
}

/** Which clause of MERGE applies to a row. */
const clauseColumn = '_phlo_clause'

/** Tells a row of the source from the NULLs of an outer join. */
const sourceMark = '_phlo_source'

/** Of the target's rows only those are kept, and likewise of the source's, that a clause may be about. */
function joinOf(clauses: readonly MergeClause[]): string {
  const keepsTarget = clauses.some(({ when }) => when === 'not-matched-by-source')
  const keepsSource = clauses.some(({ when }) => when === 'not-matched-by-target')
  if (keepsTarget) return keepsSource ? 'FULL' : 'LEFT'
  return keepsSource ? 'RIGHT' : 'INNER'
}

function actionCode(action: MergeAction, { table }: ChangedTable): string {
  if (action.kind === 'nothing') return 'NULL'
  if (action.kind === 'error')
    return `error(${literal(`A row met a clause of MERGE INTO ${formatIdentifier(table)} that is an ERROR`)})`
  return String(rowAction[action.kind])
}

/** New values by column; `undefined` for a clause that gives none. */
function clauseValues(
  composer: SqlComposer,
  { action, span }: MergeClause,
  changed: ChangedTable,
  source: MergeSource,
): Map<NestedField, SqlPart> | undefined {
  const { fields } = currentSchema(changed.metadata)
  const fromSource = (field: NestedField): SqlPart | undefined => {
    const name = source.columns.find((column) => column.toLowerCase() === field.name.toLowerCase())
    return name === undefined ? undefined : assigned(field, `${identifier(source.alias)}.${identifier(name)}`)
  }
  if (action.kind === 'update') {
    if (action.assignments) return assignedValues(composer, action.assignments, changed)
    return new Map(fields.flatMap((field) => pairOf(field, fromSource(field))))
  }
  if (action.kind !== 'insert') return undefined
  const { columns, values } = action
  if (!values) return new Map(fields.map((field) => [field, fromSource(field) ?? defaultValue(field)]))
  const wanted = columns?.map((column) => requireColumn(fields, changed.table, column, composer)) ?? fields
  if (wanted.length !== values.length)
    throw composer.error(span, `${wanted.length} columns are to be given, but there are ${values.length} values`)
  if (new Set(wanted).size !== wanted.length) throw composer.error(span, 'A column is named twice')
  return new Map(
    fields.map((field) => {
      const value = values[wanted.indexOf(field)]
      return [field, value ? assigned(field, value) : defaultValue(field)]
    }),
  )
}

function pairOf(field: NestedField, value: SqlPart | undefined): [NestedField, SqlPart][] {
  return value === undefined ? [] : [[field, value]]
}

function assignedValues(
  composer: SqlComposer,
  assignments: readonly Assignment[],
  { metadata, table }: ChangedTable,
): Map<NestedField, SqlPart> {
  const { fields } = currentSchema(metadata)
  return new Map(
    assignments.map(({ column, value }) => {
      const field = requireColumn(fields, table, column, composer)
      return [field, value ? assigned(field, value) : defaultValue(field)]
    }),
  )
}

function own({ alias }: ChangedTable, field: NestedField): string {
  return `${identifier(alias)}.${identifier(field.name)}`
}

function placeOf({ alias }: ChangedTable): string {
  return [taskColumn, positionColumn].map((column) => `${identifier(alias)}.${column} AS ${column}`).join(', ')
}
