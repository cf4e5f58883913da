import type { IcebergSchema, PartitionSpec, Snapshot, TableMetadata } from '@phlo/ports'
import { invalid, unsupported } from './invalid.js'
import { parseJson, serializeJson } from './json.js'
import { firstPartitionFieldId } from './partition.js'
import { highestFieldId, indexById } from './schema.js'

/** The name of the branch that plain readers of a table see. Spec: "Snapshot References". */
export const mainTableBranch = 'main'

/** Beyond this, names and nesting in metadata are hostile rather than real. */
const deepestNesting = 100

/**
 * Reads a table's metadata file of format version 1 or 2; version 1 comes back in version 2's shape.
 * Throws PHLO_ICEBERG_INVALID with the offending field, PHLO_ICEBERG_UNSUPPORTED for newer versions.
 */
export function parseMetadata(bytes: Uint8Array, what: string): TableMetadata {
  const raw = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'), what)
  const root = asObject(raw, what)
  const version = root['format-version']
  if (version !== 1 && version !== 2) throw unsupported(`${what}: Iceberg format version ${JSON.stringify(version)}`)
  const metadata = version === 1 ? upgradeFromV1(root, what) : (root as unknown as TableMetadata)
  validate(metadata, what)
  return metadata
}

export function serializeMetadata(metadata: TableMetadata): Buffer {
  return Buffer.from(serializeJson(metadata), 'utf8')
}

/** Spec: Appendix E, "Version 2" — reading version 1 metadata for version 2. */
function upgradeFromV1(root: Record<string, unknown>, what: string): TableMetadata {
  const schema = root['schema'] as IcebergSchema | undefined
  const schemas =
    (root['schemas'] as IcebergSchema[] | undefined) ??
    (schema && [{ ...schema, 'schema-id': schema['schema-id'] ?? 0 }])
  if (!schemas) throw invalid(what, 'has no schema')
  const fields = root['partition-spec'] as (PartitionSpec['fields'][number] & { 'field-id'?: number })[] | undefined
  const numbered = fields?.map((field, index) => ({
    ...field,
    'field-id': field['field-id'] ?? firstPartitionFieldId + index,
  }))
  const specs = (root['partition-specs'] as PartitionSpec[] | undefined) ?? [{ 'spec-id': 0, fields: numbered ?? [] }]
  return {
    'last-sequence-number': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    'default-sort-order-id': 0,
    'current-schema-id': schemas[0]?.['schema-id'] ?? 0,
    'default-spec-id': specs[0]?.['spec-id'] ?? 0,
    'last-partition-id': Math.max(
      firstPartitionFieldId - 1,
      ...specs.flatMap((spec) => spec.fields.map((field) => field['field-id'])),
    ),
    ...root,
    schemas,
    'partition-specs': specs,
  } as unknown as TableMetadata
}

function validate(metadata: TableMetadata, what: string): void {
  const fail = (problem: string): never => {
    throw invalid(what, problem)
  }
  for (const key of ['table-uuid', 'location'] as const)
    if (typeof metadata[key] !== 'string') fail(`${key} is no text`)
  for (const key of [
    'last-sequence-number',
    'last-updated-ms',
    'last-column-id',
    'current-schema-id',
    'default-spec-id',
    'last-partition-id',
    'default-sort-order-id',
  ] as const) {
    if (!Number.isSafeInteger(metadata[key])) fail(`${key} is no integer`)
  }
  for (const key of ['schemas', 'partition-specs', 'sort-orders'] as const)
    if (!Array.isArray(metadata[key])) fail(`${key} is no list`)
  for (const key of ['snapshots', 'snapshot-log', 'metadata-log'] as const) {
    if (metadata[key] !== undefined && !Array.isArray(metadata[key])) fail(`${key} is no list`)
  }
  for (const schema of metadata.schemas) validateSchema(schema, fail)
  if (!metadata.schemas.some((schema) => schema['schema-id'] === metadata['current-schema-id']))
    fail('current-schema-id names no schema')
  if (!metadata['partition-specs'].some((spec) => spec['spec-id'] === metadata['default-spec-id']))
    fail('default-spec-id names no partition spec')
  const ids = new Set<bigint>()
  for (const snapshot of metadata.snapshots ?? []) {
    if (typeof snapshot['snapshot-id'] !== 'bigint') fail('a snapshot has no id')
    if (ids.has(snapshot['snapshot-id'])) fail(`two snapshots have the id ${snapshot['snapshot-id']}`)
    if (!Number.isSafeInteger(snapshot['timestamp-ms'])) fail(`snapshot ${snapshot['snapshot-id']} has no time`)
    ids.add(snapshot['snapshot-id'])
  }
  const current = metadata['current-snapshot-id']
  // -1 is how older writers say that there is none.
  if (current !== undefined && current !== null && current !== -1n && !ids.has(current))
    fail('current-snapshot-id names no snapshot')
  for (const [name, ref] of Object.entries(metadata.refs ?? {})) {
    if (!ids.has(ref['snapshot-id'])) fail(`ref ${name} names no snapshot`)
  }
}

function validateSchema(schema: IcebergSchema, fail: (problem: string) => never): void {
  if (typeof schema !== 'object' || schema === null || schema.type !== 'struct') fail('a schema is no struct')
  checkShape(schema, 0, fail)
  const seen = new Set<number>()
  let fields = 0
  for (const id of indexById(schema).keys()) {
    seen.add(id)
    fields++
  }
  if (seen.size !== fields || highestFieldId(schema) > 0x7fffffff)
    fail('a schema uses a field id twice or one that is too large')
}

/** Every level of a type has what its kind needs, and the nesting ends. */
function checkShape(type: unknown, depth: number, fail: (problem: string) => never): void {
  if (depth > deepestNesting) fail(`a schema is nested deeper than ${deepestNesting} levels`)
  if (typeof type === 'string') return
  const object = type as Record<string, unknown> | null
  if (typeof object !== 'object' || object === null) return fail('a schema has a type that is neither text nor object')
  if (object['type'] === 'struct') {
    const { fields } = object
    if (!Array.isArray(fields)) return fail('a struct has no list of fields')
    for (const field of fields as Record<string, unknown>[]) {
      if (typeof field !== 'object' || field === null) return fail('a struct has a field that is no object')
      if (!Number.isSafeInteger(field['id']) || typeof field['name'] !== 'string')
        return fail('a struct has a field without id or name')
      checkShape(field['type'], depth + 1, fail)
    }
  } else if (object['type'] === 'list') checkShape(object['element'], depth + 1, fail)
  else if (object['type'] === 'map') {
    checkShape(object['key'], depth + 1, fail)
    checkShape(object['value'], depth + 1, fail)
  } else fail(`a schema has a type of kind ${JSON.stringify(object['type'])}`)
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(what, 'is no JSON object')
  return value as Record<string, unknown>
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
  return metadata.snapshots?.find((snapshot) => snapshot['snapshot-id'] === id)
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
