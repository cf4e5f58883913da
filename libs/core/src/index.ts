export {
  type Asset,
  type AssetCheck,
  type AssetKey,
  assetKey,
  type AssetStrategy,
  type CheckScope,
  type Freshness,
  type IngestionAsset,
  type LoadContext,
  type LoadPartition,
  type LoadResult,
  type ModelAsset,
  quarantineOf,
  type Severity,
} from './assets/asset.js'
export { AssetGraph } from './assets/asset-graph.js'
export { modelAssets } from './assets/model-assets.js'
export { requireIngestion, selectAssets } from './assets/selection.js'
export {
  blocksPublishing,
  type CheckLayer,
  type CheckMetadata,
  type CheckResult,
  type CheckStatus,
  hasFailed,
  sampleSize,
  schemaCheckName,
} from './checks/check-result.js'
export { checkAssets, type CheckDependencies, type CheckRequest } from './checks/check-assets.js'
export {
  type CheckPoint,
  qualityReport,
  type QualityReport,
  type ReportedAsset,
  type ReportedCheck,
} from './checks/quality-report.js'
export { type CheckedPartitions, scopeCondition, windowInterval } from './checks/check-scope.js'
export { type CheckHistory, CheckRunner } from './checks/check-runner.js'
export type { CheckTarget } from './checks/prepared-check.js'
export { failedFraction, verdict, type VerdictRules } from './checks/verdict.js'
export { durationPattern, parseDuration } from './duration.js'
export { type ErrorInfo, errorInfo } from './events/error-info.js'
export type { RunEvent, RunOutcome, StepName } from './events/run-events.js'
export { type Interval, IntervalSet } from './partitions/interval-set.js'
export {
  countPartitions,
  coverage,
  describeInterval,
  eachPartition,
  floorTo,
  parsePartitionKey,
  type PartitionCalendar,
  type PartitionDefinition,
  partitionKey,
  type PartitionRequest,
  type PartitionUnit,
  requestedInterval,
} from './partitions/partition-definition.js'
export { isTimeZone } from './partitions/time-zone.js'
export { type AssetState, currentSnapshot, readAssetState, rowCount } from './plan/asset-state.js'
export { makePlan, type PlanInputs, type PlanRequest } from './plan/make-plan.js'
export type { Plan, PlannedStep } from './plan/plan.js'
export {
  type RejectedRow,
  rejectedRows,
  type RejectedSelection,
  requireRows,
  valuesOf,
} from './quarantine/rejected-rows.js'
export { type Repair, repairRows } from './quarantine/repair.js'
export { profileTable } from './profile/profile-table.js'
export type { ColumnProfile, HistogramBin, SuggestedCheck, TableProfile } from './profile/table-profile.js'
export { type ColumnDifference, diffRefs, type RefDiffOptions, type TableDifference } from './refs/diff.js'
export { type Undropped, type UndropRequest, undropTable } from './refs/undrop.js'
export { batchRows, type PlainRow, type PlainValue, readRows } from './result-rows.js'
export { expiredBranches, tidyBranches } from './run/branch-retention.js'
export {
  backfill,
  type BackfillOutcome,
  type BackfillRequest,
  backfillStatus,
  type BackfillStatus,
} from './run/backfill.js'
export {
  deleteExpiredRows,
  expiredRows,
  type ExpiredRows,
  type RetentionReport,
  type RowRetention,
} from './refs/row-retention.js'
export { executeRun, type RunRequest } from './run/execute-run.js'
export type { AuditPolicy, RunDependencies, RunHost } from './run/run-dependencies.js'
export type { RetryPolicy } from './run/retrying.js'
export { markInterrupted } from './run/run-liveness.js'
export { checkCron, nextDue, type Schedule } from './schedules/schedule.js'
