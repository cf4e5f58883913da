import type { NestedField } from '@phlo/ports'
import type { DataFile, ManifestEntry, ManifestFile } from '../manifest/data-file.js'
import type { TableFiles } from '../manifest/table-files.js'
import { isLive } from '../scan/table-filter.js'
import { listOf, long, mapOf, type MetadataRow, optional, required, schemaOf, type WantedColumns } from './columns.js'
import type { PartitionColumn } from './partition-column.js'
import type { ReadableMetrics } from './readable-metrics.js'

/** Tables with a row for each file that manifests list. */

/** Columns that need all of an entry's statistics to be decoded. */
const statisticsColumns = [
  'column_sizes',
  'value_counts',
  'null_value_counts',
  'nan_value_counts',
  'lower_bounds',
  'upper_bounds',
  'key_metadata',
  'sort_order_id',
  'readable_metrics',
]

function fileFields(partition: PartitionColumn): NestedField[] {
  return [
    optional(134, 'content', 'int'),
    required(100, 'file_path', 'string'),
    required(101, 'file_format', 'string'),
    optional(141, 'spec_id', 'int'),
    // Not every engine has a struct without fields.
    ...(partition.fields.length > 0 ? [required(102, 'partition', { type: 'struct', fields: partition.fields })] : []),
    required(103, 'record_count', 'long'),
    required(104, 'file_size_in_bytes', 'long'),
    optional(108, 'column_sizes', mapOf(117, 'int', 118, 'long')),
    optional(109, 'value_counts', mapOf(119, 'int', 120, 'long')),
    optional(110, 'null_value_counts', mapOf(121, 'int', 122, 'long')),
    optional(137, 'nan_value_counts', mapOf(138, 'int', 139, 'long')),
    optional(125, 'lower_bounds', mapOf(126, 'int', 127, 'binary')),
    optional(128, 'upper_bounds', mapOf(129, 'int', 130, 'binary')),
    optional(131, 'key_metadata', 'binary'),
    optional(132, 'split_offsets', listOf(133, 'long')),
    optional(135, 'equality_ids', listOf(136, 'int')),
    optional(140, 'sort_order_id', 'int'),
    optional(142, 'first_row_id', 'long'),
    optional(143, 'referenced_data_file', 'string'),
    optional(144, 'content_offset', 'long'),
    optional(145, 'content_size_in_bytes', 'long'),
  ]
}

export function filesSchema(partition: PartitionColumn, metrics: ReadableMetrics) {
  const fields = fileFields(partition)
  return schemaOf([...fields, ...metrics.fieldBehind(fields)])
}

export function entriesSchema(partition: PartitionColumn, metrics: ReadableMetrics) {
  const fields = [
    required(0, 'status', 'int'),
    optional(1, 'snapshot_id', 'long'),
    optional(3, 'sequence_number', 'long'),
    optional(4, 'file_sequence_number', 'long'),
    required(2, 'data_file', { type: 'struct', fields: fileFields(partition) }),
  ]
  return schemaOf([...fields, ...metrics.fieldBehind(fields)])
}

function fileRow(file: DataFile, partition: PartitionColumn): MetadataRow {
  const counts = (map: ReadonlyMap<number, number> | undefined) =>
    map ? new Map([...map].map(([id, count]) => [id, BigInt(count)])) : null
  return {
    content: file.content,
    file_path: file.path,
    file_format: file.format.toUpperCase(),
    spec_id: file.specId,
    ...(partition.fields.length > 0 && { partition: partition.valueOf(file) }),
    record_count: BigInt(file.recordCount),
    file_size_in_bytes: BigInt(file.fileSize),
    column_sizes: counts(file.columnSizes),
    value_counts: counts(file.valueCounts),
    null_value_counts: counts(file.nullCounts),
    nan_value_counts: counts(file.nanCounts),
    lower_bounds: file.lowerBounds ?? null,
    upper_bounds: file.upperBounds ?? null,
    key_metadata: file.keyMetadata ?? null,
    split_offsets: file.splitOffsets?.map(BigInt) ?? null,
    equality_ids: file.equalityIds ?? null,
    sort_order_id: file.sortOrderId ?? null,
    first_row_id: long(file.firstRowId),
    referenced_data_file: file.referencedDataFile ?? null,
    content_offset: long(file.contentOffset),
    content_size_in_bytes: long(file.contentSize),
  }
}

/** A row for each file of the manifests that is part of the table. */
export async function* fileRows(
  files: TableFiles,
  manifests: readonly ManifestFile[],
  partition: PartitionColumn,
  metrics: ReadableMetrics,
  wanted: WantedColumns,
): AsyncGenerator<MetadataRow> {
  const wantsMetrics = wanted.has('readable_metrics')
  for await (const entry of entriesOf(
    files,
    manifests,
    statisticsColumns.some((name) => wanted.has(name)),
  ))
    if (isLive(entry))
      yield {
        ...fileRow(entry.file, partition),
        ...(wantsMetrics && { readable_metrics: metrics.valueOf(entry.file) }),
      }
}

/** A row for each entry of the manifests, those of files that were deleted among them. */
export async function* entryRows(
  files: TableFiles,
  manifests: readonly ManifestFile[],
  partition: PartitionColumn,
  metrics: ReadableMetrics,
  wanted: WantedColumns,
): AsyncGenerator<MetadataRow> {
  const wantsFile = wanted.has('data_file')
  const wantsMetrics = wanted.has('readable_metrics')
  for await (const entry of entriesOf(files, manifests, wantsFile || wantsMetrics)) {
    yield {
      status: entry.status,
      snapshot_id: entry.snapshotId,
      sequence_number: BigInt(entry.sequenceNumber),
      file_sequence_number: BigInt(entry.fileSequenceNumber),
      ...(wantsFile && { data_file: fileRow(entry.file, partition) }),
      ...(wantsMetrics && { readable_metrics: metrics.valueOf(entry.file) }),
    }
  }
}

/** All entries of the manifests, one manifest after the other. */
export async function* entriesOf(
  files: TableFiles,
  manifests: readonly ManifestFile[],
  wantsStatistics: boolean,
): AsyncGenerator<ManifestEntry> {
  const statistics = wantsStatistics ? 'all' : new Set<number>()
  for await (const { entries } of files.open(manifests, () => ({ statistics }))) yield* entries
}
