import type { TableMetadata } from '@phlo/ports'
import { ancestors } from '../metadata/ancestry.js'
import { refSnapshot, snapshotAsOf } from '../metadata/metadata.js'
import { long, mapOf, type MetadataRow, micros, optional, required, schemaOf } from './columns.js'

/** Tables of what the table's metadata file says itself. */

export const snapshotsSchema = schemaOf([
  required(1, 'committed_at', 'timestamptz'),
  required(2, 'snapshot_id', 'long'),
  optional(3, 'parent_id', 'long'),
  optional(4, 'operation', 'string'),
  optional(5, 'manifest_list', 'string'),
  optional(6, 'summary', mapOf(7, 'string', 8, 'string')),
])

/** Every snapshot that has not expired. */
export function* snapshotRows(metadata: TableMetadata): Generator<MetadataRow> {
  for (const snapshot of metadata.snapshots ?? []) {
    const { operation = null, ...summary } = snapshot.summary ?? {}
    yield {
      committed_at: micros(snapshot['timestamp-ms']),
      snapshot_id: snapshot['snapshot-id'],
      parent_id: snapshot['parent-snapshot-id'] ?? null,
      operation,
      manifest_list: snapshot['manifest-list'] ?? null,
      summary: snapshot.summary ? new Map(Object.entries(summary)) : null,
    }
  }
}

export const historySchema = schemaOf([
  required(1, 'made_current_at', 'timestamptz'),
  required(2, 'snapshot_id', 'long'),
  optional(3, 'parent_id', 'long'),
  required(4, 'is_current_ancestor', 'boolean'),
])

/** When which snapshot became the main branch's, and whether the current one goes back to it. */
export function* historyRows(metadata: TableMetadata): Generator<MetadataRow> {
  const snapshots = new Map((metadata.snapshots ?? []).map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  const current = new Set<bigint>()
  for (const snapshot of ancestors(metadata, refSnapshot(metadata)?.['snapshot-id']))
    current.add(snapshot['snapshot-id'])
  for (const entry of metadata['snapshot-log'] ?? []) {
    const id = entry['snapshot-id']
    yield {
      made_current_at: micros(entry['timestamp-ms']),
      snapshot_id: id,
      parent_id: snapshots.get(id)?.['parent-snapshot-id'] ?? null,
      is_current_ancestor: current.has(id),
    }
  }
}

export const refsSchema = schemaOf([
  required(1, 'name', 'string'),
  required(2, 'type', 'string'),
  required(3, 'snapshot_id', 'long'),
  optional(4, 'max_reference_age_in_ms', 'long'),
  optional(5, 'min_snapshots_to_keep', 'int'),
  optional(6, 'max_snapshot_age_in_ms', 'long'),
])

/** Branches (`BRANCH`) and tags (`TAG`). */
export function* refRows(metadata: TableMetadata): Generator<MetadataRow> {
  for (const [name, ref] of Object.entries(metadata.refs ?? {})) {
    yield {
      name,
      type: ref.type.toUpperCase(),
      snapshot_id: ref['snapshot-id'],
      max_reference_age_in_ms: long(ref['max-ref-age-ms']),
      min_snapshots_to_keep: ref['min-snapshots-to-keep'] ?? null,
      max_snapshot_age_in_ms: long(ref['max-snapshot-age-ms']),
    }
  }
}

export const metadataLogSchema = schemaOf([
  required(1, 'timestamp', 'timestamptz'),
  required(2, 'file', 'string'),
  optional(3, 'latest_snapshot_id', 'long'),
  optional(4, 'latest_schema_id', 'int'),
  optional(5, 'latest_sequence_number', 'long'),
])

/** The table's metadata files; the current one is the last, where its location is known. */
export function* metadataLogRows(metadata: TableMetadata, location: string | undefined): Generator<MetadataRow> {
  const current =
    location === undefined ? [] : [{ 'timestamp-ms': metadata['last-updated-ms'], 'metadata-file': location }]
  for (const entry of [...(metadata['metadata-log'] ?? []), ...current]) {
    const latest = snapshotAsOf(metadata, new Date(entry['timestamp-ms']))
    yield {
      timestamp: micros(entry['timestamp-ms']),
      file: entry['metadata-file'],
      latest_snapshot_id: latest?.['snapshot-id'] ?? null,
      latest_schema_id: latest?.['schema-id'] ?? null,
      latest_sequence_number: latest ? BigInt(latest['sequence-number'] ?? 0) : null,
    }
  }
}
