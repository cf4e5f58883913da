import type {
  IcebergSchema,
  PartitionSpec,
  Snapshot,
  SnapshotRef,
  SortOrder,
  TableMetadata,
  TableRequirement,
  TableUpdate,
} from '@phlo/ports'
import { PhloError } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { sameJson } from './json.js'
import { mainTableBranch, schemaById } from './metadata.js'
import { bindSpec, firstPartitionFieldId, specById } from '../partition/partition-spec.js'
import { highestFieldId } from '../schema/schema.js'

/** Older entries of `metadata-log` fall out; the property is Iceberg's own. */
const defaultPreviousVersions = 100

/**
 * Throws PHLO_COMMIT_CONFLICT (PHLO_TABLE_EXISTS for `assert-create`) when a requirement does not hold of the table.
 * Source: REST catalog, `TableRequirement`.
 */
export function checkRequirements(
  metadata: TableMetadata | undefined,
  requirements: readonly TableRequirement[],
  table: string,
): void {
  for (const requirement of requirements) {
    if (requirement.type === 'assert-create') {
      if (metadata)
        throw new PhloError('PHLO_TABLE_EXISTS', `The table ${table} exists already`, { context: { table } })
      continue
    }
    if (!metadata) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${table}`, { context: { table } })
    const broken = brokenRequirement(metadata, requirement)
    if (broken !== undefined) {
      throw new PhloError('PHLO_COMMIT_CONFLICT', `The table ${table} changed meanwhile: ${broken}`, {
        retryable: true,
        context: { table, requirement: requirement.type },
      })
    }
  }
}

function brokenRequirement(
  metadata: TableMetadata,
  requirement: Exclude<TableRequirement, { type: 'assert-create' }>,
): string | undefined {
  const differs = (name: string, actual: unknown, expected: unknown) =>
    actual === expected ? undefined : `${name} is ${String(actual)}, not ${String(expected)}`
  switch (requirement.type) {
    case 'assert-table-uuid':
      return differs('table-uuid', metadata['table-uuid'], requirement.uuid)
    case 'assert-ref-snapshot-id': {
      const actual = metadata.refs?.[requirement.ref]?.['snapshot-id'] ?? null
      return differs(`snapshot of ${requirement.ref}`, actual, requirement['snapshot-id'])
    }
    case 'assert-last-assigned-field-id':
      return differs('last-column-id', metadata['last-column-id'], requirement['last-assigned-field-id'])
    case 'assert-current-schema-id':
      return differs('current-schema-id', metadata['current-schema-id'], requirement['current-schema-id'])
    case 'assert-last-assigned-partition-id':
      return differs('last-partition-id', metadata['last-partition-id'], requirement['last-assigned-partition-id'])
    case 'assert-default-spec-id':
      return differs('default-spec-id', metadata['default-spec-id'], requirement['default-spec-id'])
    case 'assert-default-sort-order-id':
      return differs('default-sort-order-id', metadata['default-sort-order-id'], requirement['default-sort-order-id'])
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/**
 * The metadata after the updates, applied in order. Without `base`, a new table of format version 2.
 * `previousLocation` is the metadata file that the result replaces. Throws PHLO_ICEBERG_INVALID for updates that
 * contradict each other or the table. Source: REST catalog, `TableUpdate`.
 */
export function applyUpdates(
  base: TableMetadata | undefined,
  updates: readonly TableUpdate[],
  options: { readonly now: number; readonly previousLocation?: string },
): TableMetadata {
  const next: Mutable<TableMetadata> = base ? { ...base } : emptyMetadata()
  // The specification wants time to go forward even when clocks do not.
  const now = Math.max(options.now, base?.['last-updated-ms'] ?? 0)
  let addedSchema: number | undefined
  let addedSpec: number | undefined
  let addedOrder: number | undefined
  for (const update of updates) {
    switch (update.action) {
      case 'assign-uuid':
        if (base && base['table-uuid'] !== update.uuid) throw invalid('assign-uuid', 'a table cannot change its uuid')
        next['table-uuid'] = update.uuid
        break
      case 'upgrade-format-version':
        if (update['format-version'] < next['format-version'])
          throw invalid('upgrade-format-version', 'the version cannot go back')
        if (update['format-version'] > 2) throw invalid('upgrade-format-version', 'versions above 2 are not written')
        next['format-version'] = update['format-version']
        break
      case 'add-schema':
        addedSchema = addSchema(next, update.schema)
        break
      case 'set-current-schema':
        next['current-schema-id'] = known(
          update['schema-id'],
          addedSchema,
          next.schemas,
          'schema-id',
          'set-current-schema',
        )
        break
      case 'add-spec':
        addedSpec = addSpec(next, update.spec)
        break
      case 'set-default-spec':
        next['default-spec-id'] = known(
          update['spec-id'],
          addedSpec,
          next['partition-specs'],
          'spec-id',
          'set-default-spec',
        )
        break
      case 'add-sort-order':
        addedOrder = addSortOrder(next, update['sort-order'])
        break
      case 'set-default-sort-order':
        next['default-sort-order-id'] = known(
          update['sort-order-id'],
          addedOrder,
          next['sort-orders'],
          'order-id',
          'set-default-sort-order',
        )
        break
      case 'add-snapshot':
        addSnapshot(next, update.snapshot)
        break
      case 'set-snapshot-ref': {
        const { action: _, 'ref-name': name, ...ref } = update
        setRef(next, name, ref, now)
        break
      }
      case 'remove-snapshots':
        removeSnapshots(next, new Set(update['snapshot-ids']))
        break
      case 'remove-snapshot-ref': {
        const { [update['ref-name']]: removed, ...refs } = next.refs ?? {}
        next.refs = refs
        if (removed && update['ref-name'] === mainTableBranch) {
          delete next['current-snapshot-id']
          next['snapshot-log'] = []
        }
        break
      }
      case 'set-location':
        next.location = update.location
        break
      case 'set-properties':
        next.properties = { ...next.properties, ...update.updates }
        break
      case 'remove-properties': {
        const removals = new Set(update.removals)
        next.properties = Object.fromEntries(
          Object.entries(next.properties ?? {}).filter(([key]) => !removals.has(key)),
        )
        break
      }
      default:
        throw invalid('table update', `action ${JSON.stringify((update as { action: unknown }).action)} is not known`)
    }
  }
  if (next['table-uuid'] === '' || next.location === '' || next.schemas.length === 0) {
    throw invalid('table updates', 'a new table needs a uuid, a location and a schema')
  }
  if (addedSchema !== undefined || addedSpec !== undefined || next['default-spec-id'] !== base?.['default-spec-id']) {
    // Of new rows the default spec must be computable, whatever older schemas had.
    bindSpec(specById(next['partition-specs'], next['default-spec-id']), schemaById(next, next['current-schema-id']))
  }
  if (options.previousLocation !== undefined && base) {
    const kept = Number(next.properties?.['write.metadata.previous-versions-max'] ?? defaultPreviousVersions)
    next['metadata-log'] = [
      ...(base['metadata-log'] ?? []),
      { 'timestamp-ms': base['last-updated-ms'], 'metadata-file': options.previousLocation },
    ].slice(-Math.max(1, kept))
  }
  next['last-updated-ms'] = now
  return next
}

function emptyMetadata(): Mutable<TableMetadata> {
  return {
    'format-version': 2,
    'table-uuid': '',
    location: '',
    'last-sequence-number': 0,
    'last-updated-ms': 0,
    'last-column-id': 0,
    schemas: [],
    'current-schema-id': -1,
    'partition-specs': [],
    'default-spec-id': -1,
    'last-partition-id': firstPartitionFieldId - 1,
    properties: {},
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    'sort-orders': [],
    'default-sort-order-id': -1,
    refs: {},
  }
}

/** Resolves -1 to the id added last in the same commit, and refuses ids that are not there. */
function known<Key extends string>(
  id: number,
  added: number | undefined,
  items: readonly { readonly [K in Key]: number }[],
  key: Key,
  action: string,
): number {
  const resolved = id === -1 ? added : id
  if (resolved === undefined || !items.some((item) => item[key] === resolved))
    throw invalid(action, `there is no ${key} ${id}`)
  return resolved
}

/** An equal one that is there already is used again. */
function addSchema(next: Mutable<TableMetadata>, schema: IcebergSchema): number {
  const same = next.schemas.find((candidate) =>
    sameJson({ ...candidate, 'schema-id': 0 }, { ...schema, 'schema-id': 0 }),
  )
  next['last-column-id'] = Math.max(next['last-column-id'], highestFieldId(schema))
  if (same) return same['schema-id']
  const id = Math.max(-1, ...next.schemas.map((candidate) => candidate['schema-id'])) + 1
  next.schemas = [...next.schemas, { ...schema, 'schema-id': id }]
  return id
}

function addSpec(next: Mutable<TableMetadata>, spec: PartitionSpec): number {
  const same = next['partition-specs'].find((candidate) => sameJson(candidate.fields, spec.fields))
  if (same) return same['spec-id']
  for (const key of ['field-id', 'name'] as const) {
    if (new Set(spec.fields.map((field) => field[key])).size !== spec.fields.length)
      throw invalid('add-spec', `two fields have the same ${key}`)
  }
  const id = Math.max(-1, ...next['partition-specs'].map((candidate) => candidate['spec-id'])) + 1
  next['partition-specs'] = [...next['partition-specs'], { 'spec-id': id, fields: spec.fields }]
  next['last-partition-id'] = Math.max(next['last-partition-id'], ...spec.fields.map((field) => field['field-id']))
  return id
}

function addSortOrder(next: Mutable<TableMetadata>, order: SortOrder): number {
  const same = next['sort-orders'].find((candidate) => sameJson(candidate.fields, order.fields))
  if (same) return same['order-id']
  // Order 0 is reserved for "unsorted". Spec: "Sorting".
  const id =
    order.fields.length === 0 ? 0 : Math.max(0, ...next['sort-orders'].map((candidate) => candidate['order-id'])) + 1
  next['sort-orders'] = [...next['sort-orders'], { 'order-id': id, fields: order.fields }]
  return id
}

function addSnapshot(next: Mutable<TableMetadata>, snapshot: Snapshot): void {
  const sequence = snapshot['sequence-number'] ?? 0
  if (next.snapshots?.some((candidate) => candidate['snapshot-id'] === snapshot['snapshot-id'])) {
    throw invalid('add-snapshot', `there is a snapshot ${snapshot['snapshot-id']} already`)
  }
  if (
    next['format-version'] > 1 &&
    sequence <= next['last-sequence-number'] &&
    snapshot['parent-snapshot-id'] !== undefined
  ) {
    throw new PhloError(
      'PHLO_COMMIT_CONFLICT',
      `Sequence number ${sequence} is not above the table's ${next['last-sequence-number']}`,
      {
        retryable: true,
      },
    )
  }
  next['last-sequence-number'] = Math.max(next['last-sequence-number'], sequence)
  next.snapshots = [...(next.snapshots ?? []), snapshot]
}

