import { currentSchema } from '@phlo/iceberg'
import {
  type ColumnSchema,
  formatIdentifier,
  type NestedField,
  type TableIdentifier,
  type TableMetadata,
} from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'
import { lineageFields } from '../reading/rows-select.js'
import type { Assignment, ChangeStatement, MergeAction, MergeClause, Span } from './change-statement.js'
import { assigned, withRequired } from './column-values.js'
import { writeDefault } from '../reading/constants.js'
import type { SqlComposer, SqlPart } from './composed-sql.js'
import { requireColumn, separated } from './insert-rows.js'
import type { TreeNode } from './statement-parts.js'
import { positionColumn, taskColumn } from './target-rows.js'

/** What happens to a row, as a number in the table of changes. */
export const rowAction = { update: 0, delete: 1, insert: 2 } as const

/** The column with a {@link rowAction}. */
export const actionColumn = '_phlo_action'

/** The columns with the new values of a row, in the order of the schema. */
function valueColumn(index: number): string {
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

/** The column with the id by which version 3 knows a row whatever becomes of it; NULL for new ones. */
const rowIdColumn = '_phlo_row_id'

function rowId({ alias, metadata }: ChangedTable): string {
  return lineageFields(metadata).length > 0 ? `${identifier(alias)}._row_id` : 'CAST(NULL AS BIGINT)'
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
    `SELECT ${placeOf(changed)}, ${rowId(changed)} AS ${rowIdColumn}, ${rowAction.update} AS ${actionColumn}, `,
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
  /** What stands behind FROM. */
  readonly from: SqlPart
  readonly columns: readonly ColumnSchema[]
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
  const { clauses } = statement
  const target = identifier(changed.alias)
  const given = identifier(source.alias)
  const hasTarget = `${target}.${positionColumn} IS NOT NULL`
  const hasSource = `${given}.${sourceMark} IS NOT NULL`
  const present: Record<MergeClause['when'], string> = {
    matched: `${hasTarget} AND ${hasSource}`,
    'not-matched-by-target': `NOT (${hasTarget})`,
    'not-matched-by-source': `NOT (${hasSource})`,
  }
  const { fields } = currentSchema(changed.metadata)
  // Conditions and values in one CASE: each is worked out once, and values only for rows that need them.
  const cases = clauses.map((clause): SqlPart => [
    ` WHEN ${present[clause.when]}`,
    clause.condition ? [' AND (', clause.condition, ')'] : '',
    ' THEN ',
    clause.action.kind === 'nothing' ? 'NULL' : changeOf(composer, clause, clause.action, changed, source),
  ])
  const types = fields.map((field, index) => `${valueColumn(index)} ${duckdbType(field.type)}`)
  const columns = fields.map((_, index) => `, ${changeColumn}.${valueColumn(index)} AS ${valueColumn(index)}`)
  return [
    `SELECT ${taskColumn}, ${positionColumn}, ${rowIdColumn}, ${changeColumn}.${actionColumn} AS ${actionColumn}${columns.join('')} FROM (`,
    `SELECT ${placeOf(changed)}, ${rowId(changed)} AS ${rowIdColumn}, CASE`,
    cases,
    ` ELSE CAST(NULL AS STRUCT(${[`${actionColumn} INTEGER`, ...types].join(', ')})) END AS ${changeColumn}`,
    ` FROM ${changed.from} ${joinOf(clauses)} JOIN (SELECT *, TRUE AS ${sourceMark} FROM `,
    source.from,
    `) AS ${given} ON `,
    matchCondition(statement, changed, source),
    `) WHERE ${changeColumn} IS NOT NULL`,
  ]
}

/** Which rows of both sides MERGE takes for matches. */
export function matchCondition(
  { on }: Pick<Extract<ChangeStatement, { kind: 'merge' }>, 'on'>,
  changed: ChangedTable,
  source: MergeSource,
): SqlPart {
  if ('start' in on) return ['(', on, ')']
  const [target, given] = [identifier(changed.alias), identifier(source.alias)]
  return on.map(({ name }) => `${target}.${identifier(name)} = ${given}.${identifier(name)}`).join(' AND ')
}

/** What a clause does to a row and the values that it gives it, as a struct. */
function changeOf(
  composer: SqlComposer,
  { span }: MergeClause,
  action: RowMaking,
  changed: ChangedTable,
  source: MergeSource,
): SqlPart {
  const values = clauseValues(composer, action, span, changed, source)
  const columns = currentSchema(changed.metadata).fields.map((field, index): SqlPart => {
    const value = values ? (values.get(field) ?? own(changed, field)) : `CAST(NULL AS ${duckdbType(field.type)})`
    return [`, ${valueColumn(index)} := `, value]
  })
  return [`struct_pack(${actionColumn} := CAST(${actionCode(action, changed)} AS INTEGER)`, columns, ')']
}

/** What becomes of a row, with all its values. */
const changeColumn = '_phlo_change'

/** Tells a row of the source from the NULLs of an outer join. */
const sourceMark = '_phlo_source'

/** Of the target's rows only those are kept, and likewise of the source's, that a clause may be about. */
function joinOf(clauses: readonly MergeClause[]): string {
  const keepsTarget = clauses.some(({ when }) => when === 'not-matched-by-source')
  const keepsSource = clauses.some(({ when }) => when === 'not-matched-by-target')
  if (keepsTarget) return keepsSource ? 'FULL' : 'LEFT'
  return keepsSource ? 'RIGHT' : 'INNER'
}

/** An action that does something. */
type RowMaking = Exclude<MergeAction, { kind: 'nothing' }>

function actionCode(action: RowMaking, { table }: ChangedTable): string {
  if (action.kind === 'error')
    return `error(${literal(`A row met a clause of MERGE INTO ${formatIdentifier(table)} that is an ERROR`)})`
  return String(rowAction[action.kind])
}

/** New values by column; `undefined` for a clause that gives none. */
function clauseValues(
  composer: SqlComposer,
  action: RowMaking,
  span: Span,
  changed: ChangedTable,
  source: MergeSource,
): Map<NestedField, SqlPart> | undefined {
  const { fields } = currentSchema(changed.metadata)
  const fromSource = (field: NestedField): SqlPart | undefined => {
    const column = source.columns.find(({ name }) => name.toLowerCase() === field.name.toLowerCase())
    return column && assigned(field, `${identifier(source.alias)}.${identifier(column.name)}`)
  }
  if (action.kind === 'update') {
    if (action.assignments) return assignedValues(composer, action.assignments, changed)
    return new Map(fields.flatMap((field) => pairOf(field, fromSource(field))))
  }
  if (action.kind !== 'insert') return undefined
  const { columns, values } = action
  if (!values) return new Map(fields.map((field) => [field, fromSource(field) ?? writeDefault(field)]))
  const wanted = columns?.map((column) => requireColumn(fields, changed.table, column, composer)) ?? fields
  if (wanted.length !== values.length)
    throw composer.error(span, `${wanted.length} columns are to be given, but there are ${values.length} values`)
  if (new Set(wanted).size !== wanted.length) throw composer.error(span, 'A column is named twice')
  return new Map(
    fields.map((field) => {
      const value = values[wanted.indexOf(field)]
      return [field, value ? assigned(field, value) : writeDefault(field)]
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
      return [field, value ? assigned(field, value) : writeDefault(field)]
    }),
  )
}

function own({ alias }: ChangedTable, field: NestedField): string {
  return `${identifier(alias)}.${identifier(field.name)}`
}

/** The columns with the place of a row of the target. */
export function placeOf({ alias }: ChangedTable): string {
  return [taskColumn, positionColumn].map((column) => `${identifier(alias)}.${column} AS ${column}`).join(', ')
}

/** The rows that come by what the table of changes holds: new ones, and others with new values. */
export function comingRows(changes: string, { metadata, table }: ChangedTable): SqlPart {
  const schema = currentSchema(metadata)
  const lineage = lineageFields(metadata)
  const values = schema.fields.map(({ name }, index) => `${valueColumn(index)} AS ${identifier(name)}`)
  // Without one of its own, a row has the sequence number of the commit.
  const origins = lineage.map(({ name }) => `${name === '_row_id' ? rowIdColumn : 'CAST(NULL AS BIGINT)'} AS ${name}`)
  return withRequired(
    { fields: [...schema.fields, ...lineage] },
    table,
    `SELECT ${[...values, ...origins].join(', ')} FROM ${changes} WHERE ${actionColumn} <> ${rowAction.delete}`,
  )
}
