import type { IcebergSchema, PartitionSpec, Snapshot, TableMetadata } from '@phlo/ports'
import { invalid, unsupported } from '../invalid.js'
import { parseJson, serializeJson } from './json.js'
import { firstPartitionFieldId, specById } from '../partition/partition-spec.js'
import { allFieldIds } from '../schema/schema.js'

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
  const fail: Fail = (problem) => {
    throw invalid(what, problem)
  }
  if (!isObject(raw)) return fail('is no JSON object')
  const version = raw['format-version']
  if (version !== 1 && version !== 2) throw unsupported(`${what}: Iceberg format version ${JSON.stringify(version)}`)
  const metadata = version === 1 ? upgradeFromV1(raw, fail) : (raw as unknown as TableMetadata)
  validate(metadata, fail)
  return withMainRef(metadata)
}

export function serializeMetadata(metadata: TableMetadata): Buffer {
  if (metadata['format-version'] !== 1) return Buffer.from(serializeJson(metadata), 'utf8')
  // Readers of version 1 look here; the lists came later.
  const version1 = {
    ...metadata,
    schema: currentSchema(metadata),
    'partition-spec': specById(metadata['partition-specs'], metadata['default-spec-id']).fields,
  }
  return Buffer.from(serializeJson(version1), 'utf8')
}

type Fail = (problem: string) => never

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
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
    'last-sequence-number': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    'default-sort-order-id': 0,
    'current-schema-id': schemas[0]['schema-id'],
    'default-spec-id': specs[0]['spec-id'],
    'last-partition-id': Math.max(
      firstPartitionFieldId - 1,
      ...(specs as unknown as PartitionSpec[]).flatMap((spec) => spec.fields.map((field) => field['field-id'])),
    ),
    ...rest,
    schemas,
    'partition-specs': specs,
  } as unknown as TableMetadata
}

/** Older writers knew no refs: their current snapshot is the main branch's. */
function withMainRef(metadata: TableMetadata): TableMetadata {
  const current = metadata['current-snapshot-id']
  if (current === undefined || current === null || current === -1n || metadata.refs?.[mainTableBranch]) return metadata
  return { ...metadata, refs: { ...metadata.refs, [mainTableBranch]: { 'snapshot-id': current, type: 'branch' } } }
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value)
}

const isInteger = Number.isSafeInteger as (value: unknown) => value is number

function validate(metadata: TableMetadata, fail: Fail): void {
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
    if (!isInteger(metadata[key])) fail(`${key} is no integer`)
  }
  for (const key of ['schemas', 'partition-specs', 'sort-orders'] as const)
    if (!isList(metadata[key])) fail(`${key} is no list`)
  for (const key of ['snapshots', 'snapshot-log', 'metadata-log'] as const)
    if (!isList(metadata[key] ?? [])) fail(`${key} is no list`)
  for (const key of ['properties', 'refs'] as const) if (!isObject(metadata[key] ?? {})) fail(`${key} is no object`)
  for (const schema of metadata.schemas) validateSchema(schema, fail)
  if (!metadata.schemas.some((schema) => schema['schema-id'] === metadata['current-schema-id']))
    fail('current-schema-id names no schema')
  checkSpecs(metadata['partition-specs'], fail)
  if (!metadata['partition-specs'].some((spec) => spec['spec-id'] === metadata['default-spec-id']))
    fail('default-spec-id names no partition spec')
  for (const order of metadata['sort-orders'])
    if (!isObject(order) || !isInteger(order['order-id']) || !isList(order['fields']))
      fail('a sort order has no id or fields')
  for (const [key, value] of Object.entries(metadata.properties ?? {}))
    if (typeof value !== 'string') fail(`property ${key} is no text`)
  validateSnapshots(metadata, fail)
}

function checkSpecs(specs: readonly unknown[], fail: Fail): void {
  for (const spec of specs) {
    if (!isObject(spec) || !isInteger(spec['spec-id']) || !isList(spec['fields']))
      return fail('a partition spec has no id or fields')
    for (const field of spec['fields']) {
      if (
        !isObject(field) ||
        !isInteger(field['source-id']) ||
        !isInteger(field['field-id']) ||
        typeof field['name'] !== 'string' ||
        typeof field['transform'] !== 'string'
      )
        fail('a partition field has no source, id, name or transform')
    }
  }
}

