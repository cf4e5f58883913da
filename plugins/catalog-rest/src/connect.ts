import {
  type Authentication,
  bearerToken,
  HttpClient,
  noAuthentication,
  OAuth2Authentication,
  RestClient,
} from '@phlo/iceberg-rest'
import type { RestCatalogOptions } from './options.js'

/** Asks the catalog for its configuration, as whoever the options say. */
export async function connect(options: RestCatalogOptions): Promise<{ client: RestClient; http: HttpClient }> {
  const { uri, warehouse, headers, properties, accessDelegation, timeout, attempts } = options
  const http = new HttpClient({ authentication: authentication(options), headers, timeout, attempts })
  const client = await RestClient.open({
    uri,
    http,
    properties,
    accessDelegation,
    ...(warehouse !== undefined && { warehouse }),
  })
  return { client, http }
}

function authentication({ auth, uri, headers, timeout, attempts }: RestCatalogOptions): Authentication {
  if (auth.type === 'none') return noAuthentication
  if (auth.type === 'bearer') return bearerToken(auth.token)
  const { type: _, tokenUri = `${uri.replace(/\/+$/, '')}/v1/oauth/tokens`, ...rest } = auth
  // What is undefined is left out, which the compiler cannot see of options that were parsed.
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  return new OAuth2Authentication({ ...given, tokenUri, headers, timeout, attempts })
}
