import { createHash } from 'node:crypto'
import { type Catalog, type LoadedTable, PhloError, type QueryEngine, type SqlDialect } from '@phlo/ports'
import { type IngestionAsset, quarantineOf } from '../assets/asset.js'
import { type PlainRow, type PlainValue, readRows } from '../result-rows.js'

/** Which rejected rows are meant; all conditions hold. Plain JSON. */
export interface RejectedSelection {
  /** Ids, or unique beginnings of them. */
  readonly ids?: readonly string[]
  /** The run that rejected them. */
  readonly run?: string
  /** A rule that they broke. */
  readonly rule?: string
}

/** A row in quarantine. */
export interface RejectedRow {
  /** Tells it from every other one: made from its place, its run and what it is. */
  readonly id: string
  readonly rejectedAt: string
  readonly run: string
  readonly partition: string | null
  readonly file: string
  /** Its place in the source, from 1. */
  readonly place: number | null
  readonly rules: readonly string[]
  readonly reason: string
  /** As it came: JSON, or the line that it was. */
  readonly original: string
  /** As it was put right, JSON. */
  readonly repaired: string | null
}

/** What reading quarantines takes. */
export interface QuarantineReader {
  readonly catalog: Catalog
  readonly queries: QueryEngine
}

/** The asset's rejected rows at the ref that the selection means, oldest first. */
export async function rejectedRows(
  { catalog, queries }: QuarantineReader,
  asset: IngestionAsset,
  selection: RejectedSelection,
  ref: string,
): Promise<RejectedRow[]> {
  const table = await catalog.loadTable(quarantineOf(asset.target), { ref })
  if (!table) return []
  const { dialect } = queries
  const where = selection.run === undefined ? '' : ` WHERE run_id = ${dialect.literal(selection.run)}`
  const repaired = hasRepairs(table) ? 'repaired' : 'CAST(NULL AS VARCHAR) AS repaired'
  const sql =
    `SELECT rejected_at, run_id, ${names(dialect)}, source_file, source_row, rules, reason, ${repaired} ` +
    `FROM ${dialect.table(table.identifier)}${where} ORDER BY rejected_at, source_file, source_row, run_id`
  const { ids, rule } = selection
  return (await readRows(await queries.query(sql, { ref }))).map(rejectedRow).filter(({ id, rules }) => {
    const named = ids === undefined || ids.some((given) => id.startsWith(given))
    return named && (rule === undefined || rules.includes(rule))
  })
}

/** Throws PHLO_QUARANTINE_EMPTY when there is none, or when an id is that of none or of several. */
export function requireRows(
  rows: readonly RejectedRow[],
  asset: IngestionAsset,
  selection: RejectedSelection,
): readonly RejectedRow[] {
  for (const given of selection.ids ?? []) {
    const count = rows.filter(({ id }) => id.startsWith(given)).length
    if (count === 1) continue
    throw new PhloError(
      'PHLO_QUARANTINE_EMPTY',
      count === 0
        ? `No row in the quarantine of ${asset.key} has the id ${given}`
        : `${count} rows in the quarantine of ${asset.key} have ids that begin with ${given}`,
      { hint: `phlo quarantine show ${asset.key}` },
    )
  }
  if (rows.length > 0) return rows
  throw new PhloError('PHLO_QUARANTINE_EMPTY', `No row in the quarantine of ${asset.key} is meant by that`, {
    hint: `phlo quarantine show ${asset.key}`,
  })
}

/** Quarantines of earlier versions have no such column before a row is repaired or rejected again. */
export function hasRepairs({ metadata }: LoadedTable): boolean {
  const schema = metadata.schemas.find((item) => item['schema-id'] === metadata['current-schema-id'])
  return schema?.fields.some(({ name }) => name === 'repaired') ?? false
}

/** The row as a replay takes it, or `undefined` for a line that is no row. */
export function valuesOf({ original, repaired }: RejectedRow): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(repaired ?? original)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // A line of CSV with too few or too many fields.
  }
  return undefined
}

/** SQL that is true for exactly that row of the quarantine, whose columns have the prefix. */
export function sameRow(dialect: SqlDialect, { run, file, place, original }: RejectedRow, prefix = ''): string {
  return [
    `${prefix}run_id = ${dialect.literal(run)}`,
    `${prefix}source_file = ${dialect.literal(file)}`,
    place === null ? `${prefix}source_row IS NULL` : `${prefix}source_row = ${place}`,
    `${prefix}${dialect.identifier('row')} = ${dialect.literal(original)}`,
  ].join(' AND ')
}

/** Columns whose names are words of SQL. */
function names(dialect: SqlDialect): string {
  return `${dialect.identifier('partition')}, ${dialect.identifier('row')}`
}

function rejectedRow(row: PlainRow): RejectedRow {
  const text = (name: string) => (row[name] ?? null) as string | null
  const [run, file, original] = [text('run_id') ?? '', text('source_file') ?? '', text('row') ?? '']
  const place = row['source_row'] ?? null
  return {
    id: createHash('sha256')
      .update(JSON.stringify([run, file, place, original]))
      .digest('hex')
      .slice(0, 12),
    rejectedAt: text('rejected_at') ?? '',
    run,
    partition: text('partition'),
    file,
    place: place === null ? null : Number(place),
    rules: ((row['rules'] ?? []) as readonly PlainValue[]).map(String),
    reason: text('reason') ?? '',
    original,
    repaired: text('repaired'),
  }
}
