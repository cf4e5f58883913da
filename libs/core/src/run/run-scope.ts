import type { CheckRunner } from '../checks/check-runner.js'
import type { RunJournal } from '../events/run-journal.js'
import type { RunDependencies } from './run-dependencies.js'

/** What the steps of one run share. */
export interface RunScope extends RunDependencies {
  readonly runId: string
  readonly branch: string
  readonly signal: AbortSignal
  readonly journal: RunJournal
  readonly checkRunner: CheckRunner
  /** Names of the tables that the run read; added to by its steps. */
  readonly reads: Set<string>
  /** Names of the tables that the run wrote; added to by its steps. */
  readonly writes: Set<string>
}
