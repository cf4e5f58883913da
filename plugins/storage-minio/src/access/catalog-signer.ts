import { createHash } from 'node:crypto'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { PhloError, type RequestSigner, type StoreRequest } from '@phlo/ports'

type SdkSigner = Exclude<NonNullable<S3ClientConfig['signer']>, (...parts: never[]) => unknown>
type SdkRequest = Parameters<SdkSigner['sign']>[0]

/** Not the request's own: connections and proxies change them, and nobody signs them. */
const ofTheConnection = new Set(['connection', 'expect', 'transfer-encoding', 'user-agent'])

/**
 * The SDK's signer, replaced by a catalog's: each attempt at a request is signed by it, and sent with the URI and the
 * headers that it returns. Source: REST catalog, `RemoteSignRequest` and `RemoteSignResult`.
 */
export function catalogSigner(sign: RequestSigner, region: string): SdkSigner {
  return {
    async sign(request, options) {
      const headers: Record<string, string> = {
        // Headers have one name however they are written, as what is returned is to replace them.
        ...Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value])),
        'x-amz-date': timestamp(new Date(options?.signingDate ?? Date.now())),
        // What is signed is the body's hash, so that the catalog needs no body.
        'x-amz-content-sha256': request.headers['x-amz-content-sha256'] ?? hashOf(request.body),
      }
      const uri = uriOf(request)
      const signed = await sign({
        method: request.method,
        uri,
        region,
        headers: Object.fromEntries(
          Object.entries(headers).flatMap(([name, value]) => (ofTheConnection.has(name) ? [] : [[name, [value]]])),
        ),
        ...(deletesSeveral(request) && typeof request.body === 'string' && { body: request.body }),
      })
      const query = signed.uri === uri ? request.query : queryOf(signed.uri)
      // An attempt that follows starts from the request as it was before it was signed.
      const copy = Object.create(Object.getPrototypeOf(request) as object) as SdkRequest
      return Object.assign(copy, request, { query, headers: { ...headers, ...returned(signed.headers) } })
    },
  }
}

/** The catalog answers with `Cache-Control` for whoever keeps signatures; on a put it would become the object's. */
function returned(headers: StoreRequest['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, values]) => {
      const lower = name.toLowerCase()
      return lower === 'cache-control' || values.length === 0 ? [] : [[lower, values.join(',')]]
    }),
  )
}

function uriOf({ protocol, hostname, port, path, query }: SdkRequest): string {
  const parameters = Object.entries(query ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item) =>
      item === null ? escaped(name) : `${escaped(name)}=${escaped(item)}`,
    ),
  )
  const authority = port === undefined ? hostname : `${hostname}:${port}`
  return `${protocol}//${authority}${path}${parameters.length > 0 ? `?${parameters.sort().join('&')}` : ''}`
}

/** Not by URLSearchParams, for which a plus sign is a space. */
function queryOf(uri: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {}
  const start = uri.indexOf('?')
  const parameters = start === -1 ? [] : uri.slice(start + 1).split('&')
  for (const parameter of parameters) {
    const [name = '', value = ''] = [parameter.split('=', 1)[0], parameter.split('=').slice(1).join('=')].map(decoded)
    const known = query[name]
    query[name] = known === undefined ? value : [known, value].flat()
  }
  return query
}

function decoded(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '')
  } catch {
    throw new PhloError('PHLO_STORAGE_FAILED', 'The catalog signed a request whose URI cannot be read')
  }
}

/** The escapes of signatures: everything but letters, digits and `-._~`. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** DeleteObjects names its keys in the body alone. */
function deletesSeveral({ method, query }: SdkRequest): boolean {
  return method === 'POST' && query?.['delete'] !== undefined
}

function hashOf(body: unknown): string {
  const hash = createHash('sha256')
  if (typeof body === 'string') return hash.update(body).digest('hex')
  if (ArrayBuffer.isView(body))
    return hash.update(Buffer.from(body.buffer, body.byteOffset, body.byteLength)).digest('hex')
  return body === undefined ? hash.digest('hex') : 'UNSIGNED-PAYLOAD'
}

/** `20260101T000000Z`. */
function timestamp(time: Date): string {
  return time.toISOString().replaceAll(/[-:]|\.\d+/g, '')
}
