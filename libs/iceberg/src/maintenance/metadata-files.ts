import { gunzipSync } from 'node:zlib'
import type { TableMetadata } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { parseMetadata } from '../metadata/metadata.js'

/** No metadata is larger; what claims to be is hostile. Bytes. */
const largest = 1 << 30

/** A metadata file's table, also of one that is compressed. Throws PHLO_ICEBERG_INVALID, PHLO_ICEBERG_UNSUPPORTED. */
export function parseMetadataFile(bytes: Uint8Array, location: string): TableMetadata {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
  return parseMetadata(isGzip ? unzipped(bytes, location) : bytes, location)
}

function unzipped(bytes: Uint8Array, location: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: largest })
  } catch (error) {
    throw invalid(location, 'is compressed, and damaged or too large', error)
  }
}
