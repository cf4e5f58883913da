import { createHash } from 'node:crypto'
import { formatIdentifier, isPhloError, mainBranch, type MergeResult, PhloError, type RunRecord } from '@phlo/ports'
import { type AssetKey, quarantineOf } from '../assets/asset.js'
import { blocksPublishing, type CheckResult, hasFailed } from '../checks/check-result.js'
import { CheckRunner } from '../checks/check-runner.js'
import { RecordedChecks } from '../checks/recorded-checks.js'
import { type ErrorInfo, errorInfo } from '../events/error-info.js'
import type { RunOutcome } from '../events/run-events.js'
import { RunJournal } from '../events/run-journal.js'
import { assetStateProperties, readAssetState } from '../plan/asset-state.js'
import { makePlan, type PlanRequest } from '../plan/make-plan.js'
import type { Plan, PlannedStep } from '../plan/plan.js'
import type { RejectedSelection } from '../quarantine/rejected-rows.js'
import { planReplay, replayRows } from '../quarantine/replay.js'
import { tidyBranches } from './branch-retention.js'
import { Audit } from './audit.js'
import { driftAudit } from './drift-audit.js'
import { Heartbeat } from './heartbeat.js'
import { runIngestion } from './ingest-step.js'
import { inParallel } from './in-parallel.js'
import { runModel } from './model-step.js'
import { type MainMove, publish } from './publish.js'
import { newRunId } from './run-id.js'
import type { RunDependencies } from './run-dependencies.js'
import { markInterrupted } from './run-liveness.js'
import type { RunScope } from './run-scope.js'
import { staleModels } from './stale-models.js'

export interface RunRequest extends PlanRequest {
  readonly signal?: AbortSignal
  /** A further condition for publishing, found out while the run goes on: a rejection fails the run. */
  readonly permission?: Promise<void>
  /** Takes rows of an asset’s quarantine in once more, and does nothing else. */
  readonly replay?: { readonly asset: AssetKey; readonly rows: RejectedSelection }
  /** So many steps of one asset at once. Default 1. */
  readonly parallel?: number
  /** A branch to write to, instead of one that is named after the run. */
  readonly branch?: string
  /** What an earlier run of that branch did: this one goes on from there. */
  readonly resumes?: ResumedRun
}

/** A run that ended before it was published. */
export interface ResumedRun {
  /** The commit of main that its branch was made from. */
  readonly base: string
  /** Its steps that are on the branch. */
  readonly steps: readonly PlannedStep[]
}

/**
 * Plans and runs: writes to a branch of its own, audits there, and publishes to main in one commit, or not at all.
 * Failures of steps and checks are in the outcome, with the branch that shows them; only failures of the run itself
 * (state store, catalog) are thrown.
 */
