import { parseJson, serializeJson } from '@phlo/iceberg'
import { failure, type HttpAnswer, type HttpClient, type HttpRefusal, unanswered } from '@phlo/iceberg-rest'
import { noRef } from '@phlo/catalog'
import { PhloError } from '@phlo/ports'
import type { Content } from './nessie-content.js'

/** A server that goes on for longer has lost its way. */
const mostPages = 100_000
const pageSize = 500

/** What tells the server that it may send details of conflicts. */
const clientHeaders = { 'nessie-client-spec': '2' }

export type RefType = 'BRANCH' | 'TAG'

export interface Reference {
  readonly type: RefType
  readonly name: string
  readonly hash: string
}

export interface Entry {
  readonly elements: readonly string[]
  readonly type: string
  readonly content?: Content | undefined
}

/** One commit of a history. */
export interface LogEntry {
  readonly meta: Readonly<Record<string, unknown>>
  /** Keys that it changed, where they were asked for. */
  readonly changed: readonly (readonly string[])[]
}

export type Operation =
  | { readonly type: 'PUT'; readonly key: { readonly elements: readonly string[] }; readonly content: Content }
  | { readonly type: 'DELETE'; readonly key: { readonly elements: readonly string[] } }

export interface CommitMeta {
  readonly message: string
  readonly authors: readonly string[]
  readonly allProperties: Readonly<Record<string, readonly string[]>>
}

/** How a merge treats one key. Source: Nessie, `MergeKeyBehavior`. */
export interface KeyMergeMode {
  readonly key: { readonly elements: readonly string[] }
  readonly mergeBehavior: 'NORMAL' | 'FORCE' | 'DROP'
  readonly expectedTargetContent?: Content
  readonly resolvedContent?: Content
}

/** What came of a change: where the branch stands now, why it was refused, or that nobody knows. */
export type Outcome =
  | { readonly hash: string }
  | { readonly conflict: string; readonly types: readonly string[] }
  | { readonly unknown: string }

/** A branch, a tag, or a commit's hash, as it stands in a path. */
function refPath(ref: string, hash?: string): string {
  return `${isCommitHash(ref) ? `@${ref}` : encodeURIComponent(ref)}${hash === undefined ? '' : `@${hash}`}`
}

/** Nessie's hashes; no name of a branch may look like one. */
export function isCommitHash(ref: string): boolean {
  return /^[0-9a-f]{16,64}$/.test(ref)
}

/** One method for each of the requests of Nessie's API that are needed. Source: Nessie's OpenAPI document, version 2. */
export class NessieApi {
  private readonly http: HttpClient
  private readonly base: string

  /** `base` ends with `/api/v2`. */
  constructor(http: HttpClient, base: string) {
    this.http = http
    this.base = base
  }

  async config(): Promise<{ readonly noAncestorHash: string; readonly defaultBranch: string }> {
    const what = 'Nessie’s configuration'
    const { noAncestorHash, defaultBranch } = await this.required('GET', '/config', what)
    if (typeof noAncestorHash !== 'string' || typeof defaultBranch !== 'string') throw unreadable(what)
    return { noAncestorHash, defaultBranch }
  }

  async references(): Promise<Reference[]> {
    const found: Reference[] = []
    for await (const item of this.pages('/trees', 'references', 'branches and tags')) found.push(reference(item))
    return found
  }

  async reference(name: string): Promise<Reference | undefined> {
    const what = `ref ${name}`
    const answer = await this.send('GET', `/trees/${refPath(name)}`, what)
    if (!answer.ok) {
      if (isNotFound(answer)) return undefined
      throw refusal(answer, what)
    }
    return reference(objectOf(bodyOf(answer, what)['reference'], what))
  }

  async createReference(name: string, type: RefType, hash: string): Promise<Outcome> {
    const query = `name=${encodeURIComponent(name)}&type=${type}`
    return this.change(
      'POST',
      `/trees?${query}`,
      { type: 'DETACHED', hash },
      `ref ${name}`,
      (body) => reference(objectOf(body['reference'], name)).hash,
    )
  }

  async assignReference({ name, type, hash }: Reference, to: string): Promise<Outcome> {
    return this.change(
      'PUT',
      `/trees/${refPath(name, hash)}?type=${type}`,
      { type: 'DETACHED', hash: to },
      `ref ${name}`,
      (body) => reference(objectOf(body['reference'], name)).hash,
    )
  }

  async deleteReference({ name, type, hash }: Reference): Promise<Outcome> {
    return this.change('DELETE', `/trees/${refPath(name, hash)}?type=${type}`, undefined, `ref ${name}`, () => hash)
  }

