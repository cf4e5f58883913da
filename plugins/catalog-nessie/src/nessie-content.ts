import { currentViewVersion } from '@phlo/iceberg'
import type { CatalogValue } from '@phlo/catalog'
import { namespaceKey, namespaceValue, parseKey, tableKey } from '@phlo/catalog'
import type { ObjectStore, TableMetadata, ViewMetadata } from '@phlo/ports'

/** What Nessie keeps under a key. Fields that nobody here knows are left as they are. */
export interface Content {
  readonly type: string
  /** Stays the same when the content changes or gets another key; Nessie gives it. */
  readonly id?: string
  readonly metadataLocation?: string
  readonly properties?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

const tableType = 'ICEBERG_TABLE'
const viewType = 'ICEBERG_VIEW'
const namespaceType = 'NAMESPACE'

/** Nessie's key of a table, view or namespace: all of its names. */
export function elementsOf(key: string): readonly string[] {
  const { namespace, name } = parseKey(key)
  return name === '' ? namespace : [...namespace, name]
}

/** The catalog's key for something of Nessie's; `undefined` for what is neither namespace, Iceberg table nor view. */
export function keyOf(elements: readonly string[], type: string): string | undefined {
  if (type === namespaceType) return namespaceKey(elements)
  if (type !== tableType && type !== viewType) return undefined
  return tableKey({ namespace: elements.slice(0, -1), name: elements.at(-1) ?? '' })
}

/** What the content stands for. `undefined` as with {@link keyOf}. */
export function valueOf(content: Content, store: ObjectStore): CatalogValue | undefined {
  const { type, id = '', metadataLocation = '', properties = {} } = content
  if (type === namespaceType) return namespaceValue(properties)
  if (type !== tableType && type !== viewType) return undefined
  // A file outside the store keeps its URI for a name: it can be listed and compared, and not read.
  const metadata = store.key(metadataLocation) ?? metadataLocation
  return { type: type === tableType ? 'table' : 'view', metadata, uuid: id }
}

/** The URI of a value's metadata file. */
export function locationOf(metadata: string, store: ObjectStore): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(metadata) ? metadata : store.uri(metadata)
}

export function namespaceContent(
  elements: readonly string[],
  properties: Readonly<Record<string, string>>,
  id: string | undefined,
): Content {
  return { type: namespaceType, ...(id !== undefined && { id }), elements, properties }
}

export function tableContent(metadata: TableMetadata, metadataLocation: string, id: string | undefined): Content {
  return {
    type: tableType,
    ...(id !== undefined && { id }),
    metadataLocation,
    snapshotId: metadata['current-snapshot-id'] ?? -1,
    schemaId: metadata['current-schema-id'],
    specId: metadata['default-spec-id'],
    sortOrderId: metadata['default-sort-order-id'],
  }
}

export function viewContent(metadata: ViewMetadata, metadataLocation: string, id: string | undefined): Content {
  return {
    type: viewType,
    ...(id !== undefined && { id }),
    metadataLocation,
    versionId: metadata['current-version-id'],
    schemaId: currentViewVersion(metadata)['schema-id'],
  }
}
