export {
  type ErrorCode,
  errorCodes,
  errorMessage,
  hasSystemCode,
  isPhloError,
  PhloError,
  type PhloErrorOptions,
  restated,
  type SourceLocation,
  toPhloError,
} from './errors.js'
export { nearest } from './nearest.js'
export { parseRefSpec, type RefSpec, requireRunBranches, requireVersioned, resolveRef } from './ref-spec.js'
export { defineManyPort, definePort, type Port } from './port.js'
export {
  definePlugin,
  type PluginContext,
  type PluginManifest,
  type PluginProject,
  pluginApiVersion,
  provide,
  type Provided,
} from './plugin.js'
export { issuePath, type StandardIssue, type StandardResult, type StandardSchema } from './standard-schema.js'
export {
  type ByteRange,
  type ObjectInfo,
  type ObjectStore,
  ObjectStorePort,
  type ObjectStoreSupports,
  type PutCondition,
  type StoredObject,
} from './object-store.js'
export type { Rendezvous, RendezvousPeer, RendezvousService } from './rendezvous.js'
export type { RequestSigner, StorageGrant, StoreRequest } from './storage-grant.js'
export type {
  BlobMetadata,
  EncryptionKey,
  IcebergSchema,
  IcebergType,
  ListType,
  MapType,
  NestedField,
  PartitionField,
  PartitionSpec,
  PartitionStatisticsFile,
  PrimitiveType,
  SingleValue,
  Snapshot,
  SnapshotOperation,
  SnapshotRef,
  SortField,
  SortOrder,
  StatisticsFile,
  StructType,
  TableMetadata,
  TableRequirement,
  TableUpdate,
  TransformName,
  TransformSource,
} from './iceberg-model.js'
export type { ViewMetadata, ViewRepresentation, ViewUpdate, ViewVersion } from './view-model.js'
export { formatIdentifier, parseIdentifier, sameIdentifier, type TableIdentifier } from './table-identifier.js'
export type { CatalogChange, ViewRequirement } from './catalog-change.js'
export {
  type Catalog,
  CatalogPort,
  type CatalogSupports,
  type CommitOptions,
  type CommitResult,
  type LoadedTable,
  type LoadedView,
  mainBranch,
  type NamespaceInfo,
  type RefOptions,
  type StagedTable,
  type TableLayout,
} from './catalog.js'
export {
  type CatalogDiff,
  type CommitInfo,
  hasRunBranches,
  isVersioned,
  type LakeState,
  type MergeOptions,
  type MergeOutcome,
  type MergeResult,
  type MergeStrategy,
  type NamespaceDiff,
  type NamespaceMerge,
  type RefInfo,
  type ReflogAction,
  type ReflogEntry,
  type RefWords,
  type TableDiff,
  type TableMerge,
  type VersionedCatalog,
  type ToldCommits,
} from './versioned-catalog.js'
export type { ColumnRule, ColumnSchema, ComparisonOperator, RowRule, RowSchema, RuleValue } from './row-schema.js'
export type { SqlDialect } from './sql-dialect.js'
export {
  type MaterializeRequest,
  type MaterializeResult,
  type QueryEngine,
  QueryEnginePort,
  type QueryEngineSupports,
  type ExecuteOptions,
  type ExecuteResult,
  type QueryOptions,
  type QueryResult,
  relocateStatementError,
  type RowDiff,
  type SqlParameter,
  statementFile,
  type StatementProgress,
  type StatementTable,
} from './query-engine.js'
export type { Considered, QueryPlan, ScanReport, TableReadPlan } from './query-plan.js'
export {
  type BronzeColumn,
  bronzeColumns,
  type BronzeRequest,
  historyColumns,
  type IngestEngine,
  IngestEnginePort,
  type IngestPartitioning,
  type IngestRequest,
  type IngestResult,
  type PartitionInterval,
  type RejectedRule,
  type RowChoice,
  type WriteStrategy,
} from './ingest-engine.js'
export {
  type FileInput,
  type RowOrigin,
  type RowsInput,
  type Source,
  type SourceBatch,
  type SourceInput,
  type SourcePartition,
  SourcePort,
  type SourceRead,
  type SourceReadContext,
  type SourceRow,
  type SourceSpec,
} from './source.js'
export {
  type AggregateValues,
  type CheckContext,
  type CheckFinding,
  type CheckKind,
  type CheckMetrics,
  CheckKindPort,
  type CompiledCheck,
} from './check-kind.js'
export {
  type DeclaredTest,
  type SqlPlace,
  type Transformer,
  TransformerPort,
  type TransformModel,
} from './transformer.js'
export {
  type CheckRecord,
  type CheckRecordFilter,
  type RunEventRecord,
  type RunRecord,
  type RunStatus,
  type StateStore,
  StateStorePort,
} from './state-store.js'
export { type EventListener, EventListenerPort, type PublishedEvent } from './event-listener.js'
export type {
  ColumnCondition,
  RewriteProgress,
  RewriteRequest,
  RewriteResult,
  RewriteStrategy,
  SortKey,
  RewriteDeletesRequest,
  RewriteDeletesResult,
} from './rewrite.js'
export type { AddFilesRequest, AddFilesResult } from './add-files.js'
export type { ComparedStates, RowDiffCounts, RowDiffOptions, TableStateSelection } from './row-diff.js'
export type { DescribedFile, SharedKeyLookup, SharedKeyRequest } from './shared-key.js'
export type { AnalyzeRequest, AnalyzeResult } from './table-statistics.js'
