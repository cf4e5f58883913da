import { highestFieldId, parseJson, serializeJson, viewMetadataOf } from '@phlo/iceberg'
import {
  type ErrorCode,
  formatIdentifier,
  type LoadedTable,
  type LoadedView,
  PhloError,
  type TableIdentifier,
  type TableLayout,
  type TableRequirement,
  type TableUpdate,
  type ViewRequirement,
  type ViewUpdate,
} from '@phlo/ports'
import { type CatalogConfig, catalogConfig, endpoints } from './catalog-config.js'
import {
  type HttpAnswer,
  type HttpClient,
  type HttpRefusal,
  type HttpRequest,
  unanswered,
} from '../http/http-client.js'
import { failure } from '../http/failure.js'
import { Routes, trimmed } from './routes.js'
import { isObject, isTextList, isTextMap } from './shape.js'
import {
  type GrantedTable,
  type StorageCredential,
  stagedAnswer,
  storageCredentials,
  tableAnswer,
} from './table-answer.js'
import { TableCache } from './table-cache.js'
import type { Attempt } from './unknown-outcome.js'

/** A server that goes on for longer has lost its way. */
const mostPages = 10_000
const pageSize = 1000

export interface RestClientOptions {
  /** Where the catalog is, without `/v1`. */
  readonly uri: string
  readonly warehouse?: string
  /** Settings that go between the server's defaults and its overrides. */
  readonly properties?: Readonly<Record<string, string>>
  readonly http: HttpClient
  /** How access to files is asked for, in this order; empty where the store's own credentials do. */
  readonly accessDelegation?: readonly string[]
}

export interface TableCommit {
  readonly identifier: TableIdentifier
  readonly requirements: readonly TableRequirement[]
  readonly updates: readonly TableUpdate[]
}

/** What a refusal means for a request, beyond what holds for all of them. */
interface Meaning {
  readonly what: string
  readonly notFound?: ErrorCode
  readonly conflict?: ErrorCode
}

/** By the exceptions' names, which the protocol shares with Iceberg's Java library. */
const codesByType: Readonly<Record<string, ErrorCode>> = {
  NoSuchNamespaceException: 'PHLO_NAMESPACE_NOT_FOUND',
  NoSuchTableException: 'PHLO_TABLE_NOT_FOUND',
  NoSuchIcebergTableException: 'PHLO_TABLE_NOT_FOUND',
  NoSuchViewException: 'PHLO_VIEW_NOT_FOUND',
  NamespaceNotEmptyException: 'PHLO_NAMESPACE_NOT_EMPTY',
  CommitFailedException: 'PHLO_COMMIT_CONFLICT',
}

/**
 * One method for each endpoint of an Iceberg REST catalog. What is not there is `undefined`; what the server refuses is
 * thrown with Phlo's codes; changes whose answer got lost are `unknown`, for the caller to look into.
 * Source: REST catalog, OpenAPI document.
 */
export class RestClient {
  readonly config: CatalogConfig
  readonly uri: string
  private readonly http: HttpClient
  private readonly routes: Routes
  private readonly headers: Readonly<Record<string, string>>
  private readonly tables = new TableCache()

  private constructor(options: RestClientOptions, config: CatalogConfig) {
    const { accessDelegation = [] } = options
    this.config = config
    // A server may name another place for everything but its configuration.
    this.uri = trimmed(config.properties['uri'] ?? options.uri)
    this.http = options.http
    this.routes = new Routes(this.uri, config.properties)
    this.headers = accessDelegation.length > 0 ? { 'x-iceberg-access-delegation': accessDelegation.join(',') } : {}
  }

