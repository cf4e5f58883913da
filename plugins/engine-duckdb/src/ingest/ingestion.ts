import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { currentSchema, type DataFile, isOtherLayout, type SnapshotChange } from '@phlo/iceberg'
import {
  type Catalog,
  formatIdentifier,
  type IngestRequest,
  type IngestResult,
  type NestedField,
  type ObjectStore,
  PhloError,
  type RowSchema,
  type TableMetadata,
} from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { bronzeSchema, bronzeValues } from './bronze-columns.js'
import { deletionsOf } from './change-events.js'
import { hasOtherShapes, InputScans, OtherShapes } from './input-scans.js'
import { partitionRange } from './partition-range.js'
import { RejectedRows } from './rejected-rows.js'
import { rowsIn } from './held-rows.js'
import { historySchema, historyValues } from './history-rows.js'
import { meetByDeletion, meetByKey, type Meeting, type Met } from './meet-table.js'
import { type Deduplication, deduplicated, parquetSelect, stagedRows } from './merge-rows.js'
import { partitionKeyRange, quarantinePartitioning, quarantineSchema, rejectedSql } from './quarantine.js'
import { endsWithPartitions, replacedInterval } from './replaced-interval.js'
import { RowPlan } from './row-plan.js'
import { RunningSearch } from './running-search.js'
import type { Scan } from './scan.js'
import { writeDefault } from '../reading/constants.js'
import {
  commitTables,
  everyFile,
  onNewestLayout,
  type OpenTable,
  openTable,
  replacing,
} from '../tables/commit-table.js'
import type { StagedFile } from '../tables/copied-files.js'
import { ParquetWriter } from '../tables/parquet-writer.js'
import { storeFiles } from '../tables/stored-files.js'

/** What one input gave. */
interface Taken {
  readonly files: readonly StagedFile[]
  readonly read: number
  readonly rejected: number
  readonly outside: number
}

