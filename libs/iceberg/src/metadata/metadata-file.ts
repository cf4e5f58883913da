import { gunzipSync } from 'node:zlib'
import type { TableMetadata } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { listOfText, type ListParts, listParts, packedParts } from './growing-list.js'
import { type ScannedHistory, scanHistory, scanLog, scanSnapshots } from './history-scan.js'
import { idMarks } from './id-marks.js'
import { parseJson, serializeJson } from './json.js'
import { currentSchema, metadataOf, noSnapshot } from './metadata.js'
import { olderLog, olderSnapshots } from './older-history.js'
import { type FilePiece, openPackedFile, packedFile, type PackedFile, packedLists } from './packed-file.js'
import { isObject } from './shape.js'
import { scannedSnapshots } from './snapshot-index.js'
import { specById } from '../partition/partition-spec.js'

/** A metadata file may be compressed; no real one is larger than this when it is not. */
const largestMetadata = 512 * 1024 * 1024

/** A table with more snapshots has compressed metadata files, unless its properties say otherwise. */
const mostUncompressed = 1000

/** So many items of a list are compressed together, and at most twice as many anew for each file. */
const packedTogether = { snapshots: 64, 'snapshot-log': 128 } as const

/** How a metadata file is compressed. */
export type MetadataCodec = 'none' | 'gzip'

/** What the names of metadata files end in. Spec: Appendix F, "Naming for GZIP compressed Metadata JSON files". */
export const metadataEndings: Readonly<Record<MetadataCodec, string>> = {
  none: '.metadata.json',
  gzip: '.gz.metadata.json',
}

/**
 * How the table's next metadata file is compressed, where its name may tell: as its property
 * `write.metadata.compression-codec` says, else `otherwise`, which is gzip for a long history.
 */
export function metadataCodec(
  metadata: TableMetadata,
  otherwise: MetadataCodec = (metadata.snapshots?.length ?? 0) > mostUncompressed ? 'gzip' : 'none',
): MetadataCodec {
  const codec = metadata.properties?.['write.metadata.compression-codec']?.toLowerCase()
  return codec === 'gzip' || codec === 'none' ? codec : otherwise
}

/**
 * Reads a table's metadata file of format version 1, 2 or 3, as JSON or compressed; version 1 comes back in version 2's
 * shape. The bytes must not be changed afterwards: snapshots are made of them when they are asked for. Throws
 * PHLO_ICEBERG_INVALID with the offending field, PHLO_ICEBERG_UNSUPPORTED for newer versions; what is wrong with snapshots
 * of a file that {@link serializeMetadata} compressed is thrown when they are asked for.
 * Spec: "Table Metadata Fields", Appendix C.
 */
export function parseMetadata(bytes: Uint8Array, what: string): TableMetadata {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isCompressed = file[0] === 0x1f && file[1] === 0x8b
  const packed = isCompressed ? openPackedFile(file, largestMetadata, what) : undefined
  let history = packed && scanHistory(packed.rest)
  if (packed && history && fits(packed, history)) return metadataOf(rawMetadata(history, packed, what), what)
  const text = isCompressed ? inflated(file, what) : file
  history = scanHistory(text)
  return metadataOf(history ? rawMetadata(history, {}, what) : parseJson(text.toString('utf8'), what), what)
}

/** Do the packed lists belong where the lists are? */
function fits(packed: PackedFile, { snapshots, log }: ScannedHistory): boolean {
  const lists = { snapshots, 'snapshot-log': log }
  return packedLists.every((name) => {
    const list = lists[name]
    return packed[name] === undefined || (list?.at === packed[name].at && list.spans.length > 0)
  })
}

function rawMetadata({ rest, snapshots, log }: ScannedHistory, older: Partial<PackedFile>, what: string): unknown {
  const raw = parseJson(rest, what)
  if (isObject(raw)) {
    if (snapshots)
      raw['snapshots'] = scannedSnapshots(
        snapshots,
        older.snapshots && olderSnapshots(older.snapshots, snapshots, what),
      )
    if (log)
      raw['snapshot-log'] = listOfText(log, undefined, older['snapshot-log'] && olderLog(older['snapshot-log'], what))
  }
  return raw
}