  /** Asks the server for its configuration first. Throws PHLO_CATALOG_FAILED and PHLO_CATALOG_DENIED. */
  static async open(options: RestClientOptions): Promise<RestClient> {
    const { uri, warehouse, properties = {}, http } = options
    const query = warehouse === undefined ? '' : `?warehouse=${encodeURIComponent(warehouse)}`
    const what = 'the catalog’s configuration'
    const answer = await http.send({ method: 'GET', url: `${trimmed(uri)}/v1/config${query}`, what })
    if (!answer.ok) throw refusal(answer, { what })
    const config = catalogConfig(jsonOf(answer, what), { ...properties, ...(warehouse !== undefined && { warehouse }) })
    const client = new RestClient(options, config)
    if (new URL(client.uri).origin !== new URL(uri).origin)
      throw new PhloError(
        'PHLO_CATALOG_FAILED',
        `The catalog at ${new URL(uri).origin} wants to be asked at ${new URL(client.uri).origin}`,
        {
          hint: 'Set `uri` to that in phlo.yaml if you trust it; credentials are not sent to places nobody named.',
        },
      )
    return client
  }

  has(endpoint: keyof typeof endpoints): boolean {
    return this.config.endpoints.has(endpoints[endpoint])
  }

  /** Namespaces right below the parent, or at the top. A parent that is gone has none. */
  async listNamespaces(parent?: readonly string[]): Promise<string[][]> {
    const what = parent ? `namespaces in ${parent.join('.')}` : 'namespaces'
    return this.pages(
      this.routes.namespaces(parent),
      { what, notFound: 'PHLO_NAMESPACE_NOT_FOUND' },
      'namespaces',
      (item) => (isTextList(item) && item.length > 0 ? item : undefined),
    )
  }

  /** The namespace's properties. */
  async loadNamespace(namespace: readonly string[]): Promise<Readonly<Record<string, string>> | undefined> {
    const meaning: Meaning = { what: `namespace ${namespace.join('.')}`, notFound: 'PHLO_NAMESPACE_NOT_FOUND' }
    const answer = await this.get(this.routes.namespace(namespace), meaning)
    if (!answer) return undefined
    const body = jsonOf(answer, meaning.what)
    const properties = isObject(body) ? (body['properties'] ?? {}) : undefined
    if (!isTextMap(properties)) throw unreadable(meaning.what)
    return properties
  }

  async createNamespace(
    namespace: readonly string[],
    properties: Readonly<Record<string, string>>,
    key?: string,
  ): Promise<Attempt<true>> {
    return this.change(
      { method: 'POST', url: this.routes.namespaces(), body: serializeJson({ namespace, properties }) },
      {
        what: `namespace ${namespace.join('.')}`,
        conflict: 'PHLO_NAMESPACE_EXISTS',
        notFound: 'PHLO_NAMESPACE_NOT_FOUND',
      },
      () => true as const,
      key,
    )
  }

  async updateNamespace(
    namespace: readonly string[],
    updates: Readonly<Record<string, string>>,
    removals: readonly string[],
    key?: string,
  ): Promise<Attempt<true>> {
    return this.change(
      { method: 'POST', url: this.routes.namespaceProperties(namespace), body: serializeJson({ updates, removals }) },
      { what: `namespace ${namespace.join('.')}`, notFound: 'PHLO_NAMESPACE_NOT_FOUND' },
      () => true as const,
      key,
    )
  }

  async dropNamespace(namespace: readonly string[], key?: string): Promise<Attempt<true>> {
    return this.change(
      { method: 'DELETE', url: this.routes.namespace(namespace) },
      {
        what: `namespace ${namespace.join('.')}`,
        notFound: 'PHLO_NAMESPACE_NOT_FOUND',
        conflict: 'PHLO_NAMESPACE_NOT_EMPTY',
      },
      () => true as const,
      key,
    )
  }

  /** Tables or views of a namespace. A namespace that is gone has none. */
  async list(kind: 'tables' | 'views', namespace: readonly string[]): Promise<TableIdentifier[]> {
    return this.pages(
      this.routes[kind](namespace),
      { what: `${kind} in ${namespace.join('.')}`, notFound: 'PHLO_NAMESPACE_NOT_FOUND' },
      'identifiers',
      (item) =>
        isObject(item) && typeof item['name'] === 'string' && isTextList(item['namespace'])
          ? { namespace: item['namespace'], name: item['name'] }
          : undefined,
    )
  }

