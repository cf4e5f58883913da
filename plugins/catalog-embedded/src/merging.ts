import {
  type MergePlan,
  type MergeSides,
  planMerge,
  refMoved,
  refProtected,
  refuseConflicts,
  type TableRebases,
} from '@phlo/catalog'
import type { MergeOptions, MergeResult } from '@phlo/ports'
import type { BranchWriter } from './branch-writer.js'
import type { CommitMaker } from './commit-maker.js'
import type { CommitObject } from './commit-object.js'
import type { CommitStore } from './commit-store.js'
import { commonAncestor } from './common-ancestor.js'
import type { History } from './history.js'
import { type RefStore, unknownAuthor } from './ref-store.js'
import { treeState } from './tree-state.js'
import type { Root, Tree } from './tree.js'

/** What a merge, a cherry-pick or a revert does to one state of its target. */
interface Attempt {
  readonly base: CommitObject | undefined
  readonly plan: MergePlan
}

interface Parts {
  readonly commits: CommitStore
  readonly refs: RefStore
  readonly tree: Tree
  readonly history: History
  readonly maker: CommitMaker
  readonly writer: BranchWriter
}

/** Merges, cherry-picks and reverts: three-way all of them, and they differ in what counts as base and source. */
export class Merging {
  private readonly parts: Parts
  private readonly newRebases: () => TableRebases

  /** `newRebases` makes, for each merge, what brings two changes of one table together. */
  constructor(parts: Parts, newRebases: () => TableRebases) {
    this.parts = parts
    this.newRebases = newRebases
  }

  async merge(from: string, into: string, options: MergeOptions & { fastForward?: boolean }): Promise<MergeResult> {
    const { commits, history, maker, writer } = this.parts
    const source = await history.resolve(from)
    const words = { message: `Merge ${from} into ${into}`, ...options }
    const rebases = this.newRebases()
    const look = async (target: CommitObject): Promise<Attempt> => {
      requireTarget(into, target, options)
      const base = await commonAncestor(commits, source, target)
      const sides = { base: base?.root, target: target.root, source: source.root }
      return { base, plan: await planMerge(await this.sides(sides), options, rebases.rebase) }
    }
    const mayForward = options.fastForward ?? options.properties === undefined
    const forwards = (target: CommitObject, { base }: Attempt) =>
      mayForward && base?.id === target.id && source.id !== target.id
    if (options.dryRun) {
      const target = await history.resolve(into)
      const attempt = await look(target)
      await rebases.discard()
      return result(target.id, attempt, forwards(target, attempt))
    }
    return writer.advance(into, async (target) => {
      const attempt = await look(target)
      const { base, plan } = attempt
      await refuse(plan, rebases, `${from} cannot be merged into ${into}`)
      const said = { action: 'merge' as const, message: words.message, author: words.author ?? unknownAuthor }
      if (base?.id === source.id) return { ...said, result: result(target.id, attempt, false) }
      if (forwards(target, attempt)) return { ...said, to: source, result: result(source.id, attempt, true) }
      const parents = [target, source] as const
      const { edits, files } = rebases.write(plan.edits)
      const to =
        base?.id === target.id ? maker.withTree(parents, source.root, words) : await maker.edited(parents, edits, words)
      return { ...said, to, files, result: result(to.commit.id, attempt, false) }
    })
  }

  /** What the trees say of a merge's sides. */
  private async sides(roots: {
    readonly base: Root
    readonly target: Root
    readonly source: Root
  }): Promise<MergeSides> {
    const { tree } = this.parts
    const [theirs, ours] = await Promise.all([tree.diff(roots.base, roots.source), tree.diff(roots.base, roots.target)])
    return { theirs, ours, target: treeState(tree, roots.target) }
  }

  async cherryPick(id: string, into: string, options: MergeOptions): Promise<MergeResult> {
    const picked = await this.parts.history.resolve(id)
    const parent = await this.parts.commits.firstParent(picked)
    const words = {
      author: picked.author,
      ...options,
      message: options.message ?? `${picked.message} (picked from ${picked.id.slice(0, 12)})`,
    }
    const what = `${id} cannot be picked into ${into}`
    return this.replay('cherry-pick', into, { base: parent, source: picked.root, what, words }, options)
  }

  async revert(id: string, on: string, options: MergeOptions): Promise<MergeResult> {
    const undone = await this.parts.history.resolve(id)
    const parent = await this.parts.commits.firstParent(undone)
    const words = { ...options, message: options.message ?? `Revert ${undone.id.slice(0, 12)}: ${undone.message}` }
    const what = `${id} cannot be reverted on ${on}`
    return this.replay('revert', on, { base: undone, source: parent?.root, what, words }, options)
  }

  /** Does on the branch what leads from the base to the source, as a commit with one parent. */
  private async replay(
    action: 'cherry-pick' | 'revert',
    branch: string,
    change: {
      readonly base: CommitObject | undefined
      readonly source: Root
      readonly what: string
      readonly words: MergeOptions & { readonly message: string }
    },
    options: MergeOptions,
  ): Promise<MergeResult> {
    const { history, maker, refs, writer } = this.parts
    const { base, source, what, words } = change
    const rebases = this.newRebases()
    const look = async (target: CommitObject): Promise<Attempt> => {
      requireTarget(branch, target, options)
      return {
        base,
        plan: await planMerge(
          await this.sides({ base: base?.root, target: target.root, source }),
          options,
          rebases.rebase,
        ),
      }
    }
    if (options.dryRun) {
      const target = await history.resolve(branch)
      if ((await refs.get(branch))?.protected) throw refProtected(branch, 'it changes by merge only')
      const attempt = await look(target)
      await rebases.discard()
      return result(target.id, attempt, false)
    }
    return writer.advance(branch, async (target, ref) => {
      if (ref.protected) throw refProtected(branch, 'it changes by merge only')
      const attempt = await look(target)
      await refuse(attempt.plan, rebases, what)
      const said = { action, message: words.message, author: words.author ?? unknownAuthor }
      if (attempt.plan.edits.size === 0) return { ...said, result: result(target.id, attempt, false) }
      const { edits, files } = rebases.write(attempt.plan.edits)
      const to = await maker.edited([target], edits, words)
      return { ...said, to, files, result: result(to.commit.id, attempt, false) }
    })
  }
}

/** Throws PHLO_MERGE_CONFLICT when something in the plan is one; then nothing stays of what was written for it. */
async function refuse(plan: MergePlan, rebases: TableRebases, what: string): Promise<void> {
  try {
    refuseConflicts(plan, what)
  } catch (error) {
    await rebases.discard()
    throw error
  }
}

function requireTarget(name: string, { id }: CommitObject, { expectedTarget }: MergeOptions): void {
  if (expectedTarget !== undefined && id !== expectedTarget) throw refMoved(name, expectedTarget)
}

function result(commit: string, { base, plan }: Attempt, fastForward: boolean): MergeResult {
  const { tables, views, namespaces } = plan
  return { commit, ...(base && { base: base.id }), fastForward, tables, views, namespaces }
}
