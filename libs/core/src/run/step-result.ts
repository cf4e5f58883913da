import type { PhloError } from '@phlo/ports'
import type { CheckResult } from '../checks/check-result.js'
import type { RunEvent } from '../events/run-events.js'

/** What a step did. With `error`, it did it and has failed all the same. */
export interface StepResult {
  readonly rows: number
  readonly event: Pick<Extract<RunEvent, { type: 'step-finished' }>, 'ingest' | 'materialize'>
  readonly checks: readonly CheckResult[]
  readonly error?: PhloError
}
