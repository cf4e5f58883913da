import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { authorization, sha256 } from './signature.js'

/** A request that arrived with a good signature. */
export interface SignedRequest {
  readonly method: string
  readonly url: string
  /** Whose key signed it, in which region, and the token beside it. */
  readonly keyId: string
  readonly region: string
  readonly token: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/**
 * The part of the S3 API that one object after another needs, which takes no request without a good signature of a key it
 * knows: the hash must be the body's, and every `x-amz-` header must be signed.
 */
export class SignedServer {
  readonly seen: SignedRequest[] = []
  private readonly secrets: Readonly<Record<string, string>>
  private readonly objects = new Map<string, string>()
  private readonly server: Server

  private constructor(secrets: Readonly<Record<string, string>>) {
    this.secrets = secrets
    this.server = createServer((request, answer) => void this.answer(request, answer))
  }

  /** `secrets` are those of the keys that it knows. */
  static async start(secrets: Readonly<Record<string, string>>): Promise<SignedServer> {
    const server = new SignedServer(secrets)
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private async answer(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const signed = this.verified(request, body)
    if (!signed) return refuse(answer, 403, 'SignatureDoesNotMatch')
    this.seen.push(signed)
    const { method, url } = signed
    const path = url.split('?')[0] ?? ''
    if (method === 'PUT') this.objects.set(path, body.toString())
    if (method === 'POST') return void answer.end('<DeleteResult/>')
    const object = this.objects.get(path)
    if (object === undefined) return refuse(answer, 404, 'NoSuchKey')
    answer.setHeader('etag', `"${sha256(object).slice(0, 32)}"`)
    answer.end(method === 'GET' ? object : undefined)
  }

  private verified(request: IncomingMessage, body: Buffer): SignedRequest | undefined {
    const { method = '', url = '', headers } = request
    const [, keyId = '', region = '', list = ''] =
      /Credential=([^/]+)\/\d+\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+)/.exec(headers.authorization ?? '') ??
      []
    const names = list.split(';')
    const unsigned = Object.keys(headers).some((name) => name.startsWith('x-amz-') && !names.includes(name))
    const secretAccessKey = this.secrets[keyId]
    if (unsigned || secretAccessKey === undefined || headers['x-amz-content-sha256'] !== sha256(body)) return undefined
    const signed = Object.fromEntries(names.map((name) => [name, String(headers[name])]))
    const expected = authorization(
      { method, uri: `http://${headers.host}${url}`, headers: signed, region, service: 's3' },
      { accessKeyId: keyId, secretAccessKey },
    )
    if (headers.authorization !== expected) return undefined
    const token = headers['x-amz-security-token']
    return {
      method,
      url,
      keyId,
      region,
      token: typeof token === 'string' ? token : undefined,
      headers,
      body: body.toString(),
    }
  }
}

function refuse(answer: ServerResponse, status: number, code: string): void {
  answer.writeHead(status, { 'content-type': 'application/xml' })
  answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`)
}
