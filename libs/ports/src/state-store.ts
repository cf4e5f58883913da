import { definePort } from './port.js'

export type RunStatus = 'running' | 'succeeded' | 'failed' | 'cancelled' | 'interrupted'

/** A run as the state store keeps it. Times are milliseconds since 1970. */
export interface RunRecord {
  readonly id: string
  readonly profile: string
  readonly status: RunStatus
  readonly startedAt: number
  readonly finishedAt?: number
  /** When the running process last said that it lives. */
  readonly heartbeatAt: number
  /** `host:pid` of the process that runs it. */
  readonly owner: string
  readonly branch?: string
  /** What was asked for, for people. */
  readonly selection: string
  /** The commit on main that published the run. */
  readonly publishedCommit?: string
  readonly error?: { readonly code: string; readonly message: string }
  /** Counts for listings. */
  readonly summary?: {
    readonly steps: number
    readonly rows: number
    readonly checks: number
    readonly failedChecks: number
  }
}

/** Something that happened in a run, in the order of `seq`. */
export interface RunEventRecord {
  readonly seq: number
  readonly time: number
  readonly type: string
  /** JSON. */
  readonly data: unknown
}

/** What a check found. Times are milliseconds since 1970. */
export interface CheckRecord {
  readonly time: number
  /** The run that the check belonged to; absent for one that somebody asked for by itself. */
  readonly runId?: string
  readonly asset: string
  /** The check's name. */
  readonly check: string
  /** The branch, tag or commit that was looked at. */
  readonly ref: string
  /** What was looked at is, or was, on main. */
  readonly published: boolean
  readonly status: 'passed' | 'warned' | 'failed' | 'errored'
  readonly snapshotId?: string
  readonly partitionKey?: string
  /** The whole result, as JSON. */
  readonly result: unknown
}

export interface CheckRecordFilter {
  readonly asset?: string
  readonly check?: string
  readonly runId?: string
  readonly published?: boolean
  /** Only the newest of each check of an asset; or of each partition, or each snapshot, that it looked at. */
  readonly newestOf?: 'check' | 'partition' | 'snapshot'
  readonly limit?: number
}

/**
 * Remembers runs and what happened in them. What was published is in the lake itself; losing this store loses history,
 * never data. Several processes may use one store.
 */
export interface StateStore {
  /** Inserts or replaces the run. */
  putRun(run: RunRecord): Promise<void>
  getRun(id: string): Promise<RunRecord | undefined>
  /** Newest first. */
  listRuns(options?: { readonly limit?: number; readonly status?: RunStatus }): Promise<readonly RunRecord[]>
  /** Appends; `seq` is given by the caller and unique within the run. */
  appendEvents(runId: string, events: readonly RunEventRecord[]): Promise<void>
  /** Events with a `seq` above `after`, in order. */
  listEvents(runId: string, options?: { readonly after?: number }): Promise<readonly RunEventRecord[]>
  /** Keeps all of them or none. */
  appendChecks(records: readonly CheckRecord[]): Promise<void>
  /** What checks found, newest first; those of one call in the reverse order of that call where their times are equal. */
  listChecks(filter?: CheckRecordFilter): Promise<readonly CheckRecord[]>
  close(): Promise<void>
}

export const StateStorePort = definePort<StateStore>('StateStore')
