import type { IngestRequest, PartitionInterval, RowSchema } from '@phlo/ports'
import { formatIdentifier, type TableIdentifier } from '@phlo/ports'
import { duckdbDialect, identifier, literal } from '../duckdb-dialect.js'

/** The table of an asset's rejected rows: what was wrong, where it came from, and the row as it was. */
export const quarantineSchema: RowSchema = {
  columns: [
    column('rejected_at', 'timestamptz', true, 'When the row was rejected'),
    column('run_id', 'string', true, 'The run that rejected it'),
    column('partition', 'string', false, 'The partition that it belongs to, as far as that can be told'),
    column('source_file', 'string', true, 'The file or source that it came from'),
    column('source_row', 'long', false, 'Its place in the source, counted from 1'),
    {
      ...column('rules', 'string', true, 'The rules that it broke'),
      type: { type: 'list', 'element-id': 0, element: 'string', 'element-required': true },
    },
    column('reason', 'string', true, 'What was wrong, in words'),
    column('row', 'string', true, 'The whole row, as JSON or as the line that it was'),
    column('repaired', 'string', false, 'The row as it was put right, as JSON; it is what a replay takes'),
  ],
}

function column(name: string, type: string, required: boolean, doc: string) {
  return { name, type, required, optional: false, rules: [], unique: false, doc }
}

/** Rejected rows of a partition are replaced with it. */
export const quarantinePartitioning = [{ column: 'partition', transform: 'identity' }]

/** The temporary table that collects rejected rows before they are written. */
export function createRejectsTable(name: string): string {
  return (
    `CREATE OR REPLACE TEMP TABLE ${identifier(name)} (source_file VARCHAR, source_row BIGINT, rules VARCHAR[], reason VARCHAR, ` +
    `"row" VARCHAR, "partition" VARCHAR)`
  )
}

/** The rows of the quarantine table, in its columns' order. */
export function quarantineSelect(rejects: string, runId: string, now: Date): string {
  return (
    `SELECT ${duckdbDialect.typedLiteral(now.toISOString(), 'timestamptz')} AS rejected_at, ${literal(runId)} AS run_id, ` +
    `"partition", source_file, source_row, rules, reason, "row", CAST(NULL AS VARCHAR) AS repaired FROM ${identifier(rejects)}`
  )
}

/** How much of an ISO date a partition's key shows. */
const keyLengths: Readonly<Record<string, number>> = { year: 4, month: 7, day: 10, hour: 13 }

function keyLength(request: IngestRequest, interval: PartitionInterval): number {
  const transform = request.partitioning?.find((field) => field.column === interval.column)?.transform ?? 'day'
  // Days of another time zone begin at hours of this one.
  if (![interval.from, interval.to].every((text) => /^[\d-]+(T00:00:00(\.0+)?Z?)?$/.test(text))) return 13
  return keyLengths[transform] ?? 10
}

/** SQL for a rejected row's partition key; rows without a readable value belong to the interval's first partition. */
export function partitionKeyExpression(request: IngestRequest, value: string): string {
  const { interval } = request
  if (!interval) return 'NULL'
  const text = `strftime(CAST(${value} AS TIMESTAMP), '%Y-%m-%dT%H')`
  return `left(coalesce(${text}, ${literal(isoKey(interval.from))}), ${keyLength(request, interval)})`
}

/** The keys `[from, to)` of the interval, as text that sorts as time does. */
export function partitionKeyRange(request: IngestRequest): { readonly from: string; readonly to: string } | undefined {
  const { interval } = request
  if (!interval) return undefined
  const length = keyLength(request, interval)
  return { from: isoKey(interval.from).slice(0, length), to: isoKey(interval.to).slice(0, length) }
}

function isoKey(text: string): string {
  return text.replace(' ', 'T').padEnd(13, 'T00').slice(0, 13)
}

/** SQL for people that shows a run's rejected rows. */
export function rejectedSql(quarantine: TableIdentifier, runId: string): string {
  return `SELECT source_file, source_row, reason, "row" FROM ${formatIdentifier(quarantine)} WHERE run_id = ${literal(runId)} ORDER BY source_file, source_row LIMIT 20`
}

/** SQL that gives rejected rows of an input their places from a file of JSON lines: `n`, `file`, `row`, `partition`. */
export function originsUpdate(rejects: string, input: string, origins: string): string {
  const columns = "{n: 'BIGINT', file: 'VARCHAR', row: 'BIGINT', partition: 'VARCHAR'}"
  return (
    `UPDATE ${identifier(rejects)} AS r SET source_file = o.file, source_row = o."row", "partition" = o."partition" ` +
    `FROM read_json(${literal(origins)}, format = 'newline_delimited', columns = ${columns}) AS o ` +
    `WHERE r.source_file = ${literal(input)} AND r.source_row = o.n`
  )
}
