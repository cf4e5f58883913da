export { asset } from './asset.js'
export type { Check, CheckOptions } from './check-options.js'
export {
  acceptedValues,
  check,
  count,
  fresh,
  holds,
  length,
  noRows,
  notNull,
  pattern,
  range,
  refersTo,
  unique,
} from './checks.js'
export type { Duration } from './durations.js'
export { type AssetHandle, type ColumnOf, ingestion, type IngestionOptions, type IngestionSource } from './ingestion.js'
export { daily, hourly, monthly, type PartitionOptions, type Partitions, weekly, yearly } from './partitions.js'
export { type CheckFunctions, quality } from './quality.js'
export {
  type AnomalyOptions,
  compare,
  distribution,
  hasColumns,
  noDuplicates,
  outliers,
  reconcileAggregates,
  reconcileChecksums,
  reconcileKeys,
  reconcileRows,
  type ReconciliationSource,
  type Tolerance,
  volume,
} from './table-checks.js'
export type { RetryOptions } from './retries.js'
export { schedule, type ScheduleOptions } from './schedule.js'
export {
  files,
  type FilesOptions,
  http,
  type HttpAuth,
  type HttpOptions,
  type HttpPagination,
  type HttpParent,
  type HttpResource,
  postgres,
  postgresChanges,
  type PostgresChangesOptions,
  type PostgresOptions,
  source,
} from './sources.js'
export type { LoadContext, LoadPartition, LoadResult } from '@phlo/core'
export { type DeclaredRowRule, field, type FieldOptions, rowRules } from '@phlo/schema'
export type {
  ChangesOptions,
  DeleteInsertOptions,
  HistoryOptions,
  InsertOnlyOptions,
  MergeOptions,
  UpsertOptions,
  WholeOptions,
} from './write-strategy.js'
export type { BronzeColumn } from '@phlo/ports'
export { z } from 'zod'
