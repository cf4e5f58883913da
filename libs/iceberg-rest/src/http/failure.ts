import { withoutSecrets } from '@phlo/http'
import { PhloError } from '@phlo/ports'

/** What a server said went wrong. Source: REST catalog, `ErrorModel`; Nessie's `NessieError` has `errorCode` instead. */
export interface ServerError {
  readonly status: number
  /** The exception's name, such as `NoSuchTableException`; empty where the server gave none. */
  readonly type: string
  readonly message: string
  /** The whole answer where it was a JSON object. */
  readonly body: Readonly<Record<string, unknown>>
}

/** Characters of a server's own words that are worth showing. */
const longestMessage = 500

/** Reads what can be read of an answer that tells of a failure; anything else is quoted as it is. */
export function serverError(status: number, text: string, secrets: readonly string[]): ServerError {
  const body = jsonObject(text)
  const error = asObject(body['error'])
  const type = firstText(error['type'], body['errorCode'], body['error']) ?? ''
  const message = firstText(error['message'], body['message'], body['error_description']) ?? plainText(text)
  return { status, type, message: withoutSecrets(message, secrets).slice(0, longestMessage), body }
}

/**
 * The error for what a server said. `what` is what was asked for, such as `table a.b`; what a 404 or 409 means depends
 * on the request, and is for the caller to say before it comes here.
 */
export function failure(error: ServerError, what: string): PhloError {
  const { status, type, message } = error
  const said = `${what}: the catalog answered ${status}${type && ` ${type}`}${message && `: ${message}`}`
  const context = { status, ...(type && { type }) }
  if (status === 401 || status === 419)
    return new PhloError('PHLO_CATALOG_DENIED', said, {
      hint: 'Look at the catalog’s credentials in phlo.yaml; they are wrong, or have expired.',
      context,
    })
  if (status === 403)
    return new PhloError('PHLO_CATALOG_DENIED', said, {
      hint: 'Whoever these credentials stand for needs a permission from the catalog’s administrator.',
      context,
    })
  if (status === 406 || status === 501 || type === 'UnsupportedOperationException')
    return new PhloError('PHLO_UNSUPPORTED', said, { context })
  if (status >= 300 && status < 400)
    return new PhloError('PHLO_CATALOG_FAILED', said, {
      hint: 'Set the catalog’s `uri` to where it redirects; credentials are not sent to places nobody named.',
      context,
    })
  const hint = hintOf(status)
  return new PhloError('PHLO_CATALOG_FAILED', said, {
    ...(hint !== undefined && { hint }),
    retryable: status === 429 || status >= 500,
    context,
  })
}

function hintOf(status: number): string | undefined {
  if (status === 404) return 'Look at the catalog’s `uri` and `warehouse`: the server does not know this path.'
  if (status === 429 || status === 503) return 'The server has too much to do: try again later.'
  return undefined
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return {}
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function firstText(...values: readonly unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '')
}

/** A proxy's HTML page says little in its tags. */
function plainText(text: string): string {
  return text
    .slice(0, 20 * longestMessage)
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
