import { type CommitInfo, mainBranch, type RunRecord, type VersionedCatalog } from '@phlo/ports'
import type { RunDependencies, RunHost } from './run-dependencies.js'

/** A run that has not said for this long that it lives is dead, wherever it ran. Milliseconds. */
const silentAfter = 60_000

/**
 * Runs whose process is gone are marked: as succeeded when main shows that they were published, otherwise as
 * interrupted. Their branches stay until their retention ends.
 */
export async function markInterrupted({
  state,
  catalog,
  host,
}: Pick<RunDependencies, 'state' | 'catalog' | 'host'>): Promise<void> {
  for (const run of await state.listRuns({ status: 'running' })) {
    if (isAlive(run, host)) continue
    const published = await publication(catalog, run)
    await state.putRun({
      ...run,
      status: published ? 'succeeded' : 'interrupted',
      finishedAt: run.heartbeatAt,
      ...(published && { publishedCommit: published.id }),
    })
  }
}

export function isAlive(run: RunRecord, host: RunHost): boolean {
  return !host.isGone(run.owner) && Date.now() - run.heartbeatAt < silentAfter
}

/** The commit on main that published the run, looked for as far back as the run could have made it. */
async function publication(catalog: VersionedCatalog, run: RunRecord): Promise<CommitInfo | undefined> {
  for await (const commit of catalog.log(mainBranch)) {
    if (commit.properties['run-id'] === run.id) return commit
    if (commit.time.getTime() < run.startedAt) return undefined
  }
  return undefined
}