function inflated(file: Buffer, what: string): Buffer {
  try {
    return gunzipSync(file, { maxOutputLength: largestMetadata })
  } catch (error) {
    throw invalid(what, 'cannot be decompressed', error)
  }
}

/**
 * The bytes of a metadata file, in the form of the table's format version. They must not be changed: the next file of
 * the table is made with them, so that of a long history in gzip only the newest part is compressed.
 * Spec: Appendix C and E.
 */
export function serializeMetadata(metadata: TableMetadata, codec: MetadataCodec = 'none'): Buffer {
  if (metadata['format-version'] !== 1)
    return codec === 'gzip' ? gzipWithHistory(withoutSnapshot(metadata)) : jsonWithHistory(withoutSnapshot(metadata))
  const json = Buffer.from(serializeJson(version1Of(metadata)), 'utf8')
  return codec === 'gzip' ? packedFile([json]) : json
}

/**
 * Readers of version 1 look for the current schema and spec by themselves; the lists came later. Sequence numbers are not
 * for it at all.
 */
function version1Of(metadata: TableMetadata): object {
  const { 'last-sequence-number': _, ...rest } = withoutSnapshot(metadata)
  return {
    ...rest,
    ...(metadata.snapshots && { snapshots: metadata.snapshots.map(({ 'sequence-number': _number, ...rest }) => rest) }),
    schema: currentSchema(metadata),
    'partition-spec': specById(metadata['partition-specs'], metadata['default-spec-id']).fields,
  }
}

/** Iceberg's own writers give a table of version 1 or 2 that has no snapshot the id -1, and some readers insist on one. */
function withoutSnapshot(metadata: TableMetadata): TableMetadata {
  return metadata['current-snapshot-id'] === undefined && metadata['format-version'] < 3
    ? { ...metadata, 'current-snapshot-id': noSnapshot }
    : metadata
}

/** Members of the metadata's object, each with what comes before it. Lists of snapshots may be long. */
function* membersOf(metadata: TableMetadata): Iterable<{ start: string; key: string; value: unknown }> {
  let first = true
  for (const [key, value] of Object.entries(metadata)) {
    if (value === undefined) continue
    yield { start: `${first ? '{' : ','}${JSON.stringify(key)}:`, key, value }
    first = false
  }
}

/** The JSON of metadata whose lists of snapshots are mostly those of an earlier commit. */
function jsonWithHistory(metadata: TableMetadata): Buffer {
  const parts: Buffer[] = []
  const lists: { readonly from: number; readonly to: number; readonly written: ListParts['written'] }[] = []
  let length = 0
  const push = (part: Buffer) => {
    parts.push(part)
    length += part.length
  }
  for (const { start, key, value } of membersOf(metadata)) {
    if (key === 'snapshots' || key === 'snapshot-log') {
      push(Buffer.from(`${start}[`))
      const from = length
      const { parts: items, written } = listParts(value as readonly object[])
      for (const item of items) push(item)
      lists.push({ from, to: length, written })
      push(Buffer.from(']'))
    } else push(Buffer.from(start + serializeJson(value)))
  }
  push(Buffer.from('}'))
  const bytes = Buffer.concat(parts, length)
  for (const { from, to, written } of lists) written(bytes.subarray(from, to))
  return bytes
}

/** The same, compressed. */
function gzipWithHistory(metadata: TableMetadata): Buffer {
  const pieces: FilePiece[] = []
  for (const { start, key, value } of membersOf(metadata)) {
    if (key === 'snapshots' || key === 'snapshot-log') {
      pieces.push(Buffer.from(`${start}[`))
      const { packed, rest } = packedParts(value as readonly object[], packedTogether[key], noteOf[key])
      pieces.push({ list: key, packed }, ...rest, Buffer.from(']'))
    } else pieces.push(Buffer.from(start + serializeJson(value)))
  }
  pieces.push(Buffer.from('}'))
  return packedFile(pieces)
}

/** Items that the scan does not take cannot be packed. */
const noteOf = {
  snapshots: (text: Buffer) => {
    const found = scanSnapshots(text)
    return found && idMarks(found)
  },
  'snapshot-log': (text: Buffer) => (scanLog(text) ? Buffer.alloc(0) : undefined),
} as const
