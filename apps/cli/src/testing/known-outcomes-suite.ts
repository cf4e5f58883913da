import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type AssetCheck, type CheckHistory, type CheckResult, CheckRunner, readRows } from '@phlo/core'
import { type CheckKind, type IngestEngine, type QueryEngine, type SqlDialect, type TableIdentifier } from '@phlo/ports'
import type { TestRunner } from '@phlo/ports/testing'

type Row = Readonly<Record<string, string | number | null>>

/** The file `known-outcomes.json`: what the original system's own tests fix. */
interface KnownOutcomes {
  readonly checks: readonly {
    readonly check: string
    readonly params: Readonly<Record<string, unknown>>
    readonly rows: readonly Row[]
    readonly passed: boolean
    readonly failed_count?: number
    readonly failed_fraction?: number
    readonly error_contains?: string
  }[]
  readonly reconciliation: readonly ReconciliationOutcome[]
  readonly dedup: {
    readonly rows: readonly Row[]
    readonly first: { readonly rows: number; readonly value_of_1: number }
    readonly last: { readonly rows: number; readonly value_of_1: number }
    readonly hash: { readonly rows: number }
  }
  readonly severity: readonly Readonly<Record<string, unknown>>[]
  readonly check_names: readonly { readonly test?: string; readonly target?: string; readonly name: string }[]
  readonly schema_change: readonly { readonly change: string; readonly class: string }[]
  readonly cron: readonly { readonly in: string; readonly ok: boolean }[]
  readonly backfill: { readonly start: string; readonly end: string; readonly partitions: number }
  readonly rolling_window: { readonly days: number; readonly at: string; readonly from: string }
  readonly sql_guard: readonly { readonly sql: string; readonly read_only?: boolean; readonly allowed?: boolean }[]
  readonly partition_filter: { readonly column: string; readonly type: string }
  readonly glucose: {
    readonly validity: readonly [number, number]
    readonly bands: readonly Readonly<Record<'lt' | 'ge' | 'le' | 'gt' | 'name', number | string | undefined>>[]
  }
}

interface ReconciliationOutcome {
  readonly type: string
  readonly target?: number
  readonly source?: number
  readonly target_rows?: readonly number[]
  readonly target_keys?: readonly number[]
  readonly source_keys?: readonly number[]
  readonly rows?: number
  readonly mismatched?: number
  readonly tolerance?: number
  readonly absolute_tolerance?: number
  readonly passed?: boolean
  readonly difference?: number
  readonly mismatches?: number
  readonly missing?: number
}

export const knownOutcomes = JSON.parse(
  readFileSync(new URL('./known-outcomes.json', import.meta.url), 'utf8'),
) as KnownOutcomes

/** An engine over an empty lake. */
export interface EngineUnderTest {
  readonly queries: QueryEngine
  readonly ingestion: IngestEngine
  readonly checkKinds: readonly CheckKind[]
  readonly close: () => Promise<void>
}

const target: TableIdentifier = { namespace: ['outcomes'], name: 'target' }
const source: TableIdentifier = { namespace: ['outcomes'], name: 'source' }
const noHistory: CheckHistory = { earlier: async () => [] }

