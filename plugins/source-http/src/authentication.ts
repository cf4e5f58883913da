import type { AuthOptions } from './options.js'
import { OAuth2Tokens } from './oauth2-tokens.js'
import type { Request, Send } from './exchange.js'

/** How requests show who asks. */
export interface Authentication {
  /** The request with what shows who asks. */
  apply(request: Request, signal: AbortSignal): Promise<Request>
  /** The server refused that request with 401: true when another attempt can show something newer. */
  renew(refused: Request, signal: AbortSignal): Promise<boolean>
  /** Texts that nobody may see. */
  secrets(): readonly string[]
}

/** `send` asks for tokens, without authentication. */
export function authenticationOf(auth: AuthOptions | undefined, send: Send, now: () => number): Authentication {
  switch (auth?.type) {
    case undefined:
      return fixed((request) => request, [])
    case 'bearer':
      return fixed((request) => withHeader(request, 'authorization', `Bearer ${auth.token}`), [auth.token])
    case 'basic': {
      const encoded = Buffer.from(`${auth.username}:${auth.password}`).toString('base64')
      return fixed((request) => withHeader(request, 'authorization', `Basic ${encoded}`), [auth.password, encoded])
    }
    case 'api-key':
      return fixed(
        (request) =>
          auth.in === 'header' ? withHeader(request, auth.name, auth.value) : withQuery(request, auth.name, auth.value),
        [auth.value, encodeURIComponent(auth.value)],
      )
    case 'oauth2-client-credentials':
    case 'oauth2-refresh-token':
      return new OAuth2Tokens(auth, send, now)
  }
}

function fixed(apply: (request: Request) => Request, secrets: readonly string[]): Authentication {
  return { apply: async (request) => apply(request), renew: async () => false, secrets: () => secrets }
}

function withHeader(request: Request, name: string, value: string): Request {
  return { ...request, headers: { ...request.headers, [name]: value } }
}

function withQuery(request: Request, name: string, value: string): Request {
  const url = new URL(request.url)
  url.searchParams.set(name, value)
  return { ...request, url }
}
