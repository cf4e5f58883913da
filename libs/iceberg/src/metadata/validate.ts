import type { Snapshot, SnapshotRef, TableMetadata } from '@phlo/ports'
import { sharedBy } from './growing-list.js'
import { type Fail, isInteger, isList, isObject, isTextMap } from './shape.js'
import { expectSnapshot, repeatedId, scannedText, unorderedParents } from './snapshot-index.js'
import { validateSchema } from '../schema/schema-checks.js'

/**
 * Checks everything that code relies on when it uses a table's metadata, whoever wrote it, in time that grows with the
 * metadata and no faster. `fail` gets the first problem. Spec: "Table Metadata Fields".
 */
export function validateMetadata(metadata: TableMetadata, fail: Fail): void {
  for (const key of ['table-uuid', 'location'] as const)
    if (typeof metadata[key] !== 'string') fail(`${key} is no text`)
  const rowIds = metadata['format-version'] >= 3 ? (['next-row-id'] as const) : []
  for (const key of [
    'last-sequence-number',
    'last-updated-ms',
    'last-column-id',
    'current-schema-id',
    'default-spec-id',
    'last-partition-id',
    'default-sort-order-id',
    ...rowIds,
  ] as const) {
    if (!isInteger(metadata[key])) fail(`${key} is no integer`)
  }
  for (const key of ['schemas', 'partition-specs', 'sort-orders'] as const)
    if (!isList(metadata[key])) fail(`${key} is no list`)
  for (const key of [
    'snapshots',
    'snapshot-log',
    'metadata-log',
    'statistics',
    'partition-statistics',
    'encryption-keys',
  ] as const)
    if (!isList(metadata[key] ?? [])) fail(`${key} is no list`)
  for (const key of ['properties', 'refs'] as const) if (!isObject(metadata[key] ?? {})) fail(`${key} is no object`)
  for (const schema of metadata.schemas) validateSchema(schema, fail)
  checkSpecs(metadata['partition-specs'], fail)
  checkOrders(metadata['sort-orders'], fail)
  checkIds(metadata, fail)
  for (const [key, value] of Object.entries(metadata.properties ?? {}))
    if (typeof value !== 'string') fail(`property ${key} is no text`)
  checkSnapshots(metadata, fail)
  checkFiles(metadata, fail)
}

function checkIds(metadata: TableMetadata, fail: Fail): void {
  const schemas = metadata.schemas.map((schema) => schema['schema-id'])
  const specs = metadata['partition-specs'].map((spec) => spec['spec-id'])
  const orders = metadata['sort-orders'].map((order) => order['order-id'])
  for (const [kind, ids] of [
    ['schemas', schemas],
    ['partition specs', specs],
    ['sort orders', orders],
  ] as const)
    if (new Set(ids).size !== ids.length) fail(`two ${kind} have the same id`)
  if (!schemas.includes(metadata['current-schema-id'])) fail('current-schema-id names no schema')
  if (!specs.includes(metadata['default-spec-id'])) fail('default-spec-id names no partition spec')
  if (!orders.includes(metadata['default-sort-order-id'])) fail('default-sort-order-id names no sort order')
}

/** The shape of partition specs. */
export function checkSpecs(specs: readonly unknown[], fail: Fail): void {
  for (const spec of specs) {
    if (!isObject(spec) || !isInteger(spec['spec-id']) || !isList(spec['fields']))
      return fail('a partition spec has no id or fields')
    for (const field of spec['fields']) {
      if (
        !isObject(field) ||
        !hasSource(field) ||
        !isInteger(field['field-id']) ||
        typeof field['name'] !== 'string' ||
        typeof field['transform'] !== 'string'
      )
        fail('a partition field has no source, id, name or transform')
    }
  }
}

/** The shape of sort orders. */
export function checkOrders(orders: readonly unknown[], fail: Fail): void {
  for (const order of orders) {
    if (!isObject(order) || !isInteger(order['order-id']) || !isList(order['fields']))
      return fail('a sort order has no id or fields')
    for (const field of order['fields']) {
      if (!isObject(field) || !hasSource(field) || typeof field['transform'] !== 'string')
        return fail('a sort field has no source or transform')
      if (field['direction'] !== 'asc' && field['direction'] !== 'desc') fail('a sort field has no direction')
      if (field['null-order'] !== 'nulls-first' && field['null-order'] !== 'nulls-last')
        fail('a sort field has no null order')
    }
  }
}

function hasSource(field: Record<string, unknown>): boolean {
  const several = field['source-ids']
  if (field['source-id'] !== undefined && !isInteger(field['source-id'])) return false
  if (several === undefined) return field['source-id'] !== undefined
  return isList(several) && several.length > 0 && several.every(isInteger)
}

function checkSnapshots(metadata: TableMetadata, fail: Fail): void {
  const has = snapshotsChecked(metadata.snapshots ?? [], fail)
  const current = metadata['current-snapshot-id']
  // -1 is how older writers say that there is none.
  if (current !== undefined && current !== null && current !== -1n && !has(current))
    fail('current-snapshot-id names no snapshot')
  for (const [name, ref] of Object.entries(metadata.refs ?? {})) {
    if (!isObject(ref) || !has(ref['snapshot-id'])) return fail(`ref ${name} names no snapshot`)
    checkRef(name, ref, fail)
  }
  const log = metadata['snapshot-log'] ?? []
  // What was scanned has the shape.
  for (const entry of sharedBy(log) ? [] : log)
    if (!isObject(entry) || !isInteger(entry['timestamp-ms']) || typeof entry['snapshot-id'] !== 'bigint')
      fail('an entry of snapshot-log has no time or snapshot')
  for (const entry of metadata['metadata-log'] ?? [])
    if (!isObject(entry) || !isInteger(entry['timestamp-ms']) || typeof entry['metadata-file'] !== 'string')
      fail('an entry of metadata-log has no time or file')
}

