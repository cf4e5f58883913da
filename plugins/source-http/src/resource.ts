import { errorMessage, PhloError } from '@phlo/ports'
import { type Answer, type Request, requestName, type Send } from './exchange.js'
import { compileJsonPath, type JsonPath, valueAt } from './json-path.js'
import { parseJson } from './json-text.js'
import type { ParentOptions, ResourceOptions } from './options.js'
import { type PageRequest, pageWalks, type PageWalk } from './pages.js'

export type Row = Readonly<Record<string, unknown>>

/** Sends a request of a resource; `accepted` statuses beside 200 mean that there is nothing. */
export type SendFor = (accepted: readonly number[]) => Send

export interface ResourceContext {
  readonly baseUrl: string
  readonly send: SendFor
  readonly maxPages: number
  readonly signal: AbortSignal
}

/** One kind of record of an API: walks its pages, once for each record of its parent where it has one. */
export class Resource {
  private readonly options: ResourceOptions
  private readonly records: JsonPath | undefined
  private readonly walk: () => PageWalk
  private readonly parent: { readonly resource: Resource; readonly include: ParentOptions['include'] } | undefined

  private constructor(
    options: ResourceOptions,
    records: JsonPath | undefined,
    walk: () => PageWalk,
    parent: Resource['parent'],
  ) {
    this.options = options
    this.records = records
    this.walk = walk
    this.parent = parent
  }

  /** Throws PHLO_CONFIG_INVALID for what is no JSONPath. */
  static async of(options: ResourceOptions): Promise<Resource> {
    const records = options.records === undefined ? undefined : await compileJsonPath(options.records)
    const parent = options.parent && {
      resource: await Resource.of(options.parent),
      include: options.parent.include,
    }
    return new Resource(options, records, await pageWalks(options.pagination), parent)
  }

  /** The records of all pages, each page read when it is needed. `extra` goes with every request. */
  async *rows(context: ResourceContext, extra: PageRequest = {}): AsyncGenerator<Row> {
    if (!this.parent) {
      yield* this.pages(context, extra, undefined)
      return
    }
    const { resource, include } = this.parent
    for await (const parent of resource.rows(context)) {
      const columns = Object.entries(include).map(([name, path]) => [name, needed(parent, path)] as const)
      for await (const row of this.pages(context, extra, parent)) yield { ...row, ...Object.fromEntries(columns) }
    }
  }

  private async *pages(context: ResourceContext, extra: PageRequest, parent: Row | undefined): AsyncGenerator<Row> {
    const walk = this.walk()
    let wanted: PageRequest | undefined = walk.first
    for (let page = 0; wanted; page++) {
      if (page >= context.maxPages) {
        throw new PhloError('PHLO_SOURCE_FAILED', `${this.options.path} has more than ${context.maxPages} pages`, {
          hint: 'Ask for larger pages, or set maxPages.',
        })
      }
      const request = this.request(context.baseUrl, extra, wanted, parent)
      const answer = await context.send(this.options.emptyStatuses)(request, context.signal)
      if (this.options.emptyStatuses.includes(answer.status) || answer.status === 204) return
      const body = bodyOf(answer, request)
      const rows = this.rowsIn(body, request)
      const records = rows.length
      yield* rows
      wanted = walk.next({ answer, body, records })
    }
  }

  private rowsIn(body: unknown, request: Request): readonly Row[] {
    const found = this.records ? this.records(body) : Array.isArray(body) ? (body as unknown[]) : [body]
    for (const row of found) if (!isRow(row)) throw noRow(row, request)
    return found as readonly Row[]
  }

  private request(baseUrl: string, extra: PageRequest, page: PageRequest, parent: Row | undefined): Request {
    const { method, query, headers, body, path } = this.options
    const base = new URL(`${baseUrl.replace(/\/+$/, '')}/${filledPath(path, parent).replace(/^\/+/, '')}`)
    if (page.url !== undefined) return { method: 'GET', url: nextUrl(page.url, base), headers: withAccept(headers) }
    for (const [name, value] of Object.entries({ ...query, ...extra.query, ...page.query }))
      for (const item of Array.isArray(value) ? (value as readonly unknown[]) : [value])
        base.searchParams.append(name, filled(String(item), parent))
    const sent =
      method === 'POST' || extra.body || page.body
        ? { ...filledBody(body, parent), ...extra.body, ...page.body }
        : undefined
    return {
      method,
      url: base,
      headers: { ...withAccept(headers), ...(sent && { 'content-type': 'application/json' }) },
      ...(sent && { body: JSON.stringify(sent) }),
    }
  }
}

function withAccept(headers: Readonly<Record<string, string>>): Record<string, string> {
  return { accept: 'application/json', ...headers }
}

/** Credentials go to the named server only, whatever a page says. */
function nextUrl(text: string, base: URL): URL {
  const url = URL.canParse(text, base.href) ? new URL(text, base.href) : undefined
  if (url?.origin === base.origin) return url
  throw new PhloError(
    'PHLO_SOURCE_FAILED',
    `The next page of ${base.origin} is elsewhere: ${url?.origin ?? 'no URL'}`,
    {
      hint: 'Set baseUrl to where the API’s pages are; credentials are not sent to places nobody named.',
    },
  )
}

const template = /\{parent\.([^{}]+)\}/g

/** A path with values of the parent's, each as one segment or part of one. */
function filledPath(path: string, parent: Row | undefined): string {
  const result = path.replace(template, (_match, name: string) => encodeURIComponent(textOf(parent, name)))
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(result))
    throw new PhloError('PHLO_SOURCE_FAILED', `The path ${path} leaves its place with the parent’s value`)
  return result
}

function filled(text: string, parent: Row | undefined): string {
  return text.replace(template, (_match, name: string) => textOf(parent, name))
}

function filledBody(value: Readonly<Record<string, unknown>> | undefined, parent: Row | undefined): object {
  if (value === undefined) return {}
  const fill = (item: unknown): unknown => {
    if (typeof item === 'string') return filled(item, parent)
    if (Array.isArray(item)) return item.map(fill)
    if (typeof item === 'object' && item !== null)
      return Object.fromEntries(Object.entries(item).map(([name, part]) => [name, fill(part)]))
    return item
  }
  return fill(value) as object
}

function textOf(parent: Row | undefined, name: string): string {
  if (!parent) {
    throw new PhloError('PHLO_CONFIG_INVALID', `http(): {parent.${name}} stands where there is no parent`, {
      hint: 'Give the resource a parent: { path, records, pagination }.',
    })
  }
  const value = needed(parent, name)
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  throw new PhloError('PHLO_SOURCE_MALFORMED', `${name} of a parent is no text or number`)
}

function needed(parent: Row, path: string): unknown {
  const value = valueAt(parent, path)
  if (value !== undefined) return value
  throw new PhloError('PHLO_SOURCE_MALFORMED', `A parent lacks ${path}`, {
    hint: `Its names are ${Object.keys(parent).slice(0, 20).join(', ')}.`,
  })
}

function bodyOf({ text }: Answer, request: Request): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw new PhloError(
      'PHLO_SOURCE_MALFORMED',
      `${requestName(request)}: the answer is no JSON: ${errorMessage(error)}`,
    )
  }
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function noRow(value: unknown, request: Request): PhloError {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
  return new PhloError('PHLO_SOURCE_MALFORMED', `${requestName(request)}: a record is ${kind} instead of an object`, {
    hint: 'Say where the records are: records: "$.data[*]".',
  })
}
