import { randomUUID } from 'node:crypto'
import type { Catalog, CatalogChange, TableIdentifier } from '@phlo/ports'

export const tableIn =
  (namespace: string) =>
  (name: string): TableIdentifier => ({ namespace: [namespace], name })

/** The change that makes a small table without data. */
export function newTable(catalog: Catalog, identifier: TableIdentifier): CatalogChange {
  return {
    kind: 'table',
    identifier,
    requirements: [{ type: 'assert-create' }],
    updates: [
      { action: 'assign-uuid', uuid: randomUUID() },
      { action: 'upgrade-format-version', 'format-version': 2 },
      { action: 'set-location', location: catalog.newTableLocation(identifier) },
      {
        action: 'add-schema',
        schema: { type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'id', required: true, type: 'long' }] },
      },
      { action: 'set-current-schema', 'schema-id': -1 },
      { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
    ],
  }
}

/** The change that sets a property, whatever the table's state. */
export function setProperty(identifier: TableIdentifier, key: string, value: string): CatalogChange {
  return {
    kind: 'table',
    identifier,
    requirements: [],
    updates: [{ action: 'set-properties', updates: { [key]: value } }],
  }
}
