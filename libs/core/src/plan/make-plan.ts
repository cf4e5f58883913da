import {
  type Catalog,
  formatIdentifier,
  type LoadedTable,
  mainBranch,
  type Source,
  type TableIdentifier,
} from '@phlo/ports'
import type { AssetKey, IngestionAsset, ModelAsset } from '../assets/asset.js'
import type { AssetGraph } from '../assets/asset-graph.js'
import { selectAssets } from '../assets/selection.js'
import { IntervalSet } from '../partitions/interval-set.js'
import {
  countPartitions,
  coverage,
  describeInterval,
  eachPartition,
  type PartitionRequest,
  requestedInterval,
} from '../partitions/partition-definition.js'
import { type AssetState, isCurrent, readAssetState, snapshotIdOf } from './asset-state.js'
import type { Plan, PlannedStep } from './plan.js'
import { sourceVersion } from './source-version.js'

export interface PlanRequest extends PartitionRequest {
  /** Selectors; none means every asset that is missing or stale. */
  readonly selection?: readonly string[]
  /** Also what is neither missing nor stale. */
  readonly force?: boolean
  /** Of the partitions that are asked for, only those that were not taken in yet. */
  readonly onlyMissing?: boolean
  /** A step for each partition but for those of these keys, instead of one for as many as follow each other. */
  readonly stepByStep?: { readonly without: ReadonlySet<string> }
}

export interface PlanInputs {
  readonly graph: AssetGraph
  readonly catalog: Catalog
  readonly sources: readonly Source[]
  readonly projectDir: string
  readonly now?: Date
  /** Where the state that counts is. Default: main. */
  readonly ref?: string
}

/** Finds out what is missing or stale. Reads metadata only; runs nothing of the user's. */
export async function makePlan(inputs: PlanInputs, request: PlanRequest): Promise<Plan> {
  return new Planner(inputs, request).plan()
}

class Planner {
  private readonly inputs: PlanInputs
  private readonly request: PlanRequest
  private readonly now: Date
  private readonly planned = new Set<AssetKey>()
  private readonly tables = new Map<string, Promise<LoadedTable | undefined>>()

  constructor(inputs: PlanInputs, request: PlanRequest) {
    this.inputs = inputs
    this.request = request
    this.now = inputs.now ?? new Date()
  }

  async plan(): Promise<Plan> {
    const steps: PlannedStep[] = []
    const fresh: AssetKey[] = []
    for (const asset of selectAssets(this.inputs.graph, this.request.selection ?? [])) {
      const own = asset.kind === 'ingestion' ? await this.ingestion(asset) : await this.model(asset)
      if (own.length === 0) fresh.push(asset.key)
      else {
        this.planned.add(asset.key)
        steps.push(...own)
      }
    }
    return { steps, fresh }
  }

  /** Named on the command line: then it runs even when it is fresh. Of partitions, only those named themselves do. */
  private get askedFor(): boolean {
    return (this.request.selection ?? []).length > 0 || this.request.force === true
  }

  private async ingestion(asset: IngestionAsset): Promise<PlannedStep[]> {
    const table = await this.table(asset.target)
    const state = readAssetState(table)
    // What is new or has other code runs in any case: its source need not be looked at.
    const version =
      state.codeVersion === asset.codeVersion
        ? await sourceVersion(asset, this.inputs.sources, this.inputs.projectDir)
        : undefined
    const base = { asset: asset.key, kind: 'ingestion' as const, upstream: asset.upstream }
    if (asset.partitions) {
      const { partitions: definition } = asset
      const { unit } = definition
      const asked = requestedInterval(definition, this.request, this.now.getTime())
      const wanted = new IntervalSet([asked ?? coverage(definition, this.now.getTime())])
      const known = isCurrent(state, asset, version) ? state.materialized : new IntervalSet()
      const again = (asked !== undefined && !this.request.onlyMissing) || this.request.force
      const missing = again ? wanted : wanted.minus(known)
      const why = asked
        ? 'asked for'
        : this.request.force
          ? 'forced'
          : !table
            ? 'new'
            : state.codeVersion !== asset.codeVersion
              ? 'its code changed'
              : isCurrent(state, asset, version)
                ? 'missing'
                : 'its source changed'
      const { stepByStep } = this.request
      const steps = stepByStep
        ? missing.intervals
            .flatMap((interval) => eachPartition(definition, interval))
            .filter((interval) => !stepByStep.without.has(describeInterval(definition, interval)))
        : missing.intervals
      return steps.map((interval) => {
        const partitions = countPartitions(definition, interval)
        return {
          ...base,
          reason: `${partitions} ${partitions === 1 ? unit : `${unit}s`} ${why}`,
          partition: describeInterval(definition, interval),
          interval,
          partitions,
        }
      })
    }
    const reason = this.whyIngest(asset, table, state, version)
    return reason === undefined ? [] : [{ ...base, reason }]
  }

  private whyIngest(
    asset: IngestionAsset,
    table: LoadedTable | undefined,
    state: AssetState,
    version: string | undefined,
  ): string | undefined {
    if (!table) return 'new'
    if (state.codeVersion !== asset.codeVersion) return 'its code changed'
    const upstream = asset.upstream.find((key) => this.planned.has(key))
    if (upstream !== undefined) return `${upstream} runs`
    if (version === undefined) return 'its source cannot tell whether it changed'
    if (version !== state.sourceVersion) return 'its source changed'
    return this.askedFor ? 'asked for' : undefined
  }

  private async model(asset: ModelAsset): Promise<PlannedStep[]> {
    const reason = await this.whyModel(asset)
    return reason === undefined ? [] : [{ asset: asset.key, kind: 'model', reason, upstream: asset.upstream }]
  }

  private async whyModel(asset: ModelAsset): Promise<string | undefined> {
    const upstream = asset.upstream.find((key) => this.planned.has(key))
    const table = await this.table(asset.target)
    if (!table) return 'new'
    const state = readAssetState(table)
    if (state.codeVersion !== asset.codeVersion) return 'its code changed'
    if (upstream !== undefined) return `${upstream} runs`
    for (const input of asset.inputs) {
      const name = formatIdentifier(input)
      if (state.inputs[name] !== snapshotIdOf(await this.table(input))) return `${name} changed`
    }
    return this.askedFor ? 'asked for' : undefined
  }

  private table(identifier: TableIdentifier): Promise<LoadedTable | undefined> {
    const name = formatIdentifier(identifier)
    let table = this.tables.get(name)
    if (!table) {
      table = this.inputs.catalog.loadTable(identifier, { ref: this.inputs.ref ?? mainBranch })
      this.tables.set(name, table)
    }
    return table
  }
}