  /** Contents by key, those that are there. Throws PHLO_REF_NOT_FOUND. */
  async contents(
    ref: string,
    keys: readonly (readonly string[])[],
  ): Promise<{ elements: string[]; content: Content }[]> {
    const what = `contents at ${ref}`
    const body = { requestedKeys: keys.map((elements) => ({ elements })) }
    const answer = await this.send('POST', `/trees/${refPath(ref)}/contents`, what, body, true)
    if (!answer.ok) throw isNotFound(answer) ? noRef(ref) : refusal(answer, what)
    return listOf(bodyOf(answer, what)['contents'], what).map((item) => ({
      elements: elements(item['key'], what),
      content: content(item['content'], what),
    }))
  }

  /** Everything below a namespace, or everything. Throws PHLO_REF_NOT_FOUND. */
  async *entries(
    ref: string,
    options: { readonly types: readonly string[]; readonly within?: readonly string[]; readonly content?: boolean },
  ): AsyncIterable<Entry> {
    const what = `entries at ${ref}`
    const query = new URLSearchParams()
    query.set('filter', `entry.contentType in [${options.types.map((type) => `'${type}'`).join(', ')}]`)
    if (options.content) query.set('content', 'true')
    if (options.within) query.set('prefix-key', pathKey(options.within))
    for await (const item of this.pages(`/trees/${refPath(ref)}/entries?${query.toString()}`, 'entries', what, ref)) {
      const { type } = item
      if (typeof type !== 'string') throw unreadable(what)
      yield {
        elements: elements(item['name'], what),
        type,
        ...(options.content && { content: content(item['content'], what) }),
      }
    }
  }

  /** Newest first along first parents. Throws PHLO_REF_NOT_FOUND. */
  async *history(
    ref: string,
    options: { readonly keys?: boolean; readonly until?: Date } = {},
  ): AsyncIterable<LogEntry> {
    const what = `history of ${ref}`
    const query = new URLSearchParams()
    if (options.keys) query.set('fetch', 'ALL')
    if (options.until)
      query.set('filter', `timestamp(commit.commitTime) <= timestamp('${options.until.toISOString()}')`)
    for await (const item of this.pages(
      `/trees/${refPath(ref)}/history?${query.toString()}`,
      'logEntries',
      what,
      ref,
    )) {
      const operations = options.keys ? listOf(item['operations'] ?? [], what) : []
      yield {
        meta: objectOf(item['commitMeta'], what),
        changed: operations.map((operation) => elements(operation['key'], what)),
      }
    }
  }

  /** What differs between two commits. Throws PHLO_REF_NOT_FOUND. */
  async *diff(
    from: string,
    to: string,
  ): AsyncIterable<{ readonly elements: readonly string[]; readonly from?: Content; readonly to?: Content }> {
    const what = `differences between ${from} and ${to}`
    for await (const item of this.pages(`/trees/${refPath(from)}/diff/${refPath(to)}`, 'diffs', what, to)) {
      const [before, after] = [item['from'] ?? undefined, item['to'] ?? undefined]
      yield {
        elements: elements(item['key'], what),
        ...(before !== undefined && { from: content(before, what) }),
        ...(after !== undefined && { to: content(after, what) }),
      }
    }
  }

  /** A change on top of a branch's commit; a conflict where one of its keys changed since. */
  async commit(
    branch: string,
    hash: string,
    commitMeta: CommitMeta,
    operations: readonly Operation[],
  ): Promise<Outcome> {
    return this.change(
      'POST',
      `/trees/${refPath(branch, hash)}/history/commit`,
      { commitMeta, operations },
      `branch ${branch}`,
      (body) => reference(objectOf(body['targetBranch'], branch)).hash,
    )
  }

  async merge(
    branch: string,
    hash: string,
    from: string,
    commitMeta: CommitMeta,
    keyMergeModes: readonly KeyMergeMode[],
  ): Promise<Outcome> {
    return this.change(
      'POST',
      `/trees/${refPath(branch, hash)}/history/merge`,
      { fromRefName: 'DETACHED', fromHash: from, commitMeta, keyMergeModes },
      `branch ${branch}`,
      (body) => {
        const after = body['resultantTargetHash']
        if (typeof after !== 'string') throw unreadable(`merge into ${branch}`)
        return after
      },
    )
  }

  /**
   * The commit that both come from, by a merge that is only looked at and would bring nothing. Servers read the one or the
   * other name of the field that says so. `undefined` where they have nothing in common.
   */
  async mergeBase({ name, hash }: Reference, from: string): Promise<string | undefined> {
    const what = `merge base of ${from} and ${name}`
    const body = {
      fromRefName: 'DETACHED',
      fromHash: from,
      isDryRun: true,
      dryRun: true,
      defaultKeyMergeMode: 'DROP',
    }
    const answer = await this.send('POST', `/trees/${refPath(name, hash)}/history/merge`, what, body, true)
    if (!answer.ok) {
      if (isNotFound(answer)) return undefined
      throw refusal(answer, what)
    }
    const { commonAncestor, wasApplied } = bodyOf(answer, what)
    if (typeof commonAncestor !== 'string' || wasApplied === true) throw unreadable(what)
    return commonAncestor
  }

