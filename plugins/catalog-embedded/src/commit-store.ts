import { randomUUID } from 'node:crypto'
import { isPhloError, type ObjectStore, PhloError } from '@phlo/ports'
import { type CommitObject, decodeCommit, encodeCommit, type NewCommit } from './commit-object.js'
import { decodePack, isPackId } from './page-pack.js'
import type { PageSource } from './tree.js'
import type { Page, PagePointer } from './tree-page.js'

/** Commits that one process keeps in memory; each has a few pages of a few kilobytes. */
const cachedCommits = 2_000

/** Packs that one process keeps in memory; each has about 64 KiB of pages. */
const cachedPacks = 1_600

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
  /** Of the commits' keys. */
  readonly prefix: string
  /** Of the packs' keys. */
  readonly packPrefix: string
  private readonly cache = new Map<string, CommitObject>()
  /** Not stored yet, so the cache may not forget them. */
  private readonly staged = new Map<string, CommitObject>()
  private readonly stagedPacks = new Map<string, ReadonlyMap<string, Page>>()
  private readonly packs = new Map<string, ReadonlyMap<string, Page>>()

  constructor(store: ObjectStore, prefix: string) {
    this.store = store
    this.prefix = `${prefix}/commits/`
    this.packPrefix = `${prefix}/packs/`
  }

  /** The commit, or `undefined` when there is none with this id. */
  async find(id: string): Promise<CommitObject | undefined> {
    const known = this.staged.get(id) ?? this.cache.get(id)
    if (known) return this.remember(known)
    if (!isCommitId(id)) return undefined
    const object = await this.store.get(this.key(id), { immutable: true })
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
    const { commit: made, bytes, packs } = encodeCommit(commit, pages, nonce)
    for (const { id, bytes: pack } of packs) this.stagedPacks.set(id, decodePack(id, pack))
    this.staged.set(made.id, made)
    let isStored = false
    const forget = () => {
      this.staged.delete(made.id)
      for (const { id } of packs) this.stagedPacks.delete(id)
    }
    return {
      commit: made,
      put: async () => {
        if (isStored) return
        await Promise.all([
          this.putOnce(this.key(made.id), bytes),
          ...packs.map((pack) => this.putOnce(this.packKey(pack.id), pack.bytes)),
        ])
        isStored = true
        forget()
        this.remember(made)
      },
      discard: forget,
    }
  }

  async page(pointer: PagePointer): Promise<Page> {
    const { object } = pointer
    const pages = isPackId(object) ? await this.pack(object) : (await this.get(object)).pages
    const page = pages.get(pointer.hash)
    if (!page)
      throw new PhloError('PHLO_STORAGE_FAILED', `The catalog object ${pointer.object} lacks the page ${pointer.hash}`)
    return page
  }

  /** The pages in a pack, by hash. */
  async pack(id: string): Promise<ReadonlyMap<string, Page>> {
    let pages = this.stagedPacks.get(id) ?? this.packs.get(id)
    if (!pages) {
      const object = await this.store.get(this.packKey(id))
      if (!object) throw new PhloError('PHLO_OBJECT_NOT_FOUND', `The catalog's pack ${id} is not there`)
      pages = decodePack(id, object.bytes)
    }
    this.packs.delete(id)
    this.packs.set(id, pages)
    if (this.packs.size > cachedPacks) this.packs.delete(this.packs.keys().next().value as string)
    return pages
  }

  private async putOnce(key: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.store.put(key, bytes, { ifAbsent: true })
    } catch (error) {
      // Named by its content: what is there already is the same.
      if (!isPhloError(error, 'PHLO_OBJECT_EXISTS')) throw error
    }
  }

  private packKey(id: string): string {
    return `${this.packPrefix}${id.slice(1, 3)}/${id.slice(1)}`
  }

  private key(id: string): string {
    return `${this.prefix}${id.slice(0, 2)}/${id}`
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
