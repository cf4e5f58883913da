import { formatIdentifier, mainBranch, PhloError } from '@phlo/ports'
import type { IngestionAsset } from '../assets/asset.js'
import { selectAssets } from '../assets/selection.js'
import { type ErrorInfo, errorInfo } from '../events/error-info.js'
import type { RunEvent, RunOutcome } from '../events/run-events.js'
import { IntervalSet } from '../partitions/interval-set.js'
import {
  coverage,
  describeInterval,
  eachPartition,
  type PartitionDefinition,
  partitionKey,
  requestedInterval,
} from '../partitions/partition-definition.js'
import { isCurrent, readAssetState } from '../plan/asset-state.js'
import { makePlan } from '../plan/make-plan.js'
import type { PlannedStep } from '../plan/plan.js'
import { sourceVersion } from '../plan/source-version.js'
import { executeRun, type ResumedRun } from './execute-run.js'
import { inParallel } from './in-parallel.js'
import type { RunDependencies } from './run-dependencies.js'
import { isAlive } from './run-liveness.js'

export interface BackfillRequest {
  /** A selector of one asset with partitions. */
  readonly asset: string
  /** Keys of the first and the last partition; by default all that the asset covers. */
  readonly from?: string
  readonly to?: string
  /** Partitions that are taken in at once. Default 1. */
  readonly parallel?: number
  /** Each partition is a run of its own, published by itself; otherwise all are published together or none. */
  readonly branchPerPartition?: boolean
  /** Goes on where an earlier one of the same range stopped. */
  readonly resume?: boolean
  readonly signal?: AbortSignal
  readonly permission?: Promise<void>
}

/** How a backfill ended. */
export interface BackfillOutcome {
  readonly asset: string
  readonly range: string
  readonly status: RunOutcome['status']
  readonly partitions: number
  /** Partitions that an earlier one had taken in. */
  readonly before: number
  /** Partitions that were taken in now. */
  readonly taken: number
  readonly rows: number
  /** The branch to look at where nothing was published of what is on it. */
  readonly branch?: string
  readonly publishedCommit?: string
  readonly failed: readonly { readonly partition: string; readonly error: ErrorInfo }[]
}

/** How far a backfill is. */
export interface BackfillStatus {
  readonly asset: string
  readonly range: string
  readonly partitions: number
  /** On main. */
  readonly published: number
  /** On the backfill's branch and not on main. */
  readonly waiting: number
  readonly branch?: string
  readonly missing: readonly string[]
}

interface Range {
  readonly asset: IngestionAsset
  readonly definition: PartitionDefinition
  readonly text: string
  readonly steps: readonly PlannedStep[]
  readonly branch: string
}

/** Takes the partitions of a range in, whether they were taken in before or not. Throws PHLO_ASSET_UNKNOWN, PHLO_PARTITION_INVALID. */
export async function backfill(dependencies: RunDependencies, request: BackfillRequest): Promise<BackfillOutcome> {
  const range = rangeOf(dependencies, request)
  return request.branchPerPartition
    ? eachByItself(dependencies, request, range)
    : together(dependencies, request, range)
}

/** Tells which partitions of a range were taken in. */
export async function backfillStatus(
  dependencies: RunDependencies,
  request: Pick<BackfillRequest, 'asset' | 'from' | 'to'>,
): Promise<BackfillStatus> {
  const range = rangeOf(dependencies, request)
  const exists = dependencies.catalog.supports.refs && (await dependencies.catalog.getRef(range.branch)) !== undefined
  const published = await takenAt(dependencies, range, mainBranch)
  const taken = exists ? published.plus(await takenAt(dependencies, range, range.branch)) : published
  const missing = stepsWithout(range, taken)
  const unpublished = stepsWithout(range, published)
  return {
    asset: range.asset.key,
    range: range.text,
    partitions: range.steps.length,
    published: range.steps.length - unpublished.length,
    waiting: unpublished.length - missing.length,
    ...(exists && { branch: range.branch }),
    missing: missing.map(({ partition }) => partition as string),
  }
}

function rangeOf({ graph }: RunDependencies, request: Pick<BackfillRequest, 'asset' | 'from' | 'to'>): Range {
  const [asset, ...others] = selectAssets(graph, [request.asset])
  if (!asset || others.length > 0 || asset.kind !== 'ingestion' || !asset.partitions) {
    throw new PhloError('PHLO_PARTITION_INVALID', `${request.asset} is not one asset with partitions`, {
      hint: 'Name an asset that declares partitions.',
    })
  }
  const now = Date.now()
  const definition = asset.partitions
  const asked = {
    ...(request.from !== undefined && { from: request.from }),
    ...(request.to !== undefined && { to: request.to }),
  }
  const interval = requestedInterval(definition, asked, now) ?? coverage(definition, now)
  if (interval.from >= interval.to) {
    throw new PhloError('PHLO_PARTITION_INVALID', `No partition of ${asset.key} is over yet`)
  }
  const steps = eachPartition(definition, interval).map((each): PlannedStep => ({
    asset: asset.key,
    kind: 'ingestion',
    reason: 'taken in before',
    partition: describeInterval(definition, each),
    interval: each,
    partitions: 1,
    upstream: asset.upstream,
  }))
  const [first, last] = [partitionKey(definition, interval.from), partitionKey(definition, interval.to - 1)]
  const branch = `backfill-${formatIdentifier(asset.target)}-${first}-to-${last}`
  return { asset, definition, text: describeInterval(definition, interval), steps, branch }
}