  private async change(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    body: unknown,
    what: string,
    read: (body: Readonly<Record<string, unknown>>) => string,
  ): Promise<Outcome> {
    const answer = await this.send(method, path, what, body)
    if (answer.ok) return { hash: read(answer.text === '' ? {} : bodyOf(answer, what)) }
    if (answer.kind === 'unknown') return { unknown: answer.message }
    if (answer.kind === 'refused' && answer.status === 409)
      return { conflict: answer.message, types: [answer.type, ...conflictTypes(answer.body)] }
    throw refusal(answer, what)
  }

  private async required(method: 'GET', path: string, what: string): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.send(method, path, what)
    if (!answer.ok) throw refusal(answer, what)
    return bodyOf(answer, what)
  }

  private async *pages(
    path: string,
    field: string,
    what: string,
    ref?: string,
  ): AsyncIterable<Readonly<Record<string, unknown>>> {
    const seen = new Set<string>()
    let token: string | undefined
    for (let page = 0; page < mostPages; page++) {
      const query = `max-records=${pageSize}${token === undefined ? '' : `&page-token=${encodeURIComponent(token)}`}`
      const answer = await this.send('GET', `${path}${path.includes('?') ? '&' : '?'}${query}`, what)
      if (!answer.ok) throw isNotFound(answer) ? noRef(ref ?? what) : refusal(answer, what)
      const body = bodyOf(answer, what)
      yield* listOf(body[field], what)
      if (body['hasMore'] !== true) return
      const next = body['token']
      if (typeof next !== 'string' || seen.has(next)) break
      seen.add(next)
      token = next
    }
    throw new PhloError('PHLO_CATALOG_FAILED', `${what}: Nessie’s pages do not end`)
  }

  private async send(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    what: string,
    body?: unknown,
    repeatable?: boolean,
  ): Promise<HttpAnswer | HttpRefusal> {
    return this.http.send({
      method,
      url: this.base + path,
      headers: clientHeaders,
      what,
      ...(body !== undefined && { body: serializeJson(body) }),
      ...(repeatable !== undefined && { repeatable }),
    })
  }
}

/** A key as Nessie takes it in a query: names with dots between, and their own dots as a control character. */
function pathKey(names: readonly string[]): string {
  return names.map((name) => name.replaceAll('.', '\u001d')).join('.')
}

function isNotFound(answer: HttpRefusal): boolean {
  return answer.kind === 'refused' && answer.type === 'REFERENCE_NOT_FOUND'
}

function refusal(answer: HttpRefusal, what: string): PhloError {
  return answer.kind === 'refused' ? failure(answer, what) : unanswered(answer, what)
}

function conflictTypes(body: Readonly<Record<string, unknown>>): string[] {
  const details = body['errorDetails']
  const conflicts = isObject(details) ? details['conflicts'] : undefined
  if (!Array.isArray(conflicts)) return []
  return conflicts.flatMap((item) =>
    isObject(item) && typeof item['conflictType'] === 'string' ? [item['conflictType']] : [],
  )
}

function bodyOf(answer: HttpAnswer, what: string): Readonly<Record<string, unknown>> {
  return objectOf(parseJson(answer.text, what), what)
}

function reference(value: Readonly<Record<string, unknown>>): Reference {
  const { type, name, hash } = value
  if ((type !== 'BRANCH' && type !== 'TAG') || typeof name !== 'string' || typeof hash !== 'string')
    throw unreadable('ref')
  return { type, name, hash }
}

function content(value: unknown, what: string): Content {
  const { type, id, metadataLocation, properties } = objectOf(value, what)
  const isText = (field: unknown) => field === undefined || field === null || typeof field === 'string'
  const isTexts =
    properties === undefined ||
    (isObject(properties) && Object.values(properties).every((item) => typeof item === 'string'))
  if (typeof type !== 'string' || !isText(id) || !isText(metadataLocation) || !isTexts) throw unreadable(what)
  return value as Content
}

function elements(value: unknown, what: string): string[] {
  const found = isObject(value) ? value['elements'] : undefined
  if (!Array.isArray(found) || found.length === 0 || !found.every((item) => typeof item === 'string'))
    throw unreadable(what)
  return found
}

function listOf(value: unknown, what: string): Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value) || !value.every(isObject)) throw unreadable(what)
  return value
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw unreadable(what)
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unreadable(what: string): PhloError {
  return new PhloError('PHLO_CATALOG_FAILED', `${what}: Nessie’s answer cannot be read`, {
    hint: 'Is `uri` that of Nessie’s API, ending with /api/v2?',
  })
}
