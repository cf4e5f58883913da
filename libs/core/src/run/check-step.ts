import { PhloError } from '@phlo/ports'
import type { Asset } from '../assets/asset.js'
import type { CheckResult } from '../checks/check-result.js'
import type { Interval } from '../partitions/interval-set.js'
import type { PlannedStep } from '../plan/plan.js'
import { partitionFilter } from './partition-filter.js'
import type { RunScope } from './run-scope.js'

/** Runs an asset's checks on the run's branch, those of partition scope over the partitions that the run wrote. */
export async function checkAsset(scope: RunScope, asset: Asset, steps: readonly PlannedStep[]): Promise<CheckResult[]> {
  if (asset.checks.length === 0) return []
  const table = await scope.catalog.loadTable(asset.target, { ref: scope.branch })
  const schema = table?.metadata.schemas.find((item) => item['schema-id'] === table.metadata['current-schema-id'])
  if (!schema) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${asset.key} at ${scope.branch}`)
  const intervals = steps
    .map(({ interval }) => interval)
    .filter((interval): interval is Interval => interval !== undefined)
  const partitioned =
    asset.kind === 'ingestion' && asset.partitions && intervals.length > 0 ? asset.partitions : undefined
  const column = schema.fields.find(({ name }) => name === partitioned?.column)
  return scope.checkRunner.run(
    {
      asset: asset.key,
      table: asset.target,
      columns: schema.fields,
      ref: scope.branch,
      ...(partitioned &&
        typeof column?.type === 'string' && {
          partitionFilter: partitionFilter(partitioned.column, column.type, intervals, scope.queries.dialect),
          partitionKey: steps.map(({ partition }) => partition).join(','),
        }),
      onRead: (name) => scope.reads.add(name),
    },
    asset.checks,
    scope.signal,
  )
}
