import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import type {
  ExecuteOptions,
  IngestRequest,
  MaterializeRequest,
  QueryOptions,
  RowSchema,
  TableIdentifier,
} from '@phlo/ports'
import { parseIdentifier } from '@phlo/ports'
import { field, rowSchemaFromZod } from '@phlo/schema'
import { LocalObjectStore } from '@phlo/storage-local'
import { z } from 'zod'
import { DuckDbHost } from '../duckdb-host.js'
import { DuckDbIngestEngine } from '../duckdb-ingest-engine.js'
import { DuckDbQueryEngine } from '../duckdb-query-engine.js'
import { DuckDbOptions } from '../options.js'

export { field, z }

/** A lake in a temporary folder with both engines over it. */
export class TestLake {
  readonly folder: string
  readonly store: LocalObjectStore
  readonly catalog: EmbeddedCatalog
  readonly queries: DuckDbQueryEngine
  readonly ingestion: DuckDbIngestEngine

  private constructor(folder: string, store: LocalObjectStore, catalog: EmbeddedCatalog, options: DuckDbOptions) {
    this.folder = folder
    this.store = store
    this.catalog = catalog
    const scratch = path.join(folder, 'tmp')
    const closed = { kind: 'closed', folders: async () => [await store.localRoot(), scratch] } as const
    this.queries = new DuckDbQueryEngine(
      new DuckDbHost(options, closed, path.join(scratch, 'q')),
      store,
      catalog,
      scratch,
    )
    this.ingestion = new DuckDbIngestEngine(
      new DuckDbHost(options, { kind: 'open' }, path.join(scratch, 'i')),
      store,
      catalog,
      scratch,
    )
  }

  static async open(options: Partial<DuckDbOptions> = {}): Promise<TestLake> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-engine-'))
    const store = await LocalObjectStore.open(path.join(folder, 'lake'))
    return new TestLake(folder, store, await EmbeddedCatalog.open(store), DuckDbOptions.parse(options))
  }

  async close(): Promise<void> {
    await this.queries.close()
    await this.ingestion.close()
    await this.catalog.close()
    await this.store.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Writes a source file and gives its path. */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    const file = path.join(this.folder, name)
    await writeFile(file, content)
    return file
  }

  /** Makes a table of a SELECT's result. */
  async put(target: string, sql: string, request: Partial<MaterializeRequest> = {}) {
    return this.queries.materialize({
      target: table(target),
      sql,
      ref: 'main',
      strategy: 'replace',
      message: `Make ${target}`,
      ...request,
    })
  }

  /** Runs a statement that changes a table. */
  async execute(sql: string, options: Partial<ExecuteOptions> = {}) {
    return this.queries.execute(sql, { message: 'test', ...options })
  }

  /** All rows of a result, as JSON would have them. */
  async rows(sql: string, options: QueryOptions = {}): Promise<Record<string, unknown>[]> {
    const { batches } = await this.queries.query(sql, options)
    const rows: Record<string, unknown>[] = []
    for await (const batch of batches) for (const row of batch) rows.push(row?.toJSON() ?? {})
    return rows
  }

  async ingest(schema: z.ZodObject, request: Partial<IngestRequest> & Pick<IngestRequest, 'inputs'>) {
    return this.ingestion.ingest({
      target: table('bronze.t'),
      quarantine: table('quarantine.t'),
      ref: 'main',
      schema: rowsOf(schema),
      strategy: { kind: 'overwrite' },
      unexpectedColumns: 'freeze',
      runId: 'run-1',
      message: 'test',
      ...request,
    })
  }
}

export function table(text: string): TableIdentifier {
  const identifier = parseIdentifier(text)
  if (!identifier) throw new Error(text)
  return identifier
}

function rowsOf(schema: z.ZodObject): RowSchema {
  return rowSchemaFromZod(schema).rows
}
