import {
  formatIdentifier,
  mainBranch,
  type NestedField,
  PhloError,
  type QueryEngine,
  type TableIdentifier,
  type VersionedCatalog,
} from '@phlo/ports'
import type { AssetGraph } from '../assets/asset-graph.js'
import { batchRows } from '../result-rows.js'
import { newRunId } from '../run/run-id.js'
import { instantText } from '../run/partition-filter.js'

/** How long rows stay, in milliseconds; `Infinity`: for ever. */
export interface RowRetention {
  /** By the first part of a table's namespace. */
  readonly layers: Readonly<Record<string, number>>
}

/** Rows of a table that are older than they are kept. */
export interface ExpiredRows {
  readonly table: string
  /** What tells a row's age: the asset's own word, `ingestion_timestamp`, or the column of its partitions. */
  readonly column: string
  /** Rows before this go, as text of the column's type. */
  readonly before: string
  readonly rows: number
}

/** What was found of the tables of the layers. */
export interface RetentionReport {
  readonly expired: readonly ExpiredRows[]
  /** Tables of which no column tells how old a row is. */
  readonly undated: readonly string[]
}

interface RetentionPlace {
  readonly catalog: VersionedCatalog
  readonly queries: QueryEngine
  readonly graph: AssetGraph
  readonly author: string
}

interface Rule {
  readonly identifier: TableIdentifier
  readonly column: string
  readonly before: string
  /** SQL that is true for rows that go. */
  readonly condition: string
}

/** Tells which rows are older than they are kept. Changes nothing. */
export async function expiredRows(
  place: RetentionPlace,
  retention: RowRetention,
  now: number,
): Promise<RetentionReport> {
  const { rules, undated } = await rulesOf(place, retention, now)
  const expired: ExpiredRows[] = []
  for (const { identifier, column, before, condition } of rules) {
    const table = place.queries.dialect.table(identifier)
    const { batches } = await place.queries.query(`SELECT count(*) AS found FROM ${table} WHERE ${condition}`)
    let rows = 0
    for await (const batch of batches) for (const row of batchRows(batch)) rows = Number(row['found'])
    if (rows > 0) expired.push({ table: formatIdentifier(identifier), column, before, rows })
  }
  return { expired, undated }
}

/**
 * Deletes the rows on a branch of its own and publishes that in one commit; `undefined` where there are none. Throws
 * PHLO_MERGE_CONFLICT where others change the same rows meanwhile; nothing is deleted then.
 */
export async function deleteExpiredRows(
  place: RetentionPlace,
  retention: RowRetention,
  now: number,
): Promise<{ readonly report: RetentionReport; readonly commit?: string }> {
  const report = await expiredRows(place, retention, now)
  if (report.expired.length === 0) return { report }
  const { catalog, queries, author } = place
  const { rules } = await rulesOf(place, retention, now)
  const branch = `retention-${newRunId(new Date(now))}`
  await catalog.createRef(branch, { from: mainBranch })
  try {
    for (const { identifier, condition } of rules) {
      const name = formatIdentifier(identifier)
      if (!report.expired.some(({ table }) => table === name)) continue
      const message = `Delete rows of ${name} that are older than they are kept`
      await queries.execute(`DELETE FROM ${queries.dialect.table(identifier)} WHERE ${condition}`, {
        ref: branch,
        message,
      })
    }
    const message = `Delete rows that are older than they are kept, of ${report.expired.map(({ table }) => table).join(', ')}`
    const { commit } = await catalog.merge(branch, mainBranch, { message, author, fastForward: false })
    return { report, commit }
  } finally {
    await catalog.deleteRef(branch).catch(() => undefined)
  }
}

async function rulesOf(
  { catalog, queries, graph }: RetentionPlace,
  { layers }: RowRetention,
  now: number,
): Promise<{ readonly rules: readonly Rule[]; readonly undated: readonly string[] }> {
  const rules: Rule[] = []
  const undated: string[] = []
  for (const identifier of await catalog.listTables()) {
    const name = formatIdentifier(identifier)
    const asset = graph.get(name)
    const own = asset?.kind === 'ingestion' ? asset.retention : undefined
    const keep = own?.keep ?? layers[identifier.namespace[0] as string] ?? Infinity
    if (keep === Infinity) continue
    const metadata = (await catalog.loadTable(identifier))?.metadata
    const fields = metadata?.schemas.find((item) => item['schema-id'] === metadata['current-schema-id'])?.fields ?? []
    const partitioned = asset?.kind === 'ingestion' ? asset.partitions?.column : undefined
    const field = dateField(fields, own?.column, partitioned, name)
    if (!field) {
      undated.push(name)
      continue
    }
    const type = field.type as string
    const before = instantText(now - keep, type)
    const { dialect } = queries
    const condition = `${dialect.identifier(field.name)} < ${dialect.typedLiteral(before, type)}`
    rules.push({ identifier, column: field.name, before, condition })
  }
  return { rules, undated }
}

function dateField(
  fields: readonly NestedField[],
  wanted: string | undefined,
  partitioned: string | undefined,
  table: string,
): NestedField | undefined {
  const dated = (name: string | undefined) =>
    fields.find((field) => field.name === name && ['date', 'timestamp', 'timestamptz'].includes(field.type as string))
  if (wanted === undefined) return dated('ingestion_timestamp') ?? dated(partitioned)
  const field = dated(wanted)
  if (field) return field
  throw new PhloError(
    'PHLO_WORKFLOW_INVALID',
    `The retention of ${table} goes by ${wanted}, which is no date or time of it`,
  )
}
