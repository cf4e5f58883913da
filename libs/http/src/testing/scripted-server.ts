import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that the server got. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An answer, or something done to the connection instead. */
export type ScriptedAnswer =
  | {
      readonly status: number
      readonly json?: unknown
      readonly text?: string
      readonly headers?: Record<string, string>
    }
  | { readonly cut: true }
  | { readonly silent: true }

export type Script = (request: SeenRequest, number: number) => ScriptedAnswer

/** An HTTP server in this process that answers as it is told, and remembers what it was asked. */
export class ScriptedServer {
  readonly seen: SeenRequest[] = []
  script: Script
  private readonly server: Server

  private constructor(script: Script) {
    this.script = script
    this.server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')))
      request.on('end', () => {
        const seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
        this.seen.push(seen)
        answer(response, this.script(seen, this.seen.length - 1))
      })
    })
  }

  static async start(script: Script): Promise<ScriptedServer> {
    const server = new ScriptedServer(script)
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get uri(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }
}

function answer(response: ServerResponse, scripted: ScriptedAnswer): void {
  if ('silent' in scripted) return
  if ('cut' in scripted) {
    response.destroy()
    return
  }
  const { status, json, text = json === undefined ? '' : JSON.stringify(json), headers = {} } = scripted
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(status === 304 ? undefined : text)
}
