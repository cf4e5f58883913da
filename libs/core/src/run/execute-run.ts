import { isPhloError, mainBranch, PhloError, type RunRecord } from '@phlo/ports'
import type { AssetKey } from '../assets/asset.js'
import { blocksPublishing, type CheckResult } from '../checks/check-result.js'
import { CheckRunner } from '../checks/check-runner.js'
import { type ErrorInfo, errorInfo } from '../events/error-info.js'
import type { RunOutcome } from '../events/run-events.js'
import { RunJournal } from '../events/run-journal.js'
import { makePlan, type PlanRequest } from '../plan/make-plan.js'
import type { Plan, PlannedStep } from '../plan/plan.js'
import { tidyBranches } from './branch-retention.js'
import { checkAsset } from './check-step.js'
import { runIngestion } from './ingest-step.js'
import { runModel } from './model-step.js'
import { publish } from './publish.js'
import { newRunId } from './run-id.js'
import type { RunDependencies } from './run-dependencies.js'
import { markInterrupted } from './run-liveness.js'
import type { RunScope } from './run-scope.js'

export interface RunRequest extends PlanRequest {
  readonly signal?: AbortSignal
  /** A further condition for publishing, found out while the run goes on: a rejection fails the run. */
  readonly permission?: Promise<void>
}

/** A living run says so this often, in milliseconds. */
const heartbeatEvery = 5_000

/**
 * Plans and runs: writes to a branch of its own, audits there, and publishes to main in one commit, or not at all.
 * Failures of steps and checks are in the outcome, with the branch that shows them; only failures of the run itself
 * (state store, catalog) are thrown.
 */
export async function executeRun(dependencies: RunDependencies, request: RunRequest): Promise<RunOutcome> {
  const { graph, catalog, sources, projectDir } = dependencies
  const startedAt = Date.now()
  await markInterrupted(dependencies)
  const plan = await makePlan({ graph, catalog, sources, projectDir }, request)
  if (plan.steps.length === 0) {
    const milliseconds = Date.now() - startedAt
    return { runId: '', status: 'nothing-to-do', milliseconds, steps: 0, rows: 0, checks: 0, failedChecks: 0 }
  }
  await tidyBranches(dependencies)
  return new Run(dependencies, request, plan, startedAt).execute()
}

class Run {
  private readonly id = newRunId()
  private readonly branch: string
  private readonly journal: RunJournal
  private readonly startedAt: number
  private readonly failed = new Map<AssetKey, ErrorInfo>()
  private readonly checks: CheckResult[] = []
  private rows = 0
  private finishedSteps = 0
  private readonly dependencies: RunDependencies
  private readonly request: RunRequest
  private readonly plan: Plan

  constructor(dependencies: RunDependencies, request: RunRequest, plan: Plan, startedAt: number) {
    this.dependencies = dependencies
    this.request = request
    this.plan = plan
    this.startedAt = startedAt
    this.branch = dependencies.audit.branch.replaceAll('{run_id}', this.id)
    this.journal = new RunJournal(this.id, dependencies.state, dependencies.listeners)
  }

  async execute(): Promise<RunOutcome> {
    const { state, catalog, profile } = this.dependencies
    await state.putRun(this.record('running'))
    const heartbeat = setInterval(() => {
      // A missed beat is made up by the next; a store that stays away fails the run's own writes.
      state.putRun(this.record('running')).catch(() => undefined)
    }, heartbeatEvery)
    heartbeat.unref()
    let outcome: RunOutcome
    try {
      const { commit: base } = await catalog.createRef(this.branch, { from: mainBranch })
      this.journal.record({ type: 'run-started', branch: this.branch, base, profile, plan: this.plan })
      outcome = await this.work(base)
    } catch (error) {
      clearInterval(heartbeat)
      await state.putRun({ ...this.record('failed'), finishedAt: Date.now(), error: errorInfo(error) })
      throw error
    }
    clearInterval(heartbeat)
    this.journal.record({ type: 'run-finished', outcome })
    await this.journal.settled()
    const { publishedCommit, error } = outcome
    await state.putRun({
      ...this.record(outcome.status === 'nothing-to-do' ? 'succeeded' : outcome.status),
      finishedAt: Date.now(),
      ...(publishedCommit !== undefined && { publishedCommit }),
      ...(error && { error }),
    })
    return outcome
  }

