import { createHash } from 'node:crypto'
import { PhloError } from '@phlo/ports'
import type { Answer } from './exchange.js'
import { compileJsonPath } from './json-path.js'
import type { Pagination } from './options.js'

/** What tells one page's request from the others': parameters, or a URL of its own. */
export interface PageRequest {
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: Readonly<Record<string, string | number>>
  readonly url?: string
}

/** A page as it came. */
export interface Page {
  readonly answer: Answer
  readonly body: unknown
  /** How many records it held. */
  readonly records: number
}

/** Says which page to ask for after each. Made for one walk through the pages. */
export interface PageWalk {
  readonly first: PageRequest
  /** `undefined` behind the last page. Throws PHLO_SOURCE_FAILED for pages that go in circles. */
  next(page: Page): PageRequest | undefined
}

/** Throws PHLO_CONFIG_INVALID for what is no JSONPath. */
export async function pageWalks(pagination: Pagination): Promise<() => PageWalk> {
  switch (pagination.type) {
    case 'none':
      return () => ({ first: {}, next: () => undefined })
    case 'page': {
      const { parameter, first, totalPages, in: place } = pagination
      const total = totalPages === undefined ? undefined : await compileJsonPath(totalPages)
      return () => {
        const ends = emptyOrRepeated(parameter)
        let page = first
        return {
          first: { [place]: { [parameter]: page } },
          next: (found) => {
            const pages = total && numberIn(total(found.body), totalPages as string)
            if (ends(found)) return undefined
            page++
            return pages !== undefined && page >= first + pages ? undefined : { [place]: { [parameter]: page } }
          },
        }
      }
    }
    case 'offset': {
      const { parameter, total: totalPath, in: place } = pagination
      const total = totalPath === undefined ? undefined : await compileJsonPath(totalPath)
      return () => {
        const ends = emptyOrRepeated(parameter)
        let offset = 0
        return {
          first: { [place]: { [parameter]: offset } },
          next: (found) => {
            const all = total && numberIn(total(found.body), totalPath as string)
            if (ends(found)) return undefined
            // What came counts: servers may give fewer than they were asked for.
            offset += found.records
            return all !== undefined && offset >= all ? undefined : { [place]: { [parameter]: offset } }
          },
        }
      }
    }
    case 'cursor': {
      const { parameter, next, in: place } = pagination
      const path = await compileJsonPath(next)
      return () => {
        const isNew = onlyNew()
        return {
          first: {},
          next: ({ body }) => {
            const cursor = textIn(path(body), next)
            return cursor === undefined ? undefined : { [place]: { [parameter]: isNew(cursor) } }
          },
        }
      }
    }
    case 'next-url': {
      const path = await compileJsonPath(pagination.next)
      return () => {
        const isNew = onlyNew()
        return {
          first: {},
          next: ({ body }) => {
            const url = textIn(path(body), pagination.next)
            return url === undefined ? undefined : { url: isNew(url) }
          },
        }
      }
    }
    case 'link-header':
      return () => {
        const isNew = onlyNew()
        return {
          first: {},
          next: ({ answer }) => {
            const url = linkTo(pagination.rel, answer.headers['link'] ?? '')
            return url === undefined ? undefined : { url: isNew(url) }
          },
        }
      }
  }
}

/** The URL of a relation in a `Link` header. Source: RFC 8288, 3. */
function linkTo(rel: string, header: string): string | undefined {
  const links = /<([^<>]*)>((?:\s*;\s*[^\s=;,<>"]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)/g
  for (const [, url = '', parameters = ''] of header.slice(0, 64 * 1024).matchAll(links)) {
    const [, quoted, bare] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters) ?? []
    const rels = (quoted ?? bare ?? '').toLowerCase().split(/\s+/)
    if (rels.includes(rel.toLowerCase())) return url
  }
  return undefined
}

/** An empty page is the last one; the same page again means that the server knows no such parameter. */
function emptyOrRepeated(parameter: string): (page: Page) => boolean {
  let before: string | undefined
  return ({ answer, records }) => {
    if (records === 0) return true
    const digest = createHash('sha256').update(answer.text).digest('base64')
    if (digest === before) {
      throw new PhloError('PHLO_SOURCE_FAILED', `The server gave the same page twice, whatever ${parameter} said`, {
        hint: `Does the API know the parameter ${parameter}? Say which with pagination.parameter, or pagination: { type: 'none' }.`,
      })
    }
    before = digest
    return false
  }
}

function onlyNew(): (next: string) => string {
  const seen = new Set<string>()
  return (next) => {
    const digest = createHash('sha256').update(next).digest('base64')
    if (seen.has(digest))
      throw new PhloError('PHLO_SOURCE_FAILED', 'The server’s pages go in a circle: a next one came twice')
    seen.add(digest)
    return next
  }
}

/** Absent, null, false and empty mean that there is no further page. */
function textIn(values: readonly unknown[], path: string): string | undefined {
  const [value] = values
  if (value === undefined || value === null || value === '' || value === false) return undefined
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  throw new PhloError(
    'PHLO_SOURCE_MALFORMED',
    `${path} of the answer is no text: ${JSON.stringify(value).slice(0, 100)}`,
  )
}

function numberIn(values: readonly unknown[], path: string): number {
  const [value] = values
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  throw new PhloError('PHLO_SOURCE_MALFORMED', `${path} of the answer is no count: ${String(value).slice(0, 100)}`)
}
