import {
  type CatalogDifference,
  type MergePlan,
  type MetadataFiles,
  planMerge,
  refMoved,
  refuseConflicts,
  TableRebases,
} from '@phlo/catalog'
import { type MergeOptions, type MergeResult, type ObjectStore, PhloError } from '@phlo/ports'
import { differencesOf } from './differences.js'
import { type KeyMergeMode, type NessieApi, type Operation, type Outcome, type Reference } from './nessie-api.js'
import { commitMeta, type CommitWords, type Edits } from './nessie-commits.js'
import { elementsOf } from './nessie-content.js'
import type { NessieRefs } from './nessie-refs.js'
import { NessieState } from './nessie-state.js'
import { Operations } from './operations.js'

/** A merge whose target moved meanwhile is made anew this often. */
const mostAttempts = 100

interface Parts {
  readonly api: NessieApi
  readonly store: ObjectStore
  readonly files: MetadataFiles
  readonly refs: NessieRefs
  /** The commit before any other. */
  readonly root: string
}

/** Two commits whose difference is brought into a branch. */
interface Change {
  readonly base: string
  readonly source: string
}

/** What a change does to one state of its target. */
interface Attempt extends Change {
  readonly target: Reference
  readonly theirs: readonly CatalogDifference[]
  readonly ours: readonly CatalogDifference[]
  readonly plan: MergePlan
}

/**
 * Merges, cherry-picks and reverts. Each is made on a branch of its own that stands where its target was seen, and the
 * target moves to it only if it still stands there: nobody sees half of it, and a target that moved is noticed, which
 * Nessie's own merge does not.
 */
export class NessieMerging {
  private readonly parts: Parts
  private readonly operations: Operations

  constructor(parts: Parts) {
    this.parts = parts
    this.operations = new Operations(parts.store, parts.files)
  }

  async merge(
    from: string,
    into: string,
    options: MergeOptions & { readonly fastForward?: boolean },
  ): Promise<MergeResult> {
    const { api, refs, root } = this.parts
    const source = await refs.resolve(from)
    const words = { ...options, message: options.message ?? `Merge ${from} into ${into}` }
    const mayForward = options.fastForward ?? options.properties === undefined
    const rebases = this.newRebases()
    return this.onTarget(into, options, async (target) => {
      // What nothing was done to yet has nothing in common with anybody, and everything is new to it.
      const ancestor = target.hash === root ? root : await api.mergeBase(target, source)
      const attempt = await this.look(target, { base: ancestor ?? root, source }, options, rebases)
      const forwards = mayForward && attempt.base === target.hash && source !== target.hash
      await settle(attempt, rebases, options, `${from} cannot be merged into ${into}`)
      if (options.dryRun) return mergeResult(target.hash, attempt, forwards, ancestor !== undefined)
      if (attempt.base === source) return mergeResult(target.hash, attempt, false, true)
      if (forwards) {
        const done = await this.move(target, source)
        return done ? mergeResult(source, attempt, true, true) : undefined
      }
      const made = await this.aside(target, async (scratch) => {
        const edits = await written(attempt, rebases)
        if (ancestor === undefined || target.hash === root) return this.commitEdits(scratch, edits, words)
        const { mark: _, ...meta } = commitMeta(words)
        return api.merge(scratch.name, scratch.hash, source, meta, await this.keyMergeModes(attempt, edits))
      })
      return made === undefined ? undefined : mergeResult(made, attempt, false, ancestor !== undefined)
    })
  }

  /** Does on the branch what leads from the base to the source, as a commit with one parent. */
  async replay(
    change: Change,
    branch: string,
    what: string,
    words: CommitWords,
    options: MergeOptions,
  ): Promise<MergeResult> {
    const rebases = this.newRebases()
    return this.onTarget(branch, options, async (target) => {
      const attempt = await this.look(target, change, options, rebases)
      await settle(attempt, rebases, options, what)
      if (options.dryRun) return mergeResult(target.hash, attempt, false, true)
      if (attempt.plan.edits.size === 0) return mergeResult(target.hash, attempt, false, true)
      const made = await this.aside(target, async (scratch) =>
        this.commitEdits(scratch, await written(attempt, rebases), words),
      )
      return made === undefined ? undefined : mergeResult(made, attempt, false, true)
    })
  }

  /** What is made of tables that both sides changed; an attempt that lost its race finds it again. */
  private newRebases(): TableRebases {
    return new TableRebases(this.parts.store, this.parts.files)
  }

