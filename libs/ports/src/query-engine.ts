import type { AddFilesRequest, AddFilesResult } from './add-files.js'
import type { RecordBatch, Schema } from 'apache-arrow'
import { isPhloError, restated, type SourceLocation } from './errors.js'
import { definePort } from './port.js'
import type { QueryPlan } from './query-plan.js'
import type { RewriteDeletesRequest, RewriteDeletesResult, RewriteRequest, RewriteResult } from './rewrite.js'
import type { ComparedStates, RowDiffCounts, RowDiffOptions } from './row-diff.js'
import type { SharedKeyRequest } from './shared-key.js'
import type { SqlDialect } from './sql-dialect.js'
import type { TableIdentifier } from './table-identifier.js'
import type { AnalyzeRequest, AnalyzeResult } from './table-statistics.js'
import type { SqlPlace } from './transformer.js'

/** Stands for the file in the location of an error in a statement: an engine knows of no file. */
export const statementFile = '<sql>'

/**
 * An engine's error in a statement, with its place in the text that the statement was made from; every other error, and
 * one without a place, as it is.
 */
export function relocateStatementError(error: unknown, locate: (place: SqlPlace) => SourceLocation): unknown {
  if (!isPhloError(error) || error.location?.file !== statementFile || error.location.line === undefined) return error
  const { line, column = 1 } = error.location
  return restated(error, { location: locate({ line, column }) })
}

/** A value bound to a parameter of a statement. Dates travel as ISO 8601 text. */
export type SqlParameter = string | number | bigint | boolean | null

export interface QueryOptions {
  /** Branch, tag or commit to read at. Default `main`. */
  readonly ref?: string
  /** Reads every table as it was at that time, within the ref's own history of the table's snapshots. */
  readonly asOf?: Date
  /** Reads one table at a snapshot of its own instead of its current one. */
  readonly snapshots?: readonly { readonly table: TableIdentifier; readonly snapshotId: bigint }[]
  /** Bound to `$1`, `$2`, … */
  readonly params?: readonly SqlParameter[]
  readonly signal?: AbortSignal
}

/** A result that is read as it is made. */
export interface QueryResult {
  readonly schema: Schema
  /** To be read once. The query ends with the iteration, also when it is left early. */
  readonly batches: AsyncIterable<RecordBatch>
  /** Ends the query; needed only when `batches` is never read. */
  close(): Promise<void>
}

/**
 * Rows that differ. The columns of the result are `change` (`added`, `removed` or `changed`), `columns` (the names of those that
 * changed), and `before` and `after`, structs of the columns of `to`, NULL where there is no such row.
 */
export interface RowDiff extends QueryResult {
  /** Dotted names of the columns by which rows were told apart. */
  readonly keys: readonly string[]
}

/** How far a long statement is. */
export interface StatementProgress {
  /** Rows read so far, from all sources of the statement. */
  readonly rows: number
  /** 0 to 100, an estimate. */
  readonly percent: number
}

/** How often a table's rows are replaced by a statement's result. */
export interface MaterializeRequest {
  readonly target: TableIdentifier
  /** One SELECT. Its result's names and types become the table's columns. */
  readonly sql: string
  /** The branch that is read and written. */
  readonly ref: string
  /** `replace`: the table holds exactly the result. `append`: the result is added. */
  readonly strategy: 'replace' | 'append'
  /** Iceberg partition transforms, for instance `day(flown_at)` or `region`. Only used when the table is created. */
  readonly partitionBy?: readonly string[]
  readonly doc?: string
  /** Descriptions by column name. */
  readonly columnDocs?: Readonly<Record<string, string>>
  /** Table properties set in the same commit. */
  readonly properties?: Readonly<Record<string, string>>
  /** Kept in the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>
  readonly message: string
  readonly author?: string
  readonly onProgress?: (progress: StatementProgress) => void
  readonly signal?: AbortSignal
}

export interface MaterializeResult {
  readonly rows: number
  readonly files: number
  readonly bytes: number
  readonly snapshotId: bigint
}

export interface ExecuteOptions {
  /** The branch that is read and written. Default `main`. */
  readonly ref?: string
  /** Bound to `$1`, `$2`, … */
  readonly params?: readonly SqlParameter[]
  readonly message: string
  readonly author?: string
  /** Kept with the catalog's commit. */
  readonly properties?: Readonly<Record<string, string>>
  /** Kept in the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>
  readonly onProgress?: (progress: StatementProgress) => void
  readonly signal?: AbortSignal
}

/** What a statement that changes a table did to it. */
export interface ExecuteResult {
  readonly operation: 'insert' | 'update' | 'delete' | 'merge' | 'truncate' | 'create' | 'alter' | 'drop'
  readonly table: TableIdentifier
  /** Rows that came. */
  readonly inserted: number
  /** Rows that stay and have other values. */
  readonly updated: number
  /** Rows that went. */
  readonly deleted: number
  /** The snapshot that was made; absent when no row changed. */
  readonly snapshotId?: bigint
  /** Data and delete files that came, and the data files that went. */
  readonly addedFiles: number
  readonly removedFiles: number
  /** Of the files that came. */
  readonly bytes: number
}

/** A table that a statement names. */
export interface StatementTable {
  readonly identifier: TableIdentifier
}

export interface QueryEngineSupports {
  /** `asOf` and `snapshots` are honoured. Default false. */
  readonly timeTravel: boolean
  /** {@link QueryEngine.execute} changes tables; without it, it throws PHLO_UNSUPPORTED. Default false. */
  readonly dml: boolean
  /** {@link QueryEngine.rewrite} and `rewriteDeletes` write files anew; without it, they throw PHLO_UNSUPPORTED. Default false. */
  readonly rewrite: boolean
  /** {@link QueryEngine.addFiles} adds Parquet files; without it, it throws PHLO_UNSUPPORTED. Default false. */
  readonly addFiles: boolean
  /** {@link QueryEngine.analyze} counts distinct values; without it, it throws PHLO_UNSUPPORTED. Default false. */
  readonly analyze: boolean
  /**
   * {@link QueryEngine.diffRows}, `countDiff` and `sharedKey` compare states of a table; without it, they throw
   * PHLO_UNSUPPORTED. Default false.
   */
  readonly diff: boolean
}

/**
 * Runs SQL over the catalog's tables. Statements name tables `namespace.table`; they reach nothing else: no file, no
 * network, no setting. Adapters throw PHLO_SQL_INVALID (at {@link statementFile}, with line and column in the statement),
 * PHLO_SQL_FORBIDDEN,
 * PHLO_TABLE_NOT_FOUND, PHLO_RUN_CANCELLED (signal) and PHLO_ENGINE_FAILED.
 */
export interface QueryEngine {
  readonly dialect: SqlDialect
  readonly supports: QueryEngineSupports

