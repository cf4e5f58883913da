import { parseJson } from '@phlo/iceberg'
import { formatIdentifier, PhloError, type RequestSigner, type StoreRequest } from '@phlo/ports'
import type { RestClient } from '../catalog/rest-client.js'
import { isObject, isTextList } from '../catalog/shape.js'
import type { GrantedTable } from '../catalog/table-answer.js'
import { trimmed } from '../catalog/routes.js'

/** Signatures are good for minutes; half a minute leaves time for the request itself. Milliseconds. */
const keptFor = 30_000
const mostKept = 1000

/** Where servers from before the table's own endpoint sign. */
const oldEndpoint = 'v1/aws/s3/sign'

/** Not part of what is signed, and different each time. */
const unsignedHeaders = new Set(['amz-sdk-invocation-id', 'amz-sdk-request', 'user-agent', 'x-amz-date'])

interface Kept {
  readonly until: number
  readonly answer: Pick<StoreRequest, 'uri' | 'headers'>
}

/**
 * Lets the catalog sign requests for a table's files. A signature for reading is used again for a short while where the
 * catalog allows that by `Cache-Control: private`. Source: REST catalog, `RemoteSignRequest`.
 */
export function remoteSigner(client: RestClient, { table, config, signing }: GrantedTable): RequestSigner {
  const what = `a signature for ${formatIdentifier(table.identifier)}`
  const url = signerUrl(client, config, client.signRoute(table.identifier), signing !== undefined)
  const kept = new Map<string, Kept>()
  return async ({ method, uri, headers, region, body }) => {
    const reads = method === 'GET' || method === 'HEAD'
    const key = reads ? JSON.stringify([method, region, uri, signedHeaders(headers)]) : undefined
    const known = key === undefined ? undefined : kept.get(key)
    if (known && known.until > Date.now()) return known.answer
    const request = {
      region,
      uri,
      method,
      headers,
      provider: 's3',
      ...(signing && { properties: signing.properties }),
      ...(body !== undefined && { body }),
    }
    const { text, headers: answered } = await client.post(url, request, signing?.headers ?? {}, what)
    const answer = signature(parseJson(text, what), uri, what)
    if (key !== undefined && (answered.get('cache-control') ?? '').includes('private')) {
      kept.delete(key)
      kept.set(key, { until: Date.now() + keptFor, answer })
      if (kept.size > mostKept) kept.delete(kept.keys().next().value as string)
    }
    return answer
  }
}

function signerUrl(
  client: RestClient,
  config: Readonly<Record<string, string>>,
  ownRoute: string,
  hasOwnRoute: boolean,
): string {
  const endpoint = config['signer.endpoint'] ?? config['s3.signer.endpoint']
  const base = config['signer.uri'] ?? config['s3.signer.uri'] ?? client.uri
  const url =
    endpoint === undefined
      ? hasOwnRoute
        ? ownRoute
        : `${trimmed(base)}/${oldEndpoint}`
      : /^https?:/.test(endpoint)
        ? endpoint
        : `${trimmed(base)}/${trimmed(endpoint)}`
  if (new URL(url).origin !== new URL(client.uri).origin)
    throw new PhloError('PHLO_CATALOG_FAILED', `The catalog wants requests to be signed at ${new URL(url).origin}`, {
      hint: 'The catalog’s credentials are only sent to the catalog itself.',
    })
  return url
}

/** Reads a signature, which must be for what was asked. */
function signature(body: unknown, asked: string, what: string): Pick<StoreRequest, 'uri' | 'headers'> {
  if (!isObject(body) || typeof body['uri'] !== 'string' || !isHeaders(body['headers']))
    throw new PhloError('PHLO_CATALOG_FAILED', `${what}: the catalog’s answer cannot be read`)
  const { uri } = body
  if (new URL(uri).origin !== new URL(asked).origin || new URL(uri).pathname !== new URL(asked).pathname)
    throw new PhloError('PHLO_CATALOG_FAILED', `${what}: the catalog signed another request than it was asked to`)
  return { uri, headers: body['headers'] }
}

function isHeaders(value: unknown): value is Record<string, string[]> {
  return isObject(value) && Object.values(value).every(isTextList)
}

function signedHeaders(headers: StoreRequest['headers']): unknown {
  return Object.entries(headers)
    .filter(([name]) => !unsignedHeaders.has(name.toLowerCase()))
    .sort(([left], [right]) => (left < right ? -1 : 1))
}
