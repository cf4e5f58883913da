import type { ObjectStore, VersionedCatalog } from '@phlo/ports'

/** A catalog with refs, and the store that its tables are in. */
export interface Lake {
  readonly catalog: VersionedCatalog
  readonly store: ObjectStore
}
