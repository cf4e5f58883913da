import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type { IcebergSchema, PartitionSpec, Snapshot, TableMetadata } from '@phlo/ports'
import { invalid, unsupported } from '../invalid.js'
import { listOfText, type ListParts, listParts } from './growing-list.js'
import { scanHistory } from './history-scan.js'
import { parseJson, serializeJson } from './json.js'
import { firstPartitionFieldId, specById } from '../partition/partition-spec.js'
import { type Fail, isInteger, isList, isObject } from './shape.js'
import { findSnapshot, scannedSnapshots } from './snapshot-index.js'
import { formatUuid } from '../types/value.js'
import { checkSpecs, validateMetadata } from './validate.js'

/** The name of the branch that plain readers of a table see. Spec: "Snapshot References". */
export const mainTableBranch = 'main'

/** The newest format version that is read and written. */
export const newestFormatVersion = 3

/** In place of a snapshot's id where there is none. */
const noSnapshot = -1n

/** A metadata file may be compressed; no real one is larger than this when it is not. */
const largestMetadata = 512 * 1024 * 1024

/**
 * Reads a table's metadata file of format version 1, 2 or 3, as JSON or compressed; version 1 comes back in version 2's
 * shape. The bytes must not be changed afterwards: snapshots are made of them when they are asked for. Throws PHLO_ICEBERG_INVALID with the offending field, PHLO_ICEBERG_UNSUPPORTED for newer versions.
 * Spec: "Table Metadata Fields", Appendix C.
 */
export function parseMetadata(bytes: Uint8Array, what: string): TableMetadata {
  const buffer = inflated(bytes, what)
  const history = scanHistory(buffer)
  const raw = parseJson(history?.rest ?? buffer.toString('utf8'), what)
  if (isObject(raw)) {
    if (history?.snapshots) raw['snapshots'] = scannedSnapshots(history.snapshots)
    if (history?.log) raw['snapshot-log'] = listOfText(history.log, undefined)
  }
  return metadataOf(raw, what)
}

/** Table metadata that is already parsed as JSON, by {@link parseJson}; otherwise like {@link parseMetadata}. */
export function metadataOf(raw: unknown, what: string): TableMetadata {
  const fail: Fail = (problem) => {
    throw invalid(what, problem)
  }
  if (!isObject(raw)) return fail('is no JSON object')
  const version = raw['format-version']
  if (!isInteger(version) || version < 1 || version > newestFormatVersion)
    throw unsupported(`${what}: Iceberg format version ${String(version)}`)
  const metadata = version === 1 ? upgradeFromV1(raw, fail) : (raw as unknown as TableMetadata)
  validateMetadata(metadata, fail)
  return withMainRef(metadata)
}

function inflated(bytes: Uint8Array, what: string): Buffer {
  let buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer[0] === 0x1f && buffer[1] === 0x8b) {
    try {
      buffer = gunzipSync(buffer, { maxOutputLength: largestMetadata })
    } catch (error) {
      throw invalid(what, 'cannot be decompressed', error)
    }
  }
  return buffer
}

/**
 * The bytes of a metadata file, in the form of the table's format version. They must not be changed: the next file of
 * the table is made with them. Spec: Appendix C and E.
 */
export function serializeMetadata(metadata: TableMetadata): Buffer {
  if (metadata['format-version'] !== 1) return jsonWithHistory(withoutSnapshot(metadata))
  // Readers of version 1 look for the current schema and spec by themselves; the lists came later. Sequence numbers are
  // not for it at all.
  const { 'last-sequence-number': _, ...rest } = withoutSnapshot(metadata)
  const version1 = {
    ...rest,
    ...(metadata.snapshots && { snapshots: metadata.snapshots.map(({ 'sequence-number': _number, ...rest }) => rest) }),
    schema: currentSchema(metadata),
    'partition-spec': specById(metadata['partition-specs'], metadata['default-spec-id']).fields,
  }
  return Buffer.from(serializeJson(version1), 'utf8')
}

/** Iceberg's own writers give a table of version 1 or 2 that has no snapshot the id -1, and some readers insist on one. */
function withoutSnapshot(metadata: TableMetadata): TableMetadata {
  return metadata['current-snapshot-id'] === undefined && metadata['format-version'] < 3
    ? { ...metadata, 'current-snapshot-id': noSnapshot }
    : metadata
}

