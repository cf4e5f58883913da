import { randomUUID } from 'node:crypto'
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
  type MaterializeRequest,
  type MaterializeResult,
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
  type SqlDialect,
  type StatementTable,
  type TableIdentifier,
  type TableUpdate,
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
}

/**
 * Both engine ports over a real catalog. It keeps rows in memory, by snapshot, and understands just enough "SQL" for a
 * run: `fails(n)` is a condition that n rows meet, `broken()` one that no engine can run, `FROM a.b` names a table.
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
  private readonly rowsOf = new Map<bigint, readonly Row[]>()
  private snapshots = 0n

  constructor(catalog: Catalog) {
    this.catalog = catalog
  }

  async ingest(request: IngestRequest): Promise<IngestResult> {
    this.ingested.push(request)
    const rows: Row[] = []
    for (const input of request.inputs) {
      if (input.type === 'rows') for await (const row of input.rows) rows.push(row)
    }
    await this.beforeWrite(request.target)
    request.signal?.throwIfAborted()
    const good = rows.filter((row) => row['bad'] !== true)
    const snapshotId = await this.write(request.target, request.ref, good, request.properties ?? {}, request.message)
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
    const snapshotId = await this.write(request.target, request.ref, rows, request.properties ?? {}, request.message)
    return { rows: rows.length, files: 1, bytes: 100, snapshotId }
  }

  execute(): Promise<ExecuteResult> {
    return Promise.reject(new PhloError('PHLO_UNSUPPORTED', 'This engine changes tables by runs alone'))
  }

  async query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    this.statements.push({ sql, ref: options.ref })
    options.signal?.throwIfAborted()
    if (sql.includes('broken()')) throw new PhloError('PHLO_SQL_INVALID', 'broken() is no SQL')
    return result(answer(sql))
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
    const id = table?.metadata['current-snapshot-id']
    return table && (id === undefined ? [] : this.rowsOf.get(id))
  }

  /** Puts rows into a table outside of any run. */
  async write(
    identifier: TableIdentifier,
    ref: string,
    rows: readonly Row[],
    properties: Readonly<Record<string, string>> = {},
    message = 'write',
  ): Promise<bigint> {
    const exists = (await this.catalog.loadTable(identifier, { ref })) !== undefined
    const snapshotId = ++this.snapshots
    this.rowsOf.set(snapshotId, rows)
    const updates: TableUpdate[] = [
      ...(exists ? [] : newTable(this.catalog.newTableLocation(identifier))),
      {
        action: 'add-snapshot',
        snapshot: {
          'snapshot-id': snapshotId,
          'sequence-number': Number(snapshotId),
          'timestamp-ms': Date.now(),
          'manifest-list': `memory://store/${snapshotId}.avro`,
          summary: { operation: 'overwrite', 'total-records': String(rows.length) },
          'schema-id': 0,
        },
      },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshotId },
      ...(Object.keys(properties).length === 0 ? [] : [{ action: 'set-properties', updates: properties } as const]),
    ]
    const changes: CatalogChange[] = [
      { kind: 'create-namespace', namespace: identifier.namespace, ifNotExists: true },
      { kind: 'table', identifier, requirements: exists ? [] : [{ type: 'assert-create' }], updates },
    ]
    await this.catalog.commit(changes, { ref, message })
    return snapshotId
  }
}

function newTable(location: string): TableUpdate[] {
  const fields = [
    { id: 1, name: 'id', required: true, type: 'long' },
    { id: 2, name: 'at', required: true, type: 'timestamptz' },
  ]
  return [
    { action: 'assign-uuid', uuid: randomUUID() },
    { action: 'upgrade-format-version', 'format-version': 2 },
    { action: 'set-location', location },
    { action: 'add-schema', schema: { type: 'struct', 'schema-id': 0, fields } },
    { action: 'set-current-schema', 'schema-id': -1 },
    { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
    { action: 'set-default-spec', 'spec-id': -1 },
    { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
    { action: 'set-default-sort-order', 'sort-order-id': -1 },
  ]
}

/** Tables of the fake hold ten rows, as far as checks are concerned. */
const totalRows = 10

function answer(sql: string): Record<string, number>[] {
  const failing = (text: string) => Number(/fails\((\d+)\)/.exec(text)?.[1] ?? 0)
  if (sql.startsWith('SELECT count(*) AS total')) {
    const row: Record<string, number> = { total: totalRows }
    for (const [, condition, alias] of sql.matchAll(/FILTER \(WHERE (.*?)\) AS "(\w+)"/g)) {
      row[alias as string] = failing(condition as string)
    }
    for (const [, value, alias] of sql.matchAll(/value\((\d+)\) AS "(\w+)"/g)) row[alias as string] = Number(value)
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
