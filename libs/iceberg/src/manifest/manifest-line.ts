import { openContainer } from '../avro/container.js'
import type { ManifestFile } from './data-file.js'
import { invalid } from '../invalid.js'

/**
 * A manifest as a list would have it, for snapshots of old writers that name their manifests and have no list. What only
 * a list tells stays unknown. Throws PHLO_ICEBERG_INVALID. Spec: "Snapshots", `manifests`.
 */
export function manifestLine(bytes: Uint8Array, path: string, snapshotId: bigint): ManifestFile {
  const what = `manifest ${path}`
  const specId = Number(openContainer(bytes, what).header.metadata.get('partition-spec-id') ?? 0)
  if (!Number.isSafeInteger(specId)) throw invalid(what, 'has a partition-spec-id that is no integer')
  return {
    path,
    length: bytes.byteLength,
    specId,
    content: 0,
    sequenceNumber: 0,
    minSequenceNumber: 0,
    addedSnapshotId: snapshotId,
  }
}
