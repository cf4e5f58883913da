import { randomUUID } from 'node:crypto'
import { isPhloError, type ObjectStore, PhloError } from '@phlo/ports'
import { type CommitObject, decodeCommit, encodeCommit, type NewCommit } from './commit-object.js'
import type { PageSource } from './tree.js'
import type { Page, PagePointer } from './tree-page.js'

/** Commits that one process keeps in memory; each has a few pages of a few kilobytes. */
const cachedCommits = 2_000

/** A commit that can be read through the {@link CommitStore} already, though nobody else sees it before `put`. */
export interface StagedCommit {
  readonly commit: CommitObject
  /** Stores the commit durably. */
  put(): Promise<void>
  /** Forgets a commit that is not wanted any more. */
  discard(): void
}

/** Reads and writes commit objects, and finds tree pages in them. */
export class CommitStore implements PageSource {
  private readonly store: ObjectStore
  private readonly prefix: string
  private readonly cache = new Map<string, CommitObject>()
  /** Not stored yet, so the cache may not forget them. */
  private readonly staged = new Map<string, CommitObject>()

  constructor(store: ObjectStore, prefix: string) {
    this.store = store
    this.prefix = prefix
  }

  /** The commit, or `undefined` when there is none with this id. */
  async find(id: string): Promise<CommitObject | undefined> {
    const known = this.staged.get(id) ?? this.cache.get(id)
    if (known) return this.remember(known)
    if (!isCommitId(id)) return undefined
    const object = await this.store.get(this.key(id))
    return object && this.remember(decodeCommit(id, object.bytes))
  }

  async get(id: string): Promise<CommitObject> {
    const commit = await this.find(id)
    if (!commit)
      throw new PhloError('PHLO_OBJECT_NOT_FOUND', `The catalog's commit ${id} is not there`, {
        context: { commit: id },
      })
    return commit
  }

  /** The commit's parent on the branch it was made on. */
  async firstParent(commit: CommitObject): Promise<CommitObject | undefined> {
    const [first] = commit.parents
    return first === undefined ? undefined : this.get(first)
  }

  /** Makes a commit. `nonce` is only given to make the same commit everywhere. */
  stage(commit: NewCommit, pages: ReadonlyMap<string, Page>, nonce: string = randomUUID()): StagedCommit {
    const { commit: made, bytes } = encodeCommit(commit, pages, nonce)
    this.staged.set(made.id, made)
    let isStored = false
    return {
      commit: made,
      put: async () => {
        if (isStored) return
        try {
          await this.store.put(this.key(made.id), bytes, { ifAbsent: true })
        } catch (error) {
          // Named by its content: what is there already is the same.
          if (!isPhloError(error, 'PHLO_OBJECT_EXISTS')) throw error
        }
        isStored = true
        this.staged.delete(made.id)
        this.remember(made)
      },
      discard: () => this.staged.delete(made.id),
    }
  }

  async page(pointer: PagePointer): Promise<Page> {
    const page = (await this.get(pointer.object)).pages.get(pointer.hash)
    if (!page)
      throw new PhloError('PHLO_STORAGE_FAILED', `The catalog object ${pointer.object} lacks the page ${pointer.hash}`)
    return page
  }

  private key(id: string): string {
    return `${this.prefix}/commits/${id.slice(0, 2)}/${id}`
  }

  /** Keeps the commit as the one used last. */
  private remember(commit: CommitObject): CommitObject {
    if (this.staged.has(commit.id)) return commit
    this.cache.delete(commit.id)
    this.cache.set(commit.id, commit)
    if (this.cache.size > cachedCommits) this.cache.delete(this.cache.keys().next().value as string)
    return commit
  }
}

/** Names of branches and tags never look like that. */
export function isCommitId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}
