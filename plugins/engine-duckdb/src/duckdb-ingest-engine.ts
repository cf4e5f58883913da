import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import {
  applyTransform,
  type BoundPartitionField,
  compareValues,
  currentSchema,
  type DataFile,
  decodeValue,
  type FieldSummary,
  findField,
  isOtherLayout,
  type SnapshotChange,
  toValue,
  type Value,
} from '@phlo/iceberg'
import {
  type Catalog,
  errorMessage,
  type FileInput,
  formatIdentifier,
  type IngestEngine,
  type IngestRequest,
  type IngestResult,
  isPhloError,
  type NestedField,
  type ObjectStore,
  type PartitionInterval,
  PhloError,
  type RejectedRule,
  restated,
  type RowSchema,
  type RowsInput,
  type SourceInput,
  type TableMetadata,
} from '@phlo/ports'
import { identifier, literal } from './duckdb-dialect.js'
import type { Connection, DuckDbHost } from './duckdb-host.js'
import { type CopiedFiles, needsCopies, plainCopies, withUnifiedLines } from './ingest/copied-source-files.js'
import { csvScan } from './ingest/csv-scan.js'
import { inferRows } from './ingest/infer-rows.js'
import { jsonScan } from './ingest/json-scan.js'
import { deletionsOf } from './ingest/change-events.js'
import { rowsIn } from './ingest/held-rows.js'
import { historySchema, historyValues } from './ingest/history-rows.js'
import { meetByDeletion, meetByKey, type Meeting, type Met } from './ingest/meet-table.js'
import { type Deduplication, deduplicated, parquetSelect } from './ingest/merge-rows.js'
import { parquetScan } from './ingest/parquet-scan.js'
import {
  createRejectsTable,
  partitionKeyExpression,
  partitionKeyRange,
  quarantinePartitioning,
  quarantineSchema,
  quarantineSelect,
  rejectedSql,
} from './ingest/quarantine.js'
import { type Deletions, RowPlan } from './ingest/row-plan.js'
import { type Ahead, searchAhead } from './ingest/search-ahead.js'
import { writeRows } from './ingest/rows-file.js'
import type { WrittenRows } from './ingest/rows-writer.js'
import type { Scan } from './ingest/scan.js'
import { asSourceError, checkFiles } from './ingest/source-files.js'
import { writeDefault } from './reading/constants.js'
import { requireReadable } from './statement.js'
import { commitTables, everyFile, onNewestLayout, type OpenTable, openTable, replacing } from './tables/commit-table.js'
import type { StagedFile } from './tables/copied-files.js'
import { ParquetWriter } from './tables/parquet-writer.js'
import { storeFiles } from './tables/stored-files.js'

/** What one input gave. */
interface Taken {
  readonly files: readonly StagedFile[]
  readonly read: number
  readonly rejected: number
  readonly outside: number
}

/** Ingestion with DuckDB: reads sources as columns, casts, checks and writes them in one pass. */
export class DuckDbIngestEngine implements IngestEngine {
  private readonly host: DuckDbHost
  private readonly store: ObjectStore
  private readonly catalog: Catalog
  private readonly stagingRoot: string

  /** `host` may read any file. */
  constructor(host: DuckDbHost, store: ObjectStore, catalog: Catalog, stagingRoot: string) {
    this.host = host
    this.store = store
    this.catalog = catalog
    this.stagingRoot = stagingRoot
  }

  async ingest(request: IngestRequest): Promise<IngestResult> {
    requireReadable(request.target)
    return this.host.connect(
      (connection) => new Ingestion(request, connection, this.host, this.store, this.catalog, this.stagingRoot).run(),
      request.signal,
    )
  }

