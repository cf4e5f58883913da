import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { TableTransaction } from '@phlo/iceberg'
import type { Catalog, ExecuteOptions, ExecuteResult, LoadedTable, ObjectStore } from '@phlo/ports'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { commitTables, type OpenTable } from '../tables/commit-table.js'
import { loadTable } from '../tables/load-table.js'
import { ParquetWriter } from '../tables/parquet-writer.js'
import type { ChangeStatement, Target } from './change-statement.js'
import { type ComposedSql, SqlComposer, statementWithin } from './composed-sql.js'

export type Of<Kind extends ChangeStatement['kind']> = Extract<ChangeStatement, { kind: Kind }>

/** What a statement did; what is left out is 0. */
export type Outcome = Partial<ExecuteResult> & Pick<ExecuteResult, 'operation'>

/** What the parts of a change of one table share: where it runs, and how it ends. */
export class ChangeContext {
  readonly host: DuckDbHost
  readonly store: ObjectStore
  readonly catalog: Catalog
  readonly connection: Connection
  readonly composer: SqlComposer
  readonly options: ExecuteOptions
  readonly writer: ParquetWriter
  /** The folder of what is written and not yet stored. */
  readonly folder: string

  constructor(
    engine: { host: DuckDbHost; store: ObjectStore; catalog: Catalog; stagingRoot: string },
    connection: Connection,
    sql: string,
    options: ExecuteOptions,
  ) {
    this.host = engine.host
    this.store = engine.store
    this.catalog = engine.catalog
    this.connection = connection
    this.options = options
    this.composer = new SqlComposer(sql, options.params)
    this.folder = path.join(engine.stagingRoot, randomUUID())
    this.writer = new ParquetWriter(this.host, this.folder)
  }

  async open({ target }: { readonly target: Target }): Promise<OpenTable> {
    return this.changing(await loadTable(this.catalog, target.table, this.options.ref))
  }

  changing(existing: LoadedTable): OpenTable {
    const transaction = TableTransaction.change(this.store, existing.metadata)
    return { identifier: existing.identifier, existing, transaction }
  }

  runComposed(ran: string, composed: ComposedSql) {
    return this.connection.runWithProgress(ran, this.options.onProgress, statementWithin(ran, composed))
  }

  async commit(tables: readonly OpenTable[]): Promise<void> {
    await commitTables(this.catalog, tables, this.commitOptions())
  }

  commitOptions() {
    const { ref, message, author, properties } = this.options
    return {
      message,
      ...(ref !== undefined && { ref }),
      ...(author !== undefined && { author }),
      ...(properties && { properties }),
    }
  }
}
