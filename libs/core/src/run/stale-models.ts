import { formatIdentifier } from '@phlo/ports'
import type { AssetKey } from '../assets/asset.js'
import { readAssetState, snapshotIdOf } from '../plan/asset-state.js'
import type { Plan } from '../plan/plan.js'
import type { RunScope } from './run-scope.js'

/** The models of a run that were made of one of the tables as it was before: the next plan makes them anew. */
export async function staleModels(scope: RunScope, plan: Plan, changed: readonly string[]): Promise<AssetKey[]> {
  const { catalog, branch: ref, graph } = scope
  const stale: AssetKey[] = []
  for (const key of new Set(plan.steps.map(({ asset }) => asset))) {
    const asset = graph.get(key)
    const inputs = asset?.kind === 'model' ? asset.inputs : []
    const moved = inputs.filter((input) => changed.includes(formatIdentifier(input)))
    if (!asset || moved.length === 0) continue
    const made = readAssetState(await catalog.loadTable(asset.target, { ref })).inputs
    const now = await Promise.all(moved.map(async (input) => snapshotIdOf(await catalog.loadTable(input, { ref }))))
    if (moved.some((input, index) => made[formatIdentifier(input)] !== now[index])) stale.push(key)
  }
  return stale
}
