import { crc32 } from 'node:zlib'
import type { ObjectStore } from '@phlo/ports'
import { type DataFile, isDeletionVector } from '../manifest/data-file.js'
import { invalid } from '../invalid.js'
import { blobTypes } from '../puffin/puffin-footer.js'
import type { NewPuffinBlob } from '../puffin/puffin-writer.js'
import { readObject } from '../read-object.js'
import type { PositionSet } from './position-set.js'
import { decodePositions, encodePositions } from './roaring-format.js'

/** Deletion vectors: the deleted rows of one data file. Spec: "Deletion Vectors" and "Puffin", `deletion-vector-v1`. */

const magic = Buffer.from('d1d33964', 'hex')
const frameSize = 12
/** The id of the metadata column that says where in its file a row is. Spec: "Reserved Field IDs", `_pos`. */
const positionFieldId = 2147483645

/** The blob's bytes: length, magic, positions and their checksum. */
export function encodeDeletionVector(positions: PositionSet): Buffer {
  const vector = encodePositions(positions)
  const bytes = Buffer.alloc(frameSize + vector.length)
  bytes.writeUInt32BE(magic.length + vector.length, 0)
  magic.copy(bytes, 4)
  vector.copy(bytes, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + vector.length)), 8 + vector.length)
  return bytes
}

/** Reads {@link encodeDeletionVector}'s form; `what` names it in errors. Throws PHLO_ICEBERG_INVALID. */
export function decodeDeletionVector(blob: Uint8Array, what: string): PositionSet {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength)
  if (bytes.length < frameSize || bytes.readUInt32BE(0) !== bytes.length - 8)
    throw invalid(what, 'is not as long as it claims')
  if (!bytes.subarray(4, 8).equals(magic)) throw invalid(what, 'is no deletion vector of version 1')
  const end = bytes.length - 4
  if (crc32(bytes.subarray(4, end)) !== bytes.readUInt32BE(end)) throw invalid(what, 'does not have its checksum')
  return decodePositions(bytes.subarray(8, end), what)
}

/** The deletion vector of a data file, as a blob of a Puffin file. */
export function deletionVectorBlob(referencedDataFile: string, positions: PositionSet): NewPuffinBlob {
  return {
    type: blobTypes.deletionVector,
    fields: [positionFieldId],
    // Known only when the snapshot is committed.
    'snapshot-id': -1n,
    'sequence-number': -1,
    properties: { 'referenced-data-file': referencedDataFile, cardinality: String(positions.size) },
    bytes: encodeDeletionVector(positions),
  }
}

/**
 * Reads the rows that a deletion vector deletes, by the place that its manifest gives, without the Puffin footer.
 * Throws PHLO_ICEBERG_INVALID when it is none, is damaged, or has another number of rows than the manifest says, and
 * PHLO_OBJECT_NOT_FOUND.
 */
export async function readDeletionVector(store: ObjectStore, file: DataFile): Promise<PositionSet> {
  const what = `deletion vector of ${file.referencedDataFile ?? 'no file'} in ${file.path}`
  const { contentOffset: start, contentSize: size } = file
  if (!isDeletionVector(file) || start === undefined || size === undefined || start < 0 || size < 0)
    throw invalid(what, 'has no place in a Puffin file')
  const bytes = await readObject(store, file.path, { start, end: start + size })
  if (bytes.length !== size) throw invalid(what, `ends after ${bytes.length} of ${size} bytes`)
  const positions = decodeDeletionVector(bytes, what)
  if (positions.size !== file.recordCount)
    throw invalid(what, `has ${positions.size} positions instead of ${file.recordCount}`)
  return positions
}
