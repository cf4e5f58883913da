import {
  formatIdentifier,
  isPhloError,
  mainBranch,
  type MergeResult,
  PhloError,
  type VersionedCatalog,
} from '@phlo/ports'

/** What a run read and wrote; names of tables. */
export interface Footprint {
  readonly reads: ReadonlySet<string>
  readonly writes: ReadonlySet<string>
}

export interface PublishRequest {
  readonly branch: string
  /** The commit of main that the branch was made from. */
  readonly base: string
  readonly footprint: Footprint
  readonly message: string
  readonly author: string
  readonly properties: Readonly<Record<string, string>>
}

/** Each failed attempt means that another run was published meanwhile. */
const mostAttempts = 100

/**
 * Brings a run's branch into main in one commit. When main moved since the branch was made, that is allowed as long as
 * nothing that the run read or wrote changed: then its audits hold on the new main, too.
 * Throws PHLO_MERGE_CONFLICT with the tables otherwise, and PHLO_COMMIT_CONFLICT when others are always quicker; main
 * stays as it is.
 */
export async function publish(catalog: VersionedCatalog, request: PublishRequest): Promise<MergeResult> {
  const { branch, base, footprint, message, author, properties } = request
  for (let attempt = 1; ; attempt++) {
    const head = await catalog.getRef(mainBranch)
    if (!head) throw new PhloError('PHLO_REF_NOT_FOUND', `There is no branch ${mainBranch}`)
    const touched = (head.commit === base ? [] : await changedBetween(catalog, base, head.commit)).filter(
      (name) => footprint.reads.has(name) || footprint.writes.has(name),
    )
    if (touched.length > 0) {
      throw new PhloError(
        'PHLO_MERGE_CONFLICT',
        `${mainBranch} changed ${touched.join(', ')} while the run was under way`,
        {
          hint: 'Run again: it starts from the present main.',
          retryable: true,
          context: { tables: touched },
        },
      )
    }
    try {
      // A commit of its own keeps the run's words, even where main could simply move forward.
      const words = { message, author, properties, fastForward: false }
      return await catalog.merge(branch, mainBranch, { ...words, expectedTarget: head.commit })
    } catch (error) {
      // Main moved between the look and the merge: look again.
      if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT') || attempt === mostAttempts) throw error
    }
  }
}

/** Names of the tables and views that differ. */
async function changedBetween(catalog: VersionedCatalog, from: string, to: string): Promise<string[]> {
  const { tables, views } = await catalog.diff(from, to)
  return [...tables, ...views].map(({ identifier }) => formatIdentifier(identifier))
}
