import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import {
  type Catalog,
  type FileInput,
  type IngestEngine,
  type IngestRequest,
  type IngestResult,
  type ObjectStore,
  type RowSchema,
  type SourceInput,
} from '@phlo/ports'
import type { DuckDbHost } from './duckdb-host.js'
import { needsCopies, plainCopies } from './ingest/copied-source-files.js'
import { inferRows } from './ingest/infer-rows.js'
import { Ingestion } from './ingest/ingestion.js'
import { writeRows } from './ingest/rows-file.js'
import { checkFiles } from './ingest/source-files.js'
import { requireReadable } from './statement.js'

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
