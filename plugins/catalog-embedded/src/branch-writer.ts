import { isPhloError, type ObjectStore, PhloError } from '@phlo/ports'
import { type Advance, type Edit, editJob, type Job } from './commit-jobs.js'
import type { CommitMaker } from './commit-maker.js'
import type { CommitObject } from './commit-object.js'
import { CommitSharing, readBranch } from './commit-sharing.js'
import type { CommitStore, StagedCommit } from './commit-store.js'
import { newEntryId, type RefMove, type RefStore, type StoredRef } from './ref-store.js'
import type { Tree } from './tree.js'

/** How often commits are put on top of others before they give up. */
const mostAttempts = 100

/** So many commits at most go with one move of the branch. */
const mostTogether = 64

/** A job's commit within a batch, and what came of it. */
interface Step {
  readonly job: Job
  readonly advance: Advance<unknown>
}

interface Parts {
  readonly commits: CommitStore
  readonly refs: RefStore
  readonly tree: Tree
  readonly maker: CommitMaker
}

/**
 * Moves branches. Changes of one process to one branch that come while another is under way wait and then go together:
 * each is a commit of its own on top of the one before, all are stored at once, and one conditional put of the branch
 * makes them visible. So many writers cost hardly more than one.
 */
export class BranchWriter {
  private readonly parts: Parts
  private readonly sharing: CommitSharing
  private readonly queues = new Map<string, Job[]>()

  constructor(store: ObjectStore, parts: Parts) {
    this.parts = parts
    this.sharing = new CommitSharing(parts, store.rendezvous, (name, job) => this.enqueue(name, job))
  }

  /**
   * Moves a branch to what `work` makes of its head. When somebody else moved it meanwhile, the work is done again on
   * the new head. Throws PHLO_REF_NOT_FOUND, PHLO_REF_INVALID for a tag, and PHLO_COMMIT_CONFLICT after many losses.
   */
  async advance<T>(name: string, work: (head: CommitObject, ref: StoredRef) => Promise<Advance<T>>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.enqueue(name, { id: newEntryId(), work, resolve: resolve as (result: unknown) => void, reject })
    })
  }

  /** As {@link advance}, for a commit of edits; of a protected branch it throws PHLO_REF_PROTECTED. */
  async edit<T>(name: string, edit: (head: CommitObject, ref: StoredRef) => Promise<Edit<T>>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const id = newEntryId()
      this.enqueue(name, {
        id,
        ...editJob(name, this.parts.maker, edit),
        resolve: resolve as (result: unknown) => void,
        reject,
      })
    })
  }

  close(): void {
    this.sharing.close()
  }

  private enqueue(name: string, job: Job): void {
    const queue = this.queues.get(name)
    if (queue) {
      queue.push(job)
      return
    }
    const own = [job]
    this.queues.set(name, own)
    void this.drain(name, own)
  }

  private async drain(name: string, queue: Job[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, mostTogether)
      try {
        await this.together(name, await this.sharing.handOver(name, batch))
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
      const ref = await readBranch(this.parts.refs, name)
      const { steps, head } = await this.stage(ref, await this.undone(ref, jobs))
      const remaining = await this.store(steps)
      if (remaining) {
        // A metadata file could not be stored: that job has failed, and those on top of it are done again.
        jobs = remaining
        continue
      }
      const moves = steps.filter(({ advance }) => advance.to).map(refMove)
      try {
        const [first, ...others] = moves
        if (first) {
          const next = { type: ref.type, commit: head.id, protected: ref.protected, deleted: false }
          await this.parts.refs.change(name, ref, next, [first, ...others])
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
      jobs = await this.afterLoss(
        name,
        steps.map(({ job }) => job),
        attempt,
      )
    }
  }

  /** The jobs that nobody else has done. */
  private async undone(ref: StoredRef, jobs: readonly Job[]): Promise<readonly Job[]> {
    const left: Job[] = []
    for (const job of jobs) {
      const entry = job.asked && (await this.parts.refs.entryAfter(ref, job.id, job.asked.after))
      if (entry?.to === undefined) left.push(job)
      else job.resolve(job.asked?.result(entry.to))
    }
    return left
  }

  /** The jobs' commits on top of each other; a job that fails has no part in it. */
  private async stage(
    ref: StoredRef,
    jobs: readonly Job[],
  ): Promise<{ readonly steps: readonly Step[]; readonly head: CommitObject }> {
    let head = await this.parts.commits.get(ref.commit)
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

  /** Somebody else was first: lets them do the jobs from now on, or leads them. Gives the jobs that are left. */
  private async afterLoss(name: string, jobs: readonly Job[], attempt: number): Promise<readonly Job[]> {
    if (jobs.some(({ edit }) => edit)) {
      if (this.sharing.leads(name)) return jobs
      const left = await this.sharing.handOver(name, jobs)
      if (left.length < jobs.length || (await this.sharing.takeOver(name))) return left
    }
    await pause(attempt)
    return jobs
  }
}

function commitOf(to: StagedCommit | CommitObject): CommitObject {
  return 'put' in to ? to.commit : to
}

function refMove({ job: { id }, advance: { to, action, message, author } }: Step): RefMove {
  return { id, action, message, author, ...(to && { to: commitOf(to).id }) }
}

/** Waits a little longer after every loss, at random, so that writers stop meeting each other. */
async function pause(attempt: number): Promise<void> {
  const longest = Math.min(200, 2 ** Math.min(attempt, 10))
  await new Promise((resolve) => setTimeout(resolve, Math.random() * longest))
}
