import type { NestedField, Snapshot } from '@phlo/ports'
import type { ManifestFile } from '../manifest/data-file.js'
import type { TableFiles } from '../manifest/table-files.js'
import { listOf, type MetadataRow, optional, required, schemaOf } from './columns.js'
import { readableBound } from './partition-column.js'

/** Tables with a row for each manifest. Version 1 lets writers leave the counts out, which are NULL then. */

function summaryFields(): NestedField[] {
  return [
    required(10, 'contains_null', 'boolean'),
    optional(11, 'contains_nan', 'boolean'),
    optional(12, 'lower_bound', 'string'),
    optional(13, 'upper_bound', 'string'),
  ]
}

const fields: readonly NestedField[] = [
  required(14, 'content', 'int'),
  required(1, 'path', 'string'),
  required(2, 'length', 'long'),
  required(3, 'partition_spec_id', 'int'),
  required(4, 'added_snapshot_id', 'long'),
  optional(5, 'added_data_files_count', 'int'),
  optional(6, 'existing_data_files_count', 'int'),
  optional(7, 'deleted_data_files_count', 'int'),
  optional(15, 'added_delete_files_count', 'int'),
  optional(16, 'existing_delete_files_count', 'int'),
  optional(17, 'deleted_delete_files_count', 'int'),
  optional(8, 'partition_summaries', listOf(9, { type: 'struct', fields: summaryFields() })),
]

export const manifestsSchema = schemaOf(fields)

export const allManifestsSchema = schemaOf([
  ...fields,
  required(18, 'reference_snapshot_id', 'long'),
  optional(19, 'key_metadata', 'binary'),
])

export function manifestRow(files: TableFiles, manifest: ManifestFile): MetadataRow {
  const count = (content: 0 | 1, value: number | undefined) => (manifest.content === content ? (value ?? null) : 0)
  const spec = files.spec(manifest.specId)
  return {
    content: manifest.content,
    path: manifest.path,
    length: BigInt(manifest.length),
    partition_spec_id: manifest.specId,
    added_snapshot_id: manifest.addedSnapshotId,
    added_data_files_count: count(0, manifest.addedFiles),
    existing_data_files_count: count(0, manifest.existingFiles),
    deleted_data_files_count: count(0, manifest.deletedFiles),
    added_delete_files_count: count(1, manifest.addedFiles),
    existing_delete_files_count: count(1, manifest.existingFiles),
    deleted_delete_files_count: count(1, manifest.deletedFiles),
    partition_summaries:
      manifest.partitions?.map((summary, index) => {
        const bound = spec[index]
        return {
          contains_null: summary.containsNull,
          contains_nan: summary.containsNan ?? null,
          lower_bound: bound ? readableBound(bound, summary.lowerBound) : null,
          upper_bound: bound ? readableBound(bound, summary.upperBound) : null,
        }
      }) ?? null,
  }
}

/** A row for each manifest of each snapshot. */
export async function* allManifestRows(files: TableFiles, snapshots: readonly Snapshot[]): AsyncGenerator<MetadataRow> {
  for (const snapshot of snapshots) {
    for (const manifest of await files.manifests(snapshot)) {
      yield {
        ...manifestRow(files, manifest),
        reference_snapshot_id: snapshot['snapshot-id'],
        key_metadata: manifest.keyMetadata ?? null,
      }
    }
  }
}
