import {
  formatIdentifier,
  isPhloError,
  mainBranch,
  type MergeResult,
  PhloError,
  type SharedKeyLookup,
  type VersionedCatalog,
} from '@phlo/ports'
import { headOf, rebaseRun } from './rebase-run.js'

/** What a run depends on and made; names of tables and views. */
export interface Footprint {
  readonly reads: ReadonlySet<string>
  /** What functions read: no plan would see that what was made of it is out of date. */
  readonly functionReads: ReadonlySet<string>
  readonly writes: ReadonlySet<string>
}

/** Main moved while the run was under way. The run's branch stands on top of `commit` where `changed` has tables. */
export interface MainMove {
  /** Where main stands now. */
  readonly commit: string
  /** What the run read or wrote and main has changed since it was last looked at. */
  readonly changed: readonly string[]
  /** Tables of them that the run changed as well: both changes are in. */
  readonly rebased: readonly string[]
}

export interface PublishRequest {
  readonly branch: string
  /** The commit of main that the branch was made from. */
  readonly base: string
  readonly footprint: Footprint
  readonly message: string
  readonly author: string
  readonly properties: Readonly<Record<string, string>>
  /** Looks at rows where only they tell whether both sides added one key. */
  readonly sharedKey: SharedKeyLookup
  /** Audits the branch again where main's move matters; false keeps it from being published. */
  readonly auditAgain: (move: MainMove) => Promise<boolean>
}

/** Each means that another run was published between a look at main and the merge, elsewhere in the lake. */
const mostAttempts = 100

/** Each means that another run changed the same tables while they were audited, which takes as long as the checks do. */
const mostAudits = 10

/**
 * Brings a run's branch into main in one commit. Where main moved since the branch was made, and changed what the run
 * read or wrote, the run's changes are put on top of it on the branch, out of sight, and audited again there; then main
 * moves from exactly the state that was audited against. Gives `undefined` when that audit kept it from being published.
 * Throws PHLO_MERGE_CONFLICT with the tables and reasons where the changes do not go together, and PHLO_COMMIT_CONFLICT
 * when others are always quicker; main stays as it is.
 */
export async function publish(catalog: VersionedCatalog, request: PublishRequest): Promise<MergeResult | undefined> {
  const { branch, base, message, author, properties, sharedKey } = request
  const { commit: run } = await headOf(catalog, branch)
  let audited = base
  let audits = 0
  for (let attempt = 1; ; attempt++) {
    const { commit } = await headOf(catalog, mainBranch)
    try {
      if (commit !== audited) {
        const changed = touched(request.footprint, await changedBetween(catalog, audited, commit))
        if (changed.length > 0 && ++audits > mostAudits) throw tooOften(changed)
        const rebase = { branch, base, run, onto: commit, changed, sharedKey }
        const rebased = changed.length > 0 ? await rebaseRun(catalog, rebase) : []
        if (!(await request.auditAgain({ commit, changed, rebased }))) return undefined
        audited = commit
      }
      // A commit of its own keeps the run's words, even where main could simply move forward.
      const words = { message, author, properties, sharedKey, fastForward: false }
      return await catalog.merge(branch, mainBranch, { ...words, expectedTarget: commit })
    } catch (error) {
      // Main moved between the look and the merge: look again.
      if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT') || audits > mostAudits || attempt === mostAttempts) throw error
    }
  }
}

/** Those of the tables that the run has to do with. Throws PHLO_MERGE_CONFLICT for what its functions read. */
function touched({ reads, functionReads, writes }: Footprint, moved: readonly string[]): string[] {
  const unseen = moved.filter((name) => functionReads.has(name))
  if (unseen.length > 0) {
    const message = `${mainBranch} changed ${unseen.join(', ')} while the run was under way, which a function of it read`
    throw new PhloError('PHLO_MERGE_CONFLICT', message, {
      hint: 'Run again: it starts from the present main.',
      retryable: true,
      context: { tables: unseen },
    })
  }
  return moved.filter((name) => reads.has(name) || writes.has(name))
}

function tooOften(changed: readonly string[]): PhloError {
  return new PhloError(
    'PHLO_COMMIT_CONFLICT',
    `${mainBranch} changed ${changed.join(', ')} again after each of ${mostAudits} audits`,
    {
      hint: 'Others change the same tables all the time; run again when there are fewer of them.',
      retryable: true,
      context: { tables: changed },
    },
  )
}

/** Names of the tables and views that differ. */
async function changedBetween(catalog: VersionedCatalog, from: string, to: string): Promise<string[]> {
  const { tables, views } = await catalog.diff(from, to)
  return [...tables, ...views].map(({ identifier }) => formatIdentifier(identifier))
}
