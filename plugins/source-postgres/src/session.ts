import { errorMessage, isPhloError, PhloError } from '@phlo/ports'
import type { Client } from 'pg'

export interface ServerOptions {
  readonly url: string
  readonly password?: string | undefined
}

type TextRow = Readonly<Record<string, string | null>>

/** Values come as the server spells them; what they become is said in one place, for tables and for changes alike. */
const asText = { getTypeParser: () => (text: string) => text }
/** Spellings that do not depend on the server's settings, and commits that are on disk when they are done. */
const settings = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'iso_8601',
  bytea_output: 'hex',
  extra_float_digits: '1',
  synchronous_commit: 'on',
}
const connectTimeout = 30_000

/** One connection; it is cut when the run ends. */
export class Session {
  readonly client: Client
  private readonly server: ServerOptions
  private readonly signal: AbortSignal
  private readonly cut: Promise<never>
  private stopListening = (): void => undefined
  private lost = false

  private constructor(client: Client, server: ServerOptions, signal: AbortSignal) {
    this.client = client
    this.server = server
    this.signal = signal
    this.cut = new Promise((_, reject) => {
      const cut = () => {
        // Nothing that is under way hears of it by itself.
        ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
        reject(signal.reason as Error)
      }
      // A cursor that waits for its next read, or is being closed, hears nothing of a connection that was lost.
      client.on('error', (error) => {
        this.lost = true
        reject(error)
      })
      client.on('end', () => {
        this.lost = true
        reject(new Error('the connection was closed'))
      })
      signal.addEventListener('abort', cut, { once: true })
      this.stopListening = () => signal.removeEventListener('abort', cut)
    })
    this.cut.catch(() => undefined)
  }

  /** Throws PHLO_SOURCE_FAILED. `replication`: for commands about slots. */
  static async open(server: ServerOptions, signal: AbortSignal, replication = false): Promise<Session> {
    signal.throwIfAborted()
    const { default: pg } = await import('pg')
    const client = new pg.Client({
      connectionString: server.url,
      ...(server.password !== undefined && { password: server.password }),
      types: asText,
      connectionTimeoutMillis: connectTimeout,
      application_name: 'phlo',
      ...(replication && { replication: 'database' }),
    })
    const session = new Session(client, server, signal)
    await session.telling('cannot connect', () => client.connect())
    if (!replication)
      for (const [name, value] of Object.entries(settings))
        await session.rows('SELECT set_config($1, $2, false)', [name, value])
    return session
  }

  async rows(sql: string, values: readonly unknown[] = []): Promise<readonly TextRow[]> {
    return this.telling('a statement failed', async () => {
      const { rows } = await this.client.query<TextRow>(sql, values.length === 0 ? undefined : [...values])
      return rows
    })
  }

  async close(): Promise<void> {
    this.stopListening()
    if (!this.signal.aborted && !this.lost) await this.client.end().catch(() => undefined)
  }

  /** Runs what talks to the server; its failures are told without passwords. */
  async telling<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await Promise.race([work(), this.cut])
    } catch (error) {
      this.signal.throwIfAborted()
      if (isPhloError(error)) throw error
      const { code, detail, hint } = error as {
        readonly code?: string
        readonly detail?: string
        readonly hint?: string
      }
      const said = this.redacted(`${errorMessage(error)}${detail === undefined ? '' : ` (${detail})`}`)
      throw new PhloError(
        code === '42P01' ? 'PHLO_SOURCE_NOT_FOUND' : 'PHLO_SOURCE_FAILED',
        `PostgreSQL at ${this.name()}: ${what}: ${said}`,
        {
          ...(hint !== undefined && { hint: this.redacted(hint) }),
          retryable: code === undefined || /^(?:08|40|53|55|57|E)/.test(code),
          ...(code !== undefined && { context: { code } }),
        },
      )
    }
  }

  private name(): string {
    const { host, pathname } = new URL(this.server.url)
    return `${host}${pathname}`
  }

  private redacted(text: string): string {
    const inUrl = new URL(this.server.url).password
    const secrets = [this.server.password ?? '', inUrl, decoded(inUrl)].filter((secret) => secret !== '')
    return secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text)
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