/** Checks the snapshots and who came from whom. Tells which there are. */
function snapshotsChecked(snapshots: readonly Snapshot[], fail: Fail): (id: bigint) => boolean {
  const scanned = scannedText(snapshots)
  const parents = new Map<bigint, bigint | null | undefined>()
  let repeated = scanned && repeatedId(scanned)
  // What was scanned has the shape.
  for (const snapshot of scanned ? [] : snapshots) {
    checkSnapshot(snapshot, fail)
    const id = snapshot['snapshot-id']
    if (parents.has(id)) repeated ??= id
    parents.set(id, snapshot['parent-snapshot-id'])
  }
  if (repeated !== undefined) fail(`two snapshots have the id ${repeated}`)
  const cycle = findCycle((scanned && unorderedParents(scanned)) ?? parents)
  if (cycle !== undefined) fail(`snapshot ${cycle} is an ancestor of its own`)
  return (id) => (scanned ? expectSnapshot(snapshots, id) : parents.has(id))
}

/** The shape of a snapshot. Spec: "Snapshots". */
export function checkSnapshot(snapshot: Snapshot, fail: Fail): void {
  if (!isObject(snapshot) || typeof snapshot['snapshot-id'] !== 'bigint') return fail('a snapshot has no id')
  const { summary, manifests } = snapshot
  const is = `snapshot ${snapshot['snapshot-id']}`
  if (!isInteger(snapshot['timestamp-ms'])) fail(`${is} has no time`)
  if (!['bigint', 'undefined'].includes(typeof (snapshot['parent-snapshot-id'] ?? undefined)))
    fail(`${is} has no parent id`)
  for (const key of ['sequence-number', 'schema-id', 'first-row-id', 'added-rows'] as const)
    if (!isInteger(snapshot[key] ?? 0)) fail(`${key} of ${is} is no integer`)
  for (const key of ['manifest-list', 'key-id'] as const)
    if (typeof (snapshot[key] ?? '') !== 'string') fail(`${key} of ${is} is no text`)
  if (!isTextMap(summary ?? {})) fail(`summary of ${is} holds something other than text`)
  if (!isList(manifests ?? []) || manifests?.some((path) => typeof path !== 'string'))
    fail(`manifests of ${is} is no list of texts`)
}

/** The shape of a branch or tag. Spec: "Snapshot References". */
export function checkRef(name: string, ref: SnapshotRef, fail: Fail): void {
  if (ref.type !== 'branch' && ref.type !== 'tag') fail(`ref ${name} is neither branch nor tag`)
  for (const key of ['min-snapshots-to-keep', 'max-snapshot-age-ms', 'max-ref-age-ms'] as const)
    if (!isInteger(ref[key] ?? 0)) fail(`${key} of ref ${name} is no integer`)
}

/** A snapshot whose parents lead back to it, so that nobody who walks them has to look out. Each is visited once. */
export function findCycle(parents: ReadonlyMap<bigint, bigint | null | undefined>): bigint | undefined {
  const walks = new Map<bigint, bigint>()
  for (const start of parents.keys()) {
    let id: bigint | undefined = start
    while (id !== undefined && parents.has(id) && !walks.has(id)) {
      walks.set(id, start)
      id = parents.get(id) ?? undefined
    }
    if (id !== undefined && walks.get(id) === start) return id
  }
  return undefined
}

/** The shape of statistics files and encryption keys. Spec: "Table Statistics", "Encryption Keys". */
export function checkFiles(metadata: TableMetadata, fail: Fail): void {
  const hasFile = (item: unknown) =>
    isObject(item) &&
    typeof item['snapshot-id'] === 'bigint' &&
    typeof item['statistics-path'] === 'string' &&
    isInteger(item['file-size-in-bytes'])
  for (const file of metadata.statistics ?? []) {
    if (!hasFile(file) || !isInteger(file['file-footer-size-in-bytes']) || !isList(file['blob-metadata']))
      return fail('a statistics file has no snapshot, path, sizes or blobs')
    for (const blob of file['blob-metadata'])
      if (
        !isObject(blob) ||
        typeof blob.type !== 'string' ||
        typeof blob['snapshot-id'] !== 'bigint' ||
        !isInteger(blob['sequence-number']) ||
        !isList(blob.fields) ||
        !blob.fields.every(isInteger)
      )
        fail('a statistics blob has no type, snapshot, sequence number or fields')
  }
  for (const file of metadata['partition-statistics'] ?? [])
    if (!hasFile(file)) fail('a partition statistics file has no snapshot, path or size')
  for (const key of metadata['encryption-keys'] ?? [])
    if (!isObject(key) || typeof key['key-id'] !== 'string' || typeof key['encrypted-key-metadata'] !== 'string')
      fail('an encryption key has no id or metadata')
}
