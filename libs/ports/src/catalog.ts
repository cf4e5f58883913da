import type { TableMetadata, TableRequirement, TableUpdate } from './iceberg-model.js'
import { definePort } from './port.js'
import type { TableIdentifier } from './table-identifier.js'

/** The branch that runs are published to, and the one meant where none is named. */
export const mainBranch = 'main'

export interface CatalogSupports {
  /** The catalog has branches and tags of the whole lake: it is a {@link VersionedCatalog}. Default false. */
  readonly refs: boolean
  /** One `commit` may change several tables, all or none. Default false. */
  readonly multiTableCommit: boolean
}

export interface LoadedTable {
  readonly identifier: TableIdentifier
  readonly metadata: TableMetadata
  /** URI of the metadata file. */
  readonly metadataLocation: string
}

/** One change within a commit. */
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
  | {
      readonly kind: 'create-namespace'
      readonly namespace: readonly string[]
      readonly properties?: Readonly<Record<string, string>>
      /** An existing one is left as it is, instead of PHLO_NAMESPACE_EXISTS. Default false. */
      readonly ifNotExists?: boolean
    }
  | { readonly kind: 'drop-namespace'; readonly namespace: readonly string[] }

export interface CommitOptions {
  /** The branch to commit to. Default `main`. */
  readonly ref?: string
  readonly message: string
  readonly author?: string
  /** Kept with the commit: run id, profile, … */
  readonly properties?: Readonly<Record<string, string>>
}

export interface CommitResult {
  /** The commit's id where the catalog has refs. */
  readonly commit?: string
  /** The changed tables as they are now, in the order of the changes; dropped ones are left out. */
  readonly tables: readonly LoadedTable[]
}

export interface RefOptions {
  /** A branch, a tag or a commit's id. Default `main`. Ignored by catalogs without refs. */
  readonly ref?: string
}

/**
 * Namespaces and Iceberg tables. Every method that takes a ref throws PHLO_REF_NOT_FOUND when there is no such ref.
 */
export interface Catalog {
  readonly supports: CatalogSupports

  /** Every namespace, parents before children, in order of their names. */
  listNamespaces(options?: RefOptions): Promise<readonly NamespaceInfo[]>

  /** The tables of a namespace, or of all when none is given, in order of their names. */
  listTables(options?: RefOptions & { readonly namespace?: readonly string[] }): Promise<readonly TableIdentifier[]>

  /** The table, or `undefined` when there is none. */
  loadTable(identifier: TableIdentifier, options?: RefOptions): Promise<LoadedTable | undefined>

  /**
   * Applies the changes, all or none, and is durable when it resolves.
   * A change elsewhere in the catalog never fails a commit; the adapter retries by itself.
   * Throws PHLO_COMMIT_CONFLICT when a requirement does not hold, PHLO_TABLE_EXISTS for `assert-create`,
   * PHLO_TABLE_NOT_FOUND, PHLO_NAMESPACE_NOT_FOUND, PHLO_NAMESPACE_EXISTS, PHLO_NAMESPACE_NOT_EMPTY, and PHLO_REF_INVALID for a ref that is no
   * branch.
   */
  commit(changes: readonly CatalogChange[], options: CommitOptions): Promise<CommitResult>

  /** The URI of the folder for a table that is about to be created. */
  newTableLocation(identifier: TableIdentifier): string

  close(): Promise<void>
}

export interface NamespaceInfo {
  readonly namespace: readonly string[]
  readonly properties: Readonly<Record<string, string>>
}

export interface RefInfo {
  readonly name: string
  readonly type: 'branch' | 'tag'
  /** The commit's id. */
  readonly commit: string
}

export interface CommitInfo {
  readonly id: string
  /** First the branch's own previous commit, then the merged ones. */
  readonly parents: readonly string[]
  readonly author: string
  readonly message: string
  readonly time: Date
  readonly properties: Readonly<Record<string, string>>
}

export interface TableDiff {
  readonly identifier: TableIdentifier
  readonly change: 'added' | 'removed' | 'changed'
}

export interface MergeOptions {
  readonly message?: string
  readonly author?: string
  readonly properties?: Readonly<Record<string, string>>
  /** Only look: nothing is written. Default false. */
  readonly dryRun?: boolean
  /** The target's commit that the caller looked at; another one is PHLO_COMMIT_CONFLICT. */
  readonly expectedTarget?: string
}

export interface MergeResult {
  /** The target's commit afterwards; with `dryRun` or when there was nothing to merge, the one before. */
  readonly commit: string
  /** Tables that the merge brings into the target. */
  readonly tables: readonly TableDiff[]
  /** Tables that both sides changed since they parted; only with `dryRun`, otherwise they are thrown. */
  readonly conflicts: readonly TableIdentifier[]
}

/** A catalog whose whole state has branches, tags and history. */
export interface VersionedCatalog extends Catalog {
  /** Branches and tags, in order of their names. */
  listRefs(): Promise<readonly RefInfo[]>

  /** The branch or tag, or `undefined`. */
  getRef(name: string): Promise<RefInfo | undefined>

  /** Makes a branch or tag at the commit that `from` names (default `main`). Throws PHLO_REF_EXISTS, PHLO_REF_INVALID. */
  createRef(name: string, options?: { readonly type?: 'branch' | 'tag'; readonly from?: string }): Promise<RefInfo>

  /**
   * Deletes a branch or tag. With `expected`, only when it still stands at that commit, otherwise PHLO_COMMIT_CONFLICT.
   * Throws PHLO_REF_INVALID for `main`.
   */
  deleteRef(name: string, options?: { readonly expected?: string }): Promise<void>

  /**
   * Brings what `from` changed since it left `into` into the branch `into`, as one commit: a reader of the branch sees
   * all or nothing. Throws PHLO_MERGE_CONFLICT with `context.tables` when both sides changed a table; nothing is written
   * then.
   */
  merge(from: string, into: string, options?: MergeOptions): Promise<MergeResult>

  /** The tables that differ between two refs, in order of their names. */
  diff(from: string, to: string): Promise<readonly TableDiff[]>

  /** Commits from the ref backwards along first parents, newest first. */
  log(ref: string, options?: { readonly limit?: number }): AsyncIterable<CommitInfo>

  /** The commit at which the branch stood at that time, or `undefined` when it is younger. */
  commitAt(ref: string, time: Date): Promise<string | undefined>
}

/** True for a catalog with refs; follows from `supports` alone. */
export function isVersioned(catalog: Catalog): catalog is VersionedCatalog {
  return catalog.supports.refs
}

export const CatalogPort = definePort<Catalog>('Catalog')
