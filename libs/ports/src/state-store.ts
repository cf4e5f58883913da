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
  close(): Promise<void>
}

export const StateStorePort = definePort<StateStore>('StateStore')
