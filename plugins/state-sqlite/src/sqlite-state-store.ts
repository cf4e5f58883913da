import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import {
  type CheckRecord,
  type CheckRecordFilter,
  errorMessage,
  hasSystemCode,
  PhloError,
  type RunEventRecord,
  type RunRecord,
  type RunStatus,
  type StateStore,
} from '@phlo/ports'
import type { Database } from 'libsql'

/** What the tables look like, one step a version; a file of an older version is brought up step by step. */
const migrations = [
  `CREATE TABLE runs (
     id TEXT PRIMARY KEY,
     status TEXT NOT NULL,
     started_at INTEGER NOT NULL,
     record TEXT NOT NULL
   ) STRICT;
   CREATE INDEX runs_by_start ON runs (started_at DESC);
   CREATE TABLE run_events (
     run_id TEXT NOT NULL,
     seq INTEGER NOT NULL,
     time INTEGER NOT NULL,
     type TEXT NOT NULL,
     data TEXT NOT NULL,
     PRIMARY KEY (run_id, seq)
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE check_results (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     time INTEGER NOT NULL,
     run_id TEXT,
     asset TEXT NOT NULL,
     check_name TEXT NOT NULL,
     ref TEXT NOT NULL,
     published INTEGER NOT NULL,
     status TEXT NOT NULL,
     snapshot_id TEXT,
     partition_key TEXT,
     result TEXT NOT NULL
   ) STRICT;
   CREATE INDEX check_results_by_check ON check_results (asset, check_name, time DESC);
   CREATE INDEX check_results_by_run ON check_results (run_id) WHERE run_id IS NOT NULL;`,
]

const checkColumns = 'time, run_id, asset, check_name, ref, published, status, snapshot_id, partition_key, result'

interface CheckRow {
  readonly time: number
  readonly run_id: string | null
  readonly asset: string
  readonly check_name: string
  readonly ref: string
  readonly published: number
  readonly status: CheckRecord['status']
  readonly snapshot_id: string | null
  readonly partition_key: string | null
  readonly result: string
}

function checkRecord(row: CheckRow): CheckRecord {
  return {
    time: row.time,
    ...(row.run_id !== null && { runId: row.run_id }),
    asset: row.asset,
    check: row.check_name,
    ref: row.ref,
    published: row.published === 1,
    status: row.status,
    ...(row.snapshot_id !== null && { snapshotId: row.snapshot_id }),
    ...(row.partition_key !== null && { partitionKey: row.partition_key }),
    result: JSON.parse(row.result) as unknown,
  }
}

/** How long a process waits for another one's write, in milliseconds. */
const defaultPatience = 10_000

/** Runs and their events in a SQLite file. The file is opened when it is first needed. */
export class SqliteStateStore implements StateStore {
  private readonly file: string
  private readonly patience: number
  private opening: Promise<Database> | undefined

  /** `patience` is how long a call waits for another process's write, in milliseconds. */
  constructor(file: string, { patience = defaultPatience }: { readonly patience?: number } = {}) {
    this.file = file
    this.patience = patience
  }

  async putRun(run: RunRecord): Promise<void> {
    await this.using((database) =>
      database
        .prepare(
          'INSERT INTO runs (id, status, started_at, record) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status, record = excluded.record',
        )
        .run(run.id, run.status, run.startedAt, JSON.stringify(run)),
    )
  }

  async getRun(id: string): Promise<RunRecord | undefined> {
    const row = await this.using(
      (database) => database.prepare('SELECT record FROM runs WHERE id = ?').get(id) as { record: string } | undefined,
    )
    return row && (JSON.parse(row.record) as RunRecord)
  }

  async listRuns(options: { limit?: number; status?: RunStatus } = {}): Promise<readonly RunRecord[]> {
    const where = options.status === undefined ? '' : 'WHERE status = ?'
    const values = options.status === undefined ? [] : [options.status]
    const rows = await this.using(
      (database) =>
        database
          .prepare(`SELECT record FROM runs ${where} ORDER BY started_at DESC, id DESC LIMIT ?`)
          .all(...values, options.limit ?? -1) as { record: string }[],
    )
    return rows.map(({ record }) => JSON.parse(record) as RunRecord)
  }

  async appendEvents(runId: string, events: readonly RunEventRecord[]): Promise<void> {
    await this.using((database) => {
      const insert = database.prepare('INSERT INTO run_events (run_id, seq, time, type, data) VALUES (?, ?, ?, ?, ?)')
      database.transaction(() => {
        for (const { seq, time, type, data } of events) insert.run(runId, seq, time, type, JSON.stringify(data ?? null))
      })()
    })
  }

