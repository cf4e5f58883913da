import { randomUUID } from 'node:crypto'
import { planScan, TableTransaction } from '@phlo/iceberg'
import {
  type AddFilesResult,
  type AnalyzeResult,
  type Catalog,
  type CatalogChange,
  type CheckKind,
  type ExecuteResult,
  formatIdentifier,
  type IngestEngine,
  type IngestRequest,
  type IngestResult,
  isPhloError,
  type MaterializeRequest,
  type MaterializeResult,
  type ObjectStore,
  parseIdentifier,
  PhloError,
  type QueryEngine,
  type QueryOptions,
  type QueryPlan,
  type QueryResult,
  type RewriteDeletesResult,
  type RowDiff,
  type RowDiffCounts,
  type RewriteResult,
  type RowSchema,
  type SqlDialect,
  type StatementTable,
  type TableIdentifier,
} from '@phlo/ports'
import { RecordBatch, tableFromArrays } from 'apache-arrow'

export type Row = Readonly<Record<string, unknown>>

const dialect: SqlDialect = {
  name: 'fake',
  identifier: (name) => `"${name}"`,
  table: formatIdentifier,
  literal: (value) => `'${String(value)}'`,
  typedLiteral: (value, type) => `${type} '${String(value)}'`,
  matches: (expression, regex) => `matches(${expression}, '${regex}')`,
  textLength: (expression) => `length(${expression})`,
  collectionLength: (expression) => `len(${expression})`,
  tuple: (expressions) => `row(${expressions.join(', ')})`,
  digest: (expression) => `digest(${expression})`,
  epochSeconds: (expression) => `epoch(${expression})`,
  approximateDistinct: (expression) => `about(${expression})`,
  approximateQuantile: (expression, share) => `quantile(${expression}, ${share})`,
}

/**
 * Both engine ports over a real catalog and real metadata. It keeps rows in memory, by data file, and understands just enough "SQL" for a
 * run: `fails(n)` is a condition that n rows meet, `repeated()` one that ids do which are not unique, `broken()` one that no engine can run, `FROM a.b` names a table.
 */
export class FakeEngine implements QueryEngine, IngestEngine {
  readonly dialect = dialect
  readonly supports = { timeTravel: false, dml: false, rewrite: false, addFiles: false, analyze: false, diff: false }
  /** Every statement that was run, in order. */
  readonly statements: { readonly sql: string; readonly ref: string | undefined }[] = []
  readonly ingested: IngestRequest[] = []
  readonly materialized: MaterializeRequest[] = []
  /** Called before anything is written. */
  beforeWrite: (target: TableIdentifier) => Promise<void> | void = () => undefined
  private readonly catalog: Catalog
  private readonly store: ObjectStore
  /** By the data file's path. */
  private readonly rowsOf: Map<string, readonly Row[]>

  /** Engines of one lake share `rowsOf`. */
  constructor(catalog: Catalog, store: ObjectStore, rowsOf = new Map<string, readonly Row[]>()) {
    this.rowsOf = rowsOf
    this.catalog = catalog
    this.store = store
  }

  async infer(): Promise<RowSchema> {
    throw new PhloError('PHLO_UNSUPPORTED', 'This engine reads no files')
  }

  async ingest(request: IngestRequest): Promise<IngestResult> {
    this.ingested.push(request)
    const rows: Row[] = []
    for (const input of request.inputs) {
      if (input.type === 'rows') for await (const row of input.rows) rows.push(row as Row)
    }
    await this.beforeWrite(request.target)
    request.signal?.throwIfAborted()
    const good = rows.filter((row) => row['bad'] !== true)
    const snapshotId = await this.write(
      request.target,
      request.ref,
      good,
      { ...request.properties, ...request.propertiesRead?.(greatestOf(rows, request.greatestOf)) },
      {
        message: request.message,
        // Nothing of the interval is there yet, as far as tests go.
        append: request.strategy.kind === 'append' || request.interval !== undefined,
      },
    )
    const rejected = rows.length - good.length
    request.onProgress?.({ rows: rows.length, percent: 100 })
    return {
      read: rows.length,
      written: good.length,
      rejected,
      duplicates: 0,
      outside: 0,
      rejectedRules: rejected === 0 ? [] : [{ rule: 'bad', rows: rejected }],
      ...(rejected > 0 && { rejectedSql: `SELECT * FROM ${formatIdentifier(request.quarantine)} WHERE fails(1)` }),
      files: 1,
      bytes: 100,
      snapshotId,
    }
  }

