import { formatIdentifier, type IngestResult, type PartitionInterval, PhloError, type WriteStrategy } from '@phlo/ports'
import { type IngestionAsset, type LoadContext, quarantineOf } from '../assets/asset.js'
import type { CheckResult } from '../checks/check-result.js'
import { sampleSize, schemaCheckName } from '../checks/check-result.js'
import { errorInfo } from '../events/error-info.js'
import type { StepName } from '../events/run-events.js'
import { IntervalSet, type Interval } from '../partitions/interval-set.js'
import { describeInterval, type PartitionDefinition, partitionTransform } from '../partitions/partition-definition.js'
import { type AssetState, assetStateProperties, isCurrent, readAssetState } from '../plan/asset-state.js'
import type { PlannedStep } from '../plan/plan.js'
import { sourceVersion } from '../plan/source-version.js'
import { readRows } from '../result-rows.js'
import { instantText } from './partition-filter.js'
import { readSource } from './read-source.js'
import { retrying, withTimeout } from './retrying.js'
import type { RunScope } from './run-scope.js'
import { laterOf, readFrom } from './watermark.js'
import type { StepResult } from './step-result.js'

/** Reads the asset's source and takes it in on the run's branch, as often and as long as the asset allows. */
export async function runIngestion(
  scope: RunScope,
  asset: IngestionAsset,
  planned: PlannedStep,
  step: StepName,
): Promise<StepResult> {
  const { signal, clock, journal } = scope
  const once = { attempts: 1, delay: 0, maxDelay: 0 }
  return retrying(
    () =>
      withTimeout(asset.timeout, signal, asset.key, (limited) =>
        takeIn({ ...scope, signal: limited }, asset, planned, step),
      ),
    {
      policy: asset.retries ?? once,
      signal,
      clock,
      onRetry: ({ error, ...rest }) => journal.record({ type: 'step-retried', step, ...rest, error: errorInfo(error) }),
    },
  )
}

async function takeIn(
  scope: RunScope,
  asset: IngestionAsset,
  planned: PlannedStep,
  step: StepName,
): Promise<StepResult> {
  const { catalog, branch, signal } = scope
  const quarantine = quarantineOf(asset.target)
  const state = readAssetState(await catalog.loadTable(asset.target, { ref: branch }))
  const version = await sourceVersion(asset, scope.sources, scope.projectDir)
  const partition = planned.interval && asset.partitions && loadPartition(asset, asset.partitions, planned.interval)
  // What is taken in whole would lose what lies before a cursor.
  const incremental = !asset.partitions && asset.strategy.kind !== 'overwrite'
  const read = await readSource(asset, scope.sources, loadContext(scope, partition, nextRead(asset, state)), {
    projectDir: scope.projectDir,
    signal,
    ...(partition && { partition: { key: partition.key, from: partition.start, to: partition.end } }),
    ...(incremental && state.cursor !== undefined && { cursor: state.cursor }),
  })
  const known = (isCurrent(state, asset, version) ? state.materialized : new IntervalSet()).plus(
    scope.takenIn.get(asset.key) ?? new IntervalSet(),
  )
  const result = await scope.ingestion.ingest({
    target: asset.target,
    quarantine,
    ref: branch,
    schema: asset.schema,
    inputs: read.inputs,
    strategy: writeStrategy(asset),
    ...(planned.interval && asset.partitions && { interval: engineInterval(asset, planned.interval) }),
    partitioning: [
      ...(asset.partitions
        ? [{ column: asset.partitions.column, transform: partitionTransform(asset.partitions) }]
        : []),
      ...asset.partitionBy,
    ],
    ...(asset.bronze && {
      bronze: {
        ...asset.bronze,
        ...(asset.partitions?.timezone !== undefined && { timezone: asset.partitions.timezone }),
      },
    }),
    unexpectedColumns: asset.unexpectedColumns,
    runId: scope.runId,
    ...(asset.description !== undefined && { doc: asset.description }),
    properties: assetStateProperties({
      codeVersion: asset.codeVersion,
      ...(planned.interval && { materialized: known.plus(new IntervalSet([planned.interval])) }),
      ...(version !== undefined && { sourceVersion: version }),
    }),
    ...(asset.cursor && { greatestOf: asset.cursor.column }),
    ...(incremental && {
      propertiesRead: ({ greatest }) =>
        assetStateProperties({
          cursor: read.cursor?.(),
          watermark: asset.cursor && laterOf(asset.cursor, state.watermark, greatest),
        }),
    }),
    summary: {
      'phlo.run-id': scope.runId,
      ...(planned.partition !== undefined && { 'phlo.partition': planned.partition }),
    },
    message: `Ingest ${asset.key}${planned.partition === undefined ? '' : ` ${planned.partition}`}`,
    onProgress: (progress) => scope.journal.record({ type: 'step-progress', step, progress }),
    signal,
  })
  if (planned.interval) {
    const taken = scope.takenIn.get(asset.key) ?? new IntervalSet()
    scope.takenIn.set(asset.key, taken.plus(new IntervalSet([planned.interval])))
  }
  return ingested(scope, asset, planned, result)
}

