import os from 'node:os'
import { type CommitInfo, mainBranch, type RunRecord, type StateStore, type VersionedCatalog } from '@phlo/ports'

/** A run that has not said for this long that it lives is dead, wherever it ran. Milliseconds. */
const silentAfter = 60_000

/** This process, as run records name it. */
export function runOwner(): string {
  return `${os.hostname()}:${process.pid}`
}

/**
 * Runs whose process is gone are marked: as succeeded when main shows that they were published, otherwise as
 * interrupted. Their branches stay until their retention ends.
 */
export async function markInterrupted(state: StateStore, catalog: VersionedCatalog): Promise<void> {
  for (const run of await state.listRuns({ status: 'running' })) {
    if (isAlive(run)) continue
    const published = await publication(catalog, run)
    await state.putRun({
      ...run,
      status: published ? 'succeeded' : 'interrupted',
      finishedAt: run.heartbeatAt,
      ...(published && { publishedCommit: published.id }),
    })
  }
}

export function isAlive(run: RunRecord): boolean {
  const [host, pid] = splitOwner(run.owner)
  if (host === os.hostname() && !processExists(pid)) return false
  return Date.now() - run.heartbeatAt < silentAfter
}

function splitOwner(owner: string): [string, number] {
  const colon = owner.lastIndexOf(':')
  return [owner.slice(0, colon), Number(owner.slice(colon + 1))]
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EPERM'
  }
}

/** The commit on main that published the run, looked for as far back as the run could have made it. */
async function publication(catalog: VersionedCatalog, run: RunRecord): Promise<CommitInfo | undefined> {
  for await (const commit of catalog.log(mainBranch)) {
    if (commit.properties['run-id'] === run.id) return commit
    if (commit.time.getTime() < run.startedAt) return undefined
  }
  return undefined
}
