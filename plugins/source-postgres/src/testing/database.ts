import { randomUUID } from 'node:crypto'
import type { Source, SourceRow } from '@phlo/ports'
import { runningServer } from '@phlo/stack'
import { identifier, Session } from '../session.js'

/** A database of its own in the stack's PostgreSQL. */
export class TestDatabase {
  readonly url: string
  private readonly session: Session
  private readonly owner: Session
  private readonly name: string

  private constructor(url: string, name: string, owner: Session, session: Session) {
    this.url = url
    this.name = name
    this.owner = owner
    this.session = session
  }

  static async create(): Promise<TestDatabase> {
    const { host, port, user, password, database } = runningServer('postgres')
    const at = (name: string) => `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`
    const { signal } = new AbortController()
    const name = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`
    const owner = await Session.open({ url: at(database) }, signal)
    await owner.rows(`CREATE DATABASE ${name}`)
    return new TestDatabase(at(name), name, owner, await Session.open({ url: at(name) }, signal))
  }

  async run(...statements: readonly string[]): Promise<readonly Readonly<Record<string, string | null>>[]> {
    let rows: readonly Readonly<Record<string, string | null>>[] = []
    for (const statement of statements) rows = await this.session.rows(statement)
    return rows
  }

  /** Cuts the connections of whoever reads. */
  async cutReaders(): Promise<number> {
    const rows = await this.owner.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'SELECT "%'`,
      [this.name],
    )
    return rows.length
  }

  async drop(): Promise<void> {
    for (const { slot } of await this.run(
      `SELECT slot_name AS slot FROM pg_replication_slots WHERE database = current_database() AND NOT active`,
    ))
      await this.run(`SELECT pg_drop_replication_slot('${slot}')`)
    await this.session.close()
    await this.owner.rows(`DROP DATABASE ${identifier(this.name)} WITH (FORCE)`)
    await this.owner.close()
  }
}

/** All rows of one read, and the cursor behind them as a table keeps it. */
export async function readAll(
  source: Source,
  options: unknown,
  given: { cursor?: unknown; signal?: AbortSignal } = {},
) {
  const { inputs, cursor } = await source.read(options, {
    projectDir: '/nowhere',
    signal: given.signal ?? new AbortController().signal,
    ...(given.cursor !== undefined && { cursor: given.cursor }),
  })
  const rows: SourceRow[] = []
  for (const input of inputs) if (input.type === 'rows') for await (const row of input.rows) rows.push(row as SourceRow)
  const next = cursor?.()
  return { rows, cursor: next === undefined ? undefined : (JSON.parse(JSON.stringify(next)) as unknown) }
}
