import {
  type AggregateValues,
  type CheckFinding,
  type CheckKind,
  type CompiledCheck,
  formatIdentifier,
  isPhloError,
  issuePath,
  nearest,
  PhloError,
  type QueryEngine,
  type SqlDialect,
  type TableIdentifier,
  toPhloError,
} from '@phlo/ports'
import type { AssetCheck, AssetKey } from '../assets/asset.js'
import { errorInfo } from '../events/error-info.js'
import { type PlainRow, readRows } from '../result-rows.js'
import { type CheckResult, sampleSize } from './check-result.js'
import { verdict } from './verdict.js'

/** The rows that a table's checks look at. */
export interface CheckTarget {
  readonly asset: AssetKey
  readonly table: TableIdentifier
  readonly columns: readonly { readonly name: string; readonly type: unknown }[]
  readonly ref: string
  /** SQL condition for the rows of the run's partitions; absent when checks look at the whole table. */
  readonly partitionFilter?: string
  readonly partitionKey?: string
  /** Told the names of further tables that the checks read. */
  readonly onRead?: (table: string) => void
}

/** A check that is ready to run. */
interface Prepared {
  readonly check: AssetCheck
  readonly kind: CheckKind
  readonly options: unknown
  readonly compiled: CompiledCheck
}

/**
 * Runs a table's checks in as few scans as can be: all that look at rows or aggregates of the same rows share one.
 * A check that cannot run has failed. Results come in the order of the checks.
 */
export class CheckRunner {
  private readonly engine: QueryEngine
  private readonly kinds: ReadonlyMap<string, CheckKind>

  constructor(engine: QueryEngine, kinds: readonly CheckKind[]) {
    this.engine = engine
    this.kinds = new Map(kinds.map((kind) => [kind.kind, kind]))
  }

  async run(target: CheckTarget, checks: readonly AssetCheck[], signal?: AbortSignal): Promise<CheckResult[]> {
    const now = new Date()
    const results = new Map<AssetCheck, CheckResult>()
    const prepared: Prepared[] = []
    for (const check of checks) {
      try {
        prepared.push(await this.prepare(target, check, now))
      } catch (error) {
        results.set(check, errored(target, check, check.kind, error))
      }
    }
    for (const scope of ['partition', 'table'] as const) {
      const relation = this.relation(target, scope)
      const sharing = prepared.filter((item) => item.check.scope === scope && item.compiled.type !== 'query')
      const alone = prepared.filter((item) => item.check.scope === scope && item.compiled.type === 'query')
      const findings = await this.scan(target, relation, sharing, signal)
      for (const item of [...sharing, ...alone]) {
        try {
          const finding = findings.get(item)
          if (isPhloError(finding)) throw finding
          results.set(item.check, await this.judge(target, relation, item, finding, signal))
        } catch (error) {
          if (signal?.aborted) throw error
          results.set(item.check, errored(target, item.check, description(item), error))
        }
      }
    }
    return checks.map((check) => results.get(check) as CheckResult)
  }

  /** Names of the tables that a check reads; none for one that cannot run, which running it will tell. */
  async tables(target: CheckTarget, check: AssetCheck): Promise<readonly string[]> {
    const relation = this.relation(target, check.scope)
    try {
      const prepared = await this.prepare(target, check, new Date())
      const sql = failingRowsSql(relation, prepared.compiled) ?? sharedScan(relation, [prepared], this.engine.dialect)
      return (await this.engine.tables(sql)).map(({ identifier }) => formatIdentifier(identifier))
    } catch {
      return []
    }
  }

  /** Validates the options, finds the columns and compiles. */
  private async prepare(target: CheckTarget, check: AssetCheck, now: Date): Promise<Prepared> {
    const at = check.location ? { location: check.location } : {}
    const kind = this.kinds.get(check.kind)
    if (!kind) {
      const known = [...this.kinds.keys()].sort()
      const near = nearest(check.kind, known)
      throw new PhloError('PHLO_CHECK_INVALID', `There is no kind of check named ${JSON.stringify(check.kind)}`, {
        hint: `${near === undefined ? '' : `Did you mean ${near}? `}Kinds: ${known.join(', ')}.`,
        ...at,
      })
    }
    const options = await validated(kind, check)
    const names = target.columns.map(({ name }) => name)
    for (const column of kind.columns(options)) {
      if (names.includes(column)) continue
      const near = nearest(column, names)
      throw new PhloError('PHLO_CHECK_INVALID', `${target.asset} has no column ${JSON.stringify(column)}`, {
        hint: near === undefined ? `Columns: ${names.join(', ')}.` : `Did you mean ${near}?`,
        ...at,
      })
    }
    const compiled = kind.compile(options, {
      table: target.table,
      columns: target.columns,
      dialect: this.engine.dialect,
      now,
    })
    return { check, kind, options, compiled }
  }

  private relation(target: CheckTarget, scope: AssetCheck['scope']): string {
    const table = this.engine.dialect.table(target.table)
    return scope === 'partition' && target.partitionFilter !== undefined
      ? `(SELECT * FROM ${table} WHERE ${target.partitionFilter})`
      : table
  }

  /** One scan for all; when it fails, one for each, so that only the faulty check fails. */
  private async scan(
    target: CheckTarget,
    relation: string,
    items: readonly Prepared[],
    signal: AbortSignal | undefined,
  ): Promise<Map<Prepared, CheckFinding | PhloError>> {
    const findings = new Map<Prepared, CheckFinding | PhloError>()
    if (items.length === 0) return findings
    try {
      const sql = sharedScan(relation, items, this.engine.dialect)
      await this.noteReads(target, sql)
      const [row] = await this.rows(sql, target.ref, 1, signal)
      items.forEach((item, index) => findings.set(item, findingFrom(item.compiled, index, row as PlainRow)))
      return findings
    } catch (error) {
      if (signal?.aborted) throw error
      if (items.length === 1) return new Map([[items[0] as Prepared, toPhloError(error)]])
      for (const item of items)
        for (const [key, finding] of await this.scan(target, relation, [item], signal)) findings.set(key, finding)
      return findings
    }
  }

