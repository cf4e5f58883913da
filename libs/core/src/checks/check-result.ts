import type { CheckMetrics } from '@phlo/ports'
import type { AssetCheck, AssetKey, Severity } from '../assets/asset.js'
import { type ErrorInfo, errorInfo } from '../events/error-info.js'

/**
 * - `passed`: nothing wrong, or within what is allowed.
 * - `warned`: failed, but only as a warning.
 * - `failed`: failed.
 * - `errored`: could not run, which counts as failed.
 */
export type CheckStatus = 'passed' | 'warned' | 'failed' | 'errored'

/** What a check's results say of themselves. The names are a contract with tools that read them. */
export interface CheckMetadata {
  readonly source: string
  readonly partition_key?: string
  readonly failed_count: number
  readonly total_count?: number
  readonly query_or_sql?: string
  /** SQL for people that shows failing rows. */
  readonly repro_sql?: string
  /** At most 20 failing rows. */
  readonly sample?: readonly Readonly<Record<string, unknown>>[]
}

/**
 * Where a check looked:
 * - `rows`: at what came in, before it was merged into the table;
 * - `table`: at the table on the run's branch, before it was published;
 * - `drift`: at the published table, held against its own past.
 */
export type CheckLayer = 'rows' | 'table' | 'drift'

export interface CheckResult {
  readonly asset: AssetKey
  readonly name: string
  readonly kind: string
  readonly description: string
  readonly layer: CheckLayer
  readonly status: CheckStatus
  readonly severity: Severity
  readonly blocking: boolean
  /** What was seen, for people. */
  readonly observed?: string
  /** The table's snapshot that was looked at. */
  readonly snapshotId?: string
  /** Figures that later runs of the check are judged by. */
  readonly metrics?: CheckMetrics
  readonly metadata: CheckMetadata
  readonly error?: ErrorInfo
}

/** The name that a schema's own check has in the quality contract. */
export const schemaCheckName = 'pandera_contract'

/** Most rows that a sample holds. */
export const sampleSize = 20

/** A check that could not run has failed. */
export function hasFailed({ status }: Pick<CheckResult, 'status'>): boolean {
  return status === 'failed' || status === 'errored'
}

/** Does the result keep a run from being published? */
export function blocksPublishing({ status, blocking }: Pick<CheckResult, 'status' | 'blocking'>): boolean {
  return blocking && hasFailed({ status })
}

/** The result of a check that could not run, which counts as failed. */
export function cannotRun(asset: AssetKey, check: AssetCheck, description: string, error: unknown): CheckResult {
  return {
    asset,
    name: check.name,
    kind: check.kind,
    description,
    layer: check.layer,
    status: 'errored',
    severity: 'error',
    blocking: check.blocking,
    metadata: { source: check.source, failed_count: 0 },
    error: errorInfo(error),
  }
}
