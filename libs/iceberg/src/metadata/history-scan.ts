import type { ListText } from './growing-list.js'
import {
  backslash,
  closeBrace,
  closeBracket,
  colon,
  comma,
  hasKey,
  none,
  openBrace,
  openBracket,
  scanId,
  skipInteger,
  skipSpace,
  skipString,
  skipTexts,
  skipValue,
} from './json-bytes.js'
import { ScannedIds, type SnapshotIds } from './scanned-ids.js'

/**
 * Finds the items of a metadata file's long lists in its bytes without making values of them, and checks them on the way:
 * their JSON, and the shape of snapshots and of log entries. What is written in a way that nobody writes (keys with
 * escapes or twice, fields that are not known, negative ids) is left to the ordinary reader.
 */

/** What was found. */
export interface ScannedHistory {
  /** The file's text with both lists empty. */
  readonly rest: string
  readonly snapshots?: ScannedSnapshots & Place
  readonly log?: ListText & Place
}

interface Place {
  /** The position behind the list's bracket. */
  readonly at: number
}

export interface ScannedSnapshots extends ListText, SnapshotIds {}

interface Member {
  /** With quotes. */
  readonly key: Buffer
  readonly kind: 'id' | 'integer' | 'text' | 'texts'
  readonly required: boolean
}

function member(key: string, kind: Member['kind'], required = false): Member {
  return { key: keyBytes(key), kind, required }
}

/** Spec: "Snapshots". The first two are where {@link ScannedIds} looks. */
const snapshotMembers: readonly Member[] = [
  member('snapshot-id', 'id', true),
  member('parent-snapshot-id', 'id'),
  member('sequence-number', 'integer'),
  member('timestamp-ms', 'integer', true),
  member('manifest-list', 'text'),
  member('summary', 'texts'),
  member('schema-id', 'integer'),
  member('first-row-id', 'integer'),
  member('added-rows', 'integer'),
  member('key-id', 'text'),
]

/** Spec: "Table Metadata Fields", `snapshot-log`. */
const logMembers: readonly Member[] = [member('timestamp-ms', 'integer', true), member('snapshot-id', 'id', true)]

const snapshotsKey = keyBytes('snapshots')
const logKey = keyBytes('snapshot-log')

function keyBytes(key: string): Buffer {
  return Buffer.from(JSON.stringify(key), 'latin1')
}

/** The lists of a metadata file; `undefined` when it has to be read as a whole. Takes time that grows with its bytes. */
export function scanHistory(bytes: Buffer): ScannedHistory | undefined {
  let at = skipSpace(bytes, 0)
  if (bytes[at] !== openBrace) return undefined
  let snapshots: ScannedHistory['snapshots']
  let log: ScannedHistory['log']
  const rest: string[] = []
  let taken = 0
  do {
    const key = skipSpace(bytes, at + 1)
    const keyEnd = skipString(bytes, key)
    if (keyEnd === none || bytes.subarray(key, keyEnd).includes(backslash)) return undefined
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== colon) return undefined
    const value = skipSpace(bytes, at + 1)
    const isSnapshots = hasKey(bytes, key, snapshotsKey)
    if (isSnapshots || hasKey(bytes, key, logKey)) {
      if (isSnapshots ? snapshots : log) return undefined
      const ids = new ScannedIds()
      const list = isSnapshots ? scanList(bytes, value, snapshotMembers, ids) : scanList(bytes, value, logMembers)
      if (!list) return undefined
      const text = { at: value + 1, bytes: bytes.subarray(value + 1, list.end - 1), spans: list.spans }
      if (isSnapshots) snapshots = { ...text, ...ids.found() }
      else log = text
      rest.push(bytes.toString('utf8', taken, value), '[]')
      taken = at = list.end
    } else {
      at = skipValue(bytes, value)
      if (at === none) return undefined
    }
    at = skipSpace(bytes, at)
  } while (bytes[at] === comma)
  rest.push(bytes.toString('utf8', taken))
  return { rest: rest.join(''), ...(snapshots && { snapshots }), ...(log && { log }) }
}

