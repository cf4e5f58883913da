import { createHash } from 'node:crypto'
import type { Source, SourceRead, SourceReadContext } from '@phlo/ports'
import { type Clock, systemClock } from './clock.js'
import type { Send } from './exchange.js'
import { HttpClient } from './http-client.js'
import { Increment } from './increment.js'
import { type HttpOptions, parseOptions, type PluginOptions } from './options.js'
import { RateLimit } from './rate-limit.js'
import { Recordings } from './recording.js'
import { Resource, type Row } from './resource.js'

/** Records of HTTP APIs that answer in JSON, page by page. */
export class HttpSource implements Source {
  readonly kind = 'http'
  private readonly options: PluginOptions
  private readonly clock: Clock
  private readonly rateLimits = new Map<string, RateLimit>()

  constructor(options: PluginOptions, clock: Clock = systemClock) {
    this.options = options
    this.clock = clock
  }

  async read(given: unknown, context: SourceReadContext): Promise<SourceRead> {
    const options = parseOptions(given)
    const resource = await Resource.of(options)
    const client = new HttpClient(options, this.clock, this.rateLimit(options))
    const increment = options.incremental && new Increment(options.incremental, identity(options), context.cursor)
    const request = increment?.request()
    const recordings =
      this.options.mode === 'live' ? undefined : new Recordings(context.projectDir, this.options.recordings)
    const rows = resource.rows(
      {
        baseUrl: options.baseUrl,
        send: (accepted) => this.sender(client, recordings, accepted),
        maxPages: options.maxPages,
        signal: context.signal,
      },
      request,
    )
    return {
      inputs: [{ type: 'rows', rows: increment ? taken(rows, increment) : rows, name: nameOf(options) }],
      ...(increment && { cursor: () => increment.cursor() }),
    }
  }

  /** Only reading tells whether an API has something new. */
  async version(given: unknown): Promise<undefined> {
    parseOptions(given)
  }

  /** Assets that read one API at the same time wait for each other. */
  private rateLimit({ baseUrl, rateLimit }: HttpOptions): RateLimit | undefined {
    if (!rateLimit) return undefined
    const api = JSON.stringify([new URL(baseUrl).origin, rateLimit])
    const limit = this.rateLimits.get(api) ?? new RateLimit(rateLimit, this.clock)
    this.rateLimits.set(api, limit)
    return limit
  }

  private sender(client: HttpClient, recordings: Recordings | undefined, accepted: readonly number[]): Send {
    return async (request, signal) => {
      if (this.options.mode === 'replay' && recordings) return recordings.replay(request)
      const answer = await client.send(request, signal, accepted)
      await recordings?.record(request, answer, (text) => client.redacted(text))
      return answer
    }
  }
}

async function* taken(rows: AsyncIterable<Row>, increment: Increment): AsyncGenerator<Row> {
  for await (const row of rows) if (increment.take(row)) yield row
}

/** Host and path, as errors and the quarantine name the origin. */
function nameOf({ baseUrl, path }: HttpOptions): string {
  return `${new URL(baseUrl).host}/${path.replace(/^\/+/, '')}`
}

/** Changes when another resource or field is read, so that its cursor is not taken for this one's. */
function identity({ baseUrl, path, incremental }: HttpOptions): string {
  const what = [baseUrl, path, incremental?.field, incremental?.parameter]
  return createHash('sha256').update(JSON.stringify(what)).digest('base64url').slice(0, 16)
}
