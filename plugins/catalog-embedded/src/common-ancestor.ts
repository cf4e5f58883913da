import type { CommitObject } from './commit-object.js'
import type { CommitStore } from './commit-store.js'

/** The highest commit that both have as an ancestor, or are. Every two commits share at least the first one. */
export async function commonAncestor(
  commits: CommitStore,
  a: CommitObject,
  b: CommitObject,
): Promise<CommitObject | undefined> {
  const seen = [new Map<string, CommitObject>(), new Map<string, CommitObject>()] as const
  const frontier: { commit: CommitObject; side: 0 | 1 }[] = [
    { commit: a, side: 0 },
    { commit: b, side: 1 },
  ]
  while (frontier.length > 0) {
    // Highest first: every path to a commit leads through higher ones only.
    frontier.sort((left, right) => left.commit.height - right.commit.height)
    const { commit, side } = frontier.pop() as { commit: CommitObject; side: 0 | 1 }
    if (seen[side].has(commit.id)) continue
    seen[side].set(commit.id, commit)
    if (seen[side === 0 ? 1 : 0].has(commit.id)) return commit
    for (const parent of commit.parents) frontier.push({ commit: await commits.get(parent), side })
  }
  return undefined
}
