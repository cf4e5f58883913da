import type { IcebergSchema, PartitionSpec } from '@phlo/ports'
import { type AvroField, type AvroSchema, optional } from '../avro/avro-schema.js'
import type { ByteWriter } from '../avro/byte-writer.js'
import { writeContainer } from '../avro/container.js'
import type { DataFile, EntryStatus, FormatVersion } from './data-file.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { serializeJson } from '../metadata/json.js'
import { partitionSchema, writePartitionValue } from './partition-values.js'

/** Manifests: files that list data files. Spec: "Manifests" and Appendix A, "Manifests". */

function field(id: number, name: string, type: AvroSchema): AvroField {
  return { name, type, 'field-id': id }
}

function optionalField(id: number, name: string, type: AvroSchema): AvroField {
  return { name, type: optional(type), default: null, 'field-id': id }
}

/** A map with int keys, which Avro's own map cannot hold. */
function idMap(keyId: number, valueId: number, value: AvroSchema): AvroSchema {
  return {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${keyId}_v${valueId}`,
      fields: [field(keyId, 'key', 'int'), field(valueId, 'value', value)],
    },
  }
}

/** Fields that only some versions have. Spec: "Manifests" and Appendix E. */
function entrySchema(partition: readonly BoundPartitionField[], version: FormatVersion): AvroSchema {
  const dataFile: AvroSchema = {
    type: 'record',
    name: 'r2',
    fields: [
      ...(version >= 2 ? [field(134, 'content', 'int')] : []),
      field(100, 'file_path', 'string'),
      field(101, 'file_format', 'string'),
      field(102, 'partition', {
        type: 'record',
        name: 'r102',
        fields: partition.map((bound) => ({
          ...partitionSchema(bound),
          name: avroName(bound.field.name),
          'field-id': bound.field['field-id'],
        })),
      }),
      field(103, 'record_count', 'long'),
      field(104, 'file_size_in_bytes', 'long'),
      ...(version === 1 ? [field(105, 'block_size_in_bytes', 'long')] : []),
      optionalField(108, 'column_sizes', idMap(117, 118, 'long')),
      optionalField(109, 'value_counts', idMap(119, 120, 'long')),
      optionalField(110, 'null_value_counts', idMap(121, 122, 'long')),
      optionalField(137, 'nan_value_counts', idMap(138, 139, 'long')),
      optionalField(125, 'lower_bounds', idMap(126, 127, 'bytes')),
      optionalField(128, 'upper_bounds', idMap(129, 130, 'bytes')),
      optionalField(131, 'key_metadata', 'bytes'),
      optionalField(132, 'split_offsets', { type: 'array', items: 'long', 'element-id': 133 }),
      ...(version >= 2 ? [optionalField(135, 'equality_ids', { type: 'array', items: 'int', 'element-id': 136 })] : []),
      optionalField(140, 'sort_order_id', 'int'),
      ...(version >= 3 ? [optionalField(142, 'first_row_id', 'long')] : []),
      ...(version >= 2 ? [optionalField(143, 'referenced_data_file', 'string')] : []),
      ...(version >= 3
        ? [optionalField(144, 'content_offset', 'long'), optionalField(145, 'content_size_in_bytes', 'long')]
        : []),
    ],
  }
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      field(0, 'status', 'int'),
      version === 1 ? field(1, 'snapshot_id', 'long') : optionalField(1, 'snapshot_id', 'long'),
      ...(version >= 2
        ? [optionalField(3, 'sequence_number', 'long'), optionalField(4, 'file_sequence_number', 'long')]
        : []),
      field(2, 'data_file', dataFile),
    ],
  }
}

/** Avro names allow letters, digits and `_`; others become `_x` and their code, as Iceberg's own writers do. */
function avroName(name: string): string {
  const escaped = name.replace(/[^A-Za-z0-9_]/g, (char) => `_x${char.codePointAt(0)?.toString(16).toUpperCase() ?? ''}`)
  return /^[0-9]/.test(escaped) ? `_${escaped}` : escaped
}

/**
 * An entry that is about to be written. Sequence numbers are left out for files that the same commit adds: readers
 * inherit them from the manifest list, so that a retried commit need not rewrite the manifest.
 */
export interface NewManifestEntry {
  readonly status: EntryStatus
  readonly snapshotId: bigint
  readonly sequenceNumber?: number
  readonly fileSequenceNumber?: number
  readonly file: DataFile
}

/** The bytes of a manifest of one partition spec. `partition` is the spec bound to its columns. */
export async function writeManifest(options: {
  readonly version: FormatVersion
  readonly schema: IcebergSchema
  readonly spec: PartitionSpec
  readonly partition: readonly BoundPartitionField[]
  readonly content: 'data' | 'deletes'
  readonly entries: readonly NewManifestEntry[]
}): Promise<Buffer> {
  const { partition, version } = options
  const metadata = {
    schema: serializeJson(options.schema),
    'schema-id': String(options.schema['schema-id']),
    'partition-spec': JSON.stringify(options.spec.fields),
    'partition-spec-id': String(options.spec['spec-id']),
    'format-version': String(version),
    ...(version >= 2 && { content: options.content }),
  }
  return writeContainer(entrySchema(partition, version), metadata, options.entries.length, (writer, index) =>
    writeEntry(writer, options.entries[index] as NewManifestEntry, partition, version),
  )
}

/** An old reader's block size; the specification of version 1 wants the field and says to ignore it. */
const blockSize = 67_108_864

function writeEntry(
  writer: ByteWriter,
  entry: NewManifestEntry,
  partition: readonly BoundPartitionField[],
  version: FormatVersion,
): void {
  const long = (value: number) => writer.long(value)
  writer.long(entry.status)
  if (version === 1) writer.long(entry.snapshotId)
  else {
    writeOptional(writer, entry.snapshotId, (value) => writer.long(value))
    writeOptional(writer, entry.sequenceNumber, long)
    writeOptional(writer, entry.fileSequenceNumber, long)
  }
  const { file } = entry
  if (version >= 2) writer.long(file.content)
  writer.string(file.path)
  writer.string(file.format)
  partition.forEach((bound, index) => writePartitionValue(writer, bound.type, file.partition[index] ?? null))
  writer.long(file.recordCount)
  writer.long(file.fileSize)
  if (version === 1) writer.long(blockSize)
  for (const counts of [file.columnSizes, file.valueCounts, file.nullCounts, file.nanCounts]) {
    writeIdMap(writer, counts, long)
  }
  for (const bounds of [file.lowerBounds, file.upperBounds]) writeIdMap(writer, bounds, (value) => writer.bytes(value))
  writeOptional(writer, file.keyMetadata, (value) => writer.bytes(value))
  writeOptional(writer, file.splitOffsets, (value) => writeArray(writer, value, long))
  if (version >= 2) writeOptional(writer, file.equalityIds, (value) => writeArray(writer, value, long))
  writeOptional(writer, file.sortOrderId, long)
  if (version >= 3) writeOptional(writer, file.firstRowId, long)
  if (version >= 2) writeOptional(writer, file.referencedDataFile, (value) => writer.string(value))
  if (version >= 3) {
    writeOptional(writer, file.contentOffset, long)
    writeOptional(writer, file.contentSize, long)
  }
}

function writeOptional<T>(writer: ByteWriter, value: T | undefined, write: (value: T) => void): void {
  writer.long(value === undefined ? 0 : 1)
  if (value !== undefined) write(value)
}

function writeArray<T>(writer: ByteWriter, items: readonly T[], write: (item: T) => void): void {
  if (items.length > 0) {
    writer.long(items.length)
    for (const item of items) write(item)
  }
  writer.long(0)
}

function writeIdMap<T>(writer: ByteWriter, map: ReadonlyMap<number, T> | undefined, write: (value: T) => void): void {
  writeOptional(writer, map, (entries) =>
    writeArray(writer, [...entries], ([id, value]) => {
      writer.long(id)
      write(value)
    }),
  )
}