  private async judge(
    target: CheckTarget,
    relation: string,
    item: Prepared,
    scanned: CheckFinding | undefined,
    signal: AbortSignal | undefined,
  ): Promise<CheckResult> {
    const { check, kind, compiled } = item
    const failing = failingRowsSql(relation, compiled)
    if (failing !== undefined && compiled.type === 'query') await this.noteReads(target, failing)
    const finding = scanned ?? (await this.countFailing(relation, failing as string, target.ref, signal))
    const judged = verdict(finding, check)
    const repro = failing !== undefined && finding.failedCount > 0 ? `${failing} LIMIT ${sampleSize}` : undefined
    const sample = repro === undefined ? undefined : await this.rows(repro, target.ref, sampleSize, signal)
    return {
      asset: target.asset,
      name: check.name,
      kind: check.kind,
      description: kind.describe(item.options),
      ...judged,
      blocking: check.blocking,
      ...(finding.observed !== undefined && { observed: finding.observed }),
      metadata: {
        source: check.source,
        ...(check.scope === 'partition' && target.partitionKey !== undefined && { partition_key: target.partitionKey }),
        failed_count: finding.failedCount,
        ...(finding.totalCount !== undefined && { total_count: finding.totalCount }),
        ...(failing !== undefined && { query_or_sql: failing }),
        ...(repro !== undefined && { repro_sql: repro }),
        ...(sample !== undefined && { sample }),
      },
    }
  }

  /** Conditions may name further tables. */
  private async noteReads(target: CheckTarget, sql: string): Promise<void> {
    if (!target.onRead) return
    for (const { identifier } of await this.engine.tables(sql)) target.onRead(formatIdentifier(identifier))
  }

  private async countFailing(
    relation: string,
    failing: string,
    ref: string,
    signal: AbortSignal | undefined,
  ): Promise<CheckFinding> {
    const sql = `SELECT (SELECT count(*) FROM (${failing}) AS failing) AS failed, (SELECT count(*) FROM ${relation} AS checked) AS total`
    const [row] = await this.rows(sql, ref, 1, signal)
    const failed = Number(row?.['failed'])
    return { passed: failed === 0, failedCount: failed, totalCount: Number(row?.['total']) }
  }

  private async rows(sql: string, ref: string, limit: number, signal: AbortSignal | undefined): Promise<PlainRow[]> {
    return readRows(await this.engine.query(sql, { ref, ...(signal && { signal }) }), limit)
  }
}

async function validated(kind: CheckKind, check: AssetCheck): Promise<unknown> {
  const result = await kind.options['~standard'].validate(check.options)
  if (!result.issues) return result.value
  const problems = result.issues.map((issue) => [issuePath(issue).join('.'), issue.message].filter(Boolean).join(': '))
  throw new PhloError('PHLO_CHECK_INVALID', `The check ${check.name} is declared wrongly: ${problems.join('; ')}`, {
    ...(check.location && { location: check.location }),
  })
}

/** One row with a column for every aggregate of every check. */
function sharedScan(relation: string, items: readonly Prepared[], dialect: SqlDialect): string {
  const columns = items.flatMap(({ compiled }, index) => {
    if (compiled.type === 'rows')
      return [`count(*) FILTER (WHERE ${compiled.failing}) AS ${dialect.identifier(`c${index}_failed`)}`]
    if (compiled.type === 'aggregates') {
      return Object.entries(compiled.select).map(
        ([alias, sql]) => `${sql} AS ${dialect.identifier(`c${index}_${alias}`)}`,
      )
    }
    return []
  })
  return `SELECT count(*) AS total, ${columns.join(', ')} FROM ${relation} AS checked`
}

function findingFrom(compiled: CompiledCheck, index: number, row: PlainRow): CheckFinding {
  const total = Number(row['total'])
  if (compiled.type === 'rows') {
    const failed = Number(row[`c${index}_failed`])
    return { passed: failed === 0, failedCount: failed, totalCount: total }
  }
  if (compiled.type !== 'aggregates')
    throw new PhloError('PHLO_INTERNAL', 'A check that reads rows by itself was scanned with others')
  const values: AggregateValues = Object.fromEntries(
    Object.keys(compiled.select).map((alias) => [alias, row[`c${index}_${alias}`]]),
  )
  return compiled.judge({ ...values, total })
}

/** A kind that fails at its words, too, is described by its name. */
function description({ kind, options }: Prepared): string {
  try {
    return kind.describe(options)
  } catch {
    return kind.kind
  }
}

function failingRowsSql(relation: string, compiled: CompiledCheck): string | undefined {
  if (compiled.type === 'rows') return `SELECT * FROM ${relation} WHERE ${compiled.failing}`
  return compiled.type === 'query' ? compiled.failingRows(relation) : undefined
}

function errored(target: CheckTarget, check: AssetCheck, description: string, error: unknown): CheckResult {
  return {
    asset: target.asset,
    name: check.name,
    kind: check.kind,
    description,
    status: 'errored',
    severity: 'error',
    blocking: check.blocking,
    metadata: {
      source: check.source,
      ...(target.partitionKey !== undefined && { partition_key: target.partitionKey }),
      failed_count: 0,
    },
    error: errorInfo(error),
  }
}
