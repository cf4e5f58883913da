import type { CheckRecord, StateStore } from '@phlo/ports'
import type { Asset, AssetKey } from '../assets/asset.js'
import { type CheckResult, type CheckStatus, schemaCheckName } from './check-result.js'
import { failedFraction } from './verdict.js'

/** One look of a check at its table. Times are milliseconds since 1970. */
export interface CheckPoint {
  readonly time: number
  readonly status: CheckStatus
  /** The share of rows that failed, 0 to 1. */
  readonly failedFraction: number
  readonly published: boolean
  readonly metrics?: Readonly<Record<string, number>>
}

export interface ReportedCheck {
  readonly result: CheckResult
  readonly time: number
  readonly ref: string
  readonly runId?: string
  /** Oldest first; the last one is the result's own. */
  readonly history: readonly CheckPoint[]
}

export interface ReportedAsset {
  readonly asset: AssetKey
  readonly checks: readonly ReportedCheck[]
  /** Names of declared checks of which nothing is known. */
  readonly neverRan: readonly string[]
}

/** How the tables of a project are, as far as their checks last told. */
export interface QualityReport {
  readonly project: string
  readonly madeAt: number
  readonly counts: Readonly<Record<CheckStatus, number>>
  readonly assets: readonly ReportedAsset[]
}

/** Makes the report of assets from what checks found last, with up to `points` earlier looks of each. */
export async function qualityReport(
  state: StateStore,
  project: string,
  assets: readonly Asset[],
  points = 40,
): Promise<QualityReport> {
  const reported: ReportedAsset[] = []
  for (const asset of assets) {
    const newest = await state.listChecks({ asset: asset.key, newestOf: 'check' })
    const declared = [...(asset.kind === 'ingestion' ? [schemaCheckName] : []), ...asset.checks.map(({ name }) => name)]
    const checks: ReportedCheck[] = []
    for (const name of declared) {
      const last = newest.find(({ check }) => check === name)
      if (!last) continue
      const past = await state.listChecks({ asset: asset.key, check: name, limit: points })
      checks.push(reportedCheck(last, past))
    }
    const known = new Set(checks.map(({ result }) => result.name))
    reported.push({ asset: asset.key, checks, neverRan: declared.filter((name) => !known.has(name)) })
  }
  const all = reported.flatMap(({ checks }) => checks.map(({ result }) => result.status))
  const count = (status: CheckStatus) => all.filter((item) => item === status).length
  return {
    project,
    madeAt: Date.now(),
    counts: { passed: count('passed'), warned: count('warned'), failed: count('failed'), errored: count('errored') },
    assets: reported.filter(({ checks, neverRan }) => checks.length + neverRan.length > 0),
  }
}

function reportedCheck(last: CheckRecord, past: readonly CheckRecord[]): ReportedCheck {
  return {
    result: last.result as CheckResult,
    time: last.time,
    ref: last.ref,
    ...(last.runId !== undefined && { runId: last.runId }),
    history: past.map(point).reverse(),
  }
}

function point({ time, published, result }: CheckRecord): CheckPoint {
  const { status, metadata, metrics } = result as CheckResult
  const finding = {
    passed: status === 'passed' && metadata.failed_count === 0,
    failedCount: metadata.failed_count,
    ...(metadata.total_count !== undefined && { totalCount: metadata.total_count }),
  }
  return { time, status, failedFraction: failedFraction(finding), published, ...(metrics && { metrics }) }
}
