import {
  type AggregateValues,
  type CheckFinding,
  type CheckKind,
  type CheckMetrics,
  formatIdentifier,
  isPhloError,
  PhloError,
  type QueryEngine,
  toPhloError,
} from '@phlo/ports'
import type { AssetCheck } from '../assets/asset.js'
import { type PlainRow, readRows } from '../result-rows.js'
import { cannotRun, type CheckResult, sampleSize } from './check-result.js'
import { type CheckTarget, describeCheck, failingRowsSql, type PreparedCheck, prepareCheck } from './prepared-check.js'
import { SharedScan } from './shared-scan.js'
import { verdict } from './verdict.js'

/** What checks found of earlier states. */
export interface CheckHistory {
  /**
   * The figures that a check kept of published states of the asset other than the target's own, newest first: one of each
   * partition for a check that looks at partitions, one of each snapshot for others.
   */
  earlier(target: CheckTarget, check: AssetCheck, limit: number): Promise<readonly CheckMetrics[]>
}

/** The values that a check's part of a scan gave, or why it gave none. */
type Scanned = AggregateValues | PhloError

/**
 * Runs a table's checks in as few scans as can be: whatever can be told by aggregates is told by one scan, also for checks
 * that look at other rows than the rest. A check that cannot run has failed. Results come in the order of the checks.
 */
export class CheckRunner {
  private readonly engine: QueryEngine
  private readonly kinds: ReadonlyMap<string, CheckKind>
  private readonly history: CheckHistory

  constructor(engine: QueryEngine, kinds: readonly CheckKind[], history: CheckHistory) {
    this.engine = engine
    this.kinds = new Map(kinds.map((kind) => [kind.kind, kind]))
    this.history = history
  }

  async run(target: CheckTarget, checks: readonly AssetCheck[], signal?: AbortSignal): Promise<CheckResult[]> {
    const now = new Date()
    const results = new Map<AssetCheck, CheckResult>()
    const prepared: PreparedCheck[] = []
    for (const check of checks) {
      try {
        prepared.push(await prepareCheck(this.kinds, target, check, this.engine.dialect, now))
      } catch (error) {
        results.set(check, errored(target, check, check.kind, error))
      }
    }
    const scanned = await this.scan(
      target,
      prepared.filter(({ compiled }) => compiled.type !== 'known'),
      signal,
    )
    for (const item of prepared) {
      try {
        const values = scanned.get(item)
        if (isPhloError(values)) throw values
        const finding = await this.finding(target, item, values ?? {}, signal)
        results.set(item.check, await this.result(target, item, finding, signal))
      } catch (error) {
        if (signal?.aborted) throw error
        results.set(item.check, errored(target, item.check, describeCheck(item), error))
      }
    }
    return checks.map((check) => results.get(check) as CheckResult)
  }

  /** Names of the tables that a check reads; none for one that cannot run, which running it will tell. */
  async tables(target: CheckTarget, check: AssetCheck): Promise<readonly string[]> {
    try {
      const item = await prepareCheck(this.kinds, target, check, this.engine.dialect, new Date())
      const { sql } = new SharedScan(this.engine.dialect.table(target.table), [item], this.engine.dialect)
      const statements = [sql, failingRowsSql(item), totalSql(item)].filter((text) => text !== undefined)
      const found = await Promise.all(statements.map((text) => this.engine.tables(text)))
      return [...new Set(found.flat().map(({ identifier }) => formatIdentifier(identifier)))]
    } catch {
      return []
    }
  }

