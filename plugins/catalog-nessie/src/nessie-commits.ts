import { randomUUID } from 'node:crypto'
import { type CatalogValue, namespaceKey, tableKey } from '@phlo/catalog'
import { type CatalogChange, type CommitInfo, PhloError } from '@phlo/ports'
import type { CommitMeta, LogEntry, NessieApi, Operation, Reference } from './nessie-api.js'

const unknownAuthor = 'phlo'

/** The property that tells a commit from one that says the same, for when an answer gets lost. */
const attemptProperty = 'phlo.attempt'

/** Nessie does without empty messages. */
const noMessage = '(no message)'

export interface CommitWords {
  readonly message: string
  readonly author?: string | undefined
  readonly properties?: Readonly<Record<string, string>> | undefined
}

/** A commit's words in Nessie's form, and a mark to find it by. */
export function commitMeta({ message, author, properties = {} }: CommitWords): CommitMeta & { readonly mark: string } {
  const mark = randomUUID()
  const all = { ...properties, [attemptProperty]: mark }
  return {
    message: message.trim() === '' ? noMessage : message,
    authors: [author ?? unknownAuthor],
    allProperties: Object.fromEntries(Object.entries(all).map(([name, value]) => [name, [value]])),
    mark,
  }
}

/** Reads a commit. Throws PHLO_CATALOG_FAILED. */
export function commitInfo({ meta }: LogEntry): CommitInfo {
  const { hash, message, commitTime, authors, committer, parentCommitHashes } = meta
  const time = new Date(String(commitTime))
  if (typeof hash !== 'string' || Number.isNaN(time.getTime()))
    throw new PhloError('PHLO_CATALOG_FAILED', 'Nessie’s history cannot be read')
  const author = [...texts(authors), textOf(committer)].find((text) => text !== '')
  const { [attemptProperty]: _, ...properties } = firstValues(meta['allProperties'])
  return {
    id: hash,
    parents: texts(parentCommitHashes),
    author: author ?? '',
    message: message === noMessage ? '' : textOf(message),
    time,
    properties,
  }
}

/** Makes commits on branches, and finds those again whose answer got lost. */
export class NessieCommits {
  private readonly api: NessieApi

  constructor(api: NessieApi) {
    this.api = api
  }

  /**
   * A commit on top of the branch as it was seen. Where it lost to another change of the same keys, `undefined`: what it
   * says is to be made anew. Throws PHLO_COMMIT_UNKNOWN, PHLO_NAMESPACE_NOT_FOUND and PHLO_NAMESPACE_NOT_EMPTY.
   */
  async commit(branch: Reference, words: CommitWords, operations: readonly Operation[]): Promise<string | undefined> {
    const { mark, ...meta } = commitMeta(words)
    const outcome = await this.api.commit(branch.name, branch.hash, meta, operations)
    if ('hash' in outcome) return outcome.hash
    if ('unknown' in outcome) return this.findMark(branch, mark, outcome.unknown)
    if (outcome.types.includes('NAMESPACE_NOT_EMPTY')) throw new PhloError('PHLO_NAMESPACE_NOT_EMPTY', outcome.conflict)
    if (outcome.types.includes('NAMESPACE_ABSENT')) throw new PhloError('PHLO_NAMESPACE_NOT_FOUND', outcome.conflict)
    return undefined
  }

  /** The hash of a commit by its mark, among those since `branch` was seen. */
  private async findMark(branch: Reference, mark: string, lost: string): Promise<string | undefined> {
    try {
      for await (const { meta } of this.api.history(branch.name)) {
        const hash = String(meta['hash'])
        if (hash === branch.hash) return undefined
        if (firstValues(meta['allProperties'])[attemptProperty] === mark) return hash
      }
      return undefined
    } catch (error) {
      throw new PhloError('PHLO_COMMIT_UNKNOWN', `branch ${branch.name}: Nessie’s answer got lost: ${lost}`, {
        hint: 'Look at the branch’s history before you try again: the commit may be there, or come yet.',
        cause: error,
      })
    }
  }
}

/** Keys that changes read, so that they can be asked for at once. */
export function keysOf(changes: readonly CatalogChange[]): string[] {
  return changes.flatMap((change) => {
    if ('namespace' in change) return [namespaceKey(change.namespace)]
    const names = 'to' in change ? [change.identifier, change.to] : [change.identifier]
    return names.flatMap((name) => [tableKey(name), namespaceKey(name.namespace)])
  })
}

export type Edits = ReadonlyMap<string, CatalogValue | undefined>

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function firstValues(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, values]) => {
      const [first] = texts(values)
      return first === undefined ? [] : [[name, first]]
    }),
  )
}