  async materialize(request: MaterializeRequest): Promise<MaterializeResult> {
    this.materialized.push(request)
    if (request.sql.includes('broken()')) throw new PhloError('PHLO_SQL_INVALID', 'broken() is no SQL')
    await this.beforeWrite(request.target)
    request.signal?.throwIfAborted()
    const rows = [{ id: 1 }]
    const snapshotId = await this.write(request.target, request.ref, rows, request.properties ?? {}, {
      message: request.message,
    })
    return { rows: rows.length, files: 1, bytes: 100, snapshotId }
  }

  execute(): Promise<ExecuteResult> {
    return Promise.reject(new PhloError('PHLO_UNSUPPORTED', 'This engine changes tables by runs alone'))
  }

  async query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    this.statements.push({ sql, ref: options.ref })
    options.signal?.throwIfAborted()
    if (sql.includes('broken()')) throw new PhloError('PHLO_SQL_INVALID', 'broken() is no SQL')
    return result(answer(await this.counted(sql, options.ref)))
  }

  /** With `repeated()` said as a number: rows of the table whose id another row has. */
  private async counted(sql: string, ref: string | undefined): Promise<string> {
    const name = /FROM ([a-z_]+\.[a-z_]+)/.exec(sql)?.[1]
    if (!sql.includes('repeated()') || name === undefined) return sql
    const ids = ((await this.rows(name, ref)) ?? []).map((row) => row['id'])
    return sql.replaceAll('repeated()', `fails(${ids.length - new Set(ids).size})`)
  }

  async addFiles(): Promise<AddFilesResult> {
    throw new PhloError('PHLO_UNSUPPORTED', 'The fake engine has no files')
  }

  async analyze(): Promise<AnalyzeResult> {
    throw new PhloError('PHLO_UNSUPPORTED', 'The fake engine has no files')
  }

  async diffRows(): Promise<RowDiff> {
    throw new PhloError('PHLO_UNSUPPORTED', 'The fake engine has no files')
  }

  async countDiff(): Promise<RowDiffCounts> {
    throw new PhloError('PHLO_UNSUPPORTED', 'The fake engine has no files')
  }

  async sharedKey(): Promise<never> {
    throw new PhloError('PHLO_UNSUPPORTED', 'The fake engine has no files')
  }

  async rewriteDeletes(): Promise<RewriteDeletesResult> {
    throw new PhloError('PHLO_UNSUPPORTED', 'The fake engine has no files')
  }

  async rewrite(): Promise<RewriteResult> {
    throw new PhloError('PHLO_UNSUPPORTED', 'The fake engine has no files')
  }

  async explain(sql: string): Promise<QueryPlan> {
    return { tables: [], engine: sql }
  }

  async tables(sql: string): Promise<readonly StatementTable[]> {
    return [...sql.matchAll(/FROM ([a-z_]+\.[a-z_]+)/g)].map(([, name]) => ({
      identifier: parseIdentifier(name as string) as TableIdentifier,
    }))
  }

  async close(): Promise<void> {}

  /** The rows of a table at a ref; `undefined` when there is no table. */
  async rows(name: string, ref = 'main'): Promise<readonly Row[] | undefined> {
    const table = await this.catalog.loadTable(parseIdentifier(name) as TableIdentifier, { ref })
    if (!table) return undefined
    const rows: Row[] = []
    for await (const { file } of planScan(this.store, table.metadata)) rows.push(...(this.rowsOf.get(file.path) ?? []))
    return rows
  }

  /** Puts rows into a table outside of any run, in place of those that it has or, with `append`, beside them. */
  async write(
    identifier: TableIdentifier,
    ref: string,
    rows: readonly Row[],
    properties: Readonly<Record<string, string>> = {},
    { message = 'write', append = false } = {},
  ): Promise<bigint> {
    const existing = await this.catalog.loadTable(identifier, { ref })
    const location = existing?.metadata.location ?? this.catalog.newTableLocation(identifier)
    const transaction = existing
      ? TableTransaction.change(this.store, existing.metadata)
      : TableTransaction.create(this.store, { location, rows: rowSchema, partitioning: [] })
    const path = `${location}/data/${randomUUID()}.parquet`
    this.rowsOf.set(path, rows)
    const snapshotId = await transaction.addSnapshot({
      add: [{ content: 0, specId: 0, path, format: 'PARQUET', partition: [], recordCount: rows.length, fileSize: 100 }],
      ...(!append && { remove: { mayHold: () => true, matches: () => true }, replaces: 'table' as const }),
    })
    const changes: CatalogChange[] = [
      { kind: 'create-namespace', namespace: identifier.namespace, ifNotExists: true },
      {
        kind: 'table',
        identifier,
        requirements: transaction.requirements,
        updates: [
          ...transaction.updates,
          ...(Object.keys(properties).length === 0 ? [] : [{ action: 'set-properties', updates: properties } as const]),
        ],
      },
    ]
    try {
      await this.catalog.commit(changes, { ref, message })
    } catch (error) {
      // What others append meanwhile stands against no append.
      if (!append || !isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
      return this.write(identifier, ref, rows, properties, { message, append })
    }
    return snapshotId
  }
}

