import { type CatalogValue, parseKey } from '@phlo/catalog'
import type { LakeState, ObjectInfo, ObjectStore, ToldCommits } from '@phlo/ports'
import type { CommitObject } from './commit-object.js'
import { type CommitStore, isCommitId } from './commit-store.js'
import type { History } from './history.js'
import { isPackId } from './page-pack.js'
import type { RefStore } from './ref-store.js'
import { isLeaf, type Page } from './tree-page.js'
import type { Tree } from './tree.js'

/** The names under which objects are stored. */
interface Reached {
  readonly commits: Set<string>
  readonly packs: Set<string>
  readonly logPages: Set<string>
}

/** What a collection of garbage has to know of the catalog: which states its refs lead to, and which objects none does. */
export class Retained {
  private readonly store: ObjectStore
  private readonly commits: CommitStore
  private readonly refs: RefStore
  private readonly tree: Tree
  private readonly history: History

  constructor(store: ObjectStore, commits: CommitStore, refs: RefStore, tree: Tree, history: History) {
    this.store = store
    this.commits = commits
    this.refs = refs
    this.tree = tree
    this.history = history
  }

  /** As `VersionedCatalog.states`. */
  async *states(
    name: string,
    { since, told = new Map() }: { readonly since?: Date; readonly told?: ToldCommits },
  ): AsyncGenerator<LakeState> {
    const ref = isCommitId(name) ? undefined : await this.refs.read(name)
    const isGone = ref?.deleted === true && since !== undefined
    const head = isGone ? undefined : await this.history.resolve(name)
    if (head && !isTold(told, head.id, since)) {
      yield* this.contents(head, true)
      if (since) yield* this.past(head, since, told)
    }
    if (!since || !ref) return
    for await (const { time, from } of this.refs.logs.entries(ref)) {
      if (time < since.getTime()) return
      if (from === undefined || isTold(told, from, since)) continue
      // The ref was moved away from there, or deleted.
      const commit = await this.commits.find(from)
      if (!commit) continue
      yield* this.contents(commit, false)
      yield* this.past(commit, since, told)
    }
  }

  /** As `VersionedCatalog.unreachableObjects`. */
  async *unreachable(olderThan: Date, since: Date): AsyncGenerator<ObjectInfo> {
    const reached: Reached = { commits: new Set(), packs: new Set(), logPages: new Set() }
    for await (const { key } of this.store.list(this.refs.prefix)) {
      const ref = await this.refs.read(this.refs.nameOf(key))
      if (!ref) continue
      if (!ref.deleted) await this.reach(ref.commit, reached)
      for await (const { time, from, to } of this.refs.logs.entries(ref)) {
        if (time < since.getTime()) break
        for (const id of [from, to]) if (id !== undefined) await this.reach(id, reached)
      }
      for await (const { id } of this.refs.logs.pages(ref)) reached.logPages.add(id)
    }
    yield* this.others(this.commits.prefix, reached.commits, olderThan)
    yield* this.others(this.commits.packPrefix, reached.packs, olderThan)
    yield* this.others(this.refs.logs.prefix, reached.logPages, olderThan)
  }

  private async *others(prefix: string, reached: ReadonlySet<string>, olderThan: Date): AsyncGenerator<ObjectInfo> {
    for await (const info of this.store.list(prefix)) {
      const id = info.key.slice(info.key.lastIndexOf('/') + 1)
      if (info.modified < olderThan && !reached.has(id)) yield info
    }
  }

  /** Adds a commit and all its ancestors that are there, and the packs that their pages are in. */
  private async reach(id: string, reached: Reached): Promise<void> {
    const waiting = [id]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (reached.commits.has(next)) continue
      reached.commits.add(next)
      const commit = await this.commits.find(next)
      if (!commit) continue
      waiting.push(...commit.parents)
      if (commit.root) await this.reachPack(commit.root.object, reached)
      await this.reachPacks(commit.pages, reached)
    }
  }

  private async reachPacks(pages: ReadonlyMap<string, Page>, reached: Reached): Promise<void> {
    for (const page of pages.values())
      if (!isLeaf(page)) for (const [, , object] of page.items) await this.reachPack(object, reached)
  }

  private async reachPack(object: string, reached: Reached): Promise<void> {
    const name = object.slice(1)
    if (!isPackId(object) || reached.packs.has(name)) return
    reached.packs.add(name)
    await this.reachPacks(await this.commits.pack(object), reached)
  }

  private async *contents({ id, root }: CommitObject, current: boolean): AsyncGenerator<LakeState> {
    for await (const [key, value] of this.tree.items(root, '', () => true)) yield* this.state(key, value, id, current)
  }

  /**
   * What the commit's ancestors held at a time since then and the commit does not hold, as far as that was not told. Where
   * the past of an ancestor was, all that it held was, too.
   */
  private async *past(commit: CommitObject, since: Date, told: ToldCommits): AsyncGenerator<LakeState> {
    told.set(commit.id, since)
    for (let child = commit; child.time >= since.getTime();) {
      const [id] = child.parents
      const parent = id === undefined || isTold(told, id, since) ? undefined : await this.commits.find(id)
      if (!parent) return
      told.set(parent.id, since)
      for (const { key, before } of await this.tree.diff(parent.root, child.root))
        yield* this.state(key, before, parent.id, false)
      child = parent
    }
  }

  private *state(key: string, value: CatalogValue | undefined, commit: string, current: boolean): Generator<LakeState> {
    if (!value || value.type === 'namespace') return
    const metadataLocation = this.store.uri(value.metadata)
    yield { identifier: parseKey(key), kind: value.type, metadataLocation, commit, current }
  }
}

/** Were the commit's states told, and those of its past since then? */
function isTold(told: ToldCommits, commit: string, since: Date | undefined): boolean {
  const until = told.get(commit)
  return until !== undefined && (!since || until <= since)
}