  /**
   * Asks only whether the table changed where it was loaded before and the server gives ETags; `fresh` asks for the
   * whole answer, credentials among it.
   */
  async loadTable(
    identifier: TableIdentifier,
    { fresh = false }: { readonly fresh?: boolean } = {},
  ): Promise<GrantedTable | undefined> {
    const meaning: Meaning = { what: `table ${formatIdentifier(identifier)}`, notFound: 'PHLO_TABLE_NOT_FOUND' }
    const url = this.routes.table(identifier)
    const known = fresh ? undefined : this.tables.get(url)
    const answer = await this.get(url, meaning, known && { 'if-none-match': known.etag })
    if (!answer) {
      this.tables.delete(url)
      return undefined
    }
    if (answer.status === 304) {
      if (!known) throw unreadable(meaning.what)
      return known.table
    }
    return this.remember(url, answer, tableAnswer(jsonOf(answer, meaning.what), identifier))
  }

  /** The table as the server would make it, which it does not yet. */
  async stageTable(identifier: TableIdentifier, { schema, spec }: TableLayout): Promise<GrantedTable> {
    const meaning: Meaning = {
      what: `table ${formatIdentifier(identifier)}`,
      notFound: 'PHLO_NAMESPACE_NOT_FOUND',
      conflict: 'PHLO_TABLE_EXISTS',
    }
    const answer = await this.http.send({
      method: 'POST',
      url: this.routes.tables(identifier.namespace),
      body: serializeJson({ name: identifier.name, schema, 'partition-spec': spec, 'stage-create': true }),
      headers: this.headers,
      what: meaning.what,
      // Nothing is made.
      repeatable: true,
    })
    if (!answer.ok) throw refusal(answer, meaning)
    return stagedAnswer(jsonOf(answer, meaning.what), identifier)
  }

  async commitTable(commit: TableCommit, key?: string): Promise<Attempt<GrantedTable>> {
    const { identifier, requirements } = commit
    const what = `table ${formatIdentifier(identifier)}`
    const url = this.routes.table(identifier)
    const creates = requirements.some(({ type }) => type === 'assert-create')
    return this.change(
      { method: 'POST', url, body: serializeJson({ requirements, updates: onTheWire(commit) }) },
      {
        what,
        notFound: creates ? 'PHLO_NAMESPACE_NOT_FOUND' : 'PHLO_TABLE_NOT_FOUND',
        conflict: creates ? 'PHLO_TABLE_EXISTS' : 'PHLO_COMMIT_CONFLICT',
      },
      (answer) => this.remember(url, answer, tableAnswer(jsonOf(answer, what), identifier)),
      key,
    )
  }

  /** Several tables at once, all or none. */
  async commitTables(commits: readonly TableCommit[], key?: string): Promise<Attempt<true>> {
    const changes = commits.map((commit) => ({ ...commit, updates: onTheWire(commit) }))
    return this.change(
      { method: 'POST', url: this.routes.transaction(), body: serializeJson({ 'table-changes': changes }) },
      {
        what: `tables ${commits.map(({ identifier }) => formatIdentifier(identifier)).join(', ')}`,
        notFound: 'PHLO_TABLE_NOT_FOUND',
        conflict: 'PHLO_COMMIT_CONFLICT',
      },
      () => true as const,
      key,
    )
  }

  async registerTable(
    identifier: TableIdentifier,
    metadataLocation: string,
    key?: string,
  ): Promise<Attempt<LoadedTable>> {
    const what = `table ${formatIdentifier(identifier)}`
    return this.change(
      {
        method: 'POST',
        url: this.routes.register(identifier.namespace),
        body: serializeJson({ name: identifier.name, 'metadata-location': metadataLocation }),
      },
      { what, notFound: 'PHLO_NAMESPACE_NOT_FOUND', conflict: 'PHLO_TABLE_EXISTS' },
      (answer) => tableAnswer(jsonOf(answer, what), identifier).table,
      key,
    )
  }

  /** The table's files stay. */
  async drop(kind: 'tables' | 'views', identifier: TableIdentifier, key?: string): Promise<Attempt<true>> {
    const isTable = kind === 'tables'
    return this.change(
      {
        method: 'DELETE',
        url: isTable ? `${this.routes.table(identifier)}?purgeRequested=false` : this.routes.view(identifier),
      },
      {
        what: `${isTable ? 'table' : 'view'} ${formatIdentifier(identifier)}`,
        notFound: isTable ? 'PHLO_TABLE_NOT_FOUND' : 'PHLO_VIEW_NOT_FOUND',
      },
      () => true as const,
      key,
    )
  }

