import { PhloError } from '@phlo/ports'
import type { Request, Send } from './exchange.js'
import type { AuthOptions } from './options.js'

type OAuth2Options = Extract<AuthOptions, { type: `oauth2-${string}` }>

interface Token {
  readonly text: string
  /** Milliseconds since 1970; a newer one is got from then on. */
  readonly renewFrom: number
}

/** Milliseconds before its end at which a token is renewed, or in the last tenth of its life where that is shorter. */
const renewalMargin = 60_000

/**
 * OAuth2 for programs: a token by the client's credentials, or by a refresh token. However many requests need it, it is
 * got once, and renewed before it ends or when it is refused. Source: RFC 6749, 4.4 and 6.
 */
export class OAuth2Tokens {
  private readonly options: OAuth2Options
  private readonly send: Send
  private readonly now: () => number
  private token: Token | undefined
  private pending: Promise<Token> | undefined
  private refreshToken: string | undefined
  private readonly known = new Set<string>()

  constructor(options: OAuth2Options, send: Send, now: () => number) {
    this.options = options
    this.send = send
    this.now = now
    this.refreshToken = options.type === 'oauth2-refresh-token' ? options.refreshToken : undefined
    for (const secret of [options.clientSecret, this.refreshToken]) if (secret !== undefined) this.known.add(secret)
  }

  async apply(request: Request, signal: AbortSignal): Promise<Request> {
    const token = this.token && this.now() < this.token.renewFrom ? this.token : await this.next(signal)
    return { ...request, headers: { ...request.headers, authorization: `Bearer ${token.text}` } }
  }

  async renew(refused: Request, signal: AbortSignal): Promise<boolean> {
    // Another request has renewed it meanwhile.
    if (refused.headers['authorization'] === `Bearer ${this.token?.text ?? ''}`) await this.next(signal)
    return true
  }

  secrets(): readonly string[] {
    return [...this.known]
  }

  private next(signal: AbortSignal): Promise<Token> {
    this.pending ??= this.fetchToken(signal).finally(() => {
      this.pending = undefined
    })
    return this.pending
  }

  private async fetchToken(signal: AbortSignal): Promise<Token> {
    const { tokenUrl, clientId, clientSecret, scope, parameters } = this.options
    const form = new URLSearchParams({
      ...parameters,
      ...(this.refreshToken === undefined
        ? { grant_type: 'client_credentials' }
        : { grant_type: 'refresh_token', refresh_token: this.refreshToken }),
      ...(clientId !== undefined && { client_id: clientId }),
      ...(clientSecret !== undefined && { client_secret: clientSecret }),
      ...(scope !== undefined && { scope }),
    })
    const { text } = await this.send(
      {
        method: 'POST',
        url: new URL(tokenUrl),
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: form.toString(),
      },
      signal,
    )
    const { access_token: access, expires_in: lifetime, refresh_token: refresh } = fieldsOf(text)
    if (typeof access !== 'string' || access === '') {
      throw new PhloError('PHLO_SOURCE_FAILED', `${new URL(tokenUrl).origin} gave no access token`, {
        hint: 'Look at auth: tokenUrl, clientId, clientSecret and scope.',
      })
    }
    this.known.add(access)
    if (typeof refresh === 'string' && refresh !== '' && this.refreshToken !== undefined) {
      // Servers may give each refresh token for one use.
      this.refreshToken = refresh
      this.known.add(refresh)
    }
    this.token = { text: access, renewFrom: this.renewalOf(Number(lifetime)) }
    return this.token
  }

  /** `seconds` as OAuth2 counts lifetimes; a token of unknown life is kept until it is refused. */
  private renewalOf(seconds: number): number {
    if (!Number.isFinite(seconds)) return Infinity
    const life = Math.max(0, seconds * 1000)
    return this.now() + life - Math.min(renewalMargin, life / 10)
  }
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}