/** What every engine must give for the inputs whose outcomes are known. Statements are made by the engine's own dialect. */
export function knownOutcomesSuite(
  name: string,
  open: () => Promise<EngineUnderTest>,
  { describe, it }: TestRunner,
): void {
  const using = (title: string, work: (engine: EngineUnderTest) => Promise<void>) =>
    it(title, async () => {
      const engine = await open()
      try {
        await work(engine)
      } finally {
        await engine.close()
      }
    })

  describe(`known outcomes: ${name}`, () => {
    for (const [index, outcome] of knownOutcomes.checks.entries()) {
      using(`check ${index}: ${outcome.check}`, async (engine) => {
        const { kind, options } = checkOf(outcome.check, outcome.params)
        const allowThreshold = outcome.params['allow_threshold'] as number | undefined
        const result = await found(engine, outcome.rows, {
          kind,
          options,
          ...(allowThreshold !== undefined && { allowThreshold }),
        })
        assert.equal(result.status === 'passed', outcome.passed)
        const { failed_count: failed, total_count: total } = result.metadata
        if (outcome.failed_count !== undefined) assert.equal(failed, outcome.failed_count)
        if (outcome.failed_fraction !== undefined) assert.equal(failed / (total as number), outcome.failed_fraction)
        if (outcome.error_contains !== undefined) {
          assert.equal(result.status, 'errored')
          assert.ok(result.error?.message.includes(outcome.error_contains))
        }
      })
    }

    for (const [index, outcome] of knownOutcomes.reconciliation.entries()) {
      using(`reconciliation ${index}: ${outcome.type}`, (engine) => reconciled(engine, outcome))
    }

    for (const keep of ['first', 'last', 'hash'] as const) {
      using(`one of several rows with a key: ${keep}`, (engine) => deduplicated(engine, keep))
    }

    for (const { sql, allowed } of knownOutcomes.sql_guard) {
      if (allowed === undefined) continue
      using(`${allowed ? 'runs' : 'refuses'} ${sql}`, async ({ queries }) => {
        const run = async () => (await queries.query(sql)).close()
        if (allowed) await run()
        else await assert.rejects(run, { code: 'PHLO_SQL_FORBIDDEN' })
      })
    }
  })
}

function checkOf(name: string, params: Readonly<Record<string, unknown>>): Pick<AssetCheck, 'kind' | 'options'> {
  const of = (key: string) => params[key]
  switch (name) {
    case 'null':
    case 'unique':
      return { kind: name, options: { columns: of('columns') } }
    case 'range':
      return { kind: name, options: { column: of('column'), min: of('min_value'), max: of('max_value') } }
    case 'custom_sql':
      return { kind: name, options: { condition: of('sql') } }
    case 'freshness':
      return {
        kind: name,
        options: { column: of('timestamp_column'), maxAge: of('max_age_hours'), reference: of('reference_time') },
      }
    case 'count':
      return { kind: name, options: { min: of('min_rows') } }
    default:
      throw new Error(`No check is named ${name}`)
  }
}

async function found(
  engine: EngineUnderTest,
  rows: readonly Row[],
  check: Pick<AssetCheck, 'kind' | 'options' | 'allowThreshold'>,
): Promise<CheckResult> {
  const { queries } = engine
  const columns = await put(queries, target, rows)
  const [result] = await new CheckRunner(queries, engine.checkKinds, noHistory).run(
    { asset: 'outcomes.target', table: target, columns, ref: 'main', snapshotId: 'none' },
    [{ ...check, name: 'check', severity: 'error', blocking: true, scope: 'table', layer: 'table', source: 'phlo' }],
  )
  return result as CheckResult
}

/** Puts rows into a table, and gives its columns. */
async function put(queries: QueryEngine, table: TableIdentifier, rows: readonly Row[]) {
  const first = rows[0] ?? { v: 0 }
  const columns = Object.keys(first).map((name) => {
    const isTime = rows.some((row) => typeof row[name] === 'string')
    return { name, type: isTime ? 'timestamptz' : 'long' }
  })
  const values = (rows.length === 0 ? [first] : rows).map((row) =>
    columns.map(({ name, type }) => cell(row[name] ?? null, type, queries.dialect)).join(', '),
  )
  const selects = values.map(
    (cells) =>
      `SELECT * FROM (VALUES (${cells})) AS cells (${columns.map(({ name }) => queries.dialect.identifier(name)).join(', ')})`,
  )
  const sql = `SELECT * FROM (${selects.join(' UNION ALL ')}) AS given${rows.length === 0 ? ' WHERE 1 = 0' : ''}`
  await queries.materialize({ target: table, sql, ref: 'main', strategy: 'replace', message: 'rows of known outcomes' })
  return columns
}

function cell(value: string | number | null, type: string, dialect: SqlDialect): string {
  return value === null ? 'NULL' : dialect.typedLiteral(value, type)
}

const numbered = (count: number): Row[] => Array.from({ length: count }, (_, id) => ({ id }))
const ofValues = (values: readonly number[]): Row[] => values.map((v) => ({ v }))