/** One ingestion, from its inputs to its commit. */
export class Ingestion {
  private readonly request: IngestRequest
  private readonly connection: Connection
  private readonly store: ObjectStore
  private readonly catalog: Catalog
  private readonly folder: string
  private readonly writer: ParquetWriter
  private readonly rejected: RejectedRows
  private readonly inputs: InputScans
  private readonly search: RunningSearch
  private readonly now = new Date()
  /** The table's columns: those of the source, and what is added to them. */
  private readonly rows: RowSchema

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
    this.store = store
    this.catalog = catalog
    this.folder = path.join(stagingRoot, randomUUID())
    this.writer = new ParquetWriter(host, this.folder)
    this.rejected = new RejectedRows(connection, request)
    this.search = new RunningSearch(host, store, this.writer, request)
    this.inputs = new InputScans(request, connection, this.folder, this.rejected)
    const keepsHistory = request.strategy.kind === 'scd2'
    const added = [...bronzeSchema(request), ...(keepsHistory ? historySchema : [])]
    this.rows = { ...request.schema, columns: [...request.schema.columns, ...added] }
  }

  async run(): Promise<IngestResult> {
    await mkdir(this.folder, { recursive: true })
    try {
      return await onNewestLayout(() => this.attempt())
    } finally {
      await this.search.end()
      await this.writer.clean()
    }
  }

  /** The table's columns when the ingestion began; none of a table that was not there. */
  private firstSeen: { readonly fields: readonly NestedField[] | undefined } | undefined

  private async attempt(): Promise<IngestResult> {
    const { request } = this
    const stored: DataFile[] = []
    try {
      await this.search.end()
      await this.rejected.clear()
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
      const greatest = await this.greatest(taken.files)
      const met = await this.meet(table, taken)
      const quarantine = await this.openQuarantine(taken.rejected)
      const files = await (met.stored ?? storeFiles(this.store, table.transaction.metadata, met.files))
      const added = [...files, ...met.change.add]
      stored.push(...files)
      if (request.propertiesRead)
        table.transaction.setProperties(request.propertiesRead(greatest === undefined ? {} : { greatest }))
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
        rejectedRules: taken.rejected > 0 ? await this.rejected.rules() : [],
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
    for (const input of this.request.inputs)
      taken.push(await this.inputs.read(input, (scan) => this.takeScan(table, scan)))
    return sumOf(taken)
  }

  private async takeScan(table: OpenTable, scan: Scan): Promise<Taken> {
    const plan = this.plan(scan)
    const { carried } = this.inputs
    await this.search.begin(table, plan)
    let read = scan.rows
    const files = await this.writer.write(
      this.connection,
      this.withAllColumns(plan.validSelect(carried), table.transaction.metadata),
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
    if (scan.guard !== undefined && valid < read && (await hasOtherShapes(this.connection, scan)))
      throw new OtherShapes()
    return { files, ...(await this.account(scan, plan, read, valid)) }
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
    const { request, now, inputs } = this
    const history = request.strategy.kind === 'scd2' ? historyValues(now) : []
    const added = new Map([...bronzeValues(request, now, inputs.originals), ...history])
    const value = (field: NestedField) => added.get(field.name) ?? writeDefault(field)
    const own = [...known].map(identifier).join(', ')
    return `SELECT ${own}, ${others.map((field) => `${value(field)} AS ${identifier(field.name)}`).join(', ')} FROM (${select})`
  }

  /** Tells apart what was not taken, and collects the rejected rows with their reasons. */
  private async account(scan: Scan, plan: RowPlan, read: number, valid: number): Promise<Omit<Taken, 'files'>> {
    const before = await this.rejected.count()
    const malformed = await this.rejected.collectMalformed(scan)
    if (read === valid) return { read: read + malformed, rejected: malformed, outside: 0 }
    const counting = plan.outsideSelect()
    const outside = counting === undefined ? 0 : Number((await this.connection.one(counting))['outside'])
    const rejected = read - valid - outside
    if (rejected > 0) {
      for (const { file, select } of scan.files) await this.rejected.collect(file, plan.rejectedSelect(select))
      const found = (await this.rejected.count()) - before
      if (found !== rejected + malformed) {
        throw new PhloError(
          'PHLO_INTERNAL',
          `${scan.name}: ${rejected + malformed} rows were rejected, but ${found} were found again`,
        )
      }
    }
    return { read: read - outside + malformed, rejected: rejected + malformed, outside }
  }

  /** The greatest value of the column that was asked for, among rows that are written. */
  private async greatest(files: readonly StagedFile[]): Promise<string | undefined> {
    const { greatestOf: name, schema } = this.request
    if (name === undefined || files.length === 0) return undefined
    const type = schema.columns.find((column) => column.name === name)?.type
    const greatest = `max(${identifier(name)})`
    const time = `strftime(${greatest}, '%Y-%m-%dT%H:%M:%S.%f${type === 'timestamptz' ? 'Z' : ''}')`
    const isTime = type === 'timestamp' || type === 'timestamptz'
    const { found } = await this.connection.one(
      `SELECT ${isTime ? time : `CAST(${greatest} AS VARCHAR)`} AS found FROM ${stagedRows(files)}`,
    )
    return found === null ? undefined : (found as string)
  }

  /** What the strategy makes of the valid rows and the table's. */
  private async meet(table: OpenTable, { files, rejected }: Taken): Promise<Met> {
    const { request, connection, store, writer, now } = this
    const { strategy } = request
    if (strategy.kind === 'append') return { files, change: { add: [] }, duplicates: 0 }
    if (strategy.kind === 'overwrite') return { files, change: await this.replacement(table), duplicates: 0 }
    const ahead = await this.search.found()
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
      await this.inputs.read(input, async (scan) => {
        const plan = this.plan(scan)
        const file = path.join(this.folder, `ordered-${staged.length}.parquet`)
        const [copied] = await connection.runWithProgress(
          `COPY (${plan.orderedSelect(this.inputs.carried)}) TO ${literal(file)} (FORMAT parquet, COMPRESSION lz4_raw)`,
          request.onProgress,
        )
        if (scan.guard !== undefined && (await hasOtherShapes(this.connection, scan))) throw new OtherShapes()
        if (Number(copied?.['Count']) > 0) staged.push(file)
      })
    }
    const all = staged.map(
      (file, index) =>
        `SELECT * REPLACE ((${index}::HUGEINT << 64) + _phlo_order AS _phlo_order) FROM (${parquetSelect(file)})`,
    )
    const columns = request.schema.columns.map(({ name }) => name)
    const rows = deduplicated(all.join(' UNION ALL '), columns, how, this.inputs.carried)
    const { metadata } = table.transaction
    return this.writer.write(connection, this.withAllColumns(rows, metadata), metadata)
  }

  /** What an overwrite replaces. */
  private async replacement({ existing, transaction }: OpenTable): Promise<SnapshotChange> {
    const { connection, store, writer } = this
    const { interval } = this.request
    const { metadata } = transaction
    if (!interval) return { add: [], ...replacing(everyFile) }
    const range = partitionRange(metadata, interval)
    if (!existing || endsWithPartitions(metadata, interval)) return { add: [], ...replacing(range) }
    return replacedInterval({ connection, store, writer, existing, metadata }, interval)
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
    if (table.existing) transaction.evolve(quarantineSchema, formatIdentifier(request.quarantine))
    const staged =
      rejected === 0
        ? []
        : await this.writer.write(this.connection, this.rejected.select(this.now), transaction.metadata)
    const range = partitionKeyRange(request)
    const left = range ? partitionRange(transaction.metadata, { column: 'partition', ...range }) : everyFile
    await transaction.addSnapshot({
      add: await storeFiles(this.store, transaction.metadata, staged),
      ...(overwrites && replacing(left)),
      ...(request.summary && { summary: request.summary }),
    })
    return table
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