  async listEvents(runId: string, options: { after?: number } = {}): Promise<readonly RunEventRecord[]> {
    const rows = await this.using(
      (database) =>
        database
          .prepare('SELECT seq, time, type, data FROM run_events WHERE run_id = ? AND seq > ? ORDER BY seq')
          .all(runId, options.after ?? Number.MIN_SAFE_INTEGER) as (Omit<RunEventRecord, 'data'> & { data: string })[],
    )
    return rows.map(({ seq, time, type, data }) => ({ seq, time, type, data: JSON.parse(data) as unknown }))
  }

  async appendChecks(records: readonly CheckRecord[]): Promise<void> {
    if (records.length === 0) return
    await this.using((database) => {
      const insert = database.prepare(
        `INSERT INTO check_results (${checkColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      database.transaction(() => {
        for (const record of records) {
          insert.run(
            record.time,
            record.runId ?? null,
            record.asset,
            record.check,
            record.ref,
            record.published ? 1 : 0,
            record.status,
            record.snapshotId ?? null,
            record.partitionKey ?? null,
            JSON.stringify(record.result ?? null),
          )
        }
      })()
    })
  }

  async listChecks(filter: CheckRecordFilter = {}): Promise<readonly CheckRecord[]> {
    const wanted = Object.entries({
      asset: filter.asset,
      check_name: filter.check,
      run_id: filter.runId,
      published: filter.published === undefined ? undefined : Number(filter.published),
    }).filter((entry): entry is [string, string | number] => entry[1] !== undefined)
    const where = wanted.length === 0 ? '' : `WHERE ${wanted.map(([column]) => `${column} = ?`).join(' AND ')}`
    const group = { check: '', partition: ', partition_key', snapshot: ', snapshot_id' }
    const rank =
      filter.newestOf === undefined
        ? '1'
        : `row_number() OVER (PARTITION BY asset, check_name${group[filter.newestOf]} ORDER BY time DESC, id DESC)`
    const rows = await this.using(
      (database) =>
        database
          .prepare(
            `SELECT ${checkColumns} FROM (SELECT *, ${rank} AS rank FROM check_results ${where})
             WHERE rank = 1 ORDER BY time DESC, id DESC LIMIT ?`,
          )
          .all(...wanted.map(([, value]) => value), filter.limit ?? -1) as CheckRow[],
    )
    return rows.map(checkRecord)
  }

  async close(): Promise<void> {
    const opening = this.opening
    this.opening = undefined
    const database = await opening?.catch(() => undefined)
    database?.close()
  }

  private async using<T>(work: (database: Database) => T): Promise<T> {
    try {
      return work(await this.database())
    } catch (error) {
      const busy = hasSystemCode(error, 'SQLITE_BUSY', 'SQLITE_LOCKED')
      throw new PhloError('PHLO_STATE_FAILED', `The state file ${this.file} cannot be used: ${errorMessage(error)}`, {
        hint: busy
          ? 'Another process holds it; try again.'
          : 'Nothing but the history of runs is in it: it can be moved away.',
        retryable: busy,
        cause: error,
      })
    }
  }

  /** The open file. An opening that failed is tried again by the next call. */
  private async database(): Promise<Database> {
    const opening = (this.opening ??= this.open())
    try {
      return await opening
    } catch (error) {
      if (this.opening === opening) this.opening = undefined
      throw error
    }
  }

  private async open(): Promise<Database> {
    await mkdir(path.dirname(this.file), { recursive: true })
    const { default: Sqlite } = await import('libsql')
    const database = new Sqlite(this.file)
    try {
      database.exec(`PRAGMA busy_timeout = ${this.patience}`)
      // Readers and a writer side by side. A commit survives the process; the last ones may not survive the machine,
      // which is enough for a history of what the lake itself keeps.
      database.exec('PRAGMA journal_mode = WAL')
      database.exec('PRAGMA synchronous = NORMAL')
      migrate(database)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  }
}

/** Throws for a file that a newer version has written. */
function migrate(database: Database): void {
  const version = () => (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
  if (version() === migrations.length) return
  database.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have done it while this one waited.
    const from = version()
    if (from > migrations.length)
      throw new Error(`it is of version ${from}, and this version of Phlo knows ${migrations.length}`)
    for (const step of migrations.slice(from)) database.exec(step)
    database.exec(`PRAGMA user_version = ${migrations.length}`)
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
