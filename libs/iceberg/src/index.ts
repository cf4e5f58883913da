export { lowerBound, upperBound } from './bounds.js'
export {
  type DataFile,
  type EntryStatus,
  entryStatus,
  type FieldSummary,
  type FileContent,
  fileContent,
  type ManifestEntry,
  type ManifestFile,
} from './data-file.js'
export type { ComparisonOp, Expression } from './expression.js'
export {
  currentSchema,
  mainTableBranch,
  parseMetadata,
  refSnapshot,
  schemaById,
  serializeMetadata,
  snapshotAsOf,
  snapshotById,
} from './metadata.js'
export { type BoundPartitionField, bindSpec, newPartitionSpec, type PartitionColumn, specById } from './partition.js'
export { planScan, type ScanOptions, type ScanTask } from './scan.js'
export {
  evolveSchema,
  findField,
  highestFieldId,
  indexById,
  type IndexedField,
  newSchema,
  replaceSchema,
  requireSafe,
  type SchemaChange,
  type SchemaEvolution,
} from './schema.js'
export type { SnapshotChange } from './snapshot-writer.js'
export { bindTableSpec, TableFiles } from './table-files.js'
export { type NewTable, TableTransaction } from './transaction.js'
export { applyTransform, bucketHash, parseTransform, resultType, type Transform } from './transform.js'
export {
  formatPrimitive,
  formatType,
  isList,
  isMap,
  isStruct,
  parsePrimitive,
  type Primitive,
  sameType,
} from './types.js'
export { applyUpdates, checkRequirements } from './updates.js'
export { compareValues, decodeValue, encodeValue, formatValue, toValue, type Value } from './value.js'
