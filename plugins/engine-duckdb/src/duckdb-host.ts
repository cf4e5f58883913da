import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance, Json } from '@duckdb/node-api'
import { PhloError, type StatementProgress } from '@phlo/ports'
import { literal } from './duckdb-dialect.js'
import { cancelled, toEngineError, type UserStatement } from './duckdb-errors.js'
import type { DuckDbOptions } from './options.js'

/** What an instance of DuckDB may touch. */
export type Access =
  /** Everything: only for SQL that Phlo itself writes. */
  | { readonly kind: 'open' }
  /** These folders and nothing else: for SQL of users. */
  | { readonly kind: 'closed'; readonly folders: () => Promise<readonly string[]> }

/**
 * How many partitions a write keeps open. Beyond it, DuckDB closes a file and begins another one for the same partition.
 * Its own limit of 100 made 469 to 676 files of three million rows in no order over 182 days, by two threads; with this
 * one there are 182, a tenth smaller together, in the same processor time and with about 70 MB more memory.
 */
const openPartitions = 500

/** How many partitions a write of this connection keeps open. */
export const openPartitionsSetting = 'partitioned_write_max_open_files'

/** A DuckDB instance that starts when it is first needed, and its connections. */
export class DuckDbHost {
  private readonly options: DuckDbOptions
  private readonly access: Access
  private readonly scratch: string
  private instance: Promise<DuckDBInstance> | undefined

  /** `scratch` is a folder for what does not fit into memory. */
  constructor(options: DuckDbOptions, access: Access, scratch: string) {
    this.options = options
    this.access = access
    this.scratch = scratch
  }

  /** Runs `work` on a connection of its own. Aborting interrupts what the connection runs. */
  async connect<T>(work: (connection: Connection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const connection = await this.open(signal)
    try {
      return await work(connection)
    } finally {
      connection.close()
    }
  }

  /** A connection that the caller closes. */
  async open(signal?: AbortSignal): Promise<Connection> {
    if (signal?.aborted) throw cancelled(signal.reason)
    this.instance ??= this.start()
    return new Connection(await (await this.instance).connect(), this.scratch, signal)
  }

  async close(): Promise<void> {
    const instance = await this.instance?.catch(() => undefined)
    instance?.closeSync()
    this.instance = undefined
  }

  private async start(): Promise<DuckDBInstance> {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    await mkdir(this.scratch, { recursive: true })
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: this.options.memoryLimit,
      temp_directory: this.scratch,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      // Rows of a table have no order; keeping one would cost memory and cores.
      preserve_insertion_order: 'false',
      ...(this.options.threads !== undefined && { threads: String(this.options.threads) }),
    })
    const connection = await instance.connect()
    try {
      await connection.run("SET GLOBAL TimeZone = 'UTC'")
      // What makes shapes of bytes is the type of a table's column, not what a file says beside its schema.
      await connection.run('SET GLOBAL enable_geoparquet_conversion = false')
      await connection.run(`SET GLOBAL ${openPartitionsSetting} = ${openPartitions}`)
      if (this.access.kind === 'closed') {
        // Errors in users' SQL then say where they are, to the byte.
        await connection.run('SET GLOBAL errors_as_json = true')
        const folders = [...(await this.access.folders()), this.scratch].map((folder) => literal(path.resolve(folder)))
        await connection.run(`SET allowed_directories = [${folders.join(', ')}]`)
        await connection.run('SET enable_external_access = false')
        await connection.run(`SET allowed_configs = [${literal(openPartitionsSetting)}]`)
        await connection.run('SET lock_configuration = true')
      }
    } finally {
      connection.closeSync()
    }
    return instance
  }
}

/** Rows as plain objects: 64-bit integers, decimals and times as text. */
export type PlainRow = Record<string, Json>

export type OnProgress = (progress: StatementProgress) => void

interface ProfileNode {
  readonly operator_type?: string
  readonly operator_cardinality?: number
  readonly children?: readonly ProfileNode[]
}

function limitCardinalities(node: ProfileNode): number[] {
  const own = node.operator_type === 'STREAMING_LIMIT' ? [node.operator_cardinality ?? 0] : []
  return [...own, ...(node.children ?? []).flatMap(limitCardinalities)]
}

/** One connection, with errors in Phlo's words. */
export class Connection {
  readonly raw: DuckDBConnection
  private readonly scratch: string
  private folder: Promise<string> | undefined
  private readonly signal: AbortSignal | undefined
  private readonly onAbort: () => void
  private interruptions: ReturnType<typeof setInterval> | undefined

