import type { RunEventRecord, RunRecord, RunStatus, StateStore } from '@phlo/ports'

/** Runs and events in this process's memory. */
export class MemoryStateStore implements StateStore {
  readonly runs = new Map<string, RunRecord>()
  readonly events: (RunEventRecord & { readonly runId: string })[] = []
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

  async close(): Promise<void> {}
}