function setRef(next: Mutable<TableMetadata>, name: string, ref: SnapshotRef, now: number): void {
  const id = ref['snapshot-id']
  if (!next.snapshots?.some((snapshot) => snapshot['snapshot-id'] === id))
    throw invalid('set-snapshot-ref', `there is no snapshot ${id}`)
  if (name === mainTableBranch && ref.type !== 'branch') throw invalid('set-snapshot-ref', `${name} must be a branch`)
  next.refs = { ...next.refs, [name]: ref }
  if (name !== mainTableBranch || next['current-snapshot-id'] === id) return
  next['current-snapshot-id'] = id
  next['snapshot-log'] = [...(next['snapshot-log'] ?? []), { 'timestamp-ms': now, 'snapshot-id': id }]
}

function removeSnapshots(next: Mutable<TableMetadata>, removed: ReadonlySet<bigint>): void {
  next.snapshots = (next.snapshots ?? []).filter((snapshot) => !removed.has(snapshot['snapshot-id']))
  next.refs = Object.fromEntries(Object.entries(next.refs ?? {}).filter(([, ref]) => !removed.has(ref['snapshot-id'])))
  // The log must have no gap before an entry that stays. Spec: `snapshot-log`.
  const log = next['snapshot-log'] ?? []
  const lastGap = log.findLastIndex((entry) => removed.has(entry['snapshot-id']))
  next['snapshot-log'] = log.slice(lastGap + 1)
  const current = next['current-snapshot-id']
  if (current !== undefined && removed.has(current)) delete next['current-snapshot-id']
}
