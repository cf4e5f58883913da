import type { CheckRecord, CheckRecordFilter, RunEventRecord, RunRecord, RunStatus, StateStore } from '@phlo/ports'

/** Runs and events in this process's memory. */
export class MemoryStateStore implements StateStore {
  readonly runs = new Map<string, RunRecord>()
  readonly events: (RunEventRecord & { readonly runId: string })[] = []
  readonly checks: CheckRecord[] = []
  /** When set, `appendEvents` throws it. */
  failure: Error | undefined

  async putRun(run: RunRecord): Promise<void> {
    this.runs.set(run.id, run)
  }

  async getRun(id: string): Promise<RunRecord | undefined> {
    return this.runs.get(id)
  }

  async listRuns({ status, limit }: { status?: RunStatus; limit?: number } = {}): Promise<readonly RunRecord[]> {
    const runs = [...this.runs.values()].sort((a, b) => b.startedAt - a.startedAt)
    return runs.filter((run) => status === undefined || run.status === status).slice(0, limit)
  }

  async appendEvents(runId: string, events: readonly RunEventRecord[]): Promise<void> {
    if (this.failure) throw this.failure
    this.events.push(...events.map((event) => ({ ...event, runId })))
  }

  async listEvents(runId: string, { after = 0 }: { after?: number } = {}): Promise<readonly RunEventRecord[]> {
    return this.events.filter((event) => event.runId === runId && event.seq > after)
  }

  async appendChecks(records: readonly CheckRecord[]): Promise<void> {
    this.checks.push(...records)
  }

  async listChecks(filter: CheckRecordFilter = {}): Promise<readonly CheckRecord[]> {
    const { newestOf, limit, ...wanted } = filter
    const matching = this.checks
      .filter((record) => Object.entries(wanted).every(([key, value]) => record[key as keyof CheckRecord] === value))
      .map((record, index) => ({ record, index }))
      .sort((a, b) => b.record.time - a.record.time || b.index - a.index)
      .map(({ record }) => record)
    const seen = new Set<string>()
    const newest = matching.filter(({ asset, check, partitionKey, snapshotId }) => {
      const of = { check: undefined, partition: partitionKey, snapshot: snapshotId }[newestOf ?? 'check']
      const key = JSON.stringify([asset, check, of])
      return newestOf === undefined || (!seen.has(key) && seen.add(key))
    })
    return newest.slice(0, limit)
  }

  async close(): Promise<void> {}
}
