import { isPhloError } from '@phlo/ports'
import type { RunDependencies } from './run-dependencies.js'
import { runIdPattern, runStart } from './run-id.js'
import { isAlive } from './run-liveness.js'

/** Deletes branches of runs that were not published and are older than the policy keeps them. */
export async function tidyBranches({
  catalog,
  state,
  audit,
  host,
}: Pick<RunDependencies, 'catalog' | 'state' | 'audit' | 'host'>): Promise<void> {
  const branchName = branchPattern(audit.branch)
  for (const { name, type, commit } of await catalog.listRefs()) {
    const id = type === 'branch' ? branchName.exec(name)?.[1] : undefined
    if (id === undefined) continue
    const age = Date.now() - runStart(id)
    if (age < audit.keepFailed) continue
    const run = await state.getRun(id)
    if (run?.status === 'running' && isAlive(run, host)) continue
    try {
      await catalog.deleteRef(name, { expected: commit })
    } catch (error) {
      // Another process was quicker, or somebody works on the branch: both leave nothing to do.
      if (!isPhloError(error, 'PHLO_REF_NOT_FOUND') && !isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
    }
  }
}

/** Finds the run's id in the names that the template makes, however often it stands there. */
function branchPattern(template: string): RegExp {
  const [before = '', ...rest] = template.split('{run_id}').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${before}(${runIdPattern})${rest.join('\\1')}$`)
}
