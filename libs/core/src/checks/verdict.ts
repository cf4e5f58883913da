import type { CheckFinding } from '@phlo/ports'
import type { Severity } from '../assets/asset.js'
import type { CheckStatus } from './check-result.js'

/** What of a check decides how grave its failure is. */
export interface VerdictRules {
  readonly severity: Severity
  readonly allowThreshold?: number
  readonly warnThreshold?: number
}

/** The share of rows that failed, 0 to 1; all of them when it is not single rows that failed. */
export function failedFraction({ passed, failedCount, totalCount }: CheckFinding): number {
  if (passed) return 0
  if (failedCount === 0) return 1
  return totalCount === undefined || totalCount === 0 ? 1 : failedCount / totalCount
}

/** Turns a finding into a verdict: allowed shares pass, small ones and checks of severity `warn` only warn. */
export function verdict(
  finding: CheckFinding,
  rules: VerdictRules,
): { readonly status: CheckStatus; readonly severity: Severity } {
  const fraction = failedFraction(finding)
  if (finding.passed || (rules.allowThreshold !== undefined && fraction <= rules.allowThreshold)) {
    return { status: 'passed', severity: rules.severity }
  }
  const onlyWarns = rules.severity === 'warn' || (rules.warnThreshold !== undefined && fraction <= rules.warnThreshold)
  return onlyWarns ? { status: 'warned', severity: 'warn' } : { status: 'failed', severity: 'error' }
}
