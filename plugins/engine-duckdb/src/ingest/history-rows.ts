import { currentSchema, type Expression, type SnapshotChange } from '@phlo/iceberg'
import { historyColumns, type RowSchema } from '@phlo/ports'
import { isolationLevel, RowChangeWriter } from '../dml/row-changes.js'
import { positionColumn, TargetRows, taskColumn } from '../dml/target-rows.js'
import { duckdbDialect, identifier } from '../duckdb-dialect.js'
import { lineageFields } from '../reading/rows-select.js'
import type { StagedFile } from '../tables/copied-files.js'
import { countRows, sameKey, temporaryTable, withoutKeys } from './held-rows.js'
import { keyFilter, type MergeInto, stagedRows } from './merge-rows.js'

const { validFrom, validTo, isCurrent } = historyColumns

/** What a history's rows have beside those of its source. */
export const historySchema: RowSchema['columns'] = [
  historyColumn(validFrom, 'timestamptz', true, 'Since when the row holds'),
  historyColumn(validTo, 'timestamptz', false, 'Until when the row held; NULL while it does'),
  historyColumn(isCurrent, 'boolean', true, 'Whether it is the row of its key that holds'),
]

function historyColumn(name: string, type: string, required: boolean, doc: string) {
  return { name, type, required, optional: false, rules: [], unique: false, doc }
}

/** SQL of a new row's values of these columns, by name. */
export function historyValues(now: Date): ReadonlyMap<string, string> {
  return new Map([
    [validFrom, instant(now)],
    [validTo, 'CAST(NULL AS TIMESTAMPTZ)'],
    [isCurrent, 'TRUE'],
  ])
}

function instant(now: Date): string {
  return duckdbDialect.typedLiteral(now.toISOString(), 'timestamptz')
}

interface HistoryRequest {
  /** Columns by which rows differ. */
  readonly compared: readonly string[]
  /** The rows with these that come too late to count. */
  readonly given: readonly StagedFile[]
  /** Whether the given rows are all that the source has. */
  readonly closesAbsent: boolean
  readonly now: Date
}

/** What becomes of a table's history when rows are taken in. */
interface HistoryChange {
  readonly files: readonly StagedFile[]
  readonly change: SnapshotChange
  readonly unchanged: number
  readonly closed: number
}

/**
 * Compares rows that are already written with the current ones of their keys: leaves out those that are the same, and
 * closes the current rows of the others and, where they are all that there is, of keys that none of them has.
 */
export async function historyRows(
  merge: MergeInto,
  written: readonly StagedFile[],
  { compared, given, closesAbsent, now }: HistoryRequest,
): Promise<HistoryChange> {
  const { connection, store, writer, existing, metadata, key } = merge
  const isolation = isolationLevel(metadata, 'merge')
  const current: Expression = { op: 'eq', column: isCurrent, value: true }
  const filter: Expression = closesAbsent
    ? current
    : { op: 'and', left: current, right: keyFilter(existing.metadata, metadata, key, written) }
  const target = new TargetRows(connection, store, metadata, existing.identifier)
  await target.plan(filter, existing.metadata)
  if (target.tasks.length === 0)
    return { files: written, change: { add: [], validation: { isolation, filter } }, unchanged: 0, closed: 0 }
  const rows = `SELECT * FROM (${await target.select()}) WHERE ${identifier(isCurrent)}`
  const keys = key.map(identifier).join(', ')
  const ofNone = `(SELECT * FROM (${rows}) WHERE FALSE)`
  const staged = written.length > 0 ? stagedRows(written) : ofNone
  const present = given.length > 0 ? stagedRows(given) : ofNone
  const alike = compared.map((name) => `t.${identifier(name)} IS NOT DISTINCT FROM s.${identifier(name)}`)
  const same = await temporaryTable(
    connection,
    `SELECT ${key.map((name) => `s.${identifier(name)}`).join(', ')} FROM (${rows}) AS t ` +
      `JOIN ${staged} AS s ON ${sameKey('t', 's', key)} WHERE ${alike.join(' AND ')}`,
  )
  const leaving = await temporaryTable(
    connection,
    `SELECT ${taskColumn}, ${positionColumn}, _phlo_present IS NULL AS absent FROM (${rows}) ` +
      `LEFT JOIN (SELECT ${keys}, TRUE AS _phlo_present FROM ${present}) USING (${keys}) ` +
      `LEFT JOIN (SELECT ${keys}, TRUE AS _phlo_changed FROM ${staged} ANTI JOIN ${same} USING (${keys})) USING (${keys}) ` +
      `WHERE _phlo_changed${closesAbsent ? ' OR _phlo_present IS NULL' : ''}`,
  )
  const { files, heldBack } = await withoutKeys(merge, written, same)
  const closed = await countRows(connection, `${leaving} WHERE absent`)
  const places = `SELECT ${taskColumn}, ${positionColumn} FROM ${leaving}`
  const lineage = lineageFields(metadata).map(({ name }) => name)
  const coming = [...currentSchema(metadata).fields.map(({ name }) => name), ...lineage].map((name) => {
    if (name === validTo) return `${instant(now)} AS ${identifier(name)}`
    if (name === isCurrent) return `FALSE AS ${identifier(name)}`
    if (name === '_last_updated_sequence_number') return `CAST(NULL AS BIGINT) AS ${name}`
    return identifier(name)
  })
  const { add, removePaths, referencedPaths } = await new RowChangeWriter(connection, store, writer, metadata).write(
    target,
    {
      leaving: places,
      coming:
        `SELECT ${coming.join(', ')} FROM (${await target.select({ lineage: true })}) ` +
        `SEMI JOIN (${places}) USING (${taskColumn}, ${positionColumn})`,
    },
    'merge',
  )
  return {
    files,
    change: { add, removePaths, validation: { isolation, filter, referencedPaths } },
    unchanged: heldBack,
    closed,
  }
}