  /** Runs one statement that only reads. */
  query(sql: string, options?: QueryOptions): Promise<QueryResult>

  /** Writes a SELECT's result into a table, as one commit on the branch. */
  materialize(request: MaterializeRequest): Promise<MaterializeResult>

  /**
   * Runs one statement that changes one table, as one commit on the branch: INSERT, UPDATE, DELETE, MERGE INTO, TRUNCATE,
   * CREATE TABLE, ALTER TABLE or DROP TABLE. Nothing is committed when no row changes. Throws PHLO_MERGE_AMBIGUOUS when
   * several rows of the source match a row that is to change, PHLO_TABLE_EXISTS, PHLO_COMMIT_CONFLICT, and PHLO_UNSUPPORTED
   * for what the engine's `supports` or dialect leaves out.
   */
  execute(sql: string, options: ExecuteOptions): Promise<ExecuteResult>

  /**
   * Writes data files of a table anew, without the rows that are deleted and perhaps in another order, and commits that
   * in several steps, each of which leaves the table's rows as they are. A group of files that somebody else changed
   * meanwhile stays as it is. Throws PHLO_SCHEMA_COLUMN_MISSING for columns that the table has not.
   */
  rewrite(request: RewriteRequest): Promise<RewriteResult>

  /**
   * Writes a table's files of position deletes together, in the form that the table's version asks for, and commits that
   * in several steps, each of which leaves the table's rows as they are. A partition whose files somebody else changed
   * meanwhile stays as it is. Throws PHLO_TABLE_NOT_FOUND, and PHLO_REF_NOT_FOUND for a branch that the table has not.
   */
  rewriteDeletes(request: RewriteDeletesRequest): Promise<RewriteDeletesResult>

  /**
   * Makes Parquet files of the store part of a table, where they are and as one commit. Throws PHLO_TABLE_NOT_FOUND,
   * PHLO_OBJECT_NOT_FOUND, and PHLO_FILE_UNFIT for a file that does not fit the table or that it has already.
   */
  addFiles(request: AddFilesRequest): Promise<AddFilesResult>

  /**
   * Estimates how many distinct values a table's columns have and keeps that with the table's current snapshot, for
   * planners of whatever engine. Rows and snapshots stay as they are. Throws PHLO_TABLE_NOT_FOUND,
   * PHLO_SCHEMA_COLUMN_MISSING, and PHLO_UNSUPPORTED for columns whose values cannot be counted.
   */
  analyze(request: AnalyzeRequest): Promise<AnalyzeResult>

  /** How the statement would be run: what is read of each table and what is passed over, and the engine's own plan. */
  explain(sql: string, options?: QueryOptions): Promise<QueryPlan>

  /**
   * The rows in which two states of a table differ. Columns are told by their field ids, so that a renamed one is the same;
   * one that `to` has not is not compared. Reads the data files that differ alone. Throws PHLO_TABLE_NOT_FOUND,
   * PHLO_REF_NOT_FOUND, PHLO_SNAPSHOT_NOT_FOUND, PHLO_SCHEMA_COLUMN_MISSING for keys, and PHLO_UNSUPPORTED where the refs have
   * two tables of one name.
   */
  diffRows(
    table: TableIdentifier,
    states: ComparedStates,
    options?: RowDiffOptions & { readonly limit?: number },
  ): Promise<RowDiff>

  /** How many rows {@link diffRows} would give. */
  countDiff(table: TableIdentifier, states: ComparedStates, options?: RowDiffOptions): Promise<RowDiffCounts>

  /**
   * A key that rows of both groups of files have, as a {@link SharedKeyLookup} tells it. Reads the key's columns alone, in
   * bounded memory. Throws PHLO_UNSUPPORTED for fields that cannot be compared, PHLO_ICEBERG_UNSUPPORTED for files that cannot be read, and
   * PHLO_OBJECT_NOT_FOUND.
   */
  sharedKey(
    request: SharedKeyRequest,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly string[] | undefined>

  /** The tables that a statement that only reads would read, without running it. */
  tables(sql: string): Promise<readonly StatementTable[]>

  close(): Promise<void>
}

export const QueryEnginePort = definePort<QueryEngine>('QueryEngine')
