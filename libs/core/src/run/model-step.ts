import { formatIdentifier, type MaterializeRequest, relocateStatementError } from '@phlo/ports'
import type { ModelAsset } from '../assets/asset.js'
import type { StepName } from '../events/run-events.js'
import { assetStateProperties, snapshotIdOf } from '../plan/asset-state.js'
import type { RunScope } from './run-scope.js'
import type { StepResult } from './step-result.js'

/** Makes a model's table anew on the run's branch. */
export async function runModel(scope: RunScope, asset: ModelAsset, step: StepName): Promise<StepResult> {
  const inputs: Record<string, string> = {}
  for (const input of asset.inputs) {
    const name = formatIdentifier(input)
    inputs[name] = snapshotIdOf(await scope.catalog.loadTable(input, { ref: scope.branch }))
    scope.reads.add(name)
  }
  const request: MaterializeRequest = {
    target: asset.target,
    sql: asset.sql,
    ref: scope.branch,
    strategy: 'replace',
    partitionBy: asset.partitionBy,
    ...(asset.description !== undefined && { doc: asset.description }),
    columnDocs: asset.columnDocs,
    properties: assetStateProperties({ codeVersion: asset.codeVersion, inputs }),
    summary: { 'phlo.run-id': scope.runId },
    message: `Materialize ${asset.key}`,
    onProgress: (progress) => scope.journal.record({ type: 'step-progress', step, progress }),
    signal: scope.signal,
  }
  const result = await scope.queries.materialize(request).catch((error: unknown) => {
    throw asset.locate ? relocateStatementError(error, asset.locate) : error
  })
  scope.writes.add(asset.key)
  const { snapshotId: _, ...event } = result
  return { rows: result.rows, event: { materialize: event }, checks: [] }
}
