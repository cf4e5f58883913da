import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { DuckDBValue } from '@duckdb/node-api'
import {
  type AddFilesRequest,
  type AddFilesResult,
  type AnalyzeRequest,
  type AnalyzeResult,
  type Catalog,
  type ComparedStates,
  type ExecuteOptions,
  type ExecuteResult,
  formatIdentifier,
  type MaterializeRequest,
  type MaterializeResult,
  type ObjectStore,
  type QueryEngine,
  type QueryEngineSupports,
  type QueryOptions,
  type QueryPlan,
  type QueryResult,
  type RewriteDeletesRequest,
  type RewriteDeletesResult,
  type RewriteRequest,
  type RewriteResult,
  type RowDiff,
  type RowDiffCounts,
  type RowDiffOptions,
  type SharedKeyRequest,
  type SqlDialect,
  type StatementTable,
  type TableIdentifier,
} from '@phlo/ports'
import { duckdbDialect, identifier } from './duckdb-dialect.js'
import { rowDiff } from './diff/row-diff.js'
import { sharedKey } from './diff/shared-key.js'
import { ChangeExecution } from './dml/execute-change.js'
import type { Connection, DuckDbHost } from './duckdb-host.js'
import { duckdbType, rowsForVersion } from './duckdb-types.js'
import { analyzeTable } from './maintenance/analyze-table.js'
import { rewriteDeletes } from './maintenance/rewrite-deletes.js'
import { TableRewrite } from './maintenance/rewrite-table.js'
import { aboutTable } from './reading/about-table.js'
import { addFiles } from './register/add-files.js'
import { withoutTerminator } from './sql-tokens.js'
import { inspectStatement, requireReadable } from './statement.js'
import { commitTables, everyFile, onNewestLayout, openTable, replacing } from './tables/commit-table.js'
import { type AttachedStatement, LakeViews } from './tables/lake-views.js'
import { ParquetWriter } from './tables/parquet-writer.js'
import { storeFiles } from './tables/stored-files.js'
import { parsePartitionBy } from './tables/partition-by.js'
import { resultSchema } from './tables/result-schema.js'
import { arrowBatches, arrowSchema } from './tables/result-batches.js'

/** SQL of users on the lake's tables, in a DuckDB that can reach nothing else. */
export class DuckDbQueryEngine implements QueryEngine {
  readonly dialect: SqlDialect = duckdbDialect
  readonly supports: QueryEngineSupports = {
    timeTravel: true,
    dml: true,
    rewrite: true,
    addFiles: true,
    analyze: true,
    diff: true,
  }
  private readonly host: DuckDbHost
  private readonly store: ObjectStore
  private readonly catalog: Catalog
  private readonly stagingRoot: string

  /** `host` is closed but for the lake's files and `stagingRoot`. */
  constructor(host: DuckDbHost, store: ObjectStore, catalog: Catalog, stagingRoot: string) {
    this.host = host
    this.store = store
    this.catalog = catalog
    this.stagingRoot = stagingRoot
  }

