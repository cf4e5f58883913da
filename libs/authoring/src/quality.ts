import type { Check } from './check-options.js'
import * as rowChecks from './checks.js'
import { declarations } from './collector.js'
import { declaredAt } from './declared-at.js'
import type { AssetHandle } from './ingestion.js'
import * as tableChecks from './table-checks.js'

const checkFunctions = { ...rowChecks, ...tableChecks }

/** The checks that can be made, as `t` in `quality(asset, (t) => [ … ])`. */
export type CheckFunctions = typeof checkFunctions

/**
 * Declares checks on a table: they run on a run's branch after the table was written, and a failed one keeps the run from
 * being published. Columns are held against the asset's schema by the compiler.
 *
 * @example
 * quality(flights, (t) => [t.notNull('origin'), t.range('delay', { min: -120, max: 2000 })])
 * quality({ table: flights, checks: [range('distance', { min: 1 })] })
 */
export function quality<Column extends string>(
  table: AssetHandle<Column> | string,
  checks: (t: CheckFunctions) => readonly Check<NoInfer<Column>>[],
): void
export function quality<Column extends string>(options: {
  readonly table: AssetHandle<Column> | string
  readonly checks: readonly Check<NoInfer<Column>>[]
}): void
export function quality(
  first: AssetHandle | string | { readonly table: AssetHandle | string; readonly checks: readonly Check<string>[] },
  build?: (t: CheckFunctions) => readonly Check<string>[],
): void {
  const location = declaredAt()
  const table = typeof first === 'object' && 'table' in first ? first.table : first
  const checks = typeof first === 'object' && 'table' in first ? first.checks : (build?.(checkFunctions) ?? [])
  declarations().quality.push({
    table: typeof table === 'string' ? table : table.key,
    checks: checks.map(({ check }) => check),
    ...(location && { location }),
  })
}