/** Where each item of a list starts and ends, counted from behind the bracket, and where the list ends. */
function scanList(
  bytes: Buffer,
  start: number,
  members: readonly Member[],
  ids?: ScannedIds,
): { readonly spans: number[]; readonly end: number } | undefined {
  if (bytes[start] !== openBracket) return undefined
  const spans: number[] = []
  const found = new Float64Array(2 * members.length)
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === closeBracket) return { spans, end: at + 1 }
  for (;;) {
    const end = scanItem(bytes, at, members, found)
    if (end === none) return undefined
    spans.push(at - start - 1, end - start - 1)
    ids?.add(found)
    at = skipSpace(bytes, end)
    if (bytes[at] === closeBracket) return { spans, end: at + 1 }
    if (bytes[at] !== comma) return undefined
    at = skipSpace(bytes, at + 1)
  }
}

/** Snapshots with a comma behind each, in an otherwise empty text; `undefined` as above. */
export function scanSnapshots(bytes: Buffer): ScannedSnapshots | undefined {
  const ids = new ScannedIds()
  const spans = scanItems(bytes, snapshotMembers, ids)
  return spans && { bytes, spans, ...ids.found() }
}

/** As {@link scanSnapshots}, of entries of the log. */
export function scanLog(bytes: Buffer): ListText | undefined {
  const spans = scanItems(bytes, logMembers)
  return spans && { bytes, spans }
}

function scanItems(bytes: Buffer, members: readonly Member[], ids?: ScannedIds): number[] | undefined {
  const spans: number[] = []
  const found = new Float64Array(2 * members.length)
  for (let at = skipSpace(bytes, 0); at < bytes.length;) {
    const end = scanItem(bytes, at, members, found)
    if (end === none) return undefined
    spans.push(at, end)
    ids?.add(found)
    at = skipSpace(bytes, end)
    if (bytes[at] !== comma) return undefined
    at = skipSpace(bytes, at + 1)
  }
  return spans
}

/** The position behind an object of such members, whose ids go to `ids`. */
function scanItem(bytes: Buffer, start: number, members: readonly Member[], ids: Float64Array): number {
  if (bytes[start] !== openBrace) return none
  ids.fill(none)
  let seen = 0
  let at = start
  let index = 0
  do {
    const key = skipSpace(bytes, at + 1)
    index = memberAt(bytes, key, members, index)
    if (index === none || seen & (1 << index)) return none
    seen |= 1 << index
    const found = members[index] as Member
    at = skipSpace(bytes, key + found.key.length)
    if (bytes[at] !== colon) return none
    at = scanMember(bytes, skipSpace(bytes, at + 1), found, ids, index)
    if (at === none) return none
    at = skipSpace(bytes, at)
  } while (bytes[at] === comma)
  if (bytes[at] !== closeBrace) return none
  for (let index = 0; index < members.length; index++)
    if ((members[index] as Member).required && !(seen & (1 << index))) return none
  return at + 1
}

/** The member with that key, which is mostly one of the next from `first` on. */
function memberAt(bytes: Buffer, start: number, members: readonly Member[], first: number): number {
  for (let step = 0; step < members.length; step++) {
    const index = (first + step) % members.length
    if (hasKey(bytes, start, (members[index] as Member).key)) return index
  }
  return none
}

function scanMember(bytes: Buffer, at: number, { kind, required }: Member, found: Float64Array, index: number): number {
  if (!required && bytes[at] === 0x6e) return bytes.toString('latin1', at, at + 4) === 'null' ? at + 4 : none
  if (kind === 'id') return scanId(bytes, at, found, 2 * index)
  if (kind === 'integer') return skipInteger(bytes, at)
  return kind === 'text' ? skipString(bytes, at) : skipTexts(bytes, at)
}
