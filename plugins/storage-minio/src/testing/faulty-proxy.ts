import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What happens to a request: it passes; it is lost before the server sees it; the server's answer is lost, wholly or in
 * the middle of its body; the answer is an error that the server did not give, before or after it did what was asked; it
 * comes late.
 */
export type Fault = 'none' | 'lost' | 'answer-lost' | 'answer-cut' | 'refused' | 'error-after' | 'late'

/** Milliseconds that a late answer takes. */
const lateness = 60

/** Stands before a server and spoils what the given function tells it to. */
export class FaultyProxy {
  /** Of each request, by its method and path; none by default. */
  fault: (method: string, path: string) => Fault = () => 'none'
  private readonly server: Server
  private readonly target: URL

  private constructor(target: URL) {
    this.target = target
    this.server = createServer((incoming, answer) => void this.pass(incoming, answer))
  }

  static async before(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(new URL(target))
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private async pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const fault = this.fault(incoming.method ?? '', incoming.url ?? '')
    const body = await bytesOf(incoming).catch(() => undefined)
    if (body === undefined || fault === 'lost') return void incoming.socket.destroy()
    if (fault === 'refused') return fail(answer, 503, 'SlowDown')
    const { status, headers, bytes } = await this.forwarded(incoming, body)
    if (fault === 'answer-lost') return void incoming.socket.destroy()
    if (fault === 'error-after') return fail(answer, 500, 'InternalError')
    if (fault === 'late') await sleep(lateness)
    answer.writeHead(status, headers)
    if (fault !== 'answer-cut') return void answer.end(bytes)
    answer.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => incoming.socket.destroy())
  }

  /** The host of the request stays as it was signed. */
  private forwarded(
    incoming: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingMessage['headers']; bytes: Buffer }> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.target
      const { method, url: path, headers } = incoming
      const { 'transfer-encoding': _, ...kept } = headers
      const forwarded = request(
        { hostname, port, method, path, headers: { ...kept, 'content-length': body.length } },
        (answer) => {
          bytesOf(answer).then(
            (bytes) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes }),
            reject,
          )
        },
      )
      forwarded.once('error', reject)
      forwarded.end(body)
    })
  }
}

function fail(answer: ServerResponse, status: number, code: string): void {
  answer.writeHead(status, { 'content-type': 'application/xml' })
  answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`)
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
