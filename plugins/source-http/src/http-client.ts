import { backoff, boundedText, retryAfter, withoutSecrets } from '@phlo/http'
import { errorMessage, isPhloError, PhloError } from '@phlo/ports'
import { type Authentication, authenticationOf } from './authentication.js'
import type { Clock } from './clock.js'
import { type Answer, type Request, requestName, type Send } from './exchange.js'
import type { HttpOptions } from './options.js'
import type { RateLimit } from './rate-limit.js'

type ClientOptions = Pick<HttpOptions, 'auth' | 'timeout' | 'attempts' | 'maxResponseSize'>

/** Characters of a server's own words that are worth showing. */
const longestMessage = 500
/** Bytes of an answer that tells of a failure. */
const largestRefusal = 256 * 1024
/** A server that sends from one place to the next more often is going in circles. */
const mostRedirects = 5

/** What may go better the next time. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504])
const redirects = new Set([301, 302, 303, 307, 308])

/**
 * Sends requests to one API: with authentication, a rate limit, timeouts and bounded answers, again after failures that
 * may pass. Every request of a source only reads, so that each may be sent again.
 */
export class HttpClient {
  private readonly options: ClientOptions
  private readonly clock: Clock
  private readonly authentication: Authentication
  private readonly rateLimit: RateLimit | undefined

  /** `rateLimit` is shared by all clients of one API. */
  constructor(options: ClientOptions, clock: Clock, rateLimit?: RateLimit) {
    this.options = options
    this.clock = clock
    this.rateLimit = rateLimit
    const sendBare: Send = (request, signal) => this.sendAs(request, signal, undefined)
    this.authentication = authenticationOf(options.auth, sendBare, () => clock.now())
  }

  /** The answer, with a status below 300, or one of `accepted`. Throws PHLO_SOURCE_FAILED, PHLO_SOURCE_NOT_FOUND. */
  send(request: Request, signal: AbortSignal, accepted: readonly number[] = []): Promise<Answer> {
    return this.sendAs(request, signal, this.authentication, accepted)
  }

  /** The text without what nobody may see. */
  redacted(text: string): string {
    return withoutSecrets(text, this.authentication.secrets())
  }

  private async sendAs(
    request: Request,
    signal: AbortSignal,
    authentication: Authentication | undefined,
    accepted: readonly number[] = [],
  ): Promise<Answer> {
    let renewed = false
    let target = request
    let moves = 0
    for (let attempt = 0; ;) {
      const shown = authentication ? await authentication.apply(target, signal) : target
      const outcome = await this.attempt(shown, signal)
      let wait: number | undefined
      if ('status' in outcome) {
        const { status, headers } = outcome
        if ((status >= 200 && status < 300) || accepted.includes(status)) return outcome
        if (status === 401 && authentication && !renewed && (await authentication.renew(shown, signal))) {
          renewed = true
          continue
        }
        if (redirects.has(status) && moves < mostRedirects) {
          moves++
          target = this.redirected(target, outcome)
          continue
        }
        wait = askedPause(headers, this.clock.now())
        if (!passing.has(status) || wait === Infinity) throw this.refused(request, outcome)
      }
      attempt++
      if (attempt >= this.options.attempts)
        throw 'status' in outcome ? this.refused(request, outcome) : this.unanswered(request, outcome.failure)
      await this.clock.wait(
        Math.max(
          wait ?? 0,
          backoff(attempt - 1, () => this.clock.random()),
        ),
        signal,
      )
    }
  }

  private async attempt(request: Request, signal: AbortSignal): Promise<Answer | { readonly failure: string }> {
    await this.rateLimit?.take(signal)
    signal.throwIfAborted()
    const { timeout, maxResponseSize } = this.options
    try {
      const response = await fetch(request.url.href, {
        method: request.method,
        headers: request.headers,
        ...(request.body !== undefined && { body: request.body }),
        // Credentials are not for wherever a server points to.
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
      })
      const most = response.ok ? maxResponseSize : largestRefusal
      const text = await boundedText(response, most, () => {
        throw new PhloError('PHLO_SOURCE_FAILED', `${requestName(request)}: the answer is larger than ${most} bytes`, {
          ...(response.ok && { hint: 'Ask for smaller pages, or set maxResponseSize.' }),
        })
      })
      return { status: response.status, headers: Object.fromEntries(response.headers), text }
    } catch (error) {
      signal.throwIfAborted()
      if (isPhloError(error)) throw error
      const timedOut = (error as { name?: unknown }).name === 'TimeoutError'
      const cause = (error as { cause?: unknown }).cause ?? error
      return { failure: timedOut ? `no answer within ${timeout} ms` : errorMessage(cause) }
    }
  }

  /** The same request where the server says that it is to be sent; never to another server. */
  private redirected(request: Request, answer: Answer): Request {
    const location = answer.headers['location'] ?? ''
    const url = URL.canParse(location, request.url.href) ? new URL(location, request.url.href) : undefined
    if (url?.origin === request.url.origin) return { ...request, url }
    throw new PhloError('PHLO_SOURCE_FAILED', `${requestName(request)} redirects to ${url?.origin ?? 'no URL'}`, {
      hint: 'Set baseUrl to where the API is; credentials are not sent to places nobody named.',
    })
  }

  private refused(request: Request, { status, text }: Answer): PhloError {
    const said = this.redacted(plainText(text)).slice(0, longestMessage)
    const message = `${requestName(request)}: the server answered ${status}${said && `: ${said}`}`
    const hint = hintOf(status)
    return new PhloError(status === 404 || status === 410 ? 'PHLO_SOURCE_NOT_FOUND' : 'PHLO_SOURCE_FAILED', message, {
      ...(hint !== undefined && { hint }),
      retryable: passing.has(status),
      context: { status },
    })
  }

  private unanswered(request: Request, failure: string): PhloError {
    return new PhloError('PHLO_SOURCE_FAILED', `${requestName(request)}: ${this.redacted(failure)}`, {
      hint: 'Is baseUrl right, and the server running?',
      retryable: true,
    })
  }
}

/** Milliseconds that a server asks for, in `Retry-After` or in the headers of its rate limit. */
function askedPause(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const asked = retryAfter(headers['retry-after'] ?? null, now)
  if (asked !== undefined) return asked
  const reset = headers['ratelimit-reset'] ?? headers['x-ratelimit-reset']
  if (reset === undefined || !/^\d{1,12}$/.test(reset)) return undefined
  // Some count the seconds from now, others from 1970.
  const seconds = Number(reset) > 1e9 ? Math.max(0, Math.ceil(Number(reset) - now / 1000)) : Number(reset)
  return retryAfter(String(seconds), now)
}

function hintOf(status: number): string | undefined {
  if (status === 401) return 'Look at auth: the credentials are wrong, or have expired.'
  if (status === 403) return 'Whoever the credentials stand for may not read this.'
  if (status === 404 || status === 410) return 'Look at baseUrl and path.'
  if (status === 429) return 'The API allows fewer requests: set rateLimit.'
  if (passing.has(status)) return 'The server failed each time; try again later.'
  return undefined
}

/** A page for people says little in its tags. */
function plainText(text: string): string {
  return text
    .slice(0, 20 * longestMessage)
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
