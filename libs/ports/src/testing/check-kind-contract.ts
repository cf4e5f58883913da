import assert from 'node:assert/strict'
import type { CheckFinding, CheckKind, CheckMetrics, CompiledCheck } from '../check-kind.js'
import type { QueryEngine } from '../query-engine.js'
import type { StandardSchema } from '../standard-schema.js'
import type { TableIdentifier } from '../table-identifier.js'
import { type PlainRow, plainRows } from './plain-rows.js'
import type { TestRunner } from './runner.js'

/** Rows and options, and what the check must find. */
export interface CheckCase {
  readonly title: string
  readonly options: unknown
  /** A SELECT that gives the rows under check. */
  readonly rows: string
  readonly passed: boolean
  readonly failedCount: number
  /** Further tables that the check reads: their names, with the SELECTs that give their rows. */
  readonly others?: Readonly<Record<string, string>>
  readonly observed?: RegExp
  /** What the check kept of earlier states, newest first. Default: there were none. */
  readonly history?: readonly CheckMetrics[]
  /** What `now` is for the check. Default: now. */
  readonly now?: Date
}

/** What a check found on an engine, as the platform would find it. */
export interface FoundByCheck {
  readonly finding: CheckFinding
  /** The rows that the check's own SQL shows as failing; absent for checks that judge aggregates. */
  readonly failing?: readonly PlainRow[]
}

/** The table that {@link runCheckKind} puts the rows into. */
export const checkedTable: TableIdentifier = { namespace: ['contract'], name: 'checked' }

/**
 * Runs a check as the platform does: options through their schema, rows and aggregates by a scan, failing rows by the
 * check's own SQL. Errors of the options' schema are thrown as they come.
 */
export async function runCheckKind(
  kind: CheckKind,
  engine: QueryEngine,
  { options, rows, others = {}, history = [], now = new Date() }: Omit<CheckCase, 'title' | 'passed' | 'failedCount'>,
): Promise<FoundByCheck> {
  const make = (target: TableIdentifier, sql: string) =>
    engine.materialize({ target, sql, ref: 'main', strategy: 'replace', message: 'rows of a contract' })
  await make(checkedTable, rows)
  for (const [own, sql] of Object.entries(others)) await make({ namespace: ['contract'], name: own }, sql)
  const parsed = await validate(kind.options, options)
  const compiled = kind.compile(parsed, {
    table: checkedTable,
    columns: await columnsOf(engine, checkedTable),
    dialect: engine.dialect,
    now,
  })
  return find(engine, compiled, history)
}

async function validate(schema: StandardSchema, options: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(options)
  assert.equal(result.issues, undefined, JSON.stringify(result.issues))
  return (result as { value: unknown }).value
}

/** The engine's own types, as Iceberg has them. */
async function columnsOf(engine: QueryEngine, table: TableIdentifier) {
  const result = await engine.query(`SELECT * FROM ${engine.dialect.table(table)}`)
  const { schema } = result
  await result.close()
  const names: Readonly<Record<string, string>> = {
    Utf8: 'string',
    Bool: 'boolean',
    Int32: 'int',
    Int64: 'long',
    Float32: 'float',
    Float64: 'double',
    'Date32<DAY>': 'date',
    'Time64<MICROSECOND>': 'time',
    'Timestamp<MICROSECOND>': 'timestamp',
    'Timestamp<MICROSECOND, UTC>': 'timestamptz',
  }
  return schema.fields.map((field) => {
    const text = String(field.type)
    const decimal = /^Decimal\[(\d+)e\+?(-?\d+)\]$/.exec(text)
    const type = decimal ? `decimal(${String(decimal[1])}, ${String(decimal[2])})` : names[text]
    return { name: field.name, type: type ?? { type: 'struct', fields: [] } }
  })
}

