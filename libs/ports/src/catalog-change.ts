import type { TableRequirement, TableUpdate } from './iceberg-model.js'
import type { TableIdentifier } from './table-identifier.js'
import type { ViewUpdate } from './view-model.js'

/** What must hold of a view for a change to happen. */
export type ViewRequirement =
  { readonly type: 'assert-create' } | { readonly type: 'assert-view-uuid'; readonly uuid: string }

/** One change within a commit. Tables and views of a namespace share their names. */
export type CatalogChange =
  /** Creates the table when the requirements hold `assert-create`, changes it otherwise. */
  | {
      readonly kind: 'table'
      readonly identifier: TableIdentifier
      readonly requirements: readonly TableRequirement[]
      readonly updates: readonly TableUpdate[]
    }
  /**
   * Takes a table that exists into the catalog, by its metadata file, which stays as it is. PHLO_TABLE_EXISTS where there
   * is one of that name; PHLO_UNSUPPORTED for a file outside the catalog's store.
   */
  | {
      readonly kind: 'register-table'
      readonly identifier: TableIdentifier
      /** URI. */
      readonly metadataLocation: string
    }
  /** Takes the table out of the catalog; its files stay for other refs. */
  | { readonly kind: 'drop-table'; readonly identifier: TableIdentifier }
  /** Gives the table another name, perhaps in another namespace. It stays the same table, its files where they are. */
  | { readonly kind: 'rename-table'; readonly identifier: TableIdentifier; readonly to: TableIdentifier }
  /** Creates the view when the requirements hold `assert-create`, changes it otherwise. */
  | {
      readonly kind: 'view'
      readonly identifier: TableIdentifier
      readonly requirements: readonly ViewRequirement[]
      readonly updates: readonly ViewUpdate[]
    }
  | { readonly kind: 'drop-view'; readonly identifier: TableIdentifier }
  | { readonly kind: 'rename-view'; readonly identifier: TableIdentifier; readonly to: TableIdentifier }
  | {
      readonly kind: 'create-namespace'
      readonly namespace: readonly string[]
      readonly properties?: Readonly<Record<string, string>>
      /** An existing one is left as it is, instead of PHLO_NAMESPACE_EXISTS. Default false. */
      readonly ifNotExists?: boolean
    }
  | {
      readonly kind: 'set-namespace-properties'
      readonly namespace: readonly string[]
      readonly set?: Readonly<Record<string, string>>
      /** Keys that go; absent ones are no error. None of them may be in `set`, too. */
      readonly remove?: readonly string[]
    }
  /** Throws PHLO_NAMESPACE_NOT_EMPTY while it holds tables or views. */
  | { readonly kind: 'drop-namespace'; readonly namespace: readonly string[] }
