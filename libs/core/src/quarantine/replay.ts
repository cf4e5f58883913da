import { mainBranch, PhloError, type RowOrigin, type WriteStrategy } from '@phlo/ports'
import { type AssetKey, type IngestionAsset, quarantineOf } from '../assets/asset.js'
import { requireIngestion } from '../assets/selection.js'
import type { Plan, PlannedStep } from '../plan/plan.js'
import { ingested } from '../run/ingest-step.js'
import type { RunDependencies } from '../run/run-dependencies.js'
import type { RunScope } from '../run/run-scope.js'
import type { StepResult } from '../run/step-result.js'
import { rejectedRows, type RejectedSelection, requireRows, sameRow, valuesOf } from './rejected-rows.js'

/** A plan that takes rejected rows in once more. Throws PHLO_ASSET_UNKNOWN and PHLO_QUARANTINE_EMPTY. */
export async function planReplay(
  dependencies: Pick<RunDependencies, 'graph' | 'catalog' | 'queries'>,
  name: AssetKey,
  selection: RejectedSelection,
): Promise<Plan> {
  const asset = requireIngestion(dependencies.graph, name)
  const rows = requireRows(await rejectedRows(dependencies, asset, selection, mainBranch), asset, selection)
  const reason = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'} of its quarantine`
  return { steps: [{ asset: asset.key, kind: 'ingestion', reason, upstream: [], replay: selection }], fresh: [] }
}

/** How many rows one statement names. */
const rowsAtOnce = 500

/**
 * Takes rejected rows out of quarantine and through the asset's ingestion, on the run's branch: those that still break a
 * rule come back to quarantine with the reason that they have now, and with the place that they came from at first.
 */
export async function replayRows(
  scope: RunScope,
  asset: IngestionAsset,
  planned: PlannedStep,
  selection: RejectedSelection,
): Promise<StepResult> {
  const { branch, queries, signal } = scope
  const { dialect } = queries
  const quarantine = quarantineOf(asset.target)
  const selected = requireRows(await rejectedRows(scope, asset, selection, branch), asset, selection)
  // Lines that are no rows stay where they are until somebody makes rows of them.
  const taken = selected.flatMap((row) => {
    const values = valuesOf(row)
    return values ? [{ row, values }] : []
  })
  if (taken.length === 0) {
    throw new PhloError(
      'PHLO_QUARANTINE_EMPTY',
      `What is meant in the quarantine of ${asset.key} are lines without columns`,
      {
        hint: `Write them as rows: phlo quarantine repair ${asset.key} --rows FILE`,
      },
    )
  }
  const message = `Replay ${taken.length} rejected rows of ${asset.key}`
  for (let start = 0; start < taken.length; start += rowsAtOnce) {
    const rows = taken.slice(start, start + rowsAtOnce).map(({ row }) => `(${sameRow(dialect, row)})`)
    const sql = `DELETE FROM ${dialect.table(quarantine)} WHERE ${rows.join(' OR ')}`
    await queries.execute(sql, { ref: branch, message, signal })
  }
  // A row that lacks a column stands for a file that has it elsewhere.
  const absent = Object.fromEntries(asset.schema.columns.map(({ name }) => [name, null]))
  const result = await scope.ingestion.ingest({
    target: asset.target,
    quarantine,
    ref: branch,
    schema: asset.schema,
    inputs: [
      {
        type: 'rows',
        name: `quarantine of ${asset.key}`,
        rows: taken.map(({ values }) => ({ ...absent, ...values })),
        origins: taken.map(({ row }): RowOrigin => ({ file: row.file, row: row.place, partition: row.partition })),
      },
    ],
    strategy: addingStrategy(asset.strategy),
    partitioning: [
      ...(asset.partitions ? [{ column: asset.partitions.column, transform: asset.partitions.unit }] : []),
      ...asset.partitionBy,
    ],
    unexpectedColumns: asset.unexpectedColumns,
    runId: scope.runId,
    summary: { 'phlo.run-id': scope.runId },
    message,
    signal,
  })
  return ingested(scope, asset, planned, result)
}

/** A few rows must not stand for all that a source has. */
function addingStrategy(strategy: WriteStrategy): WriteStrategy {
  if (strategy.kind === 'overwrite' || strategy.kind === 'delete-insert') return { kind: 'append' }
  return strategy.kind === 'scd2' ? { ...strategy, absent: 'keep' } : strategy
}
