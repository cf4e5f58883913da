import { PhloError, type ReflogAction } from '@phlo/ports'
import { checkFormat, formatVersion } from './catalog-format.js'

/** One entry of a reflog as it is stored. */
export interface LogEntry {
  /** Tells a change from every other, so that a writer finds out whether a put that seemed to fail has happened. */
  readonly id: string
  /** Milliseconds since 1970; never below that of the entry before. */
  readonly time: number
  readonly action: ReflogAction
  readonly from?: string
  readonly to?: string
  readonly message: string
  readonly author: string
}

/** A {@link LogPage} by the hash of its bytes. */
export interface LogPointer {
  readonly id: string
  /** Pages from this one to the first, itself among them. */
  readonly depth: number
}

/** Older entries of a reflog; an immutable object. */
export interface LogPage {
  /** Newest first, at least one. */
  readonly entries: readonly LogEntry[]
  readonly older?: LogPointer
  /** A page much further back, so that a look-up by time takes a logarithm of steps. */
  readonly jump?: LogPointer
}

/** What a ref is. */
export interface RefState {
  readonly type: 'branch' | 'tag'
  readonly commit: string
  readonly protected: boolean
  /** A deleted ref stays as a mark, since stores have no conditional delete, and for its log. */
  readonly deleted: boolean
}

/** The whole object of a ref. */
export interface RefObject extends RefState {
  /** Counts the changes, so that no two states of a ref are the same bytes. */
  readonly revision: number
  /** The newest entries, newest first. */
  readonly log: readonly LogEntry[]
  readonly older?: LogPointer
}

export function encodeRef(ref: RefObject): Buffer {
  const { type, commit, revision, log, older } = ref
  return json({
    format: formatVersion,
    type,
    commit,
    revision,
    ...(ref.protected && { protected: true }),
    ...(ref.deleted && { deleted: true }),
    log,
    ...(older && { older }),
  })
}

/** Throws PHLO_STORAGE_FAILED for a damaged ref, PHLO_UNSUPPORTED for a newer format. */
export function decodeRef(name: string, bytes: Uint8Array): RefObject {
  const what = `The ref ${name}`
  const stored = parse(bytes, what)
  // Format 1 has no version in its refs, and no log.
  checkFormat(stored['format'] ?? 1, what)
  const { type, commit, revision, log = [], older } = stored
  if (
    (type !== 'branch' && type !== 'tag') ||
    typeof commit !== 'string' ||
    typeof revision !== 'number' ||
    !Array.isArray(log)
  )
    throw damaged(what)
  return {
    type,
    commit,
    revision,
    protected: stored['protected'] === true,
    deleted: stored['deleted'] === true,
    log: log as LogEntry[],
    ...(older !== undefined && { older: older as LogPointer }),
  }
}

export function encodeLogPage(page: LogPage): Buffer {
  return json({ format: formatVersion, ...page })
}

/** Throws PHLO_STORAGE_FAILED for a damaged page, PHLO_UNSUPPORTED for a newer format. */
export function decodeLogPage(id: string, bytes: Uint8Array): LogPage {
  const what = `The reflog page ${id}`
  const { format, entries, older, jump } = parse(bytes, what)
  checkFormat(format, what)
  if (!Array.isArray(entries) || entries.length === 0) throw damaged(what)
  return {
    entries: entries as LogEntry[],
    ...(older !== undefined && { older: older as LogPointer }),
    ...(jump !== undefined && { jump: jump as LogPointer }),
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8')
}

function parse(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (error) {
    throw damaged(what, error)
  }
  if (typeof value !== 'object' || value === null) throw damaged(what)
  return value as Record<string, unknown>
}

function damaged(what: string, cause?: unknown): PhloError {
  return new PhloError('PHLO_STORAGE_FAILED', `${what} of the catalog is damaged`, { cause })
}