async function reconciled(engine: EngineUnderTest, outcome: ReconciliationOutcome): Promise<void> {
  const { tolerance, absolute_tolerance: absoluteTolerance } = outcome
  const tolerances = {
    ...(tolerance !== undefined && { tolerance }),
    ...(absoluteTolerance !== undefined && { absoluteTolerance }),
  }
  const other = 'outcomes.source'
  const both = async (ofSource: readonly Row[], ofTarget: readonly Row[], check: Parameters<typeof found>[2]) => {
    await put(engine.queries, source, ofSource)
    return found(engine, ofTarget, check)
  }
  let result: CheckResult
  switch (outcome.type) {
    case 'rowcount_parity':
    case 'rowcount_gte': {
      const mode = outcome.type === 'rowcount_gte' ? 'at_least' : 'parity'
      const options = { source: other, mode, ...tolerances }
      result = await both(numbered(outcome.source as number), numbered(outcome.target as number), {
        kind: 'reconcile_rows',
        options,
      })
      if (outcome.difference !== undefined) assert.equal(result.metrics?.['difference'], outcome.difference)
      break
    }
    case 'aggregate': {
      // The one without figures says that a group which one side lacks is a mismatch.
      const byGroup = outcome.source === undefined
      const options = {
        source: other,
        aggregates: [{ function: 'sum', column: 'v' }],
        ...(byGroup && { groupBy: ['g'] }),
        ...tolerances,
      }
      const kind = 'reconcile_aggregates'
      result = byGroup
        ? await both(
            [
              { g: 1, v: 1 },
              { g: 2, v: 1 },
            ],
            [
              { g: 1, v: 1 },
              { g: 3, v: 1 },
            ],
            { kind, options },
          )
        : await both(ofValues([outcome.source]), ofValues(outcome.target_rows ?? [outcome.target as number]), {
            kind,
            options,
          })
      if (byGroup) assert.equal(result.metadata.failed_count, 2)
      if (outcome.mismatches !== undefined) assert.equal(result.metadata.failed_count, outcome.mismatches)
      if (byGroup) return
      break
    }
    case 'key_parity':
      result = await both(ofValues(outcome.source_keys ?? []), ofValues(outcome.target_keys ?? []), {
        kind: 'reconcile_keys',
        options: { source: other, columns: ['v'] },
        ...(tolerance !== undefined && { allowThreshold: tolerance }),
      })
      if (outcome.missing !== undefined) assert.equal(result.metadata.failed_count, outcome.missing)
      break
    case 'checksum': {
      const rows = numbered(outcome.rows as number).map((row) => ({ ...row, v: 1 }))
      const others = rows.map((row, index) => ({ ...row, v: index < (outcome.mismatched as number) ? 2 : 1 }))
      result = await both(rows, others, {
        kind: 'reconcile_checksums',
        options: { source: other, key: ['id'] },
        ...(tolerance !== undefined && { allowThreshold: tolerance }),
      })
      assert.equal(result.metadata.failed_count, outcome.mismatched)
      break
    }
    default:
      throw new Error(`No reconciliation is named ${outcome.type}`)
  }
  assert.equal(result.status, outcome.passed ? 'passed' : 'failed')
}

async function deduplicated({ queries, ingestion }: EngineUnderTest, keep: 'first' | 'last' | 'hash'): Promise<void> {
  const { rows, [keep]: expected } = knownOutcomes.dedup
  const types = { id: 'long', name: 'string', value: 'long' }
  async function* given() {
    yield* rows
  }
  await ingestion.ingest({
    target,
    quarantine: { namespace: ['quarantine'], name: 'target' },
    ref: 'main',
    schema: {
      columns: Object.entries(types).map(([name, type]) => ({
        name,
        type,
        required: true,
        optional: false,
        rules: [],
        unique: false,
      })),
    },
    inputs: [{ type: 'rows', name: 'known outcomes', rows: given() }],
    strategy: { kind: 'merge', key: ['id'], keep },
    unexpectedColumns: 'freeze',
    runId: 'outcomes',
    message: 'rows of known outcomes',
  })
  const ask = async (sql: string) => (await readRows(await queries.query(sql))).flatMap((row) => Object.values(row))
  const table = queries.dialect.table(target)
  assert.deepEqual(await ask(`SELECT count(*) FROM ${table}`), [expected.rows])
  if ('value_of_1' in expected) {
    assert.deepEqual(await ask(`SELECT ${queries.dialect.identifier('value')} FROM ${table} WHERE id = 1`), [
      expected.value_of_1,
    ])
  }
}
