import { createHash } from 'node:crypto'
import { PhloError } from '@phlo/ports'
import { valueAt } from './json-path.js'
import type { IncrementalOptions } from './options.js'
import type { PageRequest } from './pages.js'
import type { Row } from './resource.js'

/** Where a read ended. JSON, kept with the table. */
export interface HttpCursor {
  /** What the value is of: another field or resource starts anew. */
  readonly of: string
  readonly value: string | number
  /** Digests of the records that had exactly this value; they come again, as most APIs ask by "from" and not "after". */
  readonly seen: readonly string[]
}

/** More records of one value are not told apart; a key of the asset's does that then. */
const mostSeen = 1000

/** One read of what came after the last one. */
export class Increment {
  private readonly options: IncrementalOptions
  private readonly of: string
  private readonly before: HttpCursor | undefined
  private value: string | number | undefined
  private seen = new Set<string>()

  /** `of` names what is read. */
  constructor(options: IncrementalOptions, of: string, cursor: unknown) {
    this.options = options
    this.of = of
    this.before = isCursor(cursor) && cursor.of === of ? cursor : undefined
    this.value = this.before?.value
    this.seen = new Set(this.before?.seen)
  }

  /** What asks for what is new. Throws PHLO_CONFIG_INVALID for a lag that does not go with the values. */
  request(): PageRequest {
    const { parameter, in: place, initial, lag } = this.options
    const from = this.before ? lagging(this.before.value, lag) : initial
    return from === undefined ? {} : { [place]: { [parameter]: from } }
  }

  /** Takes note of a record; false for one that the last read brought. Throws PHLO_SOURCE_MALFORMED. */
  take(row: Row): boolean {
    const found = valueAt(row, this.options.field)
    if (found === undefined || found === null) return true
    const value = this.comparable(found)
    const { before } = this
    if (before && this.options.lag === undefined) {
      if (value < before.value) return false
      if (value === before.value && before.seen.includes(digest(row))) return false
    }
    if (this.value === undefined || value > this.value) {
      this.value = value
      this.seen.clear()
    }
    if (value === this.value && this.seen.size < mostSeen) this.seen.add(digest(row))
    return true
  }

  /** `undefined` while no record had a value. */
  cursor(): HttpCursor | undefined {
    const { value, of, seen } = this
    return value === undefined ? undefined : { of, value, seen: [...seen] }
  }

  private comparable(found: unknown): string | number {
    const value = typeof found === 'bigint' && isSafe(found) ? Number(found) : found
    const kind = this.value === undefined ? undefined : typeof this.value
    if ((typeof value === 'string' || typeof value === 'number') && (kind === undefined || kind === typeof value))
      return value
    const shown = typeof found === 'bigint' ? `${found}` : JSON.stringify(found).slice(0, 100)
    throw new PhloError('PHLO_SOURCE_MALFORMED', `${this.options.field} of a record cannot be a cursor: ${shown}`, {
      hint: 'A cursor is a number, or text that sorts as it comes, such as times of ISO 8601; of one kind in all records.',
    })
  }
}

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
}

function isCursor(value: unknown): value is HttpCursor {
  if (typeof value !== 'object' || value === null) return false
  const { of, value: at, seen } = value as Partial<HttpCursor>
  return typeof of === 'string' && (typeof at === 'string' || typeof at === 'number') && Array.isArray(seen)
}

/** The value less the lag; a time keeps its spelling: a date stays one, others are as precise as milliseconds. */
function lagging(value: string | number, lag: number | undefined): string | number {
  if (lag === undefined || lag === 0) return value
  if (typeof value === 'number') return value - lag
  const time = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$|^\d{4}-\d\d-\d\d$/i.test(value) ? value : `${value}Z`)
  if (!Number.isFinite(time)) {
    throw new PhloError(
      'PHLO_CONFIG_INVALID',
      `http(): a lag needs times or numbers, and the cursor is ${value.slice(0, 100)}`,
    )
  }
  const text = new Date(time - lag).toISOString()
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return text.slice(0, 10)
  return /(?:Z|[+-]\d\d:?\d\d)$/i.test(value) ? text : text.slice(0, -1)
}

function digest(row: Row): string {
  const text = JSON.stringify(row, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
  return createHash('sha256').update(text).digest('base64url').slice(0, 11)
}