  async query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    const arrow = await import('apache-arrow')
    const connection = await this.host.open(options.signal)
    let views: LakeViews | undefined
    let finished = false
    const finish = async () => {
      if (finished) return
      finished = true
      try {
        await views?.detach()
      } finally {
        connection.close()
      }
    }
    try {
      const attached = await this.attach(connection, sql, options)
      views = attached.views
      const ran = attached.sql
      const params = (options.params ?? []) as DuckDBValue[]
      const result = await connection.guard(() => connection.raw.stream(ran, params), { sql: ran })
      const schema = arrowSchema(arrow, result)
      const batches = arrowBatches(arrow, result, schema, (work) => connection.guard(work, { sql: ran }))
      return { schema, batches: finally_(batches, finish), close: finish }
    } catch (error) {
      await finish()
      throw error
    }
  }

  async explain(sql: string, options: QueryOptions = {}): Promise<QueryPlan> {
    return this.host.connect(async (connection) => {
      const { views, sql: ran, plans } = await this.attach(connection, sql, options)
      try {
        const text = `EXPLAIN ${ran}`
        const params = (options.params ?? []) as DuckDBValue[]
        const reader = await connection.guard(() => connection.raw.runAndReadAll(text, params), { sql: ran, ran: text })
        const rows = reader.getRowObjectsJson()
        return { tables: plans, engine: rows.map((row) => row['explain_value'] as string).join('\n') }
      } finally {
        await views.detach()
      }
    }, options.signal)
  }

  async tables(sql: string): Promise<readonly StatementTable[]> {
    return this.host.connect(async (connection) => {
      const { tables } = await inspectStatement(connection, sql)
      const bases = new Map(tables.map(aboutTable).map(({ base }) => [formatIdentifier(base), base]))
      return [...bases.values()].map((table) => ({ identifier: table }))
    })
  }

  async materialize(request: MaterializeRequest): Promise<MaterializeResult> {
    requireReadable(request.target)
    return this.host.connect(async (connection) => {
      const { views, sql } = await this.attach(connection, request.sql, request)
      try {
        return await onNewestLayout(() => this.write(connection, { ...request, sql }))
      } finally {
        await views.detach()
      }
    }, request.signal)
  }

  async execute(sql: string, options: ExecuteOptions): Promise<ExecuteResult> {
    return this.host.connect(
      (connection) =>
        new ChangeExecution(
          { host: this.host, store: this.store, catalog: this.catalog, stagingRoot: this.stagingRoot },
          connection,
          sql,
          options,
        ).run(),
      options.signal,
    )
  }

  rewrite(request: RewriteRequest): Promise<RewriteResult> {
    const { host, store, catalog, stagingRoot } = this
    return new TableRewrite({ host, store, catalog, stagingRoot }, request).run()
  }

  rewriteDeletes(request: RewriteDeletesRequest): Promise<RewriteDeletesResult> {
    const { host, store, catalog, stagingRoot } = this
    return rewriteDeletes({ host, store, catalog, stagingRoot }, request)
  }

  addFiles(request: AddFilesRequest): Promise<AddFilesResult> {
    return addFiles({ host: this.host, store: this.store, catalog: this.catalog }, request)
  }

  analyze(request: AnalyzeRequest): Promise<AnalyzeResult> {
    return analyzeTable({ host: this.host, store: this.store, catalog: this.catalog }, request)
  }

  async diffRows(
    table: TableIdentifier,
    states: ComparedStates,
    options: RowDiffOptions & { readonly limit?: number } = {},
  ): Promise<RowDiff> {
    const arrow = await import('apache-arrow')
    const connection = await this.host.open(options.signal)
    const finish = async () => connection.close()
    try {
      const { keys, rows } = await rowDiff(
        { connection, store: this.store, catalog: this.catalog },
        table,
        states,
        options,
      )
      const sql = options.limit === undefined ? rows : `${rows} LIMIT ${Math.trunc(options.limit)}`
      const result = await connection.guard(() => connection.raw.stream(sql))
      const schema = arrowSchema(arrow, result)
      const batches = arrowBatches(arrow, result, schema, (work) => connection.guard(work))
      return { keys, schema, batches: finally_(batches, finish), close: finish }
    } catch (error) {
      await finish()
      throw error
    }
  }

  countDiff(table: TableIdentifier, states: ComparedStates, options: RowDiffOptions = {}): Promise<RowDiffCounts> {
    return this.host.connect(async (connection) => {
      const { counts } = await rowDiff({ connection, store: this.store, catalog: this.catalog }, table, states, options)
      const found = await connection.run(counts)
      const count = (change: string) => Number(found.find((row) => row['change'] === change)?.['rows'] ?? 0)
      return { added: count('added'), removed: count('removed'), changed: count('changed') }
    }, options.signal)
  }

  sharedKey(request: SharedKeyRequest, options: { readonly signal?: AbortSignal } = {}) {
    return this.host.connect((connection) => sharedKey(connection, this.store, request), options.signal)
  }

  async close(): Promise<void> {
    await this.host.close()
  }

  private async attach(
    connection: Connection,
    sql: string,
    options: QueryOptions,
  ): Promise<AttachedStatement & { readonly views: LakeViews }> {
    const statement = await inspectStatement(connection, sql)
    const views = new LakeViews(connection, this.store, this.catalog)
    try {
      return { ...(await views.attachFor(statement, options)), views }
    } catch (error) {
      await views.detach()
      throw error
    }
  }

  private async write(connection: Connection, request: MaterializeRequest): Promise<MaterializeResult> {
    const select = withoutTerminator(request.sql)
    const found = await resultSchema(connection, select, { sql: select }, request.columnDocs)
    const partitioning = (request.partitionBy ?? []).map(parsePartitionBy)
    const table = await openTable(this.store, this.catalog, request.target, request.ref, {
      rows: rowsForVersion(found, 2),
      partitioning,
    })
    const { transaction } = table
    const rows = rowsForVersion(found, transaction.metadata['format-version'])
    if (table.existing) {
      if (request.strategy === 'replace') transaction.replaceLayout(rows, partitioning)
      else transaction.evolve(rows, request.target.name)
    }
    transaction.setProperties({ ...(request.doc !== undefined && { comment: request.doc }), ...request.properties })
    await mkdir(this.stagingRoot, { recursive: true })
    const writer = new ParquetWriter(this.host, path.join(this.stagingRoot, randomUUID()))
    try {
      const columns = rows.columns.map(
        ({ name, type }) => `CAST(${identifier(name)} AS ${duckdbType(type)}) AS ${identifier(name)}`,
      )
      const staged = await writer.write(
        connection,
        `SELECT ${columns.join(', ')} FROM (
${select}
)`,
        transaction.metadata,
        (copy) => connection.runWithProgress(copy, request.onProgress, select),
      )
      const files = await storeFiles(this.store, transaction.metadata, staged)
      const snapshotId = await transaction.addSnapshot({
        add: files,
        ...(request.strategy === 'replace' && replacing(everyFile)),
        ...(request.summary && { summary: request.summary }),
      })
      await commitTables(this.catalog, [table], {
        ref: request.ref,
        message: request.message,
        ...(request.author !== undefined && { author: request.author }),
      })
      return {
        rows: files.reduce((sum, file) => sum + file.recordCount, 0),
        files: files.length,
        bytes: files.reduce((sum, file) => sum + file.fileSize, 0),
        snapshotId,
      }
    } finally {
      await writer.clean()
    }
  }
}

/** The items, with `finish` called once when the iteration ends, is left, or fails. */
async function* finally_<T>(items: AsyncIterable<T>, finish: () => Promise<void>): AsyncGenerator<T> {
  try {
    yield* items
  } finally {
    await finish()
  }
}
