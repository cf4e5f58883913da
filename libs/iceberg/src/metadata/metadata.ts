import { createHash } from 'node:crypto'
import type { IcebergSchema, PartitionSpec, Snapshot, TableMetadata } from '@phlo/ports'
import { invalid, unsupported } from '../invalid.js'
import { firstPartitionFieldId } from '../partition/partition-spec.js'
import { type Fail, isInteger, isList, isObject } from './shape.js'
import { findSnapshot } from './snapshot-index.js'
import { formatUuid } from '../types/value.js'
import { checkSpecs, validateMetadata } from './validate.js'

/** The name of the branch that plain readers of a table see. Spec: "Snapshot References". */
export const mainTableBranch = 'main'

/** The newest format version that is read and written. */
export const newestFormatVersion = 3

/** In place of a snapshot's id where there is none. */
export const noSnapshot = -1n

/** Table metadata that is already parsed as JSON, by `parseJson`; otherwise as of a file that was read. */
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
