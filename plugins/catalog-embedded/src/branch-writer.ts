import { noRef } from '@phlo/catalog'
import { isPhloError, PhloError, type ReflogAction } from '@phlo/ports'
import type { CommitObject } from './commit-object.js'
import type { CommitStore, StagedCommit } from './commit-store.js'
import type { RefMove, RefStore, StoredRef } from './ref-store.js'

/** How often commits are put on top of others before they give up. */
const mostAttempts = 100

/** So many commits of one process at most go with one move of the branch. */
const mostTogether = 64

/** What a change makes of the branch's head. */
export interface Advance<T> {
  /** Where the branch goes: a new commit, or one that is there already. Without it the branch stays. */
  readonly to?: StagedCommit | CommitObject
  readonly action: ReflogAction
  readonly message: string
  readonly author: string
  /** Objects that must be durable before anybody sees the commit. */
  readonly files?: readonly Promise<void>[]
  readonly result: T
}

type Work = (head: CommitObject, ref: StoredRef) => Promise<Advance<unknown>>

interface Job {
  readonly work: Work
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A job's commit within a batch, and what came of it. */
interface Step {
  readonly job: Job
  readonly advance: Advance<unknown>
}

/**
 * Moves branches. Changes of one process to one branch that come while another is under way wait and then go together:
 * each is a commit of its own on top of the one before, all are stored at once, and one conditional put of the branch
 * makes them visible. So many writers cost hardly more than one.
 */
export class BranchWriter {
  private readonly commits: CommitStore
  private readonly refs: RefStore
  private readonly queues = new Map<string, Job[]>()

  constructor(commits: CommitStore, refs: RefStore) {
    this.commits = commits
    this.refs = refs
  }

  /**
   * Moves a branch to what `work` makes of its head. When somebody else moved it meanwhile, the work is done again on
   * the new head. Throws PHLO_REF_NOT_FOUND, PHLO_REF_INVALID for a tag, and PHLO_COMMIT_CONFLICT after many losses.
   */
  async advance<T>(name: string, work: (head: CommitObject, ref: StoredRef) => Promise<Advance<T>>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const job: Job = { work, resolve: resolve as (result: unknown) => void, reject }
      const queue = this.queues.get(name)
      if (queue) {
        queue.push(job)
        return
      }
      const own = [job]
      this.queues.set(name, own)
      void this.drain(name, own)
    })
  }

  private async drain(name: string, queue: Job[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, mostTogether)
      try {
        await this.together(name, batch)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.queues.delete(name)
  }

  /** Does all jobs on top of each other, again and again until the branch takes them. Settles every job or throws. */
  private async together(name: string, batch: readonly Job[]): Promise<void> {
    let jobs = batch
    for (let attempt = 0; jobs.length > 0; attempt++) {
      const ref = await this.refs.get(name)
      if (!ref) throw noRef(name)
      if (ref.type !== 'branch') throw new PhloError('PHLO_REF_INVALID', `${name} is a tag, and tags do not move`)
      const { steps, head } = await this.stage(ref, jobs)
      const remaining = await this.store(steps)
      if (remaining) {
        // A metadata file could not be stored: that job has failed, and those on top of it are done again.
        jobs = remaining
        continue
      }
      const moves = steps.filter(({ advance }) => advance.to).map(({ advance }) => refMove(advance))
      try {
        const [first, ...others] = moves
        if (first) {
          const next = { type: ref.type, commit: head.id, protected: ref.protected, deleted: false }
          await this.refs.change(name, ref, next, [first, ...others])
        }
        for (const { job, advance } of steps) job.resolve(advance.result)
        return
      } catch (error) {
        if (!isPhloError(error, 'PHLO_OBJECT_CHANGED')) throw error
        if (attempt >= mostAttempts) {
          throw new PhloError(
            'PHLO_COMMIT_CONFLICT',
            `The branch ${name} moved ${attempt} times while a commit was made`,
            { retryable: true, cause: error },
          )
        }
      }
      jobs = steps.map(({ job }) => job)
      await pause(attempt)
    }
  }

  /** The jobs' commits on top of each other; a job that fails has no part in it. */
  private async stage(
    ref: StoredRef,
    jobs: readonly Job[],
  ): Promise<{ readonly steps: readonly Step[]; readonly head: CommitObject }> {
    let head = await this.commits.get(ref.commit)
    const steps: Step[] = []
    for (const job of jobs) {
      try {
        const advance = await job.work(head, ref)
        steps.push({ job, advance })
        if (advance.to) head = commitOf(advance.to)
      } catch (error) {
        job.reject(error)
      }
    }
    return { steps, head }
  }

  /** Stores the steps' objects, all at once. Returns the jobs to do again when one of the jobs failed of it. */
  private async store(steps: readonly Step[]): Promise<readonly Job[] | undefined> {
    const stored = await Promise.allSettled(
      steps.map(async ({ advance: { to, files = [] } }) => {
        await Promise.all([...(to && 'put' in to ? [to.put()] : []), ...files])
      }),
    )
    if (stored.every(({ status }) => status === 'fulfilled')) return undefined
    return steps.flatMap(({ job, advance: { to } }, index) => {
      if (to && 'put' in to) to.discard()
      const outcome = stored[index]
      if (outcome?.status !== 'rejected') return [job]
      job.reject(outcome.reason)
      return []
    })
  }
}

function commitOf(to: StagedCommit | CommitObject): CommitObject {
  return 'put' in to ? to.commit : to
}

function refMove({ to, action, message, author }: Advance<unknown>): RefMove {
  return { action, message, author, ...(to && { to: commitOf(to).id }) }
}

/** Waits a little longer after every loss, at random, so that writers stop meeting each other. */
async function pause(attempt: number): Promise<void> {
  const longest = Math.min(200, 2 ** Math.min(attempt, 10))
  await new Promise((resolve) => setTimeout(resolve, Math.random() * longest))
}
