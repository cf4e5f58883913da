import { createHash } from 'node:crypto'
import { isPhloError, type ObjectStore, PhloError } from '@phlo/ports'
import {
  decodeLogPage,
  encodeLogPage,
  type LogEntry,
  type LogPage,
  type LogPointer,
  type RefObject,
} from './ref-object.js'

/** A ref carries at most this many entries; then the older ones move into a page of their own. */
const mostInRef = 32
/** So many stay in the ref then. */
const keptInRef = 8

type Log = Pick<RefObject, 'log' | 'older'>

/** The older entries of reflogs: immutable pages named by their content, chained from the ref. */
export class RefLog {
  private readonly store: ObjectStore
  /** Of the pages' keys. */
  readonly prefix: string

  constructor(store: ObjectStore, prefix: string) {
    this.store = store
    this.prefix = `${prefix}/reflogs/`
  }

  /** The log with entries (newest first) on top. Now and then that puts a page. */
  async push({ log, older }: Log, entries: readonly LogEntry[]): Promise<Log> {
    const all = [...entries, ...log]
    if (all.length <= mostInRef) return { log: all, ...(older && { older }) }
    const page: LogPage = { entries: all.slice(keptInRef), ...(older && (await this.links(older))) }
    const bytes = encodeLogPage(page)
    const id = createHash('sha256').update(bytes).digest('hex')
    try {
      await this.store.put(this.key(id), bytes, { ifAbsent: true })
    } catch (error) {
      // Named by its content: what is there already is the same.
      if (!isPhloError(error, 'PHLO_OBJECT_EXISTS')) throw error
    }
    return { log: all.slice(0, keptInRef), older: { id, depth: (older?.depth ?? 0) + 1 } }
  }

  /** Newest first. */
  async *entries(log: Log): AsyncIterable<LogEntry> {
    yield* log.log
    for await (const { page } of this.pages(log)) yield* page.entries
  }

  /** The pages with the older entries, newest first. */
  async *pages({ older }: Log): AsyncIterable<{ readonly id: string; readonly page: LogPage }> {
    for (let next = older; next;) {
      const page = await this.page(next)
      yield { id: next.id, page }
      next = page.older
    }
  }

  /** The newest entry that is not younger than `time`; otherwise the oldest one of all, and `undefined` in an empty log. */
  async at({ log, older }: Log, time: number): Promise<LogEntry | undefined> {
    const found = log.find((entry) => entry.time <= time)
    if (found) return found
    let oldest = log.at(-1)
    let next = older
    while (next) {
      const page: LogPage = await this.page(next)
      const inPage = page.entries.find((entry) => entry.time <= time)
      if (inPage) return inPage
      oldest = page.entries.at(-1)
      // A jump is right as long as the page that it leads to is too young as well.
      const far: LogPage | undefined = page.jump && (await this.page(page.jump))
      next = far && (far.entries[0] as LogEntry).time > time ? page.jump : page.older
    }
    return oldest
  }

  /**
   * Where a new page on top of `older` leads to. The jumps are those of a skew-binary list: from any page, steps to `older`
   * and `jump` reach every older one in a logarithm of steps.
   */
  private async links(older: LogPointer): Promise<Pick<LogPage, 'older' | 'jump'>> {
    const near = (await this.page(older)).jump
    const far = near && (await this.page(near)).jump
    const isEven = near && older.depth - near.depth === near.depth - (far?.depth ?? 0)
    return { older, ...(isEven ? far && { jump: far } : { jump: older }) }
  }

  private async page({ id }: LogPointer): Promise<LogPage> {
    const object = await this.store.get(this.key(id))
    if (!object) throw new PhloError('PHLO_OBJECT_NOT_FOUND', `The catalog's reflog page ${id} is not there`)
    return decodeLogPage(id, object.bytes)
  }

  private key(id: string): string {
    return `${this.prefix}${id.slice(0, 2)}/${id}`
  }
}
