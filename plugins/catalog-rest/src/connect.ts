import { authenticationOf, HttpClient, RestClient } from '@phlo/iceberg-rest'
import type { RestCatalogOptions } from './options.js'

/** Asks the catalog for its configuration, as whoever the options say. */
export async function connect(options: RestCatalogOptions): Promise<{ client: RestClient; http: HttpClient }> {
  const { uri, warehouse, auth, headers, properties, accessDelegation, timeout, attempts } = options
  const tokenUri = `${uri.replace(/\/+$/, '')}/v1/oauth/tokens`
  const http = new HttpClient({
    authentication: authenticationOf(auth, { tokenUri, headers, timeout, attempts }),
    headers,
    timeout,
    attempts,
  })
  const client = await RestClient.open({
    uri,
    http,
    properties,
    accessDelegation,
    ...(warehouse !== undefined && { warehouse }),
  })
  return { client, http }
}
