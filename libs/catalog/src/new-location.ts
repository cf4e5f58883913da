import { randomUUID } from 'node:crypto'
import type { ObjectStore, TableIdentifier } from '@phlo/ports'

export const tablesPrefix = 'tables'

/** The URI of a folder in the store that nothing else has, for a table or view that is about to be created. */
export function newLocation(store: ObjectStore, { namespace, name }: TableIdentifier): string {
  // Folder names are for people; only the suffix makes them unique.
  const folder = [...namespace, name].map((part) => part.replace(/[^A-Za-z0-9_-]/g, '_') || '_').join('/')
  return store.uri(`${tablesPrefix}/${folder}-${randomUUID().slice(0, 8)}`)
}
