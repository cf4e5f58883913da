import { type AvroField, type AvroSchema, optional } from '../avro/avro-schema.js'
import { openContainer, writeContainer } from '../avro/container.js'
import { compileDecoder, type Want } from '../avro/decoder.js'
import {
  entryStatus,
  type EntryStatus,
  type FieldSummary,
  type FormatVersion,
  type ManifestEntry,
  type ManifestFile,
} from './data-file.js'
import { invalid } from '../invalid.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { compareValues, encodeValue, type Value } from '../types/value.js'

/** Manifest lists: one file a snapshot that lists its manifests. Spec: "Manifest Lists". */

function field(id: number, name: string, type: AvroSchema): AvroField {
  return { name, type, 'field-id': id }
}

const newFields: readonly AvroField[] = [
  field(517, 'content', 'int'),
  field(515, 'sequence_number', 'long'),
  field(516, 'min_sequence_number', 'long'),
]

/** Spec: "Manifest Lists" and Appendix E. */
const schemaOf = (version: FormatVersion): AvroSchema => ({
  type: 'record',
  name: 'manifest_file',
  fields: [
    field(500, 'manifest_path', 'string'),
    field(501, 'manifest_length', 'long'),
    field(502, 'partition_spec_id', 'int'),
    ...(version >= 2 ? newFields : []),
    field(503, 'added_snapshot_id', 'long'),
    field(504, 'added_files_count', 'int'),
    field(505, 'existing_files_count', 'int'),
    field(506, 'deleted_files_count', 'int'),
    field(512, 'added_rows_count', 'long'),
    field(513, 'existing_rows_count', 'long'),
    field(514, 'deleted_rows_count', 'long'),
    {
      ...field(
        507,
        'partitions',
        optional({
          type: 'array',
          'element-id': 508,
          items: {
            type: 'record',
            name: 'r508',
            fields: [
              field(509, 'contains_null', 'boolean'),
              { ...field(518, 'contains_nan', optional('boolean')), default: null },
              { ...field(510, 'lower_bound', optional('bytes')), default: null },
              { ...field(511, 'upper_bound', optional('bytes')), default: null },
            ],
          },
        }),
      ),
      default: null,
    },
    { ...field(519, 'key_metadata', optional('bytes')), default: null },
    ...(version >= 3 ? [{ ...field(520, 'first_row_id', optional('long')), default: null }] : []),
  ],
})

const manifestCounts = [
  'addedFiles',
  'existingFiles',
  'deletedFiles',
  'addedRows',
  'existingRows',
  'deletedRows',
] as const

/** Does the manifest's line in the list say how many files and rows it has? */
export function hasCounts(manifest: ManifestFile): boolean {
  return manifestCounts.every((name) => manifest[name] !== undefined)
}

/** The files and rows of a manifest by status, as its line in the list has them. */
export function countEntries(
  entries: readonly { readonly status: EntryStatus; readonly file: { readonly recordCount: number } }[],
) {
  const of = (status: EntryStatus) => entries.filter((entry) => entry.status === status)
  const rows = (status: EntryStatus) => of(status).reduce((sum, { file }) => sum + file.recordCount, 0)
  return {
    addedFiles: of(entryStatus.added).length,
    existingFiles: of(entryStatus.existing).length,
    deletedFiles: of(entryStatus.deleted).length,
    addedRows: rows(entryStatus.added),
    existingRows: rows(entryStatus.existing),
    deletedRows: rows(entryStatus.deleted),
  }
}

/** The bytes of a manifest list. */
export async function writeManifestList(options: {
  readonly version: FormatVersion
  readonly snapshotId: bigint
  readonly parentSnapshotId: bigint | undefined
  readonly sequenceNumber: number
  /** Version 3: the snapshot's own. */
  readonly firstRowId?: number
  readonly manifests: readonly ManifestFile[]
}): Promise<Buffer> {
  const metadata = {
    'snapshot-id': String(options.snapshotId),
    'parent-snapshot-id': options.parentSnapshotId === undefined ? 'null' : String(options.parentSnapshotId),
    ...(options.version >= 2 && { 'sequence-number': String(options.sequenceNumber) }),
    ...(options.version >= 3 && { 'first-row-id': String(options.firstRowId ?? 'null') }),
    'format-version': String(options.version),
  }
  return writeContainer(schemaOf(options.version), metadata, options.manifests.length, (writer, index) => {
    const manifest = options.manifests[index] as ManifestFile
    writer.string(manifest.path)
    writer.long(manifest.length)
    writer.long(manifest.specId)
    if (options.version >= 2) {
      writer.long(manifest.content)
      writer.long(manifest.sequenceNumber)
      writer.long(manifest.minSequenceNumber)
    }
    writer.long(manifest.addedSnapshotId)
    for (const name of manifestCounts) {
      const count = manifest[name]
      if (count === undefined) throw invalid('manifest list', `lacks the count ${name} of ${manifest.path}`)
      writer.long(count)
    }
    if (manifest.partitions === undefined) writer.long(0)
    else {
      writer.long(1)
      if (manifest.partitions.length > 0) {
        writer.long(manifest.partitions.length)
        for (const summary of manifest.partitions) {
          writer.boolean(summary.containsNull)
          writer.long(summary.containsNan === undefined ? 0 : 1)
          if (summary.containsNan !== undefined) writer.boolean(summary.containsNan)
          for (const bound of [summary.lowerBound, summary.upperBound]) {
            writer.long(bound === undefined ? 0 : 1)
            if (bound !== undefined) writer.bytes(bound)
          }
        }
      }
      writer.long(0)
    }
    writer.long(manifest.keyMetadata === undefined ? 0 : 1)
    if (manifest.keyMetadata !== undefined) writer.bytes(manifest.keyMetadata)
    if (options.version >= 3) {
      writer.long(manifest.firstRowId === undefined ? 0 : 1)
      if (manifest.firstRowId !== undefined) writer.long(manifest.firstRowId)
    }
  })
}

