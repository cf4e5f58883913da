import { isPhloError, type RefInfo } from '@phlo/ports'
import type { RunDependencies } from './run-dependencies.js'
import { runIdPattern, runStart } from './run-id.js'
import { isAlive } from './run-liveness.js'

type BranchKeepers = Pick<RunDependencies, 'catalog' | 'state' | 'audit' | 'host'>

/** Branches of runs that were not published and are older than the policy keeps them. */
export async function expiredBranches({ catalog, state, audit, host }: BranchKeepers): Promise<RefInfo[]> {
  const branchName = branchPattern(audit.branch)
  const expired: RefInfo[] = []
  for (const ref of await catalog.listRefs()) {
    const id = ref.type === 'branch' ? branchName.exec(ref.name)?.[1] : undefined
    if (id === undefined) continue
    const age = Date.now() - runStart(id)
    if (age < audit.keepFailed) continue
    const run = await state.getRun(id)
    if (run?.status === 'running' && isAlive(run, host)) continue
    expired.push(ref)
  }
  return expired
}

/** Deletes the {@link expiredBranches} and gives their names. */
export async function tidyBranches(keepers: BranchKeepers): Promise<string[]> {
  const deleted: string[] = []
  for (const { name, commit } of await expiredBranches(keepers)) {
    try {
      await keepers.catalog.deleteRef(name, { expected: commit })
      deleted.push(name)
    } catch (error) {
      // Another process was quicker, or somebody works on the branch: both leave nothing to do.
      if (!isPhloError(error, 'PHLO_REF_NOT_FOUND') && !isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
    }
  }
  return deleted
}

/** Finds the run's id in the names that the template makes, however often it stands there. */
function branchPattern(template: string): RegExp {
  const [before = '', ...rest] = template.split('{run_id}').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${before}(${runIdPattern})${rest.join('\\1')}$`)
}
