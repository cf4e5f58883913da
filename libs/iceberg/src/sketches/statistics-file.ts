import { randomUUID } from 'node:crypto'
import { isPhloError, type ObjectStore, type Snapshot, type StatisticsFile, type TableMetadata } from '@phlo/ports'
import { blobTypes, type PuffinBlob } from '../puffin/puffin-footer.js'
import { readPuffinBlob, readPuffinMetadata } from '../puffin/puffin-reader.js'
import { type NewPuffinBlob, writePuffin } from '../puffin/puffin-writer.js'
import { objectKey } from '../read-object.js'
import { type ThetaSketch, thetaSketchBlob } from './theta-sketch.js'

/**
 * Stores sketches of a snapshot's columns, by field id, as a Puffin file, for the update `set-statistics`. What the
 * snapshot's statistics say of other columns goes along, since a snapshot has one such file. Throws PHLO_ICEBERG_INVALID
 * when the table lies outside the store. Spec: "Table Statistics".
 */
export async function writeStatistics(
  store: ObjectStore,
  metadata: TableMetadata,
  snapshot: Snapshot,
  sketches: ReadonlyMap<number, ThetaSketch>,
): Promise<StatisticsFile> {
  const snapshotId = snapshot['snapshot-id']
  const folder = objectKey(store, metadata.location)
  const before = metadata.statistics?.find((file) => file['snapshot-id'] === snapshotId)
  const kept = before ? await otherBlobs(store, before, new Set(sketches.keys())) : []
  const added = [...sketches].map(([fieldId, sketch]) => thetaSketchBlob(fieldId, snapshot, sketch))
  const { bytes, footerSize, blobs } = writePuffin([...kept, ...added])
  const key = `${folder}/metadata/${snapshotId}-${randomUUID()}.stats`
  await store.put(key, bytes, { ifAbsent: true })
  return {
    'snapshot-id': snapshotId,
    'statistics-path': store.uri(key),
    'file-size-in-bytes': bytes.length,
    'file-footer-size-in-bytes': footerSize,
    'blob-metadata': blobs.map(({ offset: _offset, length: _length, ...blob }) => blob),
  }
}

/** The blobs that no new sketch takes the place of. */
async function otherBlobs(
  store: ObjectStore,
  file: StatisticsFile,
  fields: ReadonlySet<number>,
): Promise<NewPuffinBlob[]> {
  const path = file['statistics-path']
  const stays = ({ type, fields: of }: PuffinBlob) =>
    type !== blobTypes.thetaSketch || !of.every((field) => fields.has(field))
  try {
    const { blobs } = await readPuffinMetadata(store, path)
    const found: NewPuffinBlob[] = []
    for (const blob of blobs.filter(stays)) {
      const { offset: _offset, length: _length, 'compression-codec': _codec, ...rest } = blob
      found.push({ ...rest, bytes: await readPuffinBlob(store, path, blob) })
    }
    return found
  } catch (error) {
    // Statistics are worth having, not worth failing for.
    if (isPhloError(error, 'PHLO_OBJECT_NOT_FOUND')) return []
    throw error
  }
}
