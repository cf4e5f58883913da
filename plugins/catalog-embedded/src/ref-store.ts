import { randomUUID } from 'node:crypto'
import { isPhloError, type ObjectStore, PhloError, type ReflogAction, type RefWords } from '@phlo/ports'
import { RefLog } from './ref-log.js'
import { decodeRef, encodeRef, type LogEntry, type RefObject, type RefState } from './ref-object.js'

/** A ref as it stands in the store, with the version that a change of it must match. */
export interface StoredRef extends RefObject {
  readonly name: string
  readonly version: string
}

/** One step of a change, for the log. */
export interface RefMove extends RefWords {
  /** Of its entry; without one it is a new one. */
  readonly id?: string
  readonly action: ReflogAction
  readonly to?: string
}

/** Refs that are kept as they were last seen. */
const rememberedRefs = 100

/** Entries keep this much of a message. */
const mostMessage = 200

/** Branches and tags: one small object each, moved only by conditional put. */
export class RefStore {
  readonly logs: RefLog
  private readonly store: ObjectStore
  /** Where the refs' objects are. */
  readonly prefix: string
  /** By name, to be parsed once. */
  private readonly seen = new Map<string, StoredRef>()

  constructor(store: ObjectStore, prefix: string) {
    this.store = store
    this.prefix = `${prefix}/refs/`
    this.logs = new RefLog(store, prefix)
  }

  /** The branch or tag, or `undefined`. */
  async get(name: string): Promise<StoredRef | undefined> {
    const found = await this.read(name)
    return found?.deleted ? undefined : found
  }

  /** As {@link get}, deleted ones too. */
  async read(name: string): Promise<StoredRef | undefined> {
    const object = await this.store.get(this.key(name))
    if (!object) return undefined
    const seen = this.seen.get(name)
    if (seen?.version === object.version) return seen
    return this.remember({ name, ...decodeRef(name, object.bytes), version: object.version })
  }

  /**
   * Makes a ref what `next` says, when it still is what `from` has (`undefined`: not there at all): one conditional put.
   * `moves` are the steps to it, oldest first. Throws PHLO_OBJECT_CHANGED when it is something else by now.
   */
  async change(
    name: string,
    from: StoredRef | undefined,
    next: RefState,
    moves: readonly [RefMove, ...RefMove[]],
  ): Promise<StoredRef> {
    const entries = logEntries(from, moves)
    const { type, commit, deleted } = next
    const ref: RefObject = {
      type,
      commit,
      protected: next.protected,
      deleted,
      revision: (from?.revision ?? 0) + 1,
      ...(await this.logs.push(from ?? { log: [] }, entries)),
    }
    try {
      const condition = from ? { ifMatch: from.version } : { ifAbsent: true as const }
      return this.remember({ name, ...ref, ...(await this.store.put(this.key(name), encodeRef(ref), condition)) })
    } catch (error) {
      // The put may have happened although it was reported as failed; then the log says so, whatever came after.
      const now = await this.read(name)
      if (now && (await this.holds(now, entries[0] as LogEntry))) return { ...now, ...ref }
      if (isPhloError(error, 'PHLO_OBJECT_EXISTS') || isPhloError(error, 'PHLO_OBJECT_CHANGED')) {
        throw new PhloError('PHLO_OBJECT_CHANGED', `The ref ${name} moved meanwhile`, { retryable: true, cause: error })
      }
      throw error
    }
  }

  /** Whether the very move is in the log; one of the same id to another commit was made by another process. */
  private async holds(ref: StoredRef, { id, time, to }: LogEntry): Promise<boolean> {
    for await (const entry of this.logs.entries(ref)) {
      if (entry.id === id) return entry.to === to
      if (entry.time < time) return false
    }
    return false
  }

  /** The entry with that id, if it is younger than the one with the id `after`, or there at all. */
  async entryAfter(ref: StoredRef, id: string, after: string | undefined): Promise<LogEntry | undefined> {
    for await (const entry of this.logs.entries(ref)) {
      if (entry.id === id) return entry
      if (entry.id === after) return undefined
    }
    return undefined
  }

  /** The name of the ref whose object has the key. */
  nameOf(key: string): string {
    return decodeURIComponent(key.slice(this.prefix.length))
  }

  private remember(ref: StoredRef): StoredRef {
    this.seen.delete(ref.name)
    this.seen.set(ref.name, ref)
    if (this.seen.size > rememberedRefs) this.seen.delete(this.seen.keys().next().value as string)
    return ref
  }

  private key(name: string): string {
    return this.prefix + encodeURIComponent(name)
  }
}

/** Newest first. */
function logEntries(from: StoredRef | undefined, moves: readonly RefMove[]): LogEntry[] {
  let at = from && !from.deleted ? from.commit : undefined
  // Time goes forward along a log even when clocks do not, so that time travel finds its way.
  const time = Math.max(Date.now(), from?.log[0]?.time ?? 0)
  return moves
    .map(({ id = newEntryId(), action, to, message = '', author }): LogEntry => {
      const before = at
      at = to
      return {
        id,
        time,
        action,
        ...(before !== undefined && { from: before }),
        ...(to !== undefined && { to }),
        message: (message.split('\n', 1)[0] as string).slice(0, mostMessage),
        author: author ?? unknownAuthor,
      }
    })
    .reverse()
}

/** Tells an entry from all others. */
export function newEntryId(): string {
  return randomUUID().slice(0, 13)
}

/** Whoever does not say who he is. */
export const unknownAuthor = 'phlo'
