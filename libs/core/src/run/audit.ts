import type { Asset, AssetCheck, AssetKey } from '../assets/asset.js'
import type { CheckResult } from '../checks/check-result.js'
import type { CheckTarget } from '../checks/prepared-check.js'
import type { PlannedStep } from '../plan/plan.js'
import { checkTarget } from './check-target.js'
import type { RunScope } from './run-scope.js'

/** A check that ran, and what it takes to run it again. */
export interface AuditedCheck {
  readonly asset: Asset
  readonly steps: readonly PlannedStep[]
  readonly target: CheckTarget
  readonly check: AssetCheck
}

/** Runs checks of assets on the run's branch, each as soon as the run has written every table that it reads. */
export class Audit {
  private readonly scope: RunScope
  private waiting: { readonly target: CheckTarget; readonly check: AssetCheck; readonly tables: readonly string[] }[] =
    []
  private readonly audited: AuditedCheck[] = []

  constructor(scope: RunScope) {
    this.scope = scope
  }

  /** Results of an asset's checks, now that `steps` have written it; `ahead` is what the run has yet to write. */
  async written(asset: Asset, steps: readonly PlannedStep[], ahead: ReadonlySet<AssetKey>): Promise<CheckResult[]> {
    const checks = asset.checks.filter(({ layer }) => layer === 'table')
    if (checks.length === 0) return []
    const { checkRunner, signal } = this.scope
    const target = await this.target(asset, steps)
    const ready: AssetCheck[] = []
    for (const check of checks) {
      this.audited.push({ asset, steps, target, check })
      const tables = ahead.size > 0 ? await checkRunner.tables(target, check) : []
      if (tables.some((table) => ahead.has(table))) this.waiting.push({ target, check, tables })
      else ready.push(check)
    }
    return checkRunner.run(target, ready, signal)
  }

  /** Results of the checks that waited for nothing that is still ahead. */
  async waited(ahead: ReadonlySet<AssetKey>): Promise<CheckResult[]> {
    const ready = this.waiting.filter(({ tables }) => !tables.some((table) => ahead.has(table)))
    this.waiting = this.waiting.filter((item) => !ready.includes(item))
    const results: CheckResult[] = []
    for (const { target, check } of ready) {
      results.push(...(await this.scope.checkRunner.run(target, [check], this.scope.signal)))
    }
    return results
  }

  /** The blocking checks that look at one of the tables. */
  async affected(tables: ReadonlySet<string>): Promise<AuditedCheck[]> {
    const found: AuditedCheck[] = []
    if (tables.size === 0) return found
    for (const item of this.audited) {
      if (!item.check.blocking) continue
      // The columns are those that it ran with, as it may not even compile any more; then running it will tell.
      const read = [item.asset.key, ...(await this.scope.checkRunner.tables(item.target, item.check))]
      if (read.some((name) => tables.has(name))) found.push(item)
    }
    return found
  }

  /** Runs checks once more, on what the run's branch holds now; those of one asset share their scans as before. */
  async again(checks: readonly AuditedCheck[]): Promise<CheckResult[]> {
    const results: CheckResult[] = []
    for (const asset of new Set(checks.map((item) => item.asset))) {
      const own = checks.filter((item) => item.asset === asset)
      const target = await this.target(asset, own[0]?.steps ?? [])
      const { checkRunner, signal } = this.scope
      results.push(
        ...(await checkRunner.run(
          target,
          own.map(({ check }) => check),
          signal,
        )),
      )
    }
    return results
  }

  private async target(asset: Asset, steps: readonly PlannedStep[]): Promise<CheckTarget> {
    const { catalog, branch, reads } = this.scope
    return { ...(await checkTarget(catalog, asset, branch, steps)), onRead: (name) => reads.add(name) }
  }
}
