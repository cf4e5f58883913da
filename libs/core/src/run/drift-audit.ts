import { mainBranch } from '@phlo/ports'
import { cannotRun, type CheckResult } from '../checks/check-result.js'
import type { Plan } from '../plan/plan.js'
import { checkTarget } from './check-target.js'
import type { RunScope } from './run-scope.js'

/**
 * Runs the checks that hold what a run published against its own past. It stays published, whatever they find, and also
 * when the run is cancelled meanwhile, which ends them.
 */
export async function* driftAudit(scope: RunScope, plan: Plan, commit: string): AsyncGenerator<CheckResult> {
  const { catalog, graph, checkRunner, signal } = scope
  const ref = catalog.supports.refs ? commit : mainBranch
  for (const key of new Set(plan.steps.map(({ asset }) => asset))) {
    const asset = graph.get(key)
    const checks = asset?.checks.filter(({ layer }) => layer === 'drift') ?? []
    if (!asset || checks.length === 0) continue
    try {
      const target = await checkTarget(
        catalog,
        asset,
        ref,
        plan.steps.filter((step) => step.asset === key),
      )
      yield* await checkRunner.run(target, checks, signal)
    } catch (error) {
      if (signal.aborted) return
      yield* checks.map((check) => cannotRun(key, check, check.kind, error))
    }
  }
}
