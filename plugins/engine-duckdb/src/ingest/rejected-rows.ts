import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type IngestRequest, PhloError, type RejectedRule, type RowOrigin } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { createRejectsTable, originsUpdate, partitionKeyExpression, quarantineSelect } from './quarantine.js'
import type { Scan } from './scan.js'

/** Where rows of a file that stands for something else really are. */
export interface OriginalPlace {
  readonly copy: string
  readonly original: string
  /** Number of rows of the original before the copy's first. */
  readonly before: number
}

/** The rejected rows of one ingestion, in a temporary table until they are written to quarantine. */
export class RejectedRows {
  private readonly connection: Connection
  private readonly request: IngestRequest
  private readonly table = `rejects_${randomUUID().replaceAll('-', '')}`

  constructor(connection: Connection, request: IngestRequest) {
    this.connection = connection
    this.request = request
  }

  /** None yet. */
  async clear(): Promise<void> {
    await this.connection.run(createRejectsTable(this.table))
  }

  /** Rows as the quarantine table has them. */
  select(now: Date): string {
    return quarantineSelect(this.table, this.request.runId, now)
  }

  async count(): Promise<number> {
    return Number((await this.connection.one(`SELECT count(*) AS rows FROM ${identifier(this.table)}`))['rows'])
  }

  /** @param select - of {@link RowPlan.rejectedSelect}. */
  async collect(file: string, select: string): Promise<void> {
    await this.connection.run(
      `INSERT INTO ${identifier(this.table)} SELECT ${literal(file)}, source_row, rules, reason, "row", ` +
        `${partitionKeyExpression(this.request, 'partition_value')} FROM (${select})`,
    )
  }

  /** Lines of CSV that are no rows: too few or too many fields go to quarantine, an open quote ends the ingestion. */
  async collectMalformed(scan: Scan): Promise<number> {
    if (!scan.malformedRows) return 0
    const { errors, scans, linesBefore } = scan.malformedRows
    const lines = `(SELECT e.*, s.file_path FROM ${identifier(errors)} AS e JOIN ${identifier(scans)} AS s USING (scan_id, file_id))`
    const [broken] = await this.connection.run(
      `SELECT file_path, line, error_message FROM ${lines} WHERE error_type NOT IN ('TOO MANY COLUMNS', 'MISSING COLUMNS', 'INVALID ENCODING') ORDER BY line LIMIT 1`,
    )
    if (broken) {
      const file = broken['file_path'] as string
      throw new PhloError(
        'PHLO_SOURCE_MALFORMED',
        `${path.basename(file)}, line ${Number(broken['line'])}: ${broken['error_message'] as string}`,
        {
          hint: 'From there on the file’s rows cannot be told apart; nothing of it was taken in.',
          location: { file, line: Number(broken['line']) },
        },
      )
    }
    await this.connection.run(
      `INSERT INTO ${identifier(this.table)} SELECT file_path, line - ${linesBefore}, ['malformed'], ` +
        `concat('line ', line, ': ', error_message), coalesce(csv_line, ''), ${partitionKeyExpression(this.request, 'NULL')} ` +
        `FROM (SELECT DISTINCT ON (file_path, line) * FROM ${lines})`,
    )
    const { found } = await this.connection.one(`SELECT count(DISTINCT (file_path, line)) AS found FROM ${lines}`)
    return Number(found)
  }

  /** Rejected rows tell their places in what was given, not in the files that stand for it. */
  async restorePlaces(places: readonly OriginalPlace[]): Promise<void> {
    for (const { copy, original, before } of places) {
      await this.connection.run(
        `UPDATE ${identifier(this.table)} SET source_file = ${literal(original)}, source_row = source_row + ${before} ` +
          `WHERE source_file = ${literal(copy)}`,
      )
    }
  }

  /** Rows that were in quarantine before name the place that they came from at first. */
  async restoreOrigins(name: string, origins: readonly RowOrigin[], folder: string): Promise<void> {
    const file = path.join(folder, `origins-${randomUUID()}.ndjson`)
    await writeFile(file, origins.map((origin, index) => `${JSON.stringify({ n: index + 1, ...origin })}\n`).join(''))
    await this.connection.run(originsUpdate(this.table, name, file))
  }

  /** How many rows broke each rule. */
  async rules(): Promise<RejectedRule[]> {
    const rows = await this.connection.run(
      `SELECT rule, count(*) AS rows FROM (SELECT unnest(rules) AS rule FROM ${identifier(this.table)}) GROUP BY rule ORDER BY rows DESC, rule`,
    )
    return rows.map(({ rule, rows: count }) => ({ rule: rule as string, rows: Number(count) }))
  }
}