  async rename(
    kind: 'tables' | 'views',
    source: TableIdentifier,
    destination: TableIdentifier,
    key?: string,
  ): Promise<Attempt<true>> {
    const isTable = kind === 'tables'
    return this.change(
      { method: 'POST', url: this.routes.rename(kind), body: serializeJson({ source, destination }) },
      {
        what: `${isTable ? 'table' : 'view'} ${formatIdentifier(source)}`,
        notFound: isTable ? 'PHLO_TABLE_NOT_FOUND' : 'PHLO_VIEW_NOT_FOUND',
        conflict: isTable ? 'PHLO_TABLE_EXISTS' : 'PHLO_VIEW_EXISTS',
      },
      () => true as const,
      key,
    )
  }

  async loadView(identifier: TableIdentifier): Promise<LoadedView | undefined> {
    const what = `view ${formatIdentifier(identifier)}`
    const answer = await this.get(this.routes.view(identifier), { what, notFound: 'PHLO_VIEW_NOT_FOUND' })
    return answer && viewAnswer(answer, identifier, what)
  }

  /** `body` is what the server takes for a new view. Source: REST catalog, `CreateViewRequest`. */
  async createView(
    identifier: TableIdentifier,
    body: Readonly<Record<string, unknown>>,
    key?: string,
  ): Promise<Attempt<LoadedView>> {
    const what = `view ${formatIdentifier(identifier)}`
    return this.change(
      {
        method: 'POST',
        url: this.routes.views(identifier.namespace),
        body: serializeJson({ ...body, name: identifier.name }),
      },
      { what, notFound: 'PHLO_NAMESPACE_NOT_FOUND', conflict: 'PHLO_VIEW_EXISTS' },
      (answer) => viewAnswer(answer, identifier, what),
      key,
    )
  }

  async commitView(
    identifier: TableIdentifier,
    requirements: readonly ViewRequirement[],
    updates: readonly ViewUpdate[],
    key?: string,
  ): Promise<Attempt<LoadedView>> {
    const what = `view ${formatIdentifier(identifier)}`
    return this.change(
      { method: 'POST', url: this.routes.view(identifier), body: serializeJson({ requirements, updates }) },
      { what, notFound: 'PHLO_VIEW_NOT_FOUND', conflict: 'PHLO_COMMIT_CONFLICT' },
      (answer) => viewAnswer(answer, identifier, what),
      key,
    )
  }

  /** Fresh credentials for a table's files. */
  async loadCredentials(identifier: TableIdentifier): Promise<readonly StorageCredential[]> {
    const what = `credentials of ${formatIdentifier(identifier)}`
    const answer = await this.get(`${this.routes.table(identifier)}/credentials`, { what }, this.headers)
    const body = answer && jsonOf(answer, what)
    return storageCredentials(isObject(body) ? body['storage-credentials'] : undefined, what)
  }

  /** Where requests for a table's files are signed unless the server says otherwise. */
  signRoute(identifier: TableIdentifier): string {
    return `${this.routes.table(identifier)}/sign`
  }

  /** Sends a request to be signed; that can be repeated without harm. */
  async post(url: string, body: unknown, headers: Readonly<Record<string, string>>, what: string): Promise<HttpAnswer> {
    const answer = await this.http.send({
      method: 'POST',
      url,
      body: serializeJson(body),
      headers,
      what,
      repeatable: true,
    })
    if (!answer.ok) throw refusal(answer, { what })
    return answer
  }