/** The JSON of metadata whose lists of snapshots may be long, and mostly those of an earlier commit. */
function jsonWithHistory(metadata: TableMetadata): Buffer {
  const parts: Buffer[] = []
  const lists: { readonly from: number; readonly to: number; readonly written: ListParts['written'] }[] = []
  let length = 0
  const push = (part: Buffer) => {
    parts.push(part)
    length += part.length
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (value === undefined) continue
    const start = `${length === 0 ? '{' : ','}${JSON.stringify(key)}:`
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

/** Spec: Appendix E, "Version 2" — reading version 1 metadata for version 2. */
function upgradeFromV1(root: Record<string, unknown>, fail: Fail): TableMetadata {
  const { schema, 'partition-spec': fields, ...rest } = root
  const schemas =
    rest['schemas'] ?? (isObject(schema) ? [{ ...schema, 'schema-id': schema['schema-id'] ?? 0 }] : undefined)
  if (!isList(schemas) || !isObject(schemas[0])) return fail('has no schema')
  const numbered = isList(fields)
    ? fields.map((field, index) => (isObject(field) ? { 'field-id': firstPartitionFieldId + index, ...field } : field))
    : []
  const specs = rest['partition-specs'] ?? [{ 'spec-id': 0, fields: numbered }]
  if (!isList(specs) || !isObject(specs[0])) return fail('has no partition spec')
  checkSpecs(specs, fail)
  return {
    'table-uuid': uuidOf(rest['location']),
    'last-sequence-number': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    'default-sort-order-id': 0,
    'current-schema-id': schemas[0]['schema-id'],
    'default-spec-id': specs[0]['spec-id'],
    'last-partition-id': (specs as unknown as PartitionSpec[])
      .flatMap((spec) => spec.fields)
      .reduce((highest, field) => Math.max(highest, field['field-id']), firstPartitionFieldId - 1),
    ...rest,
    schemas,
    'partition-specs': specs,
  } as unknown as TableMetadata
}

/** Version 1 does without a uuid; the same one every time keeps such a table the same to everybody. */
function uuidOf(location: unknown): string {
  return formatUuid(createHash('sha256').update(String(location)).digest().subarray(0, 16))
}

/** Older writers knew no refs: their current snapshot is the main branch's. One that is none is left out. */
function withMainRef(metadata: TableMetadata): TableMetadata {
  const { 'current-snapshot-id': current, ...rest } = metadata
  if (current === undefined) return metadata
  if (current === null || current === noSnapshot) return rest
  if (metadata.refs?.[mainTableBranch]) return metadata
  return { ...metadata, refs: { ...metadata.refs, [mainTableBranch]: { 'snapshot-id': current, type: 'branch' } } }
}

export function currentSchema(metadata: TableMetadata): IcebergSchema {
  return schemaById(metadata, metadata['current-schema-id'])
}

/** The schema with that id. Throws PHLO_ICEBERG_INVALID. */
export function schemaById(metadata: TableMetadata, id: number): IcebergSchema {
  const schema = metadata.schemas.find((candidate) => candidate['schema-id'] === id)
  if (!schema) throw invalid('table metadata', `has no schema ${id}`)
  return schema
}

/** The snapshot of a table branch or tag, `undefined` for a table without data or a ref that is not there. */
export function refSnapshot(metadata: TableMetadata, ref: string = mainTableBranch): Snapshot | undefined {
  const id =
    metadata.refs?.[ref]?.['snapshot-id'] ?? (ref === mainTableBranch ? metadata['current-snapshot-id'] : undefined)
  return id === undefined || id === null ? undefined : snapshotById(metadata, id)
}

export function snapshotById(metadata: TableMetadata, id: bigint): Snapshot | undefined {
  return findSnapshot(metadata.snapshots ?? [], id)
}

/**
 * The snapshot that was current at that time, by the snapshot log, so that a rollback counts from when it was made.
 * Spec: "Point in Time Reads (Time Travel)".
 */
export function snapshotAsOf(metadata: TableMetadata, time: Date): Snapshot | undefined {
  let found: bigint | undefined
  for (const entry of metadata['snapshot-log'] ?? []) {
    if (entry['timestamp-ms'] <= time.getTime()) found = entry['snapshot-id']
  }
  return found === undefined ? undefined : snapshotById(metadata, found)
}
