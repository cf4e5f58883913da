import type { AssetKey, Severity } from '../assets/asset.js'
import type { ErrorInfo } from '../events/error-info.js'

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

export interface CheckResult {
  readonly asset: AssetKey
  readonly name: string
  readonly kind: string
  readonly description: string
  readonly status: CheckStatus
  readonly severity: Severity
  readonly blocking: boolean
  /** What was seen, for people. */
  readonly observed?: string
  readonly metadata: CheckMetadata
  readonly error?: ErrorInfo
}

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
