import type { AssetKey } from '../assets/asset.js'
import type { CheckRunner } from '../checks/check-runner.js'
import type { RunJournal } from '../events/run-journal.js'
import type { IntervalSet } from '../partitions/interval-set.js'
import type { RunDependencies } from './run-dependencies.js'

/** What the steps of one run share. */
export interface RunScope extends RunDependencies {
  readonly runId: string
  readonly branch: string
  readonly signal: AbortSignal
  readonly journal: RunJournal
  readonly checkRunner: CheckRunner
  /** Names of the tables that the run's models and checks read; added to by its steps. */
  readonly reads: Set<string>
  /** Names of the tables that functions of sources read; added to by its steps. */
  readonly functionReads: Set<string>
  /** Names of the tables that the run wrote; added to by its steps. */
  readonly writes: Set<string>
  /** The partitions that the run's steps have taken in, by asset; added to by its steps. */
  readonly takenIn: Map<AssetKey, IntervalSet>
}
