import type { IngestResult, MaterializeResult, StatementProgress } from '@phlo/ports'
import type { AssetKey } from '../assets/asset.js'
import type { CheckResult } from '../checks/check-result.js'
import type { Plan } from '../plan/plan.js'
import type { ErrorInfo } from './error-info.js'

/** A step's name within its run: the asset and, where it has one, the partition or range. */
export interface StepName {
  readonly asset: AssetKey
  readonly kind: 'ingestion' | 'model'
  readonly partition?: string
}

/** What happens in a run, in this order. Everything is plain JSON. */
export type RunEvent =
  | {
      readonly type: 'run-started'
      readonly branch: string
      readonly base: string
      readonly profile: string
      readonly plan: Plan
    }
  | { readonly type: 'step-started'; readonly step: StepName; readonly reason: string }
  | { readonly type: 'step-progress'; readonly step: StepName; readonly progress: StatementProgress }
  /** The step failed, and is tried again after so many milliseconds. */
  | {
      readonly type: 'step-retried'
      readonly step: StepName
      readonly attempt: number
      readonly delay: number
      readonly error: ErrorInfo
    }
  | {
      readonly type: 'step-finished'
      readonly step: StepName
      readonly milliseconds: number
      readonly rows: number
      readonly ingest?: Omit<IngestResult, 'snapshotId'>
      readonly materialize?: Omit<MaterializeResult, 'snapshotId'>
    }
  | { readonly type: 'step-failed'; readonly step: StepName; readonly milliseconds: number; readonly error: ErrorInfo }
  | { readonly type: 'step-skipped'; readonly step: StepName; readonly because: AssetKey }
  | { readonly type: 'check-finished'; readonly check: CheckResult }
  /**
   * Main moved while the run was under way. Where it changed what the run read or wrote, the run's changes have been put
   * on top of it, on the run's branch; the results of the checks that run again follow.
   */
  | {
      readonly type: 'main-moved'
      /** Where main stands now. */
      readonly commit: string
      /** What the run read or wrote and main changed. */
      readonly changed: readonly string[]
      /** Tables of them that the run changed, too: both changes are in. */
      readonly rebased: readonly string[]
      /** Models of the run that were made of what main changed: the next plan makes them anew. */
      readonly stale: readonly AssetKey[]
      /** The checks that run again. */
      readonly checks: readonly { readonly asset: AssetKey; readonly name: string }[]
    }
  | {
      readonly type: 'published'
      readonly commit: string
      readonly tables: readonly { readonly table: string; readonly change: string }[]
    }
  | { readonly type: 'run-finished'; readonly outcome: RunOutcome }
  | { readonly type: 'listener-failed'; readonly listener: string; readonly error: ErrorInfo }

/** How a run ended. */
export interface RunOutcome {
  readonly runId: string
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'nothing-to-do'
  readonly branch?: string
  /** The commit on main, when the run was published. */
  readonly publishedCommit?: string
  readonly milliseconds: number
  readonly steps: number
  readonly rows: number
  readonly checks: number
  readonly failedChecks: number
  /** Why it was not published. */
  readonly error?: ErrorInfo
}
