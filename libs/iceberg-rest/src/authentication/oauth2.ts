import { PhloError } from '@phlo/ports'
import { type Authentication, noAuthentication } from './authentication.js'
import { failure } from '../http/failure.js'
import { HttpClient, unanswered } from '../http/http-client.js'

const grantClientCredentials = 'client_credentials'
const grantExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const grantRefresh = 'refresh_token'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** A token is renewed this long before it ends, or in the last tenth of its life where that is shorter. Milliseconds. */
const renewalMargin = 60_000

export interface OAuth2Options {
  /** Of the authorization server. */
  readonly tokenUri: string
  readonly clientId?: string
  readonly clientSecret?: string
  /** Without a client's secret: a token to begin with, exchanged for a fresh one before it ends. */
  readonly token?: string
  /** Default `catalog`, what Iceberg's own client asks for. */
  readonly scope?: string
  readonly audience?: string
  readonly resource?: string
  /** Further headers for the authorization server. */
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly timeout: number
  readonly attempts: number
}

interface Token {
  readonly text: string
  /** Milliseconds since 1970; Infinity where nobody said. */
  readonly ends: number
  /** From when a newer one is to be got. */
  readonly renewFrom: number
  readonly refresh?: string
}

/**
 * OAuth2 for clients that are programs: a token by the client's credentials, or by exchange of a token that is there
 * already, renewed before it ends. However many requests need it, it is got once.
 * Source: RFC 6749 4.4 and 6, RFC 8693; REST catalog, `/v1/oauth/tokens`.
 */
export class OAuth2Authentication implements Authentication {
  private readonly options: OAuth2Options
  private readonly client: HttpClient
  private token: Token | undefined
  private pending: Promise<Token> | undefined

  constructor(options: OAuth2Options) {
    this.options = options
    this.client = new HttpClient({
      authentication: { ...noAuthentication, secrets: () => this.secrets() },
      timeout: options.timeout,
      attempts: options.attempts,
      ...(options.headers && { headers: options.headers }),
    })
    if (options.token !== undefined) this.token = newToken(options.token, lifetimeOf(options.token), Date.now())
  }

  async headers(): Promise<Readonly<Record<string, string>>> {
    const now = Date.now()
    const { token } = this
    if (token && now < token.renewFrom) return bearer(token)
    try {
      return bearer(await this.next())
    } catch (error) {
      // The old one may still do, and the server of tokens may be back before it doesn't.
      if (token && now < token.ends) return bearer(token)
      throw error
    }
  }

  async renew(refused: Readonly<Record<string, string>>): Promise<boolean> {
    // Another request has renewed it meanwhile.
    if (this.token && refused['authorization'] !== bearer(this.token).authorization) return true
    if (this.options.clientSecret === undefined && this.token?.refresh === undefined) return false
    await this.next()
    return true
  }

  secrets(): readonly string[] {
    const { token, options } = this
    return [options.clientSecret, options.token, token?.text, token?.refresh].filter((text) => text !== undefined)
  }

  private async next(): Promise<Token> {
    this.pending ??= this.fetchToken().finally(() => {
      this.pending = undefined
    })
    return this.pending
  }

  private async fetchToken(): Promise<Token> {
    const { options, token } = this
    const { tokenUri, audience, resource, scope = 'catalog' } = options
    const grant = this.grant(token)
    const form = new URLSearchParams({ ...grant, ...(scope !== '' && { scope }) })
    if (audience !== undefined) form.set('audience', audience)
    if (resource !== undefined) form.set('resource', resource)
    const what = `token from ${new URL(tokenUri).origin}`
    const answer = await this.client.send({
      method: 'POST',
      url: tokenUri,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        // The token to be exchanged shows who asks where no client's secret does.
        ...(grant['grant_type'] === grantExchange && token && bearer(token)),
      },
      body: form.toString(),
      what,
      // A second token does no harm.
      repeatable: true,
    })
    if (!answer.ok) {
      if (answer.kind !== 'refused') throw unanswered(answer, what)
      const error = failure(answer, what)
      throw answer.status === 400
        ? new PhloError('PHLO_CATALOG_DENIED', error.message, {
            hint: 'Look at the client’s id, secret and scope in phlo.yaml.',
          })
        : error
    }
    this.token = readToken(answer.text, what)
    return this.token
  }

  private grant(token: Token | undefined): Record<string, string> {
    const { clientId, clientSecret } = this.options
    const client = clientId === undefined ? {} : { client_id: clientId }
    if (clientSecret !== undefined) {
      return { grant_type: grantClientCredentials, ...client, client_secret: clientSecret }
    }
    if (token?.refresh !== undefined) return { grant_type: grantRefresh, ...client, refresh_token: token.refresh }
    if (token) {
      return {
        grant_type: grantExchange,
        ...client,
        subject_token: token.text,
        subject_token_type: accessTokenType,
        requested_token_type: accessTokenType,
      }
    }
    throw new PhloError('PHLO_CONFIG_INVALID', 'OAuth2 needs a client’s secret, or a token to begin with')
  }
}

function bearer({ text }: Token): { readonly authorization: string } {
  return { authorization: `Bearer ${text}` }
}

/** Seconds are what OAuth2 counts lifetimes in. */
function newToken(text: string, seconds: number | undefined, now: number, refresh?: string): Token {
  const life = seconds === undefined ? Infinity : Math.max(0, seconds * 1000)
  const margin = Math.min(renewalMargin, life / 10)
  return {
    text,
    ends: now + life,
    renewFrom: life === Infinity ? Infinity : now + life - margin,
    ...(refresh !== undefined && { refresh }),
  }
}

function readToken(text: string, what: string): Token {
  let body: Readonly<Record<string, unknown>>
  try {
    body = JSON.parse(text) as Readonly<Record<string, unknown>>
  } catch {
    body = {}
  }
  const { access_token: access, expires_in: seconds, refresh_token: refresh } = body ?? {}
  if (typeof access !== 'string' || access === '')
    throw new PhloError('PHLO_CATALOG_FAILED', `${what}: the answer holds no access token`)
  const life = typeof seconds === 'number' && Number.isFinite(seconds) ? seconds : lifetimeOf(access)
  return newToken(access, life, Date.now(), typeof refresh === 'string' ? refresh : undefined)
}

/** Seconds that a JSON Web Token says it has left; its signature is the server's to check. */
function lifetimeOf(token: string): number | undefined {
  const [, payload] = token.split('.')
  if (payload === undefined) return undefined
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { readonly exp?: unknown }
    return typeof exp === 'number' && Number.isFinite(exp) ? exp - Date.now() / 1000 : undefined
  } catch {
    return undefined
  }
}
