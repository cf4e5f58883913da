import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { DuckDbHost, DuckDbIngestEngine, DuckDbOptions, DuckDbQueryEngine } from '@phlo/engine-duckdb'
import { type DataFile, type Expression, planScan, Table } from '@phlo/iceberg'
import {
  type Catalog,
  type IcebergType,
  type IngestRequest,
  type LoadedTable,
  type ObjectStore,
  parseIdentifier,
  type QueryOptions,
  type RewriteRequest,
  type RowSchema,
  type TableIdentifier,
  type TableRequirement,
  type TableUpdate,
} from '@phlo/ports'
import { LocalObjectStore } from '@phlo/storage-local'
import { type RecordBatch, Table as ArrowTable, tableToIPC } from 'apache-arrow'

function table(text: string): TableIdentifier {
  const identifier = parseIdentifier(text)
  if (!identifier) throw new Error(text)
  return identifier
}

/** A row schema from column names and types; a text type that ends in `!` is required. */
export function columns(types: Readonly<Record<string, IcebergType>>): RowSchema {
  return {
    columns: Object.entries(types).map(([name, type]) => ({
      name,
      type: typeof type === 'string' ? type.replace('!', '') : type,
      required: typeof type === 'string' && type.endsWith('!'),
      optional: false,
      rules: [],
      unique: false,
    })),
  }
}

/** A lake in a temporary folder with the parts that Phlo itself uses for one. */
export class Lake {
  readonly folder: string
  readonly store: ObjectStore
  readonly catalog: Catalog
  private readonly queries: DuckDbQueryEngine
  private readonly ingestion: DuckDbIngestEngine
  private arrowFiles = 0

  private constructor(folder: string, store: ObjectStore, catalog: Catalog) {
    this.folder = folder
    this.store = store
    this.catalog = catalog
    const options = DuckDbOptions.parse({})
    const scratch = path.join(folder, 'tmp')
    const closed = { kind: 'closed', folders: async () => [await store.localRoot(), scratch] } as const
    const host = (access: ConstructorParameters<typeof DuckDbHost>[1], name: string) =>
      new DuckDbHost(options, access, path.join(scratch, name))
    this.queries = new DuckDbQueryEngine(host(closed, 'q'), store, catalog, scratch)
    this.ingestion = new DuckDbIngestEngine(host({ kind: 'open' }, 'i'), store, catalog, scratch)
  }

  /** `catalog` takes the place of the embedded one. */
  static async open(catalog?: (store: LocalObjectStore) => Catalog): Promise<Lake> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-interop-'))
    const store = await LocalObjectStore.open(path.join(folder, 'lake'))
    return new Lake(folder, store, catalog ? catalog(store) : await EmbeddedCatalog.open(store))
  }

  /** A lake elsewhere, of which only what is needed for work is in the folder. */
  static async over(
    open: (folder: string) => Promise<{ readonly store: ObjectStore; readonly catalog: Catalog }>,
  ): Promise<Lake> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-interop-'))
    const { store, catalog } = await open(folder)
    return new Lake(folder, store, catalog)
  }

  async close(): Promise<void> {
    await this.queries.close()
    await this.ingestion.close()
    await this.catalog.close()
    await this.store.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  async ingest(
    name: string,
    schema: RowSchema,
    rows: readonly Readonly<Record<string, unknown>>[],
    request: Partial<IngestRequest> = {},
  ) {
    const result = await this.ingestion.ingest({
      target: table(name),
      quarantine: table(`quarantine.${name.replaceAll('.', '_')}`),
      ref: 'main',
      schema,
      inputs: [{ type: 'rows', name: 'rows', rows: [...rows] }],
      strategy: { kind: 'append' },
      unexpectedColumns: 'freeze',
      runId: 'run-1',
      message: 'rows come in',
      ...request,
    })
    if (result.rejected > 0)
      throw new Error(`${result.rejected} rows were rejected: ${JSON.stringify(result.rejectedRules)}`)
    return result
  }

  async materialize(name: string, sql: string, strategy: 'replace' | 'append', partitionBy: readonly string[] = []) {
    return this.queries.materialize({ target: table(name), sql, ref: 'main', strategy, partitionBy, message: 'made' })
  }

  /** Runs a statement that changes a table, on a branch of the catalog. */
  async execute(sql: string, ref = 'main') {
    return this.queries.execute(sql, { message: 'changed', ref })
  }

  /** Writes the table's files anew. */
  async rewrite(name: string, request: Pick<RewriteRequest, 'strategy' | 'all'>, ref = 'main') {
    return this.queries.rewrite({ table: table(name), ref, message: 'rewritten', ...request })
  }

  /** The rows that a query gives, as JSON would have them. */
  async rows(sql: string, ref = 'main'): Promise<Record<string, unknown>[]> {
    const rows: Record<string, unknown>[] = []
    const { batches } = await this.queries.query(sql, { ref })
    for await (const batch of batches) for (const row of batch) rows.push(row?.toJSON() ?? {})
    return rows
  }

  /** Counts the distinct values of columns, and keeps them with the table. */
  async analyze(name: string, columns?: readonly string[]) {
    return this.queries.analyze({ table: table(name), ref: 'main', message: 'counted', ...(columns && { columns }) })
  }

  /** The table as others than Phlo see it through the library: what it commits goes to the lake's catalog. */
  async table(name: string): Promise<Table> {
    const load = async () => (await this.load(name)).metadata
    const commit = async (requirements: readonly TableRequirement[], updates: readonly TableUpdate[]) => {
      const change = { kind: 'table', identifier: table(name), requirements, updates } as const
      await this.catalog.commit([change], { message: 'changed' })
      return load()
    }
    return new Table({ store: this.store, load, commit }, await load())
  }

  async load(name: string, ref = 'main'): Promise<LoadedTable> {
    const loaded = await this.catalog.loadTable(table(name), { ref })
    if (!loaded) throw new Error(`no table ${name}`)
    return loaded
  }

  /** A path of the table's metadata file, which other readers start from. */
  async metadata(name: string): Promise<string> {
    return (await this.load(name)).metadataLocation.replace(/^file:\/\//, '')
  }

  /** The table's rows as Phlo reads them, in a file of Arrow's stream format. */
  async arrowFile(name: string, options: QueryOptions = {}): Promise<string> {
    const { schema, batches } = await this.queries.query(`SELECT * FROM ${name}`, options)
    const all: RecordBatch[] = []
    for await (const batch of batches) all.push(batch)
    const file = path.join(this.folder, `rows-${this.arrowFiles++}.arrows`)
    await writeFile(file, tableToIPC(new ArrowTable(schema, all), 'stream'))
    return file
  }

  /** Delete files of each data file that Phlo would read, by the URI of the data file. */
  async deletes(name: string): Promise<Record<string, readonly DataFile[]>> {
    const { metadata } = await this.load(name)
    const deletes: Record<string, readonly DataFile[]> = {}
    for await (const task of planScan(this.store, metadata))
      deletes[task.file.path] = task.deletes.map(({ file }) => file)
    return deletes
  }

  /** URIs of the files that Phlo would read, in order. */
  async plan(name: string, options: { readonly filter?: Expression; readonly snapshotId?: bigint } = {}) {
    const { metadata } = await this.load(name)
    const files: string[] = []
    for await (const { file } of planScan(this.store, metadata, options)) files.push(file.path)
    return files.sort()
  }
}
