import { PhloError } from '@phlo/ports'
import type { CommitWords } from './commit-maker.js'
import type { TreeValue } from './tree-page.js'

/** A commit that follows from nothing but the keys that were read for it, so that anybody can make it on any head. */
export interface TreeTransaction {
  /** `undefined` values were absent; `undefined` as a whole: it follows from more than single keys. */
  readonly reads: ReadonlyMap<string, TreeValue | undefined> | undefined
  readonly edits: ReadonlyMap<string, TreeValue | undefined>
  readonly words: CommitWords
}

/** What one process asks another one to commit. */
export interface CommitIntent {
  /** Of the reflog's entry that it becomes. */
  readonly id: string
  /** The reflog's newest entry when it was made, if it had any. It may be among the newer ones by now, but not the older. */
  readonly after: string | undefined
  readonly reads: ReadonlyMap<string, TreeValue | undefined>
  readonly edits: ReadonlyMap<string, TreeValue | undefined>
  readonly words: CommitWords
}

/** What came of it: its commit, or that a key was read that has another value by now, so that it was not done. */
export type IntentAnswer = { readonly commit: string } | { readonly stale: true }

type Entries = readonly (readonly [string, TreeValue | null])[]

/** As JSON. */
export function encodeIntent({ id, after, reads, edits, words }: CommitIntent): unknown {
  return { id, after: after ?? null, reads: entriesOf(reads), edits: entriesOf(edits), words }
}

/** Throws PHLO_UNSUPPORTED for anything else than an intent. */
export function decodeIntent(value: unknown): CommitIntent {
  const { id, after, reads, edits, words } = (value ?? {}) as Record<string, unknown>
  const { message, author, properties = {} } = (words ?? {}) as Record<string, unknown>
  const isRight =
    typeof id === 'string' &&
    (after === null || typeof after === 'string') &&
    isEntries(reads) &&
    isEntries(edits) &&
    typeof message === 'string' &&
    (author === undefined || typeof author === 'string') &&
    isObject(properties) &&
    Object.values(properties).every((property) => typeof property === 'string')
  if (!isRight) throw new PhloError('PHLO_UNSUPPORTED', 'What was to be committed is no intent of this version')
  return {
    id,
    after: after ?? undefined,
    reads: mapOf(reads),
    edits: mapOf(edits),
    words: { message, properties: properties as Record<string, string>, ...(author !== undefined && { author }) },
  }
}

/** `undefined` when there was no answer, or one that nobody of this version gives. */
export function decodeAnswer(value: unknown): IntentAnswer | undefined {
  if (!isObject(value)) return undefined
  if (typeof value['commit'] === 'string') return { commit: value['commit'] }
  return value['stale'] === true ? { stale: true } : undefined
}

function entriesOf(map: ReadonlyMap<string, TreeValue | undefined>): Entries {
  return [...map].map(([key, value]) => [key, value ?? null])
}

function mapOf(entries: Entries): ReadonlyMap<string, TreeValue | undefined> {
  return new Map(entries.map(([key, value]) => [key, value ?? undefined]))
}

function isEntries(value: unknown): value is Entries {
  return (
    Array.isArray(value) &&
    value.every(
      (entry) =>
        Array.isArray(entry) &&
        entry.length === 2 &&
        typeof entry[0] === 'string' &&
        (entry[1] === null || isTreeValue(entry[1])),
    )
  )
}

function isTreeValue(value: unknown): boolean {
  if (!isObject(value)) return false
  if (value['type'] === 'namespace') return isObject(value['properties'])
  const isFile = typeof value['metadata'] === 'string' && typeof value['uuid'] === 'string'
  return isFile && (value['type'] === 'table' || value['type'] === 'view')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
