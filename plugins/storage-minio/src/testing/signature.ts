import { createHash, createHmac } from 'node:crypto'

export interface SigningKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface ToSign {
  readonly method: string
  readonly uri: string
  /** Lower-case names; those that are signed, `x-amz-date` and `x-amz-content-sha256` among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly region: string
  readonly service: 's3' | 'sts'
}

/** The `authorization` header of version 4, by hand: what the SDK signs is checked against it. */
export function authorization(request: ToSign, { accessKeyId, secretAccessKey }: SigningKeys): string {
  const { method, uri, headers, region, service } = request
  const names = Object.keys(headers).sort()
  const lines = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join('')
  const { pathname, search } = new URL(uri)
  const query = search
    .slice(1)
    .split('&')
    .filter((parameter) => parameter !== '')
    .map((parameter) => (parameter.includes('=') ? parameter : `${parameter}=`))
    .sort()
    .join('&')
  const hash = headers['x-amz-content-sha256'] ?? ''
  const canonical = [method, pathname, query, lines, names.join(';'), hash].join('\n')
  const time = headers['x-amz-date'] ?? ''
  const scope = [time.slice(0, 8), region, service, 'aws4_request']
  const toSign = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n')
  const key = scope.reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${secretAccessKey}`)
  const signature = hmac(key, toSign).toString('hex')
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
