export { lowerBound, pointBound, upperBound } from './types/bounds.js'
export {
  type DataFile,
  type EntryStatus,
  entryStatus,
  type FieldSummary,
  type FileContent,
  fileContent,
  type FormatVersion,
  isDeletionVector,
  type ManifestEntry,
  type ManifestFile,
} from './manifest/data-file.js'
export { deleteColumnIds, type DeleteFile } from './scan/delete-index.js'
export {
  bindExpression,
  type BindOptions,
  type BoundExpression,
  type BoundPredicate,
  type ComparisonOp,
  type Expression,
} from './scan/expression.js'
export { type FileStatistics, statisticsOf } from './manifest/file-statistics.js'
export { lineageIds } from './manifest/row-lineage.js'
export { fileMayMatch, fileMustMatch } from './scan/pruning.js'
export { type ChangeTask, planChangelogScan } from './scan/changelog-scan.js'
export { type AppendedTask, type IncrementalScanOptions, planIncrementalAppendScan } from './scan/incremental-scan.js'
export { type SnapshotInterval } from './scan/snapshot-interval.js'
export { writeStatistics } from './sketches/statistics-file.js'
export { ThetaSketch, thetaSketchBlob } from './sketches/theta-sketch.js'
export { combineTasks, type ScanSplit, type SplitOptions } from './scan/split.js'
export { type SelectedSnapshot, selectSnapshot, type SnapshotSelection } from './metadata/select-snapshot.js'
export {
  currentSchema,
  mainTableBranch,
  metadataOf,
  refSnapshot,
  schemaById,
  snapshotAsOf,
  snapshotById,
} from './metadata/metadata.js'
export {
  type MetadataCodec,
  metadataCodec,
  metadataEndings,
  parseMetadata,
  serializeMetadata,
} from './metadata/metadata-file.js'
export {
  type BoundPartitionField,
  bindSpec,
  newPartitionSpec,
  type PartitionColumn,
  specById,
} from './partition/partition-spec.js'
export {
  decodeDeletionVector,
  deletionVectorBlob,
  encodeDeletionVector,
  readDeletionVector,
} from './deletes/deletion-vector.js'
export { PositionSet } from './deletes/position-set.js'
export {
  type MetadataTable,
  metadataTable,
  type MetadataTableName,
  metadataTableNames,
  type MetadataTableOptions,
} from './metadata-tables/metadata-table.js'
export type { MetadataRow, MetadataValue } from './metadata-tables/columns.js'
export { parseJson, serializeJson } from './metadata/json.js'
export { blobTypes, type PuffinBlob, type PuffinMetadata } from './puffin/puffin-footer.js'
export { type PuffinSizes, readPuffinBlob, readPuffinMetadata } from './puffin/puffin-reader.js'
export { type NewPuffinBlob, type NewPuffinFile, writePuffin } from './puffin/puffin-writer.js'
export { SpecUpdate } from './partition/spec-update.js'
export { type BoundSortField, bindSortOrder, newSortOrder, type SortColumn } from './sort/sort-order.js'
export { planScan, type ScanOptions, type ScanTask } from './scan/scan.js'
export { ScanMetrics } from './scan/scan-metrics.js'
export { evolveSchema, replaceSchema } from './schema/evolution.js'
export { newSchema } from './schema/field-ids.js'
export { findField, highestFieldId, indexById, type IndexedField } from './schema/schema.js'
export { requireSafe, type SchemaChange, type SchemaEvolution } from './schema/schema-change.js'
export {
  findMappedField,
  type MappedField,
  type NameMapping,
  nameMappingProperty,
  newNameMapping,
  parseNameMapping,
  serializeNameMapping,
  tableNameMapping,
  updateNameMapping,
} from './schema/name-mapping.js'
export { type NewColumn, SchemaUpdate, type SchemaUpdateOptions } from './schema/schema-update.js'
export { schemaChanges, schemaHistory, type SchemaVersion } from './schema/schema-history.js'
export type { AddedFile, CommitValidation, FileRemoval, SnapshotChange } from './commit/snapshot-change.js'
export { partitionKey } from './manifest/partition-key.js'
export { bindTableSpec, TableFiles } from './manifest/table-files.js'
export { commitWithRetry, type CommitTarget } from './commit/commit-with-retry.js'
export { isOtherLayout } from './commit/conflict.js'
export type { MetadataChange } from './commit/metadata-change.js'
export {
  createRef,
  fastForward,
  type RefChange,
  type RefRetention,
  removeRef,
  renameBranch,
  replaceRef,
  rollbackTo,
  rollbackToTime,
  setCurrentSnapshot,
  setRetention,
} from './commit/snapshot-refs.js'
export { rowsMatching } from './commit/rows-matching.js'
export { FolderTables } from './table/folder-tables.js'
export { Table, type WriteOptions } from './table/table.js'
export { type NewTable, TableTransaction } from './commit/transaction.js'
export { applyTransform, bucketHash, parseTransform, resultType, type Transform } from './partition/transform.js'
export {
  formatPrimitive,
  formatType,
  isList,
  isMap,
  isStruct,
  parsePrimitive,
  type Primitive,
  sameType,
} from './types/primitive.js'
export { applyUpdates } from './metadata/updates.js'
export { checkRequirements } from './metadata/requirements.js'
export { formatSingleValue, parseSingleValue } from './types/single-value.js'
export { compareValues, decodeValue, encodeValue, formatValue, toValue, type Value } from './types/value.js'
export {
  currentViewVersion,
  parseViewMetadata,
  serializeViewMetadata,
  viewMetadataOf,
  viewSql,
} from './view/view-metadata.js'
export { applyViewUpdates, newViewUpdates, type NewView, replaceViewUpdates } from './view/view-updates.js'
export {
  expireSnapshots,
  type ExpiryOptions,
  type ExpiryPlan,
  type ExpiryResult,
  filesExpiredBy,
  planExpiry,
} from './maintenance/expire-snapshots.js'
export type { RemovedFiles } from './maintenance/file-removal.js'
export { FileKeys } from './maintenance/file-keys.js'
export type { MaintainedTable } from './maintenance/maintained-table.js'
export { type ReachedFile, reachedFiles } from './maintenance/reached-files.js'
export {
  everyMetadataFile,
  type OrphanPlan,
  type OrphanSearch,
  planOrphanRemoval,
  removeOrphans,
  type TableState,
} from './maintenance/remove-orphans.js'
export type { TableFile, TableFileKind } from './maintenance/table-contents.js'
export { type FileGroup, planRewrite, type RewriteOptions, type RewritePlan } from './maintenance/rewrite-plan.js'
export {
  type ManifestRewriteOptions,
  type ManifestRewritePlan,
  type ManifestRewriteResult,
  planManifestRewrite,
  rewriteManifests,
} from './maintenance/rewrite-manifests.js'
export { type ColumnRange, filePartition } from './register/file-partition.js'
export { findTable, type FoundTable } from './register/register-table.js'
export {
  type DanglingOptions,
  type DanglingPlan,
  type DanglingResult,
  planDanglingDeletes,
  removeDanglingDeletes,
} from './maintenance/dangling-deletes.js'
export { type DeleteGroup, type DeleteRewritePlan, planDeleteRewrite } from './maintenance/delete-rewrite-plan.js'
export { targetFileSize } from './metadata/properties.js'
export { type MergedStates, mergeTable } from './merge/merge-table.js'
export type { MergeConflictKind, ReplayedSnapshot, TableMerge } from './merge/table-merge.js'
export { type ChangedFiles, changedFiles, type FileRows } from './merge/changed-files.js'
export type { TableAt } from './merge/changed-entries.js'
