import type { TableMetadata, TableUpdate } from '@phlo/ports'
import { invalid } from '../invalid.js'
import {
  addSchema,
  addSortOrder,
  addSpec,
  failing,
  type NextMetadata,
  removeSchemas,
  removeSpecs,
} from './layout-updates.js'
import { currentSchema, newestFormatVersion } from './metadata.js'
import { bindSpec, firstPartitionFieldId, specById } from '../partition/partition-spec.js'
import { checkNewSchema } from '../schema/schema-checks.js'
import { checkReferences } from '../schema/schema-references.js'
import { bindSortOrder } from '../sort/sort-order.js'
import {
  addSnapshot,
  checkAncestry,
  removeRef,
  removeSnapshots,
  replaceOfSnapshot,
  setRef,
} from './snapshot-updates.js'
import { checkFiles } from './validate.js'
import { numberProperty, withoutProperties } from './properties.js'

/** Older entries of `metadata-log` fall out; the property is Iceberg's own. */
const defaultPreviousVersions = 100

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
  const next: NextMetadata = base ? { ...base } : emptyMetadata()
  // The specification wants time to go forward even when clocks do not.
  const now = Math.max(options.now, base?.['last-updated-ms'] ?? 0)
  let addedSchema: number | undefined
  let addedSpec: number | undefined
  let addedOrder: number | undefined
  let hasNewParent = false
  for (const update of updates) {
    switch (update.action) {
      case 'assign-uuid':
        if (base && base['table-uuid'] !== update.uuid) throw invalid('assign-uuid', 'a table cannot change its uuid')
        next['table-uuid'] = update.uuid
        break
      case 'upgrade-format-version':
        upgrade(next, update['format-version'], base !== undefined)
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
        hasNewParent = addSnapshot(next, update.snapshot) || hasNewParent
        break
      case 'set-snapshot-ref': {
        const { action: _, 'ref-name': name, ...ref } = update
        setRef(next, name, ref, now)
        break
      }
      case 'remove-snapshots':
        removeSnapshots(next, new Set(update['snapshot-ids']))
        break
      case 'remove-snapshot-ref':
        removeRef(next, update['ref-name'])
        break
      case 'set-location':
        next.location = update.location
        break
      case 'set-properties':
        next.properties = { ...next.properties, ...update.updates }
        break
      case 'remove-properties':
        next.properties = withoutProperties(next.properties, update.removals)
        break
      case 'remove-schemas':
        removeSchemas(next, new Set(update['schema-ids']))
        break
      case 'remove-partition-specs':
        removeSpecs(next, new Set(update['spec-ids']))
        break
      case 'set-statistics': {
        const file = update.statistics
        next.statistics = replaceOfSnapshot(next.statistics, file['snapshot-id'], file)
        break
      }
      case 'remove-statistics':
        next.statistics = replaceOfSnapshot(next.statistics, update['snapshot-id'])
        break
      case 'set-partition-statistics': {
        const file = update['partition-statistics']
        next['partition-statistics'] = replaceOfSnapshot(next['partition-statistics'], file['snapshot-id'], file)
        break
      }
      case 'remove-partition-statistics':
        next['partition-statistics'] = replaceOfSnapshot(next['partition-statistics'], update['snapshot-id'])
        break
      case 'add-encryption-key': {
        const key = update['encryption-key']
        const keys = next['encryption-keys'] ?? []
        if (!keys.some((other) => other['key-id'] === key['key-id'])) next['encryption-keys'] = [...keys, key]
        break
      }
      case 'remove-encryption-key':
        next['encryption-keys'] = next['encryption-keys']?.filter((key) => key['key-id'] !== update['key-id']) ?? []
        break
      default:
        throw invalid('table update', `action ${JSON.stringify((update as { action: unknown }).action)} is not known`)
    }
  }
  if (next['table-uuid'] === '' || next.location === '' || next['default-sort-order-id'] < 0) {
    throw invalid('table updates', 'a new table needs a uuid, a location, a schema, a spec and a sort order')
  }
  if (hasNewParent) checkAncestry(next)
  checkFiles(next, failing('table updates'))
  if (base && next['current-schema-id'] !== base['current-schema-id'])
    checkReferences(next, currentSchema(base), currentSchema(next), failing('set-current-schema'))
  for (const schema of next.schemas)
    if (!base?.schemas.includes(schema)) checkNewSchema(schema, next['format-version'], failing('add-schema'))
  if (
    addedSchema !== undefined ||
    addedSpec !== undefined ||
    next['current-schema-id'] !== base?.['current-schema-id'] ||
    next['default-spec-id'] !== base['default-spec-id']
  ) {
    // Of new rows the default spec must be computable, whatever older schemas had.
    bindSpec(specById(next['partition-specs'], next['default-spec-id']), currentSchema(next))
  }
  if (addedOrder !== undefined || next['default-sort-order-id'] !== base?.['default-sort-order-id']) {
    const order = next['sort-orders'].find((item) => item['order-id'] === next['default-sort-order-id'])
    if (order) bindSortOrder(order, currentSchema(next))
  }
  if (options.previousLocation !== undefined && base) {
    next['metadata-log'] = [
      ...(base['metadata-log'] ?? []),
      { 'timestamp-ms': base['last-updated-ms'], 'metadata-file': options.previousLocation },
    ].slice(-keptPreviousVersions(next))
  }
  next['last-updated-ms'] = now
  return next
}

/** How many earlier metadata files `metadata-log` names. Spec: table property `write.metadata.previous-versions-max`. */
export function keptPreviousVersions(metadata: TableMetadata): number {
  return Math.max(1, numberProperty(metadata, 'write.metadata.previous-versions-max', defaultPreviousVersions))
}

/** Spec: Appendix E. A new table may be of any version; later there is no way back. */
function upgrade(next: NextMetadata, version: number, exists: boolean): void {
  if (exists && version < next['format-version']) throw invalid('upgrade-format-version', 'the version cannot go back')
  if (!Number.isInteger(version) || version < 1 || version > newestFormatVersion)
    throw invalid('upgrade-format-version', `version ${version} is none from 1 to ${newestFormatVersion}`)
  next['format-version'] = version
  if (version >= 3) next['next-row-id'] ??= 0
}

function emptyMetadata(): NextMetadata {
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
