import type { IcebergSchema, ObjectStore, TableMetadata } from '@phlo/ports'
import type { ManifestFile } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'
import { currentSchema } from '../metadata/metadata.js'
import { type SnapshotSelection, selectSnapshot } from '../metadata/select-snapshot.js'
import { hasLiveFiles } from '../scan/table-filter.js'
import type { MetadataRow, WantedColumns } from './columns.js'
import { entriesSchema, entryRows, fileRows, filesSchema } from './file-tables.js'
import * as logs from './log-tables.js'
import { allManifestRows, allManifestsSchema, manifestRow, manifestsSchema } from './manifest-tables.js'
import { PartitionColumn } from './partition-column.js'
import { partitionRows, partitionsSchema } from './partitions-table.js'
import { ReadableMetrics } from './readable-metrics.js'

/** The tables about a table, by the names that other engines give them. */
export const metadataTableNames = [
  'snapshots',
  'history',
  'refs',
  'metadata_log_entries',
  'files',
  'data_files',
  'delete_files',
  'entries',
  'manifests',
  'partitions',
  'all_files',
  'all_data_files',
  'all_delete_files',
  'all_entries',
  'all_manifests',
] as const
export type MetadataTableName = (typeof metadataTableNames)[number]

/** A table about a table. */
export interface MetadataTable {
  readonly name: MetadataTableName
  readonly schema: IcebergSchema
  /**
   * The rows, one at a time; with `columns`, only those of each, and what they do not need is not read.
   * Throws PHLO_ICEBERG_INVALID and PHLO_OBJECT_NOT_FOUND for damaged tables.
   */
  rows(columns?: readonly string[]): AsyncGenerator<MetadataRow>
}

/** Which state of the table the tables are about that are about one; those named `all_…` are about all. */
export type MetadataTableOptions = SnapshotSelection & {
  /** Where the table's current metadata file is; without it, `metadata_log_entries` leaves that one out. */
  readonly metadataLocation?: string
}

interface Definition {
  readonly schema: IcebergSchema
  readonly rows: (wanted: WantedColumns) => AsyncIterable<MetadataRow> | Iterable<MetadataRow>
}

/**
 * The metadata table of that name. Its columns have the names, types and ids that the reference implementation gives them.
 * Throws PHLO_SNAPSHOT_NOT_FOUND and PHLO_REF_NOT_FOUND.
 */
export function metadataTable(
  store: ObjectStore,
  metadata: TableMetadata,
  name: MetadataTableName,
  options: MetadataTableOptions = {},
): MetadataTable {
  const { schema, rows } = define(store, metadata, name, options)
  return {
    name,
    schema,
    async *rows(columns) {
      const names = columns ?? schema.fields.map((field) => field.name)
      for await (const row of rows(new Set(names)))
        yield columns ? Object.fromEntries(columns.map((column) => [column, row[column] ?? null])) : row
    },
  }
}

function define(
  store: ObjectStore,
  metadata: TableMetadata,
  name: MetadataTableName,
  options: MetadataTableOptions,
): Definition {
  const files = new TableFiles(store, metadata)
  const { snapshot } = selectSnapshot(metadata, options)
  const one = async () => (snapshot ? files.manifests(snapshot) : [])
  const all = () => distinctManifests(files, metadata)
  switch (name) {
    case 'snapshots':
      return { schema: logs.snapshotsSchema, rows: () => logs.snapshotRows(metadata) }
    case 'history':
      return { schema: logs.historySchema, rows: () => logs.historyRows(metadata) }
    case 'refs':
      return { schema: logs.refsSchema, rows: () => logs.refRows(metadata) }
    case 'metadata_log_entries':
      return { schema: logs.metadataLogSchema, rows: () => logs.metadataLogRows(metadata, options.metadataLocation) }
    case 'manifests':
      return {
        schema: manifestsSchema,
        rows: async function* () {
          for (const manifest of await one()) yield manifestRow(files, manifest)
        },
      }
    case 'all_manifests':
      return { schema: allManifestsSchema, rows: () => allManifestRows(files, metadata.snapshots ?? []) }
    default:
      return defineByPartition(files, metadata, name, name.startsWith('all_') ? all : one)
  }
}

/** Tables with the partition among their columns. */
function defineByPartition(
  files: TableFiles,
  metadata: TableMetadata,
  name: Exclude<MetadataTableName, 'snapshots' | 'history' | 'refs' | 'metadata_log_entries'>,
  manifests: () => Promise<readonly ManifestFile[]>,
): Definition {
  const partition = new PartitionColumn(metadata, files)
  const live = async () => (await manifests()).filter(hasLiveFiles)
  if (name === 'partitions') {
    return {
      schema: partitionsSchema(partition),
      rows: async function* () {
        yield* partitionRows(files, metadata, await live(), partition)
      },
    }
  }
  const metrics = new ReadableMetrics(currentSchema(metadata))
  if (name === 'entries' || name === 'all_entries') {
    return {
      schema: entriesSchema(partition, metrics),
      rows: async function* (wanted) {
        yield* entryRows(files, await manifests(), partition, metrics, wanted)
      },
    }
  }
  const content = name.endsWith('data_files') ? 0 : name.endsWith('delete_files') ? 1 : undefined
  return {
    schema: filesSchema(partition, metrics),
    rows: async function* (wanted) {
      const listed = (await live()).filter((manifest) => content === undefined || manifest.content === content)
      yield* fileRows(files, listed, partition, metrics, wanted)
    },
  }
}

/** The manifests of all snapshots, each once; their lines in the lists are held in memory. */
async function distinctManifests(files: TableFiles, metadata: TableMetadata): Promise<ManifestFile[]> {
  const found = new Map<string, ManifestFile>()
  for (const snapshot of metadata.snapshots ?? [])
    for (const manifest of await files.manifests(snapshot)) found.set(manifest.path, manifest)
  return [...found.values()]
}
