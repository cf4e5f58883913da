import { type IcebergSchema, PhloError, type Snapshot, type TableMetadata } from '@phlo/ports'
import { currentSchema, refSnapshot, schemaById, snapshotAsOf, snapshotById } from './metadata.js'

/** Which of a table's states to read; without any of them, the main branch's. */
export type SnapshotSelection =
  | { readonly snapshotId?: bigint; readonly asOf?: undefined; readonly ref?: undefined }
  /** What the main branch was at that time. */
  | { readonly asOf: Date; readonly snapshotId?: undefined; readonly ref?: undefined }
  /** A branch or tag of the table. */
  | { readonly ref: string; readonly snapshotId?: undefined; readonly asOf?: undefined }

export interface SelectedSnapshot {
  /** `undefined` for a table without data. */
  readonly snapshot: Snapshot | undefined
  /** What the rows are to be read as: the current schema for branches, else the one that the snapshot was made with. */
  readonly schema: IcebergSchema
}

/**
 * The snapshot that is to be read, and its schema. Throws PHLO_SNAPSHOT_NOT_FOUND and PHLO_REF_NOT_FOUND.
 * Spec: "Point in Time Reads (Time Travel)" and "Snapshot References".
 */
export function selectSnapshot(metadata: TableMetadata, selection: SnapshotSelection = {}): SelectedSnapshot {
  const { snapshotId, asOf, ref } = selection
  if (snapshotId !== undefined) {
    const snapshot = snapshotById(metadata, snapshotId)
    if (!snapshot) throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `The table has no snapshot ${snapshotId}`)
    return past(metadata, snapshot)
  }
  if (asOf !== undefined) {
    const snapshot = snapshotAsOf(metadata, asOf)
    if (snapshot) return past(metadata, snapshot)
    throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `The table has no snapshot from before ${asOf.toISOString()}`)
  }
  const snapshot = refSnapshot(metadata, ref)
  if (ref !== undefined && !snapshot && metadata.refs?.[ref] === undefined)
    throw new PhloError('PHLO_REF_NOT_FOUND', `The table has no branch or tag ${ref}`)
  if (snapshot && ref !== undefined && metadata.refs?.[ref]?.type === 'tag') return past(metadata, snapshot)
  return { snapshot, schema: currentSchema(metadata) }
}

function past(metadata: TableMetadata, snapshot: Snapshot): SelectedSnapshot {
  const id = snapshot['schema-id']
  return { snapshot, schema: id === undefined ? currentSchema(metadata) : schemaById(metadata, id) }
}
