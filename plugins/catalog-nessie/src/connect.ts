import { authenticationOf, HttpClient } from '@phlo/iceberg-rest'
import { PhloError } from '@phlo/ports'
import { NessieApi } from './nessie-api.js'
import type { NessieCatalogOptions } from './options.js'

/** Talks to Nessie as whoever the options say. Throws PHLO_CONFIG_INVALID for OAuth2 without a server of tokens. */
export function connect({ uri, auth, headers, timeout, attempts }: NessieCatalogOptions): {
  http: HttpClient
  api: NessieApi
} {
  if (auth.type === 'oauth2' && auth.tokenUri === undefined)
    throw new PhloError('PHLO_CONFIG_INVALID', 'Nessie gives no tokens itself: `auth` needs a `tokenUri`')
  const http = new HttpClient({
    authentication: authenticationOf(auth, { tokenUri: '', headers, timeout, attempts }),
    headers,
    timeout,
    attempts,
  })
  return { http, api: new NessieApi(http, uri.replace(/\/+$/, '')) }
}