  private async get(
    url: string,
    meaning: Meaning,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer | undefined> {
    const answer = await this.http.send({
      method: 'GET',
      url,
      headers: { ...this.headers, ...headers },
      what: meaning.what,
    })
    if (answer.ok) return answer
    if (answer.kind === 'refused' && answer.status === 404 && answer.type !== '') return undefined
    throw refusal(answer, meaning)
  }

  private async change<T>(
    request: Pick<HttpRequest, 'method' | 'url' | 'body'>,
    meaning: Meaning,
    read: (answer: HttpAnswer) => T,
    key?: string,
  ): Promise<Attempt<T>> {
    this.tables.delete(request.url)
    const answer = await this.http.send({
      ...request,
      headers: { ...this.headers, ...(key !== undefined && this.config.idempotencyKeys && { 'idempotency-key': key }) },
      what: meaning.what,
    })
    if (answer.ok) return { done: read(answer) }
    if (answer.kind === 'unknown') return { unknown: `${answer.status ?? ''} ${answer.message}`.trim() }
    throw refusal(answer, meaning)
  }

  /** Every item of a list, page after page. Throws PHLO_CATALOG_FAILED where that does not end. */
  private async pages<T>(
    url: string,
    meaning: Meaning,
    field: string,
    read: (item: unknown) => T | undefined,
  ): Promise<T[]> {
    const found: T[] = []
    const seen = new Set<string>()
    let token = ''
    for (let page = 0; page < mostPages; page++) {
      const paged = `${url}${url.includes('?') ? '&' : '?'}pageToken=${encodeURIComponent(token)}&pageSize=${pageSize}`
      const answer = await this.get(paged, meaning)
      if (!answer) return found
      const body = jsonOf(answer, meaning.what)
      const items = isObject(body) ? (body[field] ?? []) : undefined
      if (!isObject(body) || !Array.isArray(items)) throw unreadable(meaning.what)
      for (const item of items) {
        const value = read(item)
        if (value === undefined) throw unreadable(meaning.what)
        found.push(value)
      }
      const next = body['next-page-token'] ?? ''
      if (next === '') return found
      if (typeof next !== 'string' || seen.has(next)) break
      seen.add(next)
      token = next
    }
    throw new PhloError('PHLO_CATALOG_FAILED', `${meaning.what}: the catalog’s pages do not end`)
  }

  private remember(url: string, answer: HttpAnswer, table: GrantedTable): GrantedTable {
    const etag = answer.headers.get('etag')
    if (etag !== null) this.tables.set(url, { etag, table, characters: answer.text.length })
    return table
  }
}

/** The error for a request without an answer that can be used. */
function refusal(answer: HttpRefusal, meaning: Meaning): PhloError {
  if (answer.kind !== 'refused') return unanswered(answer, meaning.what)
  const { status, type } = answer
  const code =
    codesByType[type] ??
    (status === 404 && type !== '' ? meaning.notFound : undefined) ??
    (status === 409 ? meaning.conflict : undefined)
  const error = failure(answer, meaning.what)
  if (code === undefined) return error
  return new PhloError(code, error.message, { context: error.context, retryable: code === 'PHLO_COMMIT_CONFLICT' })
}

function jsonOf(answer: HttpAnswer, what: string): unknown {
  try {
    return parseJson(answer.text, what)
  } catch (error) {
    throw unreadable(what, error)
  }
}

function unreadable(what: string, cause?: unknown): PhloError {
  return new PhloError('PHLO_CATALOG_FAILED', `${what}: the catalog’s answer cannot be read`, {
    hint: 'Is `uri` that of an Iceberg REST catalog?',
    ...(cause !== undefined && { cause }),
  })
}

function viewAnswer(answer: HttpAnswer, identifier: TableIdentifier, what: string): LoadedView {
  const body = jsonOf(answer, what)
  if (!isObject(body) || typeof body['metadata-location'] !== 'string') throw unreadable(what)
  return {
    identifier,
    metadata: viewMetadataOf(body['metadata'], `metadata of ${what}`),
    metadataLocation: body['metadata-location'],
  }
}

/** What older servers want beside what says it already: the ids of statistics' snapshots, and the highest column's. */
function onTheWire({ requirements, updates }: TableCommit): readonly unknown[] {
  const assigned = requirements.map((item) =>
    item.type === 'assert-last-assigned-field-id' ? item['last-assigned-field-id'] : 0,
  )
  return updates.map((update) => {
    if (update.action === 'set-statistics') return { ...update, 'snapshot-id': update.statistics['snapshot-id'] }
    if (update.action === 'add-schema')
      return { ...update, 'last-column-id': Math.max(highestFieldId(update.schema), ...assigned) }
    return update
  })
}