const want: Want = {
  record: new Map<number, { as: string; want: Want }>([
    [500, { as: 'path', want: 'value' }],
    [501, { as: 'length', want: 'value' }],
    [502, { as: 'specId', want: 'value' }],
    [517, { as: 'content', want: 'value' }],
    [515, { as: 'sequenceNumber', want: 'value' }],
    [516, { as: 'minSequenceNumber', want: 'value' }],
    [503, { as: 'addedSnapshotId', want: 'bigint' }],
    [504, { as: 'addedFiles', want: 'value' }],
    [505, { as: 'existingFiles', want: 'value' }],
    [506, { as: 'deletedFiles', want: 'value' }],
    [512, { as: 'addedRows', want: 'value' }],
    [513, { as: 'existingRows', want: 'value' }],
    [514, { as: 'deletedRows', want: 'value' }],
    [
      507,
      {
        as: 'partitions',
        want: {
          list: {
            record: new Map<number, { as: string; want: Want }>([
              [509, { as: 'containsNull', want: 'value' }],
              [518, { as: 'containsNan', want: 'value' }],
              [510, { as: 'lowerBound', want: 'value' }],
              [511, { as: 'upperBound', want: 'value' }],
            ]),
          },
        },
      },
    ],
    [519, { as: 'keyMetadata', want: 'value' }],
    [520, { as: 'firstRowId', want: 'value' }],
  ]),
}

/** The manifests of a list. Fields that version 1 lacks get their defaults; counts may stay unknown. Throws PHLO_ICEBERG_INVALID. */
export function readManifestList(bytes: Uint8Array, path: string): ManifestFile[] {
  const what = `manifest list ${path}`
  const { header, blocks } = openContainer(bytes, what)
  const decode = compileDecoder(header.schema, want, what)
  const manifests: ManifestFile[] = []
  for (const { count, reader } of blocks) {
    for (let index = 0; index < count; index++)
      manifests.push(withDefaults(decode(reader) as Partial<ManifestFile>, what))
  }
  return manifests
}

function withDefaults(raw: Partial<ManifestFile>, what: string): ManifestFile {
  const content = raw.content ?? 0
  if (
    typeof raw.path !== 'string' ||
    typeof raw.addedSnapshotId !== 'bigint' ||
    (content !== 0 && content !== 1) ||
    [
      raw.length,
      raw.specId,
      raw.sequenceNumber,
      raw.minSequenceNumber,
      raw.firstRowId,
      ...manifestCounts.map((name) => raw[name]),
    ].some((value) => value !== undefined && typeof value !== 'number')
  ) {
    throw invalid(what, 'has an entry without path, snapshot or a known content, or with a count that is no number')
  }
  return {
    ...raw,
    path: raw.path,
    length: raw.length ?? 0,
    specId: raw.specId ?? 0,
    content,
    sequenceNumber: raw.sequenceNumber ?? 0,
    minSequenceNumber: raw.minSequenceNumber ?? 0,
    addedSnapshotId: raw.addedSnapshotId,
  }
}

/** The ranges of the partition fields over the entries, deleted ones too: readers may look for those. */
export function summarizePartitions(
  entries: readonly Pick<ManifestEntry, 'file'>[],
  spec: readonly BoundPartitionField[],
): FieldSummary[] {
  return spec.map((bound, index) => {
    let containsNull = false
    let containsNan = false
    let lower: Value | undefined
    let upper: Value | undefined
    for (const { file } of entries) {
      const value = file.partition[index] ?? null
      if (value === null) containsNull = true
      else if (typeof value === 'number' && Number.isNaN(value)) containsNan = true
      else {
        if (lower === undefined || compareValues(value, lower) < 0) lower = value
        if (upper === undefined || compareValues(value, upper) > 0) upper = value
      }
    }
    return {
      containsNull,
      containsNan,
      ...(lower !== undefined && { lowerBound: encodeValue(bound.type, lower) }),
      ...(upper !== undefined && { upperBound: encodeValue(bound.type, upper) }),
    }
  })
}
