import type { TableMetadata } from '@phlo/ports'
import { type DataFile, fileContent, type ManifestFile } from '../manifest/data-file.js'
import { partitionKey } from '../manifest/partition-key.js'
import type { TableFiles } from '../manifest/table-files.js'
import { isLive } from '../scan/table-filter.js'
import { type MetadataRow, type MetadataValue, micros, optional, required, schemaOf } from './columns.js'
import { entriesOf } from './file-tables.js'
import type { PartitionColumn } from './partition-column.js'

export function partitionsSchema(partition: PartitionColumn) {
  const isPartitioned = partition.fields.length > 0
  return schemaOf([
    ...(isPartitioned
      ? [required(1, 'partition', { type: 'struct', fields: partition.fields }), required(4, 'spec_id', 'int')]
      : []),
    required(2, 'record_count', 'long'),
    required(3, 'file_count', 'int'),
    required(11, 'total_data_file_size_in_bytes', 'long'),
    required(5, 'position_delete_record_count', 'long'),
    required(6, 'position_delete_file_count', 'int'),
    required(7, 'equality_delete_record_count', 'long'),
    required(8, 'equality_delete_file_count', 'int'),
    optional(9, 'last_updated_at', 'timestamptz'),
    optional(10, 'last_updated_snapshot_id', 'long'),
  ])
}

/** What the files of a partition add up to. */
class PartitionSums {
  private readonly partition: { readonly [field: string]: MetadataValue }
  private specId: number
  private updated: { readonly at: bigint; readonly by: bigint } | undefined
  private readonly records: [number, number, number] = [0, 0, 0]
  private readonly counts: [number, number, number] = [0, 0, 0]
  private size = 0

  constructor(partition: { readonly [field: string]: MetadataValue }, specId: number) {
    this.partition = partition
    this.specId = specId
  }

  add(file: DataFile, update: { readonly at: bigint; readonly by: bigint } | undefined): void {
    this.records[file.content] += file.recordCount
    this.counts[file.content]++
    if (file.content === fileContent.data) this.size += file.fileSize
    if (update && (!this.updated || update.at > this.updated.at)) {
      this.updated = update
      this.specId = file.specId
    }
  }

  row(): MetadataRow {
    return {
      ...(Object.keys(this.partition).length > 0 && { partition: this.partition, spec_id: this.specId }),
      record_count: BigInt(this.records[0]),
      file_count: this.counts[0],
      total_data_file_size_in_bytes: BigInt(this.size),
      position_delete_record_count: BigInt(this.records[1]),
      position_delete_file_count: this.counts[1],
      equality_delete_record_count: BigInt(this.records[2]),
      equality_delete_file_count: this.counts[2],
      last_updated_at: this.updated?.at ?? null,
      last_updated_snapshot_id: this.updated?.by ?? null,
    }
  }
}

/**
 * A row for each partition with files, whichever specs they are of. A table that never was partitioned has one row, of all
 * files. Memory is in proportion to the number of partitions.
 */
export async function* partitionRows(
  files: TableFiles,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  partition: PartitionColumn,
): AsyncGenerator<MetadataRow> {
  const sums = new Map<string, PartitionSums>()
  const times = new Map(
    (metadata.snapshots ?? []).map((snapshot) => [snapshot['snapshot-id'], micros(snapshot['timestamp-ms'])]),
  )
  for await (const entry of entriesOf(files, manifests, false)) {
    if (!isLive(entry)) continue
    const { file, snapshotId } = entry
    const value = partition.valueOf(file)
    // A file of a spec that lacks a field is of no partition of one that has it.
    const present = files.spec(file.specId).map(({ field }) => field['field-id'])
    const known = partition.fields.filter(({ id }) => present.includes(id))
    const key = `${known.map(({ id }) => id).join()} ${partitionKey({ partition: Object.values(value) as DataFile['partition'] })}`
    let sum = sums.get(key)
    if (!sum) sums.set(key, (sum = new PartitionSums(value, file.specId)))
    const at = times.get(snapshotId)
    sum.add(file, at === undefined ? undefined : { at, by: snapshotId })
  }
  for (const sum of sums.values()) yield sum.row()
}
