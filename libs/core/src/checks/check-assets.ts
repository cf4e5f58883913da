import { type Catalog, type CheckKind, mainBranch, type QueryEngine, type StateStore } from '@phlo/ports'
import type { Asset } from '../assets/asset.js'
import type { AssetGraph } from '../assets/asset-graph.js'
import { selectAssets } from '../assets/selection.js'
import {
  describeInterval,
  type PartitionDefinition,
  type PartitionRequest,
  requestedInterval,
} from '../partitions/partition-definition.js'
import { checkTarget } from '../run/check-target.js'
import { cannotRun, type CheckResult } from './check-result.js'
import { CheckRunner } from './check-runner.js'
import { RecordedChecks } from './recorded-checks.js'

export interface CheckDependencies {
  readonly graph: AssetGraph
  readonly catalog: Catalog
  readonly queries: QueryEngine
  readonly checkKinds: readonly CheckKind[]
  readonly state: StateStore
}

export interface CheckRequest extends PartitionRequest {
  /** As for runs; all assets when empty. */
  readonly selection: readonly string[]
  /** Branch, tag or commit. */
  readonly ref: string
  readonly signal?: AbortSignal
}

/** Tables whose asset has no partitions, but whose rows say of which day they are. */
const daily: PartitionDefinition = {
  unit: 'day',
  column: '_phlo_partition_date',
  start: Date.parse('0001-01-01T00:00:00Z'),
}

/**
 * Runs the checks of assets at a ref, those of drift among them, outside of any run, and keeps what they found. A check of
 * a table that is not there could not run, and so has failed. Throws PHLO_ASSET_UNKNOWN and PHLO_PARTITION_INVALID.
 */
export async function checkAssets(dependencies: CheckDependencies, request: CheckRequest): Promise<CheckResult[]> {
  const { graph, catalog, queries, checkKinds, state } = dependencies
  const recorded = new RecordedChecks(state)
  const runner = new CheckRunner(queries, checkKinds, recorded)
  const results: CheckResult[] = []
  for (const asset of selectAssets(graph, request.selection)) {
    const { key, checks } = asset
    if (checks.length === 0) continue
    const partitions = requested(asset, request)
    try {
      const target = await checkTarget(catalog, asset, request.ref, partitions)
      results.push(...(await runner.run(target, checks, request.signal)))
    } catch (error) {
      if (request.signal?.aborted) throw error
      results.push(...checks.map((check) => cannotRun(key, check, check.kind, error)))
    }
  }
  await recorded.keep(results, { ref: request.ref, published: request.ref === mainBranch })
  return results
}

function requested(asset: Asset, request: PartitionRequest) {
  const definition = (asset.kind === 'ingestion' ? asset.partitions : undefined) ?? daily
  const interval = requestedInterval(definition, request, Date.now())
  return interval ? [{ interval, partition: describeInterval(definition, interval) }] : []
}