function validateSnapshots(metadata: TableMetadata, fail: Fail): void {
  const ids = new Set<bigint>()
  for (const snapshot of metadata.snapshots ?? []) {
    if (!isObject(snapshot) || typeof snapshot['snapshot-id'] !== 'bigint') return fail('a snapshot has no id')
    const { 'snapshot-id': id, summary } = snapshot
    const is = `snapshot ${id}`
    if (ids.has(id)) fail(`two snapshots have the id ${id}`)
    if (!isInteger(snapshot['timestamp-ms'])) fail(`${is} has no time`)
    if (!['bigint', 'undefined'].includes(typeof (snapshot['parent-snapshot-id'] ?? undefined)))
      fail(`${is} has no parent id`)
    for (const key of ['sequence-number', 'schema-id'] as const)
      if (!isInteger(snapshot[key] ?? 0)) fail(`${key} of ${is} is no integer`)
    if (typeof (snapshot['manifest-list'] ?? '') !== 'string') fail(`manifest-list of ${is} is no text`)
    if (!isObject(summary ?? {}) || Object.values(summary ?? {}).some((value) => typeof value !== 'string'))
      fail(`summary of ${is} holds something other than text`)
    ids.add(id)
  }
  const current = metadata['current-snapshot-id']
  // -1 is how older writers say that there is none.
  if (current !== undefined && current !== null && current !== -1n && !ids.has(current))
    fail('current-snapshot-id names no snapshot')
  for (const [name, ref] of Object.entries(metadata.refs ?? {}))
    if (!isObject(ref) || !ids.has(ref['snapshot-id'])) fail(`ref ${name} names no snapshot`)
  for (const entry of metadata['snapshot-log'] ?? [])
    if (!isObject(entry) || !isInteger(entry['timestamp-ms']) || typeof entry['snapshot-id'] !== 'bigint')
      fail('an entry of snapshot-log has no time or snapshot')
  for (const entry of metadata['metadata-log'] ?? [])
    if (!isObject(entry) || !isInteger(entry['timestamp-ms']) || typeof entry['metadata-file'] !== 'string')
      fail('an entry of metadata-log has no time or file')
}

/** Calls `fail` for what is no schema. */
export function validateSchema(schema: IcebergSchema, fail: Fail): void {
  if (!isObject(schema) || schema.type !== 'struct') fail('a schema is no struct')
  if (!isInteger(schema['schema-id'])) fail('a schema has no id')
  checkShape(schema, 0, fail)
  const ids = allFieldIds(schema)
  if (new Set(ids).size !== ids.length) fail('a schema uses a field id twice')
  if (ids.some((id) => id < 0 || id > 0x7fffffff)) fail('a schema has a field id that is out of range')
}

/** Every level of a type has what its kind needs, and the nesting ends. */
function checkShape(type: unknown, depth: number, fail: Fail): void {
  if (depth > deepestNesting) fail(`a schema is nested deeper than ${deepestNesting} levels`)
  if (typeof type === 'string') return
  if (!isObject(type)) return fail('a schema has a type that is neither text nor object')
  const need = (id: string, required?: string) => {
    if (!isInteger(type[id])) fail(`a ${String(type['type'])} has no ${id}`)
    if (required !== undefined && typeof type[required] !== 'boolean')
      fail(`a ${String(type['type'])} has no ${required}`)
  }
  switch (type['type']) {
    case 'struct':
      if (!isList(type['fields'])) return fail('a struct has no list of fields')
      for (const field of type['fields']) {
        if (!isObject(field)) return fail('a struct has a field that is no object')
        if (!isInteger(field['id']) || typeof field['name'] !== 'string' || typeof field['required'] !== 'boolean')
          return fail('a struct has a field without id, name or required')
        checkShape(field['type'], depth + 1, fail)
      }
      return
    case 'list':
      need('element-id', 'element-required')
      return checkShape(type['element'], depth + 1, fail)
    case 'map':
      need('key-id')
      need('value-id', 'value-required')
      checkShape(type['key'], depth + 1, fail)
      return checkShape(type['value'], depth + 1, fail)
    default:
      fail(`a schema has a type of kind ${JSON.stringify(type['type'])}`)
  }
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