/** What an ingestion came to: the schema's check of it, and why it fails, if it does. */
export async function ingested(
  scope: RunScope,
  asset: IngestionAsset,
  planned: PlannedStep,
  result: IngestResult,
): Promise<StepResult> {
  scope.writes.add(asset.key)
  scope.writes.add(formatIdentifier(quarantineOf(asset.target)))
  const check = await schemaCheck(scope, asset, planned, result)
  const { snapshotId: _, ...event } = result
  const error = rejection(asset, result)
  return { rows: result.written, event: { ingest: event }, checks: [check], ...(error && { error }) }
}

/** Rejected rows fail an asset that is strict, and any asset of which nothing is left. */
function rejection(
  asset: IngestionAsset,
  { read, written, rejected, rejectedRules }: IngestResult,
): PhloError | undefined {
  const nothingLeft = rejected > 0 && written === 0
  if (rejected === 0 || !(asset.strict || nothingLeft)) return undefined
  const rules = rejectedRules.map(({ rule, rows }) => `${rule} (${rows})`).join(', ')
  return new PhloError('PHLO_INGEST_REJECTED', `${rejected} of ${read} rows of ${asset.key} were rejected: ${rules}`, {
    hint: nothingLeft
      ? 'Not one row met the schema, so the source probably changed.'
      : 'The asset is strict: mend the source or the schema.',
    context: { rejected, read, rules: rejectedRules },
  })
}

/** The schema's contract as a check result, so that it stands with the others. */
async function schemaCheck(
  scope: RunScope,
  asset: IngestionAsset,
  planned: PlannedStep,
  result: IngestResult,
): Promise<CheckResult> {
  const { rejectedSql } = result
  const sample =
    rejectedSql === undefined
      ? undefined
      : await readRows(await scope.queries.query(rejectedSql, { ref: scope.branch }), sampleSize)
  const failed = rejection(asset, result) !== undefined
  return {
    asset: asset.key,
    name: schemaCheckName,
    kind: 'schema',
    description: `every row meets the schema (${asset.schema.columns.length} columns)`,
    layer: 'rows',
    status: result.rejected === 0 ? 'passed' : failed ? 'failed' : 'warned',
    severity: failed ? 'error' : 'warn',
    blocking: true,
    ...(result.rejected > 0 && {
      observed: `${result.rejected} ${result.rejected === 1 ? 'row' : 'rows'} in quarantine (${result.rejectedRules.map(({ rule, rows }) => `${rule}: ${rows}`).join(', ')})`,
    }),
    metadata: {
      source: 'phlo',
      ...(planned.partition !== undefined && { partition_key: planned.partition }),
      failed_count: result.rejected,
      total_count: result.read,
      ...(rejectedSql !== undefined && { query_or_sql: rejectedSql, repro_sql: rejectedSql }),
      ...(sample !== undefined && { sample }),
    },
  }
}

function writeStrategy(asset: IngestionAsset): WriteStrategy {
  // A partition is taken in whole each time: appending to it twice would double it.
  return asset.strategy.kind === 'append' && asset.partitions ? { kind: 'overwrite' } : asset.strategy
}

function columnType(asset: IngestionAsset): string {
  const column = asset.schema.columns.find(({ name }) => name === asset.partitions?.column)
  return typeof column?.type === 'string' ? column.type : 'timestamp'
}

function engineInterval(asset: IngestionAsset, { from, to }: Interval): PartitionInterval {
  const type = columnType(asset)
  return { column: asset.partitions?.column as string, from: instantText(from, type), to: instantText(to, type) }
}

function loadPartition(asset: IngestionAsset, partitions: PartitionDefinition, interval: Interval) {
  const type = columnType(asset)
  return {
    key: describeInterval(partitions, interval),
    start: instantText(interval.from, type),
    end: instantText(interval.to, type),
  }
}

function nextRead({ cursor }: IngestionAsset, { watermark }: AssetState): LoadContext['cursor'] {
  return cursor && watermark !== undefined ? { column: cursor.column, from: readFrom(cursor, watermark) } : undefined
}

function loadContext(scope: RunScope, partition: LoadContext['partition'], cursor: LoadContext['cursor']): LoadContext {
  return {
    ...(cursor && { cursor }),
    ...(partition && { partition }),
    run: { id: scope.runId, ref: scope.branch },
    signal: scope.signal,
    query: async (sql) => {
      for (const { identifier } of await scope.queries.tables(sql))
        scope.functionReads.add(formatIdentifier(identifier))
      return readRows(await scope.queries.query(sql, { ref: scope.branch, signal: scope.signal }))
    },
  }
}