  /** Does the work on the branch as it stands, and again when it moved meanwhile. */
  private async onTarget(
    name: string,
    { expectedTarget }: MergeOptions,
    work: (target: Reference) => Promise<MergeResult | undefined>,
  ): Promise<MergeResult> {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const target = await this.parts.refs.branch(name)
      if (expectedTarget !== undefined && target.hash !== expectedTarget) throw refMoved(name, expectedTarget)
      const result = await work(target)
      if (result) return result
    }
    throw new PhloError(
      'PHLO_COMMIT_CONFLICT',
      `The branch ${name} moved ${mostAttempts} times while it was merged into`,
      {
        retryable: true,
      },
    )
  }

  private async look(
    target: Reference,
    { base, source }: Change,
    options: MergeOptions,
    rebases: TableRebases,
  ): Promise<Attempt> {
    const { api, store } = this.parts
    const [theirs, ours] = await Promise.all([
      differencesOf(api, store, base, source),
      differencesOf(api, store, base, target.hash),
    ])
    const state = new NessieState(api, store, target.hash)
    const plan = await planMerge({ theirs, ours, target: state }, options, rebases.rebase)
    return { base, source, target, theirs, ours, plan }
  }

  /** How Nessie's merge is to treat what both sides changed, as the plan has it; the rest it does by itself. */
  private async keyMergeModes({ theirs, ours, target }: Attempt, edits: Edits): Promise<KeyMergeMode[]> {
    const { api, store } = this.parts
    const state = new NessieState(api, store, target.hash)
    const changedHere = new Set(ours.map(({ key }) => key))
    const modes: KeyMergeMode[] = []
    for (const { key, after } of theirs) {
      if (!changedHere.has(key)) continue
      const mode = { key: { elements: elementsOf(key) } }
      const value = edits.get(key)
      if (!edits.has(key)) modes.push({ ...mode, mergeBehavior: 'DROP' })
      else if (!value || value === after) modes.push({ ...mode, mergeBehavior: 'FORCE' })
      else {
        const expected = await state.content(key)
        if (!expected) throw new PhloError('PHLO_INTERNAL', `The merge lost ${key}`)
        const resolvedContent = await this.operations.content(key, value, expected.id)
        modes.push({ ...mode, mergeBehavior: 'NORMAL', expectedTargetContent: expected, resolvedContent })
      }
    }
    return modes
  }

  private async commitEdits(scratch: Reference, edits: Edits, words: CommitWords): Promise<Outcome> {
    const { api, store } = this.parts
    const { mark: _, ...meta } = commitMeta(words)
    const operations: Operation[] = await this.operations.of(edits, new NessieState(api, store, scratch.hash))
    return api.commit(scratch.name, scratch.hash, meta, operations)
  }

  /**
   * The commit that `work` makes on a branch of its own, once the target has moved to it; `undefined` when the target had
   * moved elsewhere, or an answer got lost before that.
   */
  private async aside(target: Reference, work: (scratch: Reference) => Promise<Outcome>): Promise<string | undefined> {
    const { made, isMoved } = await this.parts.refs.aside(target.hash, async (scratch) => {
      const outcome = await work(scratch)
      if ('conflict' in outcome)
        throw new PhloError('PHLO_INTERNAL', `Nessie refused a merge that was planned: ${outcome.conflict}`)
      if (!('hash' in outcome)) return { made: undefined, isMoved: false }
      return { made: outcome.hash, isMoved: await this.move(target, outcome.hash) }
    })
    return isMoved ? made : undefined
  }

  /** Moves the branch if it still stands where it was seen. */
  private async move(target: Reference, to: string): Promise<boolean> {
    const { api } = this.parts
    for (let attempt = 0; ; attempt++) {
      const outcome = await api.assignReference(target, to)
      if ('hash' in outcome) return true
      const now = await api.reference(target.name)
      if (now?.hash === to) return true
      // Whoever moved it meanwhile may have moved it further: then the commit is in its history.
      if (now && now.hash !== target.hash)
        return attempt > 0 || 'unknown' in outcome ? this.isIn(now, to, target.hash) : false
      if (!now || attempt === mostAttempts) return false
    }
  }

  private async isIn(branch: Reference, hash: string, until: string): Promise<boolean> {
    for await (const { meta } of this.parts.api.history(branch.hash)) {
      if (meta['hash'] === hash) return true
      if (meta['hash'] === until) return false
    }
    return false
  }
}

function mergeResult(commit: string, { base, plan }: Attempt, fastForward: boolean, related: boolean): MergeResult {
  const { tables, views, namespaces } = plan
  return { commit, ...(related && { base }), fastForward, tables, views, namespaces }
}

/** Throws PHLO_MERGE_CONFLICT when something in the plan is one. Nothing stays of what was written for that, or to look. */
async function settle({ plan }: Attempt, rebases: TableRebases, { dryRun }: MergeOptions, what: string): Promise<void> {
  try {
    if (!dryRun) refuseConflicts(plan, what)
  } catch (error) {
    await rebases.discard()
    throw error
  }
  if (dryRun) await rebases.discard()
}

/** What the target gets, with metadata files that are there. */
async function written({ plan }: Attempt, rebases: TableRebases): Promise<Edits> {
  const { edits, files } = rebases.write(plan.edits)
  await Promise.all(files)
  return edits
}
