import { refProtected } from '@phlo/catalog'
import type { ReflogAction } from '@phlo/ports'
import type { TreeTransaction } from './commit-intent.js'
import type { CommitMaker } from './commit-maker.js'
import type { CommitObject } from './commit-object.js'
import type { StagedCommit } from './commit-store.js'
import { type StoredRef, unknownAuthor } from './ref-store.js'

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

/** A commit on top of the branch's head that is told by what it reads and writes. */
export interface Edit<T> extends TreeTransaction {
  readonly files: readonly Promise<void>[]
  readonly result: (commit: string) => T
}

export type Work = (head: CommitObject, ref: StoredRef) => Promise<Advance<unknown>>
export type EditWork = (head: CommitObject, ref: StoredRef) => Promise<Edit<unknown>>

/** A change that waits for its turn. */
export interface Job {
  /** Of its entry in the reflog. */
  id: string
  readonly work: Work
  /** What another process can be asked to commit. */
  readonly edit?: EditWork
  /** Another process was asked for it and may have done it, or do it yet. */
  asked?: { readonly after: string | undefined; readonly result: (commit: string) => unknown }
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** The work that makes a commit of an edit, and the edit. It throws PHLO_REF_PROTECTED on a protected branch. */
export function editJob(name: string, maker: CommitMaker, edit: EditWork): Pick<Job, 'work' | 'edit'> {
  const allowed: EditWork = async (head, ref) => {
    if (ref.protected) throw refProtected(name, 'it changes by merge only')
    return edit(head, ref)
  }
  const work: Work = async (head, ref) => {
    const { edits, words, files, result } = await allowed(head, ref)
    const to = await maker.edited([head], edits, words)
    const { message, author = unknownAuthor } = words
    return { to, files, action: 'commit', message, author, result: result(to.commit.id) }
  }
  return { work, edit: allowed }
}
