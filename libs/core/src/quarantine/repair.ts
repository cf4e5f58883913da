import { randomBytes } from 'node:crypto'
import { mainBranch, PhloError, type QueryEngine, type SqlDialect, type VersionedCatalog } from '@phlo/ports'
import { type IngestionAsset, quarantineOf } from '../assets/asset.js'
import { readRows } from '../result-rows.js'
import {
  hasRepairs,
  type RejectedRow,
  rejectedRows,
  type RejectedSelection,
  requireRows,
  sameRow,
  valuesOf,
} from './rejected-rows.js'

type Values = Readonly<Record<string, unknown>>

/** How rejected rows are put right. */
export type Repair =
  /** SQL expressions by column, over the row's values as texts. */
  | {
      readonly kind: 'expressions'
      readonly columns: Readonly<Record<string, string>>
      readonly rows: RejectedSelection
    }
  /** Whole rows by their ids. */
  | { readonly kind: 'rows'; readonly rows: ReadonlyMap<string, Values> }

export interface RepairContext {
  readonly catalog: VersionedCatalog
  readonly queries: QueryEngine
  readonly author: string
}

/** How many rows one statement names. */
const rowsAtOnce = 500

/**
 * Writes rejected rows as they should be beside what they were, in one commit on main; a replay takes them then. Gives
 * how many. Throws PHLO_QUARANTINE_EMPTY, and PHLO_SQL_INVALID for an expression that is none.
 */
export async function repairRows(context: RepairContext, asset: IngestionAsset, repair: Repair): Promise<number> {
  const { catalog, queries, author } = context
  const selection = repair.kind === 'rows' ? { ids: [...repair.rows.keys()] } : repair.rows
  const rows = requireRows(await rejectedRows(context, asset, selection, mainBranch), asset, selection)
  const repaired =
    repair.kind === 'rows'
      ? rows.map((row) => ({ row, values: [...repair.rows].find(([id]) => row.id.startsWith(id))?.[1] as Values }))
      : await evaluated(queries, asset, rows, repair.columns)
  const quarantine = quarantineOf(asset.target)
  const name = queries.dialect.table(quarantine)
  const branch = `quarantine-repair-${randomBytes(6).toString('hex')}`
  const message = `Repair ${repaired.length} rejected rows of ${asset.key}`
  await catalog.createRef(branch, { from: mainBranch })
  try {
    const table = await catalog.loadTable(quarantine, { ref: branch })
    if (table && !hasRepairs(table))
      await queries.execute(`ALTER TABLE ${name} ADD COLUMN repaired VARCHAR`, { ref: branch, message, author })
    for (let start = 0; start < repaired.length; start += rowsAtOnce) {
      const cases = repaired.slice(start, start + rowsAtOnce)
      await queries.execute(updateOf(name, cases, queries.dialect), { ref: branch, message, author })
    }
    await catalog.merge(branch, mainBranch, { message, author })
  } finally {
    await catalog.deleteRef(branch)
  }
  return repaired.length
}

interface Repaired {
  readonly row: RejectedRow
  readonly values: Values
}

function updateOf(table: string, rows: readonly Repaired[], dialect: SqlDialect): string {
  const conditions = rows.map(({ row }) => sameRow(dialect, row))
  const cases = rows.map(
    ({ values }, index) => `WHEN ${conditions[index] ?? ''} THEN ${dialect.literal(JSON.stringify(values))}`,
  )
  const where = conditions.map((condition) => `(${condition})`).join(' OR ')
  return `UPDATE ${table} SET repaired = CASE ${cases.join(' ')} ELSE repaired END WHERE ${where}`
}

/** The rows with what the expressions give. */
async function evaluated(
  queries: QueryEngine,
  asset: IngestionAsset,
  rows: readonly RejectedRow[],
  expressions: Readonly<Record<string, string>>,
): Promise<Repaired[]> {
  const { dialect } = queries
  const columns = asset.schema.columns.map(({ name }) => name)
  for (const name of Object.keys(expressions)) {
    if (columns.includes(name)) continue
    throw new PhloError('PHLO_CONFIG_INVALID', `${asset.key} has no column ${JSON.stringify(name)} to set`, {
      hint: `Columns: ${columns.join(', ')}.`,
    })
  }
  const repaired: Repaired[] = []
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    const part = rows.slice(start, start + rowsAtOnce).map((row) => ({ row, values: requireValues(row) }))
    const tuples = part.map(
      ({ values }, index) =>
        `(${[String(index), ...columns.map((name) => textLiteral(values[name], dialect))].join(', ')})`,
    )
    const given = ['_phlo_index', ...columns].map((name) => dialect.identifier(name)).join(', ')
    const list = Object.entries(expressions).map(([name, sql]) => `(${sql}) AS ${dialect.identifier(name)}`)
    const sql = `SELECT ${list.join(', ')} FROM (VALUES ${tuples.join(', ')}) AS rejected(${given}) ORDER BY _phlo_index`
    const results = await readRows(await queries.query(sql, { ref: mainBranch }))
    part.forEach(({ row, values }, index) => repaired.push({ row, values: { ...values, ...results[index] } }))
  }
  return repaired
}

function requireValues(row: RejectedRow): Values {
  const values = valuesOf(row)
  if (values) return values
  throw new PhloError('PHLO_CONFIG_INVALID', `The rejected row ${row.id} is a line without columns`, {
    hint: 'Give the whole row instead: phlo quarantine repair ASSET --rows FILE.',
  })
}

function textLiteral(value: unknown, dialect: SqlDialect): string {
  if (value === null || value === undefined) return 'CAST(NULL AS VARCHAR)'
  return dialect.literal(typeof value === 'string' ? value : JSON.stringify(value))
}