  private async work(base: string): Promise<RunOutcome> {
    const scope: RunScope = {
      ...this.dependencies,
      runId: this.id,
      branch: this.branch,
      signal: this.request.signal ?? new AbortController().signal,
      journal: this.journal,
      checkRunner: new CheckRunner(this.dependencies.queries, this.dependencies.checkKinds),
      reads: new Set<string>(),
      writes: new Set<string>(),
    }
    try {
      for (const [index, step] of this.plan.steps.entries()) {
        scope.signal.throwIfAborted()
        await this.step(scope, step)
        const isLast = this.plan.steps[index + 1]?.asset !== step.asset
        if (isLast && !this.failed.has(step.asset)) await this.audit(scope, step.asset)
      }
      scope.signal.throwIfAborted()
    } catch (error) {
      if (!scope.signal.aborted) throw error
      return this.outcome('cancelled', { error: { code: 'PHLO_RUN_CANCELLED', message: 'The run was cancelled' } })
    }
    const [first] = this.failed
    if (first) return this.outcome('failed', { error: this.failure() })
    try {
      await this.request.permission
    } catch (error) {
      return this.outcome('failed', { error: errorInfo(error) })
    }
    try {
      const result = await publish(this.dependencies.catalog, {
        branch: this.branch,
        base,
        footprint: scope,
        message: `Run ${this.id}: ${this.describePlan()}`,
        author: this.dependencies.host.author,
        properties: { 'run-id': this.id, profile: this.dependencies.profile },
      })
      this.journal.record({
        type: 'published',
        commit: result.commit,
        tables: result.tables.map(({ identifier, change }) => ({
          table: [...identifier.namespace, identifier.name].join('.'),
          change,
        })),
      })
      await this.dependencies.catalog.deleteRef(this.branch)
      return this.outcome('succeeded', { publishedCommit: result.commit })
    } catch (error) {
      if (!isPhloError(error, 'PHLO_MERGE_CONFLICT')) throw error
      return this.outcome('failed', { error: errorInfo(error) })
    }
  }

  private async step(scope: RunScope, planned: PlannedStep): Promise<void> {
    const step = {
      asset: planned.asset,
      kind: planned.kind,
      ...(planned.partition !== undefined && { partition: planned.partition }),
    }
    const cause =
      planned.upstream.find((key) => this.failed.has(key)) ??
      (this.failed.has(planned.asset) ? planned.asset : undefined)
    if (cause !== undefined) {
      this.journal.record({ type: 'step-skipped', step, because: cause })
      if (!this.failed.has(planned.asset)) {
        this.failed.set(planned.asset, {
          code: 'PHLO_RUN_FAILED',
          message: `${planned.asset} was skipped, since ${cause} failed`,
        })
      }
      return
    }
    this.journal.record({ type: 'step-started', step, reason: planned.reason })
    const startedAt = Date.now()
    try {
      const asset = scope.graph.get(planned.asset)
      if (!asset) throw new PhloError('PHLO_ASSET_UNKNOWN', `There is no asset ${planned.asset}`)
      const done =
        asset.kind === 'ingestion'
          ? await runIngestion(scope, asset, planned, step)
          : await runModel(scope, asset, step)
      this.rows += done.rows
      this.finishedSteps++
      this.journal.record({
        type: 'step-finished',
        step,
        milliseconds: Date.now() - startedAt,
        ...done.event,
        rows: done.rows,
      })
      for (const check of done.checks) this.checked(check)
      if (done.error) throw done.error
    } catch (error) {
      if (scope.signal.aborted) throw error
      const info = errorInfo(error)
      this.failed.set(planned.asset, info)
      this.journal.record({ type: 'step-failed', step, milliseconds: Date.now() - startedAt, error: info })
    }
  }

  /** Runs an asset's checks over what the run wrote. */
  private async audit(scope: RunScope, key: AssetKey): Promise<void> {
    const asset = scope.graph.get(key)
    if (!asset) return
    const steps = this.plan.steps.filter((step) => step.asset === key)
    for (const check of await checkAsset(scope, asset, steps)) this.checked(check)
  }

  private checked(check: CheckResult): void {
    this.checks.push(check)
    this.journal.record({ type: 'check-finished', check })
    if (blocksPublishing(check) && !this.failed.has(check.asset)) {
      this.failed.set(check.asset, {
        code: 'PHLO_CHECK_FAILED',
        message: `The check ${check.name} of ${check.asset} failed`,
      })
    }
  }

  private failure(): ErrorInfo {
    const causes = [...this.failed.values()].filter(({ code }) => code !== 'PHLO_RUN_FAILED')
    const [first] = causes
    if (causes.length === 1 && first) return first
    return {
      code: 'PHLO_RUN_FAILED',
      message: `${causes.length} assets failed: ${[...this.failed]
        .filter(([, { code }]) => code !== 'PHLO_RUN_FAILED')
        .map(([key]) => key)
        .join(', ')}`,
    }
  }

  private outcome(status: RunOutcome['status'], rest: Pick<RunOutcome, 'publishedCommit' | 'error'>): RunOutcome {
    return {
      runId: this.id,
      status,
      branch: this.branch,
      milliseconds: Date.now() - this.startedAt,
      steps: this.finishedSteps,
      rows: this.rows,
      checks: this.checks.length,
      failedChecks: this.checks.filter(({ status: own }) => own === 'failed' || own === 'errored').length,
      ...rest,
    }
  }

  private record(status: RunRecord['status']): RunRecord {
    const failedChecks = this.checks.filter((check) => check.status === 'failed' || check.status === 'errored').length
    return {
      id: this.id,
      profile: this.dependencies.profile,
      status,
      startedAt: this.startedAt,
      heartbeatAt: Date.now(),
      owner: this.dependencies.host.owner,
      branch: this.branch,
      selection: this.describePlan(),
      summary: { steps: this.finishedSteps, rows: this.rows, checks: this.checks.length, failedChecks },
    }
  }

  private describePlan(): string {
    const assets = [...new Set(this.plan.steps.map(({ asset }) => asset))]
    return assets.length <= 4 ? assets.join(', ') : `${assets.slice(0, 3).join(', ')} and ${assets.length - 3} more`
  }
}