  constructor(raw: DuckDBConnection, scratch: string, signal: AbortSignal | undefined) {
    this.raw = raw
    this.scratch = scratch
    this.signal = signal
    this.onAbort = () => {
      raw.interrupt()
      // DuckDB forgets an interruption that comes between the call of a statement and its start.
      this.interruptions = setInterval(() => raw.interrupt(), 50)
    }
    signal?.addEventListener('abort', this.onAbort)
  }

  /** Runs SQL that Phlo wrote; an error in it is an engine's failure, except when `statement` is a user's part of it. */
  async run(sql: string, statement?: string | Omit<UserStatement, 'ran'>): Promise<PlainRow[]> {
    return this.guard(
      async () => {
        const reader = await this.raw.runAndReadAll(sql)
        return reader.getRowObjectsJson()
      },
      statement === undefined
        ? undefined
        : { ...(typeof statement === 'string' ? { sql: statement } : statement), ran: sql },
    )
  }

  /** Like {@link run}, reporting how far DuckDB is twice a second. */
  async runWithProgress(
    sql: string,
    onProgress: OnProgress | undefined,
    statement?: string | Omit<UserStatement, 'ran'>,
  ): Promise<PlainRow[]> {
    if (!onProgress) return this.run(sql, statement)
    const timer = setInterval(() => {
      const { percentage, rows_processed: rows } = this.raw.progress
      if (percentage > 0) onProgress({ percent: Math.min(100, percentage), rows: Number(rows) })
    }, 500)
    timer.unref()
    try {
      return await this.run(sql, statement)
    } finally {
      clearInterval(timer)
    }
  }

  /**
   * Like {@link runWithProgress}, and tells how many rows went through the statement's one streaming LIMIT. DuckDB counts
   * them anyway, so that nothing has to be read a second time to know it.
   */
  async runCounting(
    sql: string,
    onProgress: OnProgress | undefined,
  ): Promise<{ rows: PlainRow[]; passedLimit: number }> {
    const file = path.join(this.scratch, `profile-${randomUUID()}.json`)
    await this.run("SET enable_profiling = 'json'")
    await this.run(`SET profiling_output = ${literal(file)}`)
    await this.run(`SET custom_profiling_settings = '{"OPERATOR_TYPE": "true", "OPERATOR_CARDINALITY": "true"}'`)
    let rows: PlainRow[]
    try {
      rows = await this.runWithProgress(sql, onProgress)
    } finally {
      await this.run('RESET enable_profiling')
    }
    try {
      const passed = limitCardinalities(JSON.parse(await readFile(file, 'utf8')) as ProfileNode)
      if (passed.length !== 1)
        throw new PhloError('PHLO_INTERNAL', `A profile shows ${passed.length} streaming limits instead of one`)
      return { rows, passedLimit: passed[0] as number }
    } finally {
      await rm(file, { force: true })
    }
  }

  /** Calls with every chunk of the result, as it is made. */
  async eachChunk(sql: string, visit: (chunk: DuckDBDataChunk) => void): Promise<void> {
    await this.guard(async () => {
      const result = await this.raw.stream(sql)
      for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
        visit(chunk)
    })
  }

  /** The one row that the SQL gives. */
  async one(sql: string): Promise<PlainRow> {
    const [row] = await this.run(sql)
    if (!row) throw new PhloError('PHLO_ENGINE_FAILED', 'A query that always gives a row gave none')
    return row
  }

  /** Throws what DuckDB raises in Phlo's words, and PHLO_RUN_CANCELLED once the signal is aborted. */
  async guard<T>(work: () => Promise<T>, statement?: UserStatement): Promise<T> {
    try {
      if (this.signal?.aborted) throw cancelled(this.signal.reason)
      return await work()
    } catch (error) {
      if (this.signal?.aborted) throw cancelled(error)
      throw toEngineError(error, statement)
    }
  }

  /** A folder that DuckDB may read, which goes when the connection closes. */
  ownFolder(): Promise<string> {
    this.folder ??= mkdtemp(path.join(this.scratch, 'connection-'))
    return this.folder
  }

  close(): void {
    this.signal?.removeEventListener('abort', this.onAbort)
    clearInterval(this.interruptions)
    this.raw.closeSync()
    void this.folder?.then((folder) => rm(folder, { recursive: true, force: true })).catch(() => undefined)
  }
}
