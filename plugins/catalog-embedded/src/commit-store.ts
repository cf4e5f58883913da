import { randomUUID } from 'node:crypto'
import { isPhloError, type ObjectStore, PhloError } from '@phlo/ports'
import { type CommitObject, decodeCommit, encodeCommit, type NewCommit } from './commit-object.js'
import type { PageSource } from './tree.js'
import type { Page, PagePointer } from './tree-page.js'

/** Commits that one process keeps in memory; each has a few pages of a few kilobytes. */
const cachedCommits = 2_000

/** Reads and writes commit objects, and finds tree pages in them. */
export class CommitStore implements PageSource {
  private readonly store: ObjectStore
  private readonly prefix: string
  private readonly cache = new Map<string, CommitObject>()

  constructor(store: ObjectStore, prefix: string) {
    this.store = store
    this.prefix = prefix
  }

  /** The commit, or `undefined` when there is none with this id. */
  async find(id: string): Promise<CommitObject | undefined> {
    const cached = this.cache.get(id)
    if (cached) return this.remember(cached)
    if (!/^[0-9a-f]{64}$/.test(id)) return undefined
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

  /** Stores a commit durably. `nonce` is only given to make the same commit everywhere. */
  async write(
    commit: NewCommit,
    pages: ReadonlyMap<string, Page>,
    nonce: string = randomUUID(),
  ): Promise<CommitObject> {
    const { id, bytes } = encodeCommit(commit, pages, nonce)
    try {
      await this.store.put(this.key(id), bytes, { ifAbsent: true })
    } catch (error) {
      // Named by its content: what is there already is the same.
      if (!isPhloError(error, 'PHLO_OBJECT_EXISTS')) throw error
    }
    return this.remember(decodeCommit(id, bytes))
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
    this.cache.delete(commit.id)
    this.cache.set(commit.id, commit)
    if (this.cache.size > cachedCommits) this.cache.delete(this.cache.keys().next().value as string)
    return commit
  }
}