  async infer(input: SourceInput, signal?: AbortSignal): Promise<RowSchema> {
    const folder = path.join(this.stagingRoot, randomUUID())
    try {
      const files = await readableFiles(input, folder, signal)
      return await this.host.connect((connection) => inferRows(connection, files), signal)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async close(): Promise<void> {
    await this.host.close()
  }
}

/** The input as files that DuckDB reads, in the folder where they are not what was given. */
async function readableFiles(input: SourceInput, folder: string, signal: AbortSignal | undefined): Promise<FileInput> {
  if (input.type === 'rows') return { type: 'files', ...(await writeRows(input, folder, signal)).files }
  await checkFiles(input.paths)
  return needsCopies(input) ? (await plainCopies(input, folder)).input : input
}

/** One ingestion, from its inputs to its commit. */
class Ingestion {
  private readonly request: IngestRequest
  private readonly connection: Connection
  private readonly host: DuckDbHost
  private readonly store: ObjectStore
  private readonly catalog: Catalog
  private readonly folder: string
  private readonly writer: ParquetWriter
  private readonly rejects = `rejects_${randomUUID().replaceAll('-', '')}`
  private readonly now = new Date()
  /** The table's columns: those of the source, and what is added to them. */
  private readonly rows: RowSchema
  /** SQL of what is added, by column. */
  private readonly added: ReadonlyMap<string, string>
  /** Rows can be taken from their source but once. */
  private readonly rowFiles = new Map<RowsInput, WrittenRows>()
  /** Decoded and decompressed once. */
  private readonly plainFiles = new Map<FileInput, CopiedFiles>()

  constructor(
    request: IngestRequest,
    connection: Connection,
    host: DuckDbHost,
    store: ObjectStore,
    catalog: Catalog,
    stagingRoot: string,
  ) {
    this.request = request
    this.connection = connection
    this.host = host
    this.store = store
    this.catalog = catalog
    this.folder = path.join(stagingRoot, randomUUID())
    this.writer = new ParquetWriter(host, this.folder)
    const keepsHistory = request.strategy.kind === 'scd2'
    this.rows = keepsHistory
      ? { ...request.schema, columns: [...request.schema.columns, ...historySchema] }
      : request.schema
    this.added = keepsHistory ? historyValues(this.now) : new Map()
  }

  async run(): Promise<IngestResult> {
    await mkdir(this.folder, { recursive: true })
    try {
      return await onNewestLayout(() => this.attempt())
    } finally {
      await this.endSearch()
      await this.writer.clean()
    }
  }

  /** The table's columns when the ingestion began; none of a table that was not there. */
  private firstSeen: { readonly fields: readonly NestedField[] | undefined } | undefined

  /** What is found of the rows that are replaced, while new ones are written. */
  private ahead: { readonly connection: Connection; readonly found: Promise<Ahead | undefined> } | undefined

  private async attempt(): Promise<IngestResult> {
    const { request, connection } = this
    const stored: DataFile[] = []
    try {
      await this.endSearch()
      await connection.run(createRejectsTable(this.rejects))
      const table = await openTable(this.store, this.catalog, request.target, request.ref, {
        rows: this.rows,
        partitioning: request.partitioning ?? [],
      })
      const first = (this.firstSeen ??= { fields: table.existing && currentSchema(table.existing.metadata).fields })
      if (table.existing)
        table.transaction.evolve(
          withAddedMeanwhile(this.rows, first.fields, currentSchema(table.existing.metadata).fields),
          formatIdentifier(request.target),
        )
      table.transaction.setProperties({
        ...(request.doc !== undefined && { comment: request.doc }),
        ...request.properties,
      })
      const taken = await this.takeAll(table)
      const met = await this.meet(table, taken)
      const quarantine = await this.openQuarantine(taken.rejected)
      const files = await (met.stored ?? storeFiles(this.store, table.transaction.metadata, met.files))
      const added = [...files, ...met.change.add]
      stored.push(...files)
      if (request.propertiesRead) table.transaction.setProperties(request.propertiesRead())
      const snapshotId = await table.transaction.addSnapshot({
        ...met.change,
        add: added,
        ...(request.summary && { summary: request.summary }),
      })
      await commitTables(this.catalog, quarantine ? [table, quarantine] : [table], {
        ref: request.ref,
        message: request.message,
        ...(request.author !== undefined && { author: request.author }),
      })
      return {
        read: taken.read,
        written: rowsIn(met.files),
        rejected: taken.rejected,
        duplicates: met.duplicates,
        ...(met.unchanged && { unchanged: met.unchanged }),
        ...(met.deleted && { deleted: met.deleted }),
        outside: taken.outside,
        rejectedRules: taken.rejected > 0 ? await this.rejectedRules() : [],
        ...(taken.rejected > 0 && { rejectedSql: rejectedSql(request.quarantine, request.runId) }),
        files: added.length,
        bytes: added.reduce((sum, file) => sum + file.fileSize, 0),
        snapshotId,
      }
    } catch (error) {
      // Files that were written for another layout are certainly nobody's.
      if (isOtherLayout(error)) await this.remove(stored)
      throw error
    }
  }

  private async remove(files: readonly DataFile[]): Promise<void> {
    const keys = files.flatMap((file) => this.store.key(file.path) ?? [])
    if (keys.length > 0) await this.store.delete(keys).catch(() => undefined)
  }

  /** Every input's valid rows as files of the table. */
  private async takeAll(table: OpenTable): Promise<Taken> {
    const taken: Taken[] = []
    for (const input of this.request.inputs) taken.push(await this.reading(input, (scan) => this.takeScan(table, scan)))
    return sumOf(taken)
  }

  private async takeScan(table: OpenTable, scan: Scan): Promise<Taken> {
    const plan = this.plan(scan)
    if (plan.direct) await this.beginSearch(table, plan)
    let read = scan.rows
    const files = await this.writer.write(
      this.connection,
      this.withAllColumns(plan.validSelect(), table.transaction.metadata),
      table.transaction.metadata,
      async (copy) => {
        if (!plan.countsRows) return this.connection.runWithProgress(copy, this.request.onProgress)
        const { rows, passedLimit } = await this.connection.runCounting(copy, this.request.onProgress)
        read = passedLimit
        return rows
      },
    )
    if (read === undefined) throw new PhloError('PHLO_INTERNAL', `The rows of ${scan.name} were not counted`)
    const valid = files.reduce((sum, { file }) => sum + file.recordCount, 0)
    if (scan.guard !== undefined && valid < read && (await this.hasOtherShapes(scan))) throw new OtherShapes()
    return { files, ...(await this.account(scan, plan, read, valid)) }
  }

  /** Where new rows' keys are read at little cost and nothing but a key decides, what they replace is known that early. */
  private async beginSearch({ existing, transaction }: OpenTable, plan: RowPlan): Promise<void> {
    const { request, store, writer } = this
    const { strategy, inputs } = request
    if (!existing || strategy.kind !== 'merge' || inputs.length !== 1) return
    if (strategy.keep !== 'hash' && strategy.orderBy !== undefined) return
    await this.endSearch()
    const connection = await this.host.open(request.signal)
    const { metadata } = transaction
    const found = searchAhead({ connection, store, writer, existing, metadata, key: strategy.key }, plan.validSelect())
    // What is wrong shows when it is done again, in its turn.
    this.ahead = { connection, found: found.catch(() => undefined) }
  }

  private async endSearch(): Promise<void> {
    const { ahead } = this
    this.ahead = undefined
    if (!ahead) return
    ahead.connection.raw.interrupt()
    await ahead.found
    ahead.connection.close()
  }

  private plan(scan: Scan): RowPlan {
    const { schema, interval, strategy } = this.request
    return new RowPlan(schema, scan, interval, strategy.kind === 'cdc' ? deletionsOf(strategy) : undefined)
  }

  /** The rows with what is added to them, and with what columns hold by default that only another writer knows. */
  private withAllColumns(select: string, metadata: TableMetadata): string {
    const known = new Set(this.request.schema.columns.map(({ name }) => name))
    const others = currentSchema(metadata).fields.filter(({ name }) => !known.has(name))
    if (others.length === 0) return select
    const value = (field: NestedField) => this.added.get(field.name) ?? writeDefault(field)
    return `SELECT *, ${others.map((field) => `${value(field)} AS ${identifier(field.name)}`).join(', ')} FROM (${select})`
  }

  /** Tells apart what was not taken, and collects the rejected rows with their reasons. */
  private async account(scan: Scan, plan: RowPlan, read: number, valid: number): Promise<Omit<Taken, 'files'>> {
    const before = await this.collected()
    const malformed = await this.collectMalformed(scan)
    if (read === valid) return { read: read + malformed, rejected: malformed, outside: 0 }
    const counting = plan.outsideSelect()
    const outside = counting === undefined ? 0 : Number((await this.connection.one(counting))['outside'])
    const rejected = read - valid - outside
    if (rejected > 0) {
      for (const { file, select } of scan.files) await this.collect(file, plan.rejectedSelect(select))
      const found = (await this.collected()) - before
      if (found !== rejected + malformed) {
        throw new PhloError(
          'PHLO_INTERNAL',
          `${scan.name}: ${rejected + malformed} rows were rejected, but ${found} were found again`,
        )
      }
    }
    return { read: read - outside + malformed, rejected: rejected + malformed, outside }
  }

  private async collected(): Promise<number> {
    return Number((await this.connection.one(`SELECT count(*) AS rows FROM ${identifier(this.rejects)}`))['rows'])
  }

  private async collect(file: string, select: string): Promise<void> {
    await this.connection.run(
      `INSERT INTO ${identifier(this.rejects)} SELECT ${literal(file)}, source_row, rules, reason, "row", ` +
        `${partitionKeyExpression(this.request, 'partition_value')} FROM (${select})`,
    )
  }

  /** Lines of CSV that are no rows: too few or too many fields go to quarantine, an open quote ends the ingestion. */
  private async collectMalformed(scan: Scan): Promise<number> {
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
      `INSERT INTO ${identifier(this.rejects)} SELECT file_path, line - ${linesBefore}, ['malformed'], ` +
        `concat('line ', line, ': ', error_message), coalesce(csv_line, ''), ${partitionKeyExpression(this.request, 'NULL')} ` +
        `FROM (SELECT DISTINCT ON (file_path, line) * FROM ${lines})`,
    )
    const { found } = await this.connection.one(`SELECT count(DISTINCT (file_path, line)) AS found FROM ${lines}`)
    return Number(found)
  }

  private async hasOtherShapes(scan: Scan): Promise<boolean> {
    const { others } = await this.connection.one(
      `SELECT count(*) AS others FROM (SELECT ${identifier(scan.guard as string)} AS shape FROM (${scan.select})) WHERE shape IS NOT TRUE`,
    )
    return Number(others) > 0
  }

  /** What the strategy makes of the valid rows and the table's. */
  private async meet(table: OpenTable, { files, rejected }: Taken): Promise<Met> {
    const { request, connection, store, writer, now } = this
    const { strategy } = request
    if (strategy.kind === 'append' || strategy.kind === 'overwrite')
      return { files, change: { add: [], ...this.replacement(table.transaction.metadata) }, duplicates: 0 }
    const ahead = await this.ahead?.found
    const meeting: Meeting = {
      ahead: ahead?.rows === rowsIn(files) ? ahead : undefined,
      connection,
      store,
      writer,
      table,
      request,
      now,
      deduplicate: (how) => this.deduplicate(table, how),
      forget: (stored) => this.remove(stored),
    }
    return strategy.kind === 'delete-insert'
      ? meetByDeletion(meeting, strategy, files)
      : meetByKey(meeting, strategy, files, rejected)
  }

  /** The valid rows once more, in the source's order, and of each key the one to keep. */
  private async deduplicate(table: OpenTable, how: Deduplication): Promise<StagedFile[]> {
    const { request, connection } = this
    const staged: string[] = []
    for (const input of request.inputs) {
      await this.reading(input, async (scan) => {
        const plan = this.plan(scan)
        const file = path.join(this.folder, `ordered-${staged.length}.parquet`)
        const [copied] = await connection.runWithProgress(
          `COPY (${plan.orderedSelect()}) TO ${literal(file)} (FORMAT parquet, COMPRESSION lz4_raw)`,
          request.onProgress,
        )
        if (scan.guard !== undefined && (await this.hasOtherShapes(scan))) throw new OtherShapes()
        if (Number(copied?.['Count']) > 0) staged.push(file)
      })
    }
    const all = staged.map(
      (file, index) =>
        `SELECT * REPLACE ((${index}::HUGEINT << 64) + _phlo_order AS _phlo_order) FROM (${parquetSelect(file)})`,
    )
    const columns = request.schema.columns.map(({ name }) => name)
    const rows = deduplicated(all.join(' UNION ALL '), columns, how)
    const { metadata } = table.transaction
    return this.writer.write(connection, this.withAllColumns(rows, metadata), metadata)
  }

  /** Opens an input, and opens it another way when the first one turns out not to suit it. */
  private async reading<T>(input: SourceInput, take: (scan: Scan) => Promise<T>): Promise<T> {
    if (input.type === 'rows') {
      const { files, rowsBefore } = await this.rowsAsFiles(input)
      const result = await this.readingFiles({ type: 'files', ...files }, take)
      await this.restorePlaces([...rowsBefore].map(([copy, before]) => ({ copy, original: input.name, before })))
      return result
    }
    await checkFiles(input.paths)
    if (!needsCopies(input)) return this.readingFiles(input, take)
    const copied =
      this.plainFiles.get(input) ?? (await plainCopies(input, path.join(this.folder, `plain-${this.plainFiles.size}`)))
    this.plainFiles.set(input, copied)
    return this.readingCopies(copied, take)
  }

  /** Rejected rows and errors name the files that were given, not their copies. */
  private async readingCopies<T>({ input, originals }: CopiedFiles, take: (scan: Scan) => Promise<T>): Promise<T> {
    try {
      const result = await this.readingFiles(input, take)
      await this.restorePlaces([...originals].map(([copy, original]) => ({ copy, original, before: 0 })))
      return result
    } catch (error) {
      const file = isPhloError(error) ? error.location?.file : undefined
      const original = file === undefined ? undefined : originals.get(file)
      if (!isPhloError(error) || original === undefined) throw error
      throw restated(error, { location: { ...error.location, file: original } })
    }
  }

  private async readingFiles<T>(files: FileInput, take: (scan: Scan) => Promise<T>): Promise<T> {
    const attempt = async (source: FileInput, byPosition: boolean): Promise<T> => {
      try {
        return await take(await this.open(source, byPosition))
      } catch (error) {
        throw error instanceof OtherShapes ? error : await asSourceError(error, source)
      }
    }
    try {
      return await attempt(files, true)
    } catch (error) {
      if (error instanceof OtherShapes || /Map keys must be unique|duplicate key/.test(errorMessage(error)))
        return attempt(files, false)
      const mixedLines =
        files.format === 'csv' && isPhloError(error, 'PHLO_SOURCE_MALFORMED') && /state machine/.test(error.message)
      if (!mixedLines) throw error
      return this.readingCopies(await withUnifiedLines(files, path.join(this.folder, 'lines')), take)
    }
  }

  /** Rejected rows tell their places in what was given, not in the files that stand for it. */
  private async restorePlaces(
    places: readonly { readonly copy: string; readonly original: string; readonly before: number }[],
  ): Promise<void> {
    for (const { copy, original, before } of places) {
      await this.connection.run(
        `UPDATE ${identifier(this.rejects)} SET source_file = ${literal(original)}, source_row = source_row + ${before} ` +
          `WHERE source_file = ${literal(copy)}`,
      )
    }
  }

  private async rowsAsFiles(input: RowsInput): Promise<WrittenRows> {
    const known = this.rowFiles.get(input)
    if (known) return known
    const written = await writeRows(input, path.join(this.folder, `rows-${this.rowFiles.size}`), this.request.signal)
    this.rowFiles.set(input, written)
    return written
  }

  private async open(input: FileInput, byPosition: boolean): Promise<Scan> {
    const { strategy, unexpectedColumns: unexpected } = this.request
    const schema =
      strategy.kind === 'cdc' ? onlyNeeded(this.request.schema, deletionsOf(strategy)) : this.request.schema
    if (input.paths.length === 0) return emptyScan(this.request)
    switch (input.format) {
      case 'parquet':
        return parquetScan(this.connection, input, schema, unexpected)
      case 'csv':
        return csvScan(input, schema, unexpected)
      case 'ndjson':
      case 'json':
        return jsonScan(this.connection, { ...input, format: input.format }, schema, { unexpected, byPosition })
    }
  }

  /** Which of the table's files an overwrite replaces. */
  private replacement(metadata: TableMetadata): Partial<SnapshotChange> {
    const { strategy, interval } = this.request
    if (strategy.kind !== 'overwrite') return {}
    return replacing(interval ? partitionRange(metadata, interval) : everyFile)
  }

  /** The quarantine's change: rejected rows come, and those of what is overwritten go. */
  private async openQuarantine(rejected: number): Promise<OpenTable | undefined> {
    const { request } = this
    const overwrites = request.strategy.kind === 'overwrite'
    if (rejected === 0 && !(overwrites && (await this.catalog.loadTable(request.quarantine, { ref: request.ref }))))
      return undefined
    const table = await openTable(this.store, this.catalog, request.quarantine, request.ref, {
      rows: quarantineSchema,
      partitioning: quarantinePartitioning,
    })
    const { transaction } = table
    const staged =
      rejected === 0
        ? []
        : await this.writer.write(
            this.connection,
            quarantineSelect(this.rejects, request.runId, this.now),
            transaction.metadata,
          )
    const range = partitionKeyRange(request)
    const left = range ? partitionRange(transaction.metadata, { column: 'partition', ...range }) : everyFile
    await transaction.addSnapshot({
      add: await storeFiles(this.store, transaction.metadata, staged),
      ...(overwrites && replacing(left)),
      ...(request.summary && { summary: request.summary }),
    })
    return table
  }

  private async rejectedRules(): Promise<RejectedRule[]> {
    const rows = await this.connection.run(
      `SELECT rule, count(*) AS rows FROM (SELECT unnest(rules) AS rule FROM ${identifier(this.rejects)}) GROUP BY rule ORDER BY rows DESC, rule`,
    )
    return rows.map(({ rule, rows: count }) => ({ rule: rule as string, rows: Number(count) }))
  }
}

/** Raised when rows that were read by position turn out to have different keys. */
class OtherShapes extends Error {
  override readonly name = 'OtherShapes'
}

/** The wanted columns, and the optional ones that others added to the table since it was first looked at. */
function withAddedMeanwhile(
  wanted: RowSchema,
  before: readonly NestedField[] | undefined,
  now: readonly NestedField[],
): RowSchema {
  const known = new Set([...(before ?? now), ...wanted.columns].map(({ name }) => name))
  const added = now.filter(({ name, required }) => !required && !known.has(name))
  return {
    ...wanted,
    columns: [
      ...wanted.columns,
      ...added.map(({ name, type, doc }) => ({
        name,
        type,
        required: false,
        optional: true,
        rules: [],
        unique: false,
        ...(doc !== undefined && { doc }),
      })),
    ],
  }
}

/** What a source of changes must have at least: a deletion says no more. */
function onlyNeeded(schema: RowSchema, { needed }: Deletions): RowSchema {
  return {
    ...schema,
    columns: schema.columns.map((column) =>
      needed.has(column.name) ? column : { ...column, required: false, optional: true },
    ),
  }
}

/** A source without files: rows that nobody gave. */
function emptyScan(request: IngestRequest): Scan {
  const columns = request.schema.columns.map(({ name }) => `CAST(NULL AS VARCHAR) AS ${identifier(name)}`)
  return {
    name: 'the source',
    select: `SELECT ${columns.join(', ')} WHERE FALSE`,
    types: new Map(request.schema.columns.map(({ name }) => [name, 'text'])),
    rows: 0,
    files: [],
  }
}

/** Files of the partitions `[from, to)` of a column. Throws PHLO_UNSUPPORTED for specs that do not tell them apart. */
function partitionRange(
  metadata: TableMetadata,
  { column, from, to }: PartitionInterval,
): NonNullable<SnapshotChange['remove']> {
  const source = findField(currentSchema(metadata), column)?.id
  const find = (spec: readonly BoundPartitionField[]) => {
    const index = spec.findIndex(
      ({ field, transform }) =>
        field['source-id'] === source && transform.kind !== 'bucket' && transform.kind !== 'void',
    )
    const bound = spec[index]
    const low = bound && toValue(bound.sourceType, from)
    const high = bound && toValue(bound.sourceType, to)
    if (!bound || low === undefined || high === undefined) {
      throw new PhloError(
        'PHLO_UNSUPPORTED',
        `The table is not partitioned by ${column}, so its partitions cannot be replaced`,
        {
          hint: 'Write to a table of another name, or rewrite this one once without partitions.',
        },
      )
    }
    const limit = (value: Value) => applyTransform(bound.transform, bound.sourceType, value) as Value
    return { index, bound, low: limit(low), high: limit(high) }
  }
  const within = (value: Value | null, low: Value, high: Value) =>
    value !== null && compareValues(value, low) >= 0 && compareValues(value, high) < 0
  return {
    matches: (file: DataFile, spec) => {
      const { index, low, high } = find(spec)
      return within(file.partition[index] ?? null, low, high)
    },
    mayHold: (manifest, spec) => {
      const { index, bound, low, high } = find(spec)
      const summary: FieldSummary | undefined = manifest.partitions?.[index]
      if (!summary?.lowerBound || !summary.upperBound) return true
      const lowest = decodeValue(bound.type, summary.lowerBound)
      const highest = decodeValue(bound.type, summary.upperBound)
      return compareValues(highest, low) >= 0 && compareValues(lowest, high) < 0
    },
  }
}

function sumOf(taken: readonly Taken[]): Taken {
  return taken.reduce(
    (sum, item) => ({
      files: [...sum.files, ...item.files],
      read: sum.read + item.read,
      rejected: sum.rejected + item.rejected,
      outside: sum.outside + item.outside,
    }),
    { files: [], read: 0, rejected: 0, outside: 0 },
  )
}