/** All partitions on one branch, published in one commit. */
async function together(
  dependencies: RunDependencies,
  request: BackfillRequest,
  range: Range,
): Promise<BackfillOutcome> {
  const { catalog } = dependencies
  if (!catalog.supports.refs) {
    throw new PhloError('PHLO_UNSUPPORTED', 'The profile’s catalog has no branches that a backfill could go on from', {
      hint: 'Publish each partition by itself: --branch-per-partition',
    })
  }
  const there = await catalog.getRef(range.branch)
  if (there && !request.resume) {
    throw new PhloError(
      'PHLO_REF_EXISTS',
      `An earlier backfill of ${range.asset.key} left the branch ${range.branch}`,
      {
        hint: `Go on from there with --resume, or begin anew: phlo branch delete ${range.branch}`,
      },
    )
  }
  const resumes = there && (await earlierRun(dependencies, range))
  const outcome = await executeRun(dependencies, {
    ...runRequest(request, range),
    branch: range.branch,
    ...(request.parallel !== undefined && { parallel: request.parallel }),
    ...(resumes && { resumes }),
    stepByStep: { without: new Set(resumes?.steps.map(({ partition }) => partition as string)) },
  })
  const { status, rows, publishedCommit, branch, error } = outcome
  return {
    ...described(range),
    status,
    before: resumes?.steps.length ?? 0,
    taken: outcome.steps,
    rows,
    ...(publishedCommit !== undefined ? { publishedCommit } : branch !== undefined && { branch }),
    failed: error ? [{ partition: range.text, error }] : [],
  }
}

/** Each partition by a run of its own; those that fail keep no other one back. */
async function eachByItself(
  dependencies: RunDependencies,
  request: BackfillRequest,
  range: Range,
): Promise<BackfillOutcome> {
  const { graph, catalog, sources, projectDir } = dependencies
  const plan = await makePlan(
    { graph, catalog, sources, projectDir },
    { ...runRequest(request, range), stepByStep: { without: new Set() }, ...(request.resume && { onlyMissing: true }) },
  )
  const failed: { partition: string; error: ErrorInfo }[] = []
  let [taken, rows, cancelled] = [0, 0, false]
  const work = async ({ partition = range.text }: PlannedStep) => {
    if (cancelled || request.signal?.aborted) return void (cancelled = true)
    const one = { ...runRequest(request, range), from: partition, to: partition }
    try {
      const outcome = await executeRun(dependencies, one)
      cancelled ||= outcome.status === 'cancelled'
      if (outcome.error) failed.push({ partition, error: outcome.error })
      else taken++
      rows += outcome.error ? 0 : outcome.rows
    } catch (error) {
      failed.push({ partition, error: errorInfo(error) })
    }
  }
  // Two branches cannot both make the table: while there is none, one partition goes before the others.
  let begun = 0
  while (begun < plan.steps.length && !(await catalog.loadTable(range.asset.target, { ref: mainBranch })))
    await work(plan.steps[begun++] as PlannedStep)
  await inParallel(plan.steps.slice(begun), request.parallel ?? 1, work)
  return {
    ...described(range),
    status: cancelled
      ? 'cancelled'
      : failed.length > 0
        ? 'failed'
        : plan.steps.length === 0
          ? 'nothing-to-do'
          : 'succeeded',
    before: range.steps.length - plan.steps.length,
    taken,
    rows,
    failed,
  }
}

function described({ asset, text, steps }: Range): Pick<BackfillOutcome, 'asset' | 'range' | 'partitions'> {
  return { asset: asset.key, range: text, partitions: steps.length }
}

function runRequest({ signal, permission }: BackfillRequest, { asset, steps }: Range) {
  return {
    selection: [asset.key],
    from: steps[0]?.partition as string,
    to: steps.at(-1)?.partition as string,
    ...(signal && { signal }),
    ...(permission && { permission }),
  }
}

/** What runs of the backfill's branch have left there. Throws PHLO_RUN_NOT_FOUND, and PHLO_REF_EXISTS while one is alive. */
async function earlierRun(dependencies: RunDependencies, range: Range): Promise<ResumedRun> {
  const { state, host } = dependencies
  const runs = (await state.listRuns()).filter(({ branch }) => branch === range.branch)
  const alive = runs.find((run) => run.status === 'running' && isAlive(run, host))
  if (alive) throw new PhloError('PHLO_REF_EXISTS', `The run ${alive.id} is under way on ${range.branch}`)
  let base: string | undefined
  const done = new Set<string>()
  for (const { id } of runs) {
    for (const { type, data } of await state.listEvents(id)) {
      const event = { type, ...(data as object) } as RunEvent
      if (event.type === 'run-started') base ??= event.base
      if (event.type === 'step-finished' && event.step.partition !== undefined) done.add(event.step.partition)
    }
  }
  if (base === undefined) {
    throw new PhloError('PHLO_RUN_NOT_FOUND', `No run is known that made the branch ${range.branch}`, {
      hint: `Begin anew: phlo branch delete ${range.branch}`,
    })
  }
  // What the branch itself does not have was not done, whatever runs say, nor was what other code made.
  const left = new Set(stepsWithout(range, await takenAt(dependencies, range, range.branch)))
  return { base, steps: range.steps.filter((step) => !left.has(step) && done.has(step.partition as string)) }
}

function stepsWithout({ steps }: Range, taken: IntervalSet): readonly PlannedStep[] {
  return steps.filter(({ interval }) => interval && !new IntervalSet([interval]).minus(taken).isEmpty)
}

/** The partitions at a ref that are of the asset's present code and source. */
async function takenAt(
  { catalog, sources, projectDir }: RunDependencies,
  { asset }: Range,
  ref: string,
): Promise<IntervalSet> {
  const state = readAssetState(await catalog.loadTable(asset.target, { ref }))
  const version = await sourceVersion(asset, sources, projectDir)
  return isCurrent(state, asset, version) ? state.materialized : new IntervalSet()
}
