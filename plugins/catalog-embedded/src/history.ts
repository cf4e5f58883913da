import { noRef, sameValue, tableKey } from '@phlo/catalog'
import { type CommitInfo, mainBranch, type ReflogEntry, type TableIdentifier } from '@phlo/ports'
import type { CommitObject } from './commit-object.js'
import { type CommitStore, isCommitId } from './commit-store.js'
import type { RefStore } from './ref-store.js'
import { type Tree } from './tree.js'

/** Commits by name, by order and by time. */
export class History {
  private readonly commits: CommitStore
  private readonly refs: RefStore
  private readonly tree: Tree

  constructor(commits: CommitStore, refs: RefStore, tree: Tree) {
    this.commits = commits
    this.refs = refs
    this.tree = tree
  }

  /** The commit that a branch, a tag, or an id means. Throws PHLO_REF_NOT_FOUND. */
  async resolve(name: string = mainBranch): Promise<CommitObject> {
    if (isCommitId(name)) {
      const commit = await this.commits.find(name)
      if (commit) return commit
    } else {
      const ref = await this.refs.get(name)
      if (ref) return this.commits.get(ref.commit)
    }
    throw noRef(name)
  }

  /** Newest first along first parents; with `table`, those that changed it. */
  async *log(ref: string, options: { limit?: number; table?: TableIdentifier } = {}): AsyncIterable<CommitInfo> {
    const { limit = Infinity } = options
    const key = options.table && tableKey(options.table)
    let commit: CommitObject | undefined = await this.resolve(ref)
    for (let count = 0; commit && count < limit;) {
      const parent: CommitObject | undefined = await this.commits.firstParent(commit)
      if (key === undefined || (await this.differs(key, parent, commit))) {
        count++
        yield commitInfo(commit)
      }
      commit = parent
    }
  }

  /** As `VersionedCatalog.commitAt`; also for a branch or tag that is gone. */
  async commitAt(name: string, time: Date): Promise<string | undefined> {
    if (isCommitId(name)) return this.walkTo((await this.resolve(name)).id, time)
    const ref = await this.refs.read(name)
    if (!ref) throw noRef(name)
    const entry = await this.refs.logs.at(ref, time.getTime())
    if (entry && entry.time <= time.getTime()) return entry.to
    // A ref of the format's first version was moved before it had a log: there the commits' own times have to do.
    if (!entry) return ref.deleted ? undefined : this.walkTo(ref.commit, time)
    return entry.from === undefined ? undefined : this.walkTo(entry.from, time)
  }

  async *reflog(name: string): AsyncIterable<ReflogEntry> {
    const ref = await this.refs.read(name)
    if (!ref) throw noRef(name)
    for await (const { time, action, from, to, message, author } of this.refs.logs.entries(ref)) {
      yield {
        time: new Date(time),
        action,
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
        message,
        author,
      }
    }
  }

  private async walkTo(id: string, time: Date): Promise<string | undefined> {
    let commit: CommitObject | undefined = await this.commits.get(id)
    while (commit && commit.time > time.getTime()) commit = await this.commits.firstParent(commit)
    return commit?.id
  }

  private async differs(key: string, before: CommitObject | undefined, after: CommitObject): Promise<boolean> {
    if (before?.root?.hash === after.root?.hash) return false
    const [old, now] = await Promise.all([this.tree.get(before?.root, key), this.tree.get(after.root, key)])
    return !sameValue(old, now)
  }
}

function commitInfo({ id, parents, author, message, time, properties }: CommitObject): CommitInfo {
  return { id, parents, author, message, time: new Date(time), properties }
}
