import * as zlib from 'node:zlib'
import { type ObjectStore, PhloError } from '@phlo/ports'
import { invalid, unsupported } from '../invalid.js'
import { objectKey, objectMissing, readObject } from '../read-object.js'
import { decompressLz4Frame } from './lz4-frame.js'
import { footerSize, parseFooter, type PuffinBlob, type PuffinMetadata, tailSize } from './puffin-footer.js'

/** Most footers are smaller, so that one read is enough. */
const likelyFooter = 8 * 1024
/** No blob of a table is larger once decompressed; a longer one is a decompression bomb. */
const largestBlob = 256 * 1024 * 1024

/** What is known of a Puffin file before it is opened, which saves requests. */
export interface PuffinSizes {
  /** Bytes, as table metadata and manifests have it. */
  readonly fileSize?: number
  /** Bytes from the footer's magic to the end of the file, as table metadata has it. */
  readonly footerSize?: number
}

/**
 * Reads the footer of the Puffin file at a location, and nothing else of it.
 * Throws PHLO_ICEBERG_INVALID for what is no Puffin file, PHLO_ICEBERG_UNSUPPORTED for a footer of a kind that is not known,
 * and PHLO_OBJECT_NOT_FOUND. Spec: "Puffin", "Footer structure".
 */
export async function readPuffinMetadata(
  store: ObjectStore,
  location: string,
  sizes: PuffinSizes = {},
): Promise<PuffinMetadata> {
  const what = `Puffin file ${location}`
  const fileSize = sizes.fileSize ?? (await store.head(objectKey(store, location)))?.size
  if (fileSize === undefined) throw objectMissing(location)
  const read = async (start: number, end: number) => {
    const bytes = await readObject(store, location, { start, end })
    if (bytes.length !== end - start) throw invalid(what, `is not ${fileSize} bytes long`)
    return bytes
  }
  if (fileSize < tailSize) throw invalid(what, 'is no Puffin file')
  const start = Math.max(0, fileSize - Math.max(sizes.footerSize ?? likelyFooter, tailSize))
  const end = await read(start, fileSize)
  const size = footerSize(end.subarray(end.length - tailSize), fileSize, what)
  const footer =
    size <= end.length ? end.subarray(end.length - size) : Buffer.concat([await read(fileSize - size, start), end])
  return parseFooter(footer, fileSize, what)
}

/**
 * Reads one blob of a Puffin file, decompressed. Throws PHLO_ICEBERG_INVALID when the file is too short or the blob cannot
 * be decompressed, and PHLO_ICEBERG_UNSUPPORTED for another codec than lz4 and zstd, and for zstd where Node has none
 * (before 22.15).
 */
export async function readPuffinBlob(store: ObjectStore, location: string, blob: PuffinBlob): Promise<Uint8Array> {
  const what = `${blob.type} blob of Puffin file ${location}`
  const bytes = await readObject(store, location, { start: blob.offset, end: blob.offset + blob.length })
  if (bytes.length !== blob.length) throw invalid(what, `ends after ${bytes.length} of ${blob.length} bytes`)
  return decompress(bytes, blob['compression-codec'], what)
}

type Decompress = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array

function decompress(bytes: Uint8Array, codec: string | undefined, what: string): Uint8Array {
  if (codec === undefined) return bytes
  if (codec === 'lz4') return decompressLz4Frame(bytes, largestBlob, what)
  const zstd = (zlib as { zstdDecompressSync?: Decompress }).zstdDecompressSync
  if (codec !== 'zstd') throw unsupported(`Compression ${codec} of ${what}`)
  if (!zstd) {
    throw new PhloError('PHLO_ICEBERG_UNSUPPORTED', `Compression zstd of ${what} is not supported`, {
      hint: 'Node can decompress it from version 22.15 on.',
    })
  }
  try {
    return zstd(bytes, { maxOutputLength: largestBlob })
  } catch (error) {
    throw invalid(what, 'cannot be decompressed', error)
  }
}