async function find(
  engine: QueryEngine,
  compiled: CompiledCheck,
  history: readonly CheckMetrics[],
): Promise<FoundByCheck> {
  const relation = engine.dialect.table(checkedTable)
  if (compiled.type === 'known') return { finding: compiled.finding }
  if (compiled.type === 'aggregates') {
    const values = await aggregates(engine, relation, compiled.select, compiled.scalars)
    return { finding: compiled.judge(values, history.slice(0, compiled.history ?? 0)) }
  }
  const sql =
    compiled.type === 'rows' ? `SELECT * FROM ${relation} WHERE ${compiled.failing}` : compiled.failingRows(relation)
  const failing = await plainRows(await engine.query(sql))
  // As the platform shows a sample, and as it counts.
  assert.equal((await plainRows(await engine.query(`${sql} LIMIT 1`))).length, Math.min(1, failing.length))
  const count =
    compiled.type === 'rows'
      ? `SELECT count(*) FILTER (WHERE ${compiled.failing}) AS failed FROM ${relation} AS checked`
      : `SELECT count(*) AS failed FROM (${sql}) AS failing`
  const [counted] = await plainRows(await engine.query(count))
  assert.equal(Number(counted?.['failed']), failing.length, 'the rows that are shown are not those that are counted')
  const finding = { passed: failing.length === 0, failedCount: failing.length }
  if (compiled.type === 'rows') return { finding, failing }
  if (compiled.screen?.clean(await aggregates(engine, relation, compiled.screen.select))) {
    assert.equal(failing.length, 0, 'the screen says that nothing fails')
  }
  const total = compiled.total?.(relation) ?? `SELECT count(*) FROM ${relation} AS checked`
  const [totals] = await plainRows(await engine.query(`SELECT (${total}) AS total`))
  return { finding: { ...finding, totalCount: Number(totals?.['total']) }, failing }
}

/** As the shared scan asks for them: with a filter behind each, beside scalars. */
async function aggregates(
  engine: QueryEngine,
  relation: string,
  select: Readonly<Record<string, string>>,
  scalars: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const name = (alias: string) => engine.dialect.identifier(alias)
  const columns = [
    `count(*) AS ${name('total')}`,
    ...Object.entries(select).map(([alias, sql]) => `${sql} FILTER (WHERE 1 = 1) AS ${name(alias)}`),
    ...Object.entries(scalars).map(([alias, sql]) => `(${sql}) AS ${name(alias)}`),
  ]
  const [row] = await plainRows(await engine.query(`SELECT ${columns.join(', ')} FROM ${relation} AS checked`))
  return { ...row, total: Number(row?.['total']) }
}

/**
 * What every CheckKind must do, on an engine of yours.
 *
 * @param options.kind - the check kind.
 * @param options.cases - rows, options and outcome: some that pass, some that fail.
 * @param options.invalid - options that the kind's schema must refuse.
 * @param options.open - gives an engine over an empty lake each time; the suite closes it with `close`.
 */
export function checkKindContract(
  name: string,
  options: {
    readonly kind: CheckKind
    readonly cases: readonly CheckCase[]
    readonly invalid: readonly unknown[]
    readonly open: () => Promise<{ readonly engine: QueryEngine; readonly close: () => Promise<void> }>
  },
  { describe, it }: TestRunner,
): void {
  const { kind, cases, invalid, open } = options
  describe(`CheckKind contract: ${name}`, () => {
    it('has a name, and cases of both outcomes', async () => {
      assert.match(kind.kind, /^[a-z][a-z0-9_]*$/)
      assert.deepEqual([...new Set(cases.map(({ passed }) => passed))].sort(), [false, true])
    })

    for (const item of cases) {
      it(item.title, async () => {
        const { engine, close } = await open()
        try {
          const { finding } = await runCheckKind(kind, engine, item)
          assert.deepEqual(
            { passed: finding.passed, failedCount: finding.failedCount },
            { passed: item.passed, failedCount: item.failedCount },
          )
          if (item.observed) assert.match(finding.observed ?? '', item.observed)
        } finally {
          await close()
        }
      })
    }

    it('describes itself and names its columns', async () => {
      for (const item of cases) {
        const parsed = await validate(kind.options, item.options)
        assert.notEqual(kind.describe(parsed).trim(), '')
        for (const column of kind.columns(parsed)) assert.notEqual(column, '')
      }
    })

    it('refuses options that are wrong', async () => {
      assert.ok(invalid.length > 0, 'give options that are wrong')
      for (const wrong of invalid) {
        const result = await kind.options['~standard'].validate(wrong)
        assert.ok(result.issues && result.issues.length > 0, JSON.stringify(wrong))
      }
    })
  })
}