function greatestOf(rows: readonly Row[], column: string | undefined): { readonly greatest?: string } {
  const values = column === undefined ? [] : rows.map((row) => Number(row[column]))
  return values.length === 0 ? {} : { greatest: String(Math.max(...values)) }
}

const rowSchema: RowSchema = {
  columns: [
    { name: 'id', type: 'long', required: true, optional: false, rules: [], unique: false },
    { name: 'at', type: 'timestamptz', required: true, optional: false, rules: [], unique: false },
  ],
}

/** Tables of the fake hold ten rows, as far as checks are concerned. */
const totalRows = 10

function answer(sql: string): Record<string, number>[] {
  const failing = (text: string) => Number(/fails\((\d+)\)/.exec(text)?.[1] ?? 0)
  if (sql.startsWith('SELECT count(*) ')) {
    const row: Record<string, number> = {}
    for (const [, condition, alias] of sql.matchAll(/FILTER \(WHERE (.*?)\) AS "(\w+)"/g)) {
      row[alias as string] = failing(condition as string)
    }
    for (const [alias] of sql.matchAll(/(?<=")total(_\d+)?(?=")/g)) row[alias] = totalRows
    for (const [, value, alias] of sql.matchAll(/value\((\d+)\)(?: FILTER \(WHERE .*?\))? AS "(\w+)"/g)) {
      row[alias as string] = Number(value)
    }
    return [row]
  }
  if (sql.startsWith('SELECT (SELECT count(*)')) return [{ failed: failing(sql), total: totalRows }]
  const limit = Number(/LIMIT (\d+)$/.exec(sql)?.[1] ?? Infinity)
  return Array.from({ length: Math.min(failing(sql), limit) }, (_, id) => ({ id }))
}

function result(rows: readonly Record<string, number>[]): QueryResult {
  const names = Object.keys(rows[0] ?? { id: 0 })
  const table = tableFromArrays(
    Object.fromEntries(names.map((name) => [name, Float64Array.from(rows.map((row) => row[name] as number))])),
  )
  async function* batches() {
    for (const batch of table.batches) yield batch as RecordBatch
  }
  return { schema: table.schema, batches: batches(), close: async () => undefined }
}

/** A check whose options say what it asks the engine for. */
export type FakeOptions =
  | { readonly rows: string }
  | { readonly query: string }
  | { readonly aggregate: number; readonly atMost: number }
  | { readonly throws: string }

/** A kind of check for {@link FakeEngine}. */
export const fakeKind: CheckKind<FakeOptions & { readonly column?: string }> = {
  kind: 'fake',
  options: {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'object' && value !== null
          ? { value: value as FakeOptions }
          : { issues: [{ message: 'must be an object', path: ['rows'] }] },
    },
  },
  columns: ({ column }) => (column === undefined ? [] : [column]),
  describe: (options) => JSON.stringify(options),
  compile: (options) => {
    if ('rows' in options) return { type: 'rows', failing: options.rows, columns: [] }
    if ('query' in options) {
      return { type: 'query', failingRows: (relation) => `SELECT * FROM ${relation} AS t WHERE ${options.query}` }
    }
    if ('throws' in options) {
      const judge = () => {
        throw new TypeError(options.throws)
      }
      return { type: 'aggregates', select: { seen: 'value(1)' }, judge }
    }
    return {
      type: 'aggregates',
      select: { seen: `value(${options.aggregate})` },
      judge: ({ seen, total }) => {
        const passed = Number(seen) <= options.atMost
        return { passed, failedCount: passed ? 0 : 1, totalCount: Number(total), observed: `saw ${String(seen)}` }
      },
    }
  },
}
