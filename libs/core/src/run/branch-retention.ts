import { isPhloError } from '@phlo/ports'
import type { RunDependencies } from './run-dependencies.js'
import { isAlive } from './run-liveness.js'

/** Deletes branches of runs that were not published and are older than the policy keeps them. */
export async function tidyBranches({
  catalog,
  state,
  audit,
  host,
}: Pick<RunDependencies, 'catalog' | 'state' | 'audit' | 'host'>): Promise<void> {
  const [prefix, suffix = ''] = audit.branch.split('{run_id}') as [string, string | undefined]
  for (const { name, type, commit } of await catalog.listRefs()) {
    if (type !== 'branch' || !name.startsWith(prefix) || !name.endsWith(suffix)) continue
    const id = name.slice(prefix.length, name.length - suffix.length)
    const started = /^(\d{4})(\d{2})(\d{2})t(\d{2})(\d{2})(\d{2})-[0-9a-f]{6}$/.exec(id)
    if (!started) continue
    const [, year, month, day, hour, minute, second] = started.map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const age = Date.now() - Date.UTC(year, month - 1, day, hour, minute, second)
    const run = await state.getRun(id)
    if (age < audit.keepFailed || (run?.status === 'running' && isAlive(run, host))) continue
    try {
      await catalog.deleteRef(name, { expected: commit })
    } catch (error) {
      // Another process was quicker, or somebody works on the branch: both leave nothing to do.
      if (!isPhloError(error, 'PHLO_REF_NOT_FOUND') && !isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
    }
  }
}