export async function executeRun(dependencies: RunDependencies, request: RunRequest): Promise<RunOutcome> {
  const { graph, catalog, sources, projectDir } = dependencies
  // Whoever gives the permission may refuse it long before the run asks; that must not count as unheard.
  request.permission?.catch(() => undefined)
  const startedAt = Date.now()
  await markInterrupted(dependencies)
  const ref = request.resumes && request.branch
  const plan = request.replay
    ? await planReplay(dependencies, request.replay.asset, request.replay.rows)
    : await makePlan({ graph, catalog, sources, projectDir, ...(ref !== undefined && { ref }) }, request)
  if (plan.steps.length === 0 && !request.resumes) {
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
  private readonly recorded: RecordedChecks
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
    this.branch = request.branch ?? dependencies.audit.branch.replaceAll('{run_id}', this.id)
    this.journal = new RunJournal(this.id, dependencies.state, dependencies.listeners)
    this.recorded = new RecordedChecks(dependencies.state)
  }

  async execute(): Promise<RunOutcome> {
    const { state, catalog, profile } = this.dependencies
    await state.putRun(this.record('running'))
    const heartbeat = new Heartbeat(() => state.putRun(this.record('running')))
    let outcome: RunOutcome
    try {
      const base = this.request.resumes?.base ?? (await catalog.createRef(this.branch, { from: mainBranch })).commit
      this.journal.record({ type: 'run-started', branch: this.branch, base, profile, plan: this.plan })
      outcome = await this.work(base)
    } catch (error) {
      await heartbeat.stop()
      await this.finish(this.outcome('failed', { error: errorInfo(error) })).catch(() => {
        // What went wrong first is what to tell; it may be why the state store cannot be told.
      })
      throw error
    }
    await heartbeat.stop()
    await this.finish(outcome)
    return outcome
  }

  /** Tells listeners and the state store how it ended. */
  private async finish(outcome: RunOutcome): Promise<void> {
    this.journal.record({ type: 'run-finished', outcome })
    const { publishedCommit, error } = outcome
    try {
      await this.journal.settled()
      const [ref, published] = publishedCommit === undefined ? [this.branch, false] : [publishedCommit, true]
      await this.recorded.keep(this.checks, { runId: this.id, ref, published })
    } finally {
      await this.dependencies.state.putRun({
        ...this.record(outcome.status === 'nothing-to-do' ? 'succeeded' : outcome.status),
        finishedAt: Date.now(),
        ...(publishedCommit !== undefined && { publishedCommit }),
        ...(error && { error }),
      })
    }
  }

  private async work(base: string): Promise<RunOutcome> {
    const scope: RunScope = {
      ...this.dependencies,
      runId: this.id,
      branch: this.branch,
      signal: this.request.signal ?? new AbortController().signal,
      journal: this.journal,
      checkRunner: new CheckRunner(this.dependencies.queries, this.dependencies.checkKinds, this.recorded),
      reads: new Set<string>(),
      functionReads: new Set<string>(),
      writes: new Set<string>(),
      takenIn: new Map(),
    }
    const audit = new Audit(scope)
    try {
      const { steps } = this.plan
      for (const key of new Set([...(this.request.resumes?.steps ?? []), ...steps].map(({ asset }) => asset))) {
        await this.asset(scope, key)
        const last = steps.findLastIndex(({ asset }) => asset === key)
        await this.audit(scope, audit, key, steps.slice(last + 1))
      }
      scope.signal.throwIfAborted()
    } catch (error) {
      if (!scope.signal.aborted) throw error
      return this.cancelled()
    }
    try {
      await this.request.permission
    } catch (error) {
      // Steps that failed have said why themselves, and what is refused here is probably the cause.
      return this.outcome('failed', { error: errorInfo(error) })
    }
    if (scope.signal.aborted) return this.cancelled()
    if (this.failed.size > 0) return this.outcome('failed', { error: this.failure() })
    // What a published run did is known: a state store that failed keeps it from being published.
    await this.journal.settled()
    return this.publish(scope, audit, base)
  }

  private async publish(scope: RunScope, audit: Audit, base: string): Promise<RunOutcome> {
    const { catalog, profile, host, queries } = this.dependencies
    let result: MergeResult | undefined
    try {
      result = await publish(catalog, {
        branch: this.branch,
        base,
        footprint: scope,
        message: `Run ${this.id}: ${this.describePlan()}`,
        author: host.author,
        properties: { 'run-id': this.id, profile, 'code-hash': this.codeHash() },
        sharedKey: (request) => queries.sharedKey(request, { signal: scope.signal }),
        auditAgain: (move) => this.auditAgain(scope, audit, move),
      })
    } catch (error) {
      if (scope.signal.aborted) return this.cancelled()
      if (!isPhloError(error, 'PHLO_MERGE_CONFLICT') && !isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
      return this.outcome('failed', { error: errorInfo(error) })
    }
    if (!result) return this.outcome('failed', { error: this.failure() })
    this.journal.record({
      type: 'published',
      commit: result.commit,
      tables: result.tables.map(({ identifier, change }) => ({ table: formatIdentifier(identifier), change })),
    })
    try {
      await catalog.deleteRef(this.branch)
    } catch {
      // It is published all the same; the branch goes when its retention ends.
    }
    for await (const check of driftAudit(scope, this.plan, result.commit)) this.noted(check)
    return this.outcome('succeeded', { publishedCommit: result.commit })
  }

  /** Runs the checks again that look at what main changed; true when none of them failed. */
  private async auditAgain(scope: RunScope, audit: Audit, move: MainMove): Promise<boolean> {
    const checks = await audit.affected(new Set(move.changed))
    this.journal.record({
      type: 'main-moved',
      ...move,
      stale: await staleModels(scope, this.plan, move.changed),
      checks: checks.map(({ asset, check }) => ({ asset: asset.key, name: check.name })),
    })
    for (const check of await audit.again(checks)) this.checked(check)
    scope.signal.throwIfAborted()
    await this.journal.settled()
    return this.failed.size === 0
  }

  private cancelled(): RunOutcome {
    return this.outcome('cancelled', { error: { code: 'PHLO_RUN_CANCELLED', message: 'The run was cancelled' } })
  }

  /** Does the steps of one asset. */
  private async asset(scope: RunScope, key: AssetKey): Promise<void> {
    const { resumes, parallel = 1 } = this.request
    const asset = scope.graph.get(key)
    if (resumes?.steps.some((step) => step.asset === key) && asset) {
      // What the earlier run wrote is published with this one.
      scope.writes.add(key)
      scope.writes.add(formatIdentifier(quarantineOf(asset.target)))
    }
    const steps = this.plan.steps.filter((step) => step.asset === key)
    const work = async (step: PlannedStep) => {
      scope.signal.throwIfAborted()
      await this.step(scope, step)
    }
    // Where there is no table yet, the first step makes it for all.
    const isNew = parallel > 1 && asset && !(await scope.catalog.loadTable(asset.target, { ref: this.branch }))
    const alone = isNew ? 1 : 0
    await inParallel(steps.slice(0, alone), 1, work)
    await inParallel(steps.slice(alone), parallel, work)
    const taken = scope.takenIn.get(key)
    if (parallel === 1 || !taken || !asset || this.failed.has(key)) return
    // Each step knows of those that were done when it began.
    const { materialized } = readAssetState(await scope.catalog.loadTable(asset.target, { ref: this.branch }))
    const updates = assetStateProperties({ materialized: materialized.plus(taken) })
    await scope.catalog.commit(
      [{ kind: 'table', identifier: asset.target, requirements: [], updates: [{ action: 'set-properties', updates }] }],
      { ref: this.branch, message: `Say which partitions of ${key} were taken in` },
    )
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
          ? planned.replay
            ? await replayRows(scope, asset, planned, planned.replay)
            : await runIngestion(scope, asset, planned, step)
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

  /** Checks the asset that was written last, and those that waited for it. */
  private async audit(scope: RunScope, audit: Audit, key: AssetKey, next: readonly PlannedStep[]): Promise<void> {
    const asset = scope.graph.get(key)
    const ahead = new Set(next.map((step) => step.asset))
    if (asset && !this.failed.has(key)) {
      const all = [...(this.request.resumes?.steps ?? []), ...this.plan.steps]
      const steps = all.filter((step) => step.asset === key)
      for (const check of await audit.written(asset, steps, ahead)) this.checked(check)
    }
    for (const check of await audit.waited(ahead)) this.checked(check)
  }

  private noted(check: CheckResult): void {
    this.checks.push(check)
    this.journal.record({ type: 'check-finished', check })
  }

  private checked(check: CheckResult): void {
    this.noted(check)
    if (blocksPublishing(check) && !this.failed.has(check.asset)) {
      this.failed.set(check.asset, {
        code: 'PHLO_CHECK_FAILED',
        message: `The check ${check.name} of ${check.asset} failed`,
      })
    }
  }

  private failure(): ErrorInfo {
    // Assets that were skipped failed by nothing of their own.
    const causes = [...this.failed].filter(([, { code }]) => code !== 'PHLO_RUN_FAILED')
    const [first] = causes
    if (causes.length === 1 && first) return first[1]
    return {
      code: 'PHLO_RUN_FAILED',
      message: `${causes.length} assets failed: ${causes.map(([key]) => key).join(', ')}`,
    }
  }

  private outcome(status: RunOutcome['status'], rest: Pick<RunOutcome, 'publishedCommit' | 'error'>): RunOutcome {
    return {
      runId: this.id,
      status,
      branch: this.branch,
      milliseconds: Date.now() - this.startedAt,
      ...this.counts(),
      ...rest,
    }
  }

  private counts(): Pick<RunOutcome, 'steps' | 'rows' | 'checks' | 'failedChecks'> {
    return {
      steps: this.finishedSteps,
      rows: this.rows,
      checks: this.checks.length,
      failedChecks: this.checks.filter(hasFailed).length,
    }
  }

  private record(status: RunRecord['status']): RunRecord {
    return {
      id: this.id,
      profile: this.dependencies.profile,
      status,
      startedAt: this.startedAt,
      heartbeatAt: Date.now(),
      owner: this.dependencies.host.owner,
      branch: this.branch,
      selection: this.describePlan(),
      summary: this.counts(),
    }
  }

  /** Changes with the code of any asset that the run planned. */
  private codeHash(): string {
    const assets = [...new Set(this.plan.steps.map(({ asset }) => asset))].sort()
    const versions = assets.map((key) => [key, this.dependencies.graph.get(key)?.codeVersion])
    return createHash('sha256').update(JSON.stringify(versions)).digest('hex').slice(0, 16)
  }

  private describePlan(): string {
    const assets = [...new Set(this.plan.steps.map(({ asset }) => asset))]
    return assets.length <= 4 ? assets.join(', ') : `${assets.slice(0, 3).join(', ')} and ${assets.length - 3} more`
  }
}
