import type { CheckMetrics, CheckRecord, StateStore } from '@phlo/ports'
import type { AssetCheck } from '../assets/asset.js'
import type { CheckResult } from './check-result.js'
import type { CheckHistory } from './check-runner.js'
import type { CheckTarget } from './prepared-check.js'

/** What checks found, as the state store keeps it. */
export class RecordedChecks implements CheckHistory {
  private readonly state: StateStore

  constructor(state: StateStore) {
    this.state = state
  }

  async earlier(target: CheckTarget, check: AssetCheck, limit: number): Promise<readonly CheckMetrics[]> {
    const partition = check.scope === 'partition' ? target.partitions?.key : undefined
    const records = await this.state.listChecks({
      asset: target.asset,
      check: check.name,
      published: true,
      newestOf: partition === undefined ? 'snapshot' : 'partition',
      // What is left out below is the present state, and the few that kept no figures.
      limit: 2 * limit + 1,
    })
    return records
      .filter((record) =>
        partition === undefined ? record.snapshotId !== target.snapshotId : record.partitionKey !== partition,
      )
      .map((record) => (record.result as CheckResult).metrics)
      .filter((metrics) => metrics !== undefined)
      .slice(0, limit)
  }

  async keep(results: readonly CheckResult[], about: Pick<CheckRecord, 'runId' | 'ref' | 'published'>): Promise<void> {
    const time = Date.now()
    await this.state.appendChecks(
      results.map((result) => ({
        time,
        ...about,
        asset: result.asset,
        check: result.name,
        status: result.status,
        ...(result.snapshotId !== undefined && { snapshotId: result.snapshotId }),
        ...(result.metadata.partition_key !== undefined && { partitionKey: result.metadata.partition_key }),
        result,
      })),
    )
  }
}
