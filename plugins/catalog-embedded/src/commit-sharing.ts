import { noRef, sameValue } from '@phlo/catalog'
import { isPhloError, PhloError, type Rendezvous } from '@phlo/ports'
import { BranchLeaders } from './branch-leaders.js'
import { type CommitIntent, decodeAnswer, decodeIntent, encodeIntent, type IntentAnswer } from './commit-intent.js'
import { editJob, type EditWork, type Job } from './commit-jobs.js'
import type { CommitMaker } from './commit-maker.js'
import type { CommitStore } from './commit-store.js'
import { newEntryId, type RefStore, type StoredRef } from './ref-store.js'
import type { Tree } from './tree.js'

/** How often what was read has to have changed on its way before a commit is made without the leader. */
const mostAttempts = 100

interface Parts {
  readonly commits: CommitStore
  readonly refs: RefStore
  readonly tree: Tree
  readonly maker: CommitMaker
}

/**
 * Where processes of one machine meet on a branch, one of them leads: the others ask it to make their commits, and theirs
 * go together with its own. What a process asked for without an answer it looks for in the reflog, by the id of the entry,
 * and does itself when it is not there; the leader looks there as well. Both move the branch by conditional put only, so it
 * is done once, whoever dies or sleeps.
 */
export class CommitSharing {
  private readonly parts: Parts
  private readonly leaders: BranchLeaders
  private readonly enqueue: (name: string, job: Job) => void

  /** `enqueue` takes what other processes ask for. */
  constructor(parts: Parts, rendezvous: Rendezvous | undefined, enqueue: (name: string, job: Job) => void) {
    this.parts = parts
    this.leaders = new BranchLeaders(rendezvous)
    this.enqueue = enqueue
  }

  /** Whether this process leads the branch. */
  leads(name: string): boolean {
    return this.leaders.leads(name)
  }

  close(): void {
    this.leaders.close()
  }

  /** Asks the branch's leader for those jobs that can be asked for. Gives the jobs that are left. */
  async handOver(name: string, jobs: readonly Job[]): Promise<readonly Job[]> {
    const leader = await this.leaders.leader(name)
    if (!leader) return jobs
    const left = await Promise.all(
      jobs.map(async (job) => {
        try {
          // Asked twice it might be done twice at once.
          const isDone = job.edit && !job.asked && (await this.ask(name, job, job.edit, (intent) => leader.ask(intent)))
          return isDone ? [] : [job]
        } catch (error) {
          job.reject(error)
          return []
        }
      }),
    )
    // A leader that does not answer is none.
    if (left.flat().some(({ asked }) => asked)) await this.takeOver(name)
    return left.flat()
  }

  /** Makes this process lead the branch, if processes can find each other at all. */
  async takeOver(name: string): Promise<boolean> {
    return this.leaders.lead(name, (question) => this.lead(name, question))
  }

  /** Whether another process did the job. */
  private async ask(
    name: string,
    job: Job,
    edit: EditWork,
    askLeader: (intent: unknown) => Promise<unknown>,
  ): Promise<boolean> {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const ref = await readBranch(this.parts.refs, name)
      const { reads, edits, words, files, result } = await edit(await this.parts.commits.get(ref.commit), ref)
      if (!reads) return false
      await Promise.all(files)
      const after = ref.log[0]?.id
      job.asked = { after, result }
      const answer = decodeAnswer(await askLeader(encodeIntent({ id: job.id, after, reads, edits, words })))
      if (!answer) return false
      if ('commit' in answer) {
        job.resolve(result(answer.commit))
        return true
      }
      // It was not done and will not be.
      job.id = newEntryId()
      delete job.asked
    }
    return false
  }

  /** Does what another process asks for. Rejects when it is left to the other one. */
  private async lead(name: string, question: unknown): Promise<IntentAnswer> {
    const { id, after, reads, edits, words }: CommitIntent = decodeIntent(question)
    const result = (commit: string): IntentAnswer => ({ commit })
    const edit: EditWork = async (head) => {
      for (const [key, value] of reads) if (!sameValue(await this.parts.tree.get(head.root, key), value)) throw stale()
      return { reads, edits, words, files: [], result }
    }
    try {
      return await new Promise<IntentAnswer>((resolve, reject) => {
        const job = {
          id,
          ...editJob(name, this.parts.maker, edit),
          resolve: resolve as (result: unknown) => void,
          reject,
        }
        this.enqueue(name, { ...job, asked: { after, result } })
      })
    } catch (error) {
      if (isPhloError(error, 'PHLO_OBJECT_CHANGED')) return { stale: true }
      throw error
    }
  }
}

/** Throws PHLO_REF_NOT_FOUND, PHLO_REF_INVALID for a tag. */
export async function readBranch(refs: RefStore, name: string): Promise<StoredRef> {
  const ref = await refs.get(name)
  if (!ref) throw noRef(name)
  if (ref.type !== 'branch') throw new PhloError('PHLO_REF_INVALID', `${name} is a tag, and tags do not move`)
  return ref
}

/** An intent read what is something else by now. */
function stale(): PhloError {
  return new PhloError('PHLO_OBJECT_CHANGED', 'What the commit read has changed', { retryable: true })
}
