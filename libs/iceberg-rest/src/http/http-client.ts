import { backoff, boundedText, pause, retryAfter, withoutSecrets } from '@phlo/http'
import { errorMessage, isPhloError, PhloError } from '@phlo/ports'
import type { Authentication } from '../authentication/authentication.js'
import { serverError, type ServerError } from './failure.js'

export interface HttpClientOptions {
  readonly authentication: Authentication
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds for one attempt, its body included. */
  readonly timeout: number
  /** How often a request that may be sent again is sent at most. */
  readonly attempts: number
  /** Waits that many milliseconds, and rejects when the signal is aborted. Default: by the clock. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is; a JSON text unless the headers say otherwise. */
  readonly body?: string
  /** What the request is about, for messages. */
  readonly what: string
  /**
   * The request does the same however often it is sent, so an answer that got lost is asked for again. Default: true for
   * GET and HEAD.
   */
  readonly repeatable?: boolean
}

/** An answer below 400. */
export interface HttpAnswer {
  readonly ok: true
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** Why there is no answer to use. */
export type HttpRefusal =
  /** The server answered, and refused. */
  | ({ readonly ok: false; readonly kind: 'refused' } & ServerError)
  /** The request may have been done: it was sent, and the answer was lost or says that nobody knows. */
  | { readonly ok: false; readonly kind: 'unknown'; readonly status?: number; readonly message: string }
  /** The request never reached the server. */
  | { readonly ok: false; readonly kind: 'unsent'; readonly message: string }

/** No metadata of a real table is larger. Bytes. */
const largestAnswer = 256 * 1024 * 1024
const largestRefusal = 256 * 1024

/** Failures of the network that happen before anything is sent. */
const unsentCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH'])

/** 500 says that nobody knows, too. Source: REST catalog, `CommitStateUnknownException`. */
const unknownStatuses = new Set([500, 502, 504])

/**
 * Sends requests to one server: with authentication, timeouts, bounded answers, and further attempts where a request
 * may be sent again: always after 429 and 503, which say that nothing was done, and after lost answers where it is
 * repeatable.
 */
export class HttpClient {
  private readonly options: HttpClientOptions
  private readonly closing = new AbortController()

  constructor(options: HttpClientOptions) {
    this.options = options
  }

  /** Sends, and sends again where that is safe. Only failures on this side are thrown. */
  async send(request: HttpRequest): Promise<HttpAnswer | HttpRefusal> {
    const repeatable = request.repeatable ?? (request.method === 'GET' || request.method === 'HEAD')
    let renewed = false
    for (let attempt = 0; ; attempt++) {
      const { outcome, authorization, wait } = await this.attempt(request)
      if (outcome.ok) return outcome
      if (outcome.kind === 'refused' && (outcome.status === 401 || outcome.status === 419)) {
        // What is refused for its credentials was not done, whatever it was.
        if (renewed || !(await this.options.authentication.renew(authorization))) return outcome
        renewed = true
        continue
      }
      const busy = outcome.kind === 'refused' && (outcome.status === 429 || outcome.status === 503)
      const lost = outcome.kind === 'unknown' && repeatable
      if (!(busy || lost || outcome.kind === 'unsent')) return outcome
      if (attempt + 1 >= this.options.attempts || wait === Infinity) return outcome
      await (this.options.wait ?? pause)(Math.max(wait ?? 0, backoff(attempt)), this.closing.signal)
    }
  }

  /** Texts that must not be shown. */
  secrets(): readonly string[] {
    return this.options.authentication.secrets()
  }

  /** Ends pauses and requests that are under way. */
  close(): void {
    this.closing.abort(new PhloError('PHLO_CATALOG_FAILED', 'The catalog was closed while it was asked'))
  }

  private async attempt(request: HttpRequest): Promise<{
    outcome: HttpAnswer | HttpRefusal
    authorization: Readonly<Record<string, string>>
    wait?: number | undefined
  }> {
    const authorization = await this.options.authentication.headers()
    this.closing.signal.throwIfAborted()
    try {
      const response = await fetch(request.url, {
        method: request.method,
        headers: {
          accept: 'application/json',
          ...(request.body !== undefined && { 'content-type': 'application/json' }),
          ...this.options.headers,
          ...authorization,
          ...request.headers,
        },
        ...(request.body !== undefined && { body: request.body }),
        // Credentials are not for wherever a server points to.
        redirect: 'manual',
        signal: AbortSignal.any([this.closing.signal, AbortSignal.timeout(this.options.timeout)]),
      })
      const good = response.status < 300 || response.status === 304
      const text = await boundedText(response, good ? largestAnswer : largestRefusal, (most) => {
        throw new PhloError('PHLO_CATALOG_FAILED', `${request.what}: the answer is larger than ${most} bytes`)
      })
      if (good)
        return { outcome: { ok: true, status: response.status, headers: response.headers, text }, authorization }
      const error = serverError(response.status, text, this.secrets())
      return {
        outcome: unknownStatuses.has(error.status)
          ? { ok: false, kind: 'unknown', status: error.status, message: `${error.type} ${error.message}`.trim() }
          : { ok: false, kind: 'refused', ...error },
        authorization,
        wait: retryAfter(response.headers.get('retry-after'), Date.now()),
      }
    } catch (error) {
      this.closing.signal.throwIfAborted()
      if (isPhloError(error)) throw error
      return { outcome: this.networkFailure(error), authorization }
    }
  }

  private networkFailure(error: unknown): HttpRefusal {
    const cause = (error as { cause?: unknown }).cause ?? error
    const code = (cause as { code?: unknown }).code
    const unsent = typeof code === 'string' && unsentCodes.has(code)
    const timedOut = (error as { name?: unknown }).name === 'TimeoutError'
    const message = timedOut ? `no answer within ${this.options.timeout} ms` : errorMessage(cause)
    return { ok: false, kind: unsent ? 'unsent' : 'unknown', message: withoutSecrets(message, this.secrets()) }
  }
}

/** The error for a request that got no answer. */
export function unanswered(refusal: Exclude<HttpRefusal, { kind: 'refused' }>, what: string): PhloError {
  const status = refusal.kind === 'unknown' && refusal.status !== undefined ? ` ${refusal.status}` : ''
  return new PhloError(
    'PHLO_CATALOG_FAILED',
    `${what}: ${refusal.kind === 'unsent' ? 'the catalog cannot be reached' : `the catalog failed${status}`}: ${refusal.message}`,
    {
      hint:
        refusal.kind === 'unsent'
          ? 'Is the server running, and is the catalog’s `uri` right?'
          : 'Try again; the server’s own log may say more.',
      retryable: true,
    },
  )
}
