import type { IngestRequest, ObjectStore } from '@phlo/ports'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import type { OpenTable } from '../tables/commit-table.js'
import type { ParquetWriter } from '../tables/parquet-writer.js'
import type { RowPlan } from './row-plan.js'
import { type Ahead, searchAhead } from './search-ahead.js'

/** The search for what new rows replace, beside the writing of these rows. At most one at a time. */
export class RunningSearch {
  private readonly host: DuckDbHost
  private readonly store: ObjectStore
  private readonly writer: ParquetWriter
  private readonly request: IngestRequest
  private current: { readonly connection: Connection; readonly found: Promise<Ahead | undefined> } | undefined

  constructor(host: DuckDbHost, store: ObjectStore, writer: ParquetWriter, request: IngestRequest) {
    this.host = host
    this.store = store
    this.writer = writer
    this.request = request
  }

  /** Begins where new rows' keys are read at little cost and nothing but a key decides. */
  async begin({ existing, transaction }: OpenTable, plan: RowPlan): Promise<void> {
    const { request, store, writer } = this
    const { strategy, inputs } = request
    if (!plan.direct || !existing || strategy.kind !== 'merge' || inputs.length !== 1) return
    if (strategy.keep !== 'hash' && strategy.orderBy !== undefined) return
    await this.end()
    const connection = await this.host.open(request.signal)
    const { metadata } = transaction
    const found = searchAhead({ connection, store, writer, existing, metadata, key: strategy.key }, plan.validSelect())
    // What is wrong shows when it is done again, in its turn.
    this.current = { connection, found: found.catch(() => undefined) }
  }

  async found(): Promise<Ahead | undefined> {
    return this.current?.found
  }

  async end(): Promise<void> {
    const { current } = this
    this.current = undefined
    if (!current) return
    current.connection.raw.interrupt()
    await current.found
    current.connection.close()
  }
}