  /** One scan for all; when it fails, one for each, so that only the faulty check fails. */
  private async scan(
    target: CheckTarget,
    items: readonly PreparedCheck[],
    signal: AbortSignal | undefined,
  ): Promise<Map<PreparedCheck, Scanned>> {
    if (items.length === 0) return new Map()
    try {
      const scan = new SharedScan(this.engine.dialect.table(target.table), items, this.engine.dialect)
      await this.noteReads(target, scan.sql)
      const [row] = await this.rows(scan.sql, target.ref, 1, signal)
      return new Map(items.map((item) => [item, scan.values(item, row as PlainRow)]))
    } catch (error) {
      if (signal?.aborted) throw error
      if (items.length === 1) return new Map([[items[0] as PreparedCheck, toPhloError(error)]])
      const each = new Map<PreparedCheck, Scanned>()
      for (const item of items)
        for (const [key, values] of await this.scan(target, [item], signal)) each.set(key, values)
      return each
    }
  }

  private async finding(
    target: CheckTarget,
    item: PreparedCheck,
    values: AggregateValues,
    signal: AbortSignal | undefined,
  ): Promise<CheckFinding> {
    const { check, compiled } = item
    const totalCount = Number(values['total'])
    switch (compiled.type) {
      case 'known':
        return compiled.finding
      case 'rows': {
        const failedCount = Number(values['failed'])
        return { passed: failedCount === 0, failedCount, totalCount }
      }
      case 'aggregates': {
        const wanted = compiled.history ?? 0
        return compiled.judge(values, wanted === 0 ? [] : await this.history.earlier(target, check, wanted))
      }
      case 'query':
        if (compiled.screen?.clean(values)) return { passed: true, failedCount: 0, totalCount }
        return this.countFailing(target, item, totalCount, signal)
    }
  }

  private async countFailing(
    target: CheckTarget,
    item: PreparedCheck,
    rows: number,
    signal: AbortSignal | undefined,
  ): Promise<CheckFinding> {
    const failing = failingRowsSql(item) as string
    const total = totalSql(item)
    await this.noteReads(target, failing)
    const counted = total === undefined ? '' : `, (${total}) AS total`
    const sql = `SELECT (SELECT count(*) FROM (${failing}) AS failing) AS failed${counted}`
    const [row] = await this.rows(sql, target.ref, 1, signal)
    const failedCount = Number(row?.['failed'])
    return { passed: failedCount === 0, failedCount, totalCount: total === undefined ? rows : Number(row?.['total']) }
  }

  private async result(
    target: CheckTarget,
    item: PreparedCheck,
    finding: CheckFinding,
    signal: AbortSignal | undefined,
  ): Promise<CheckResult> {
    const { check } = item
    const failing = failingRowsSql(item)
    const repro = failing !== undefined && finding.failedCount > 0 ? `${failing} LIMIT ${sampleSize}` : undefined
    const sample = repro === undefined ? undefined : await this.rows(repro, target.ref, sampleSize, signal)
    return {
      asset: target.asset,
      name: check.name,
      kind: check.kind,
      description: describeCheck(item),
      layer: check.layer,
      ...verdict(finding, check),
      blocking: check.blocking,
      snapshotId: target.snapshotId,
      ...(finding.observed !== undefined && { observed: finding.observed }),
      ...(finding.metrics && { metrics: finding.metrics }),
      metadata: {
        source: check.source,
        ...partitionKey(target, check),
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

  private async rows(sql: string, ref: string, limit: number, signal: AbortSignal | undefined): Promise<PlainRow[]> {
    return readRows(await this.engine.query(sql, { ref, ...(signal && { signal }) }), limit)
  }
}

function totalSql({ compiled, relation }: PreparedCheck): string | undefined {
  return compiled.type === 'query' ? compiled.total?.(relation) : undefined
}

function partitionKey(target: CheckTarget, check: AssetCheck): { readonly partition_key?: string } {
  return check.scope !== 'table' && target.partitions ? { partition_key: target.partitions.key } : {}
}

function errored(target: CheckTarget, check: AssetCheck, description: string, error: unknown): CheckResult {
  const result = cannotRun(target.asset, check, description, error)
  const { snapshotId } = target
  return { ...result, snapshotId, metadata: { ...result.metadata, ...partitionKey(target, check) } }
}
