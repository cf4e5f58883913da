import type { CatalogChange } from './catalog-change.js'
import type { IcebergSchema, PartitionSpec, TableMetadata } from './iceberg-model.js'
import { definePort } from './port.js'
import type { TableIdentifier } from './table-identifier.js'
import type { ViewMetadata } from './view-model.js'

/** The branch that runs are published to, and the one meant where none is named. */
export const mainBranch = 'main'

/** What a catalog can do. What it cannot is PHLO_UNSUPPORTED where it is asked for. */
export interface CatalogSupports {
  /** The catalog has branches and tags of the whole lake: it is a `VersionedCatalog`. */
  readonly refs: boolean
  /** One `commit` may hold several changes of kind `table`, all or none. */
  readonly multiTableCommit: boolean
  /**
   * One `commit` may hold changes of every kind, all or none. Without it a commit is either one change, or changes of
   * kind `table` (several with `multiTableCommit`) after some `create-namespace` with `ifNotExists`, whose namespaces may
   * stay when the rest fails.
   */
  readonly mixedCommit: boolean
  /** Views. Without them `listViews` is empty. */
  readonly views: boolean
  /** `rename-table`, and `rename-view` where there are views. */
  readonly renames: boolean
  /** Namespaces of more than one level. */
  readonly nestedNamespaces: boolean
  /** Only with `refs`: commits on top of a commit's id, on no branch. */
  readonly detachedCommits: boolean
  /** Only with `refs`: protected branches and tags. */
  readonly protection: boolean
  /** Only with `refs`: where each branch and tag stood is remembered. Without it `commitAt` goes by the commits' times. */
  readonly reflog: boolean
  /**
   * Only without `refs`: what a run needs of a `VersionedCatalog` is there all the same, by branches of the tables.
   * Default false.
   */
  readonly tableBranches?: boolean
}

export interface LoadedTable {
  readonly identifier: TableIdentifier
  readonly metadata: TableMetadata
  /** URI of the metadata file. */
  readonly metadataLocation: string
}

export interface LoadedView {
  readonly identifier: TableIdentifier
  readonly metadata: ViewMetadata
  /** URI of the metadata file. */
  readonly metadataLocation: string
}

/** What a table is created with. */
export interface TableLayout {
  readonly schema: IcebergSchema
  readonly spec: PartitionSpec
}

/** Where a table belongs that is about to be created, and who it will be. */
export interface StagedTable {
  /** URI of its folder. */
  readonly location: string
  readonly uuid: string
}

export interface CommitOptions {
  /**
   * The branch to commit to. Default `main`. A commit's id makes a detached commit on top of it: no branch moves, and only
   * the id in the result leads to it.
   */
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
  /** The changed views, likewise. */
  readonly views: readonly LoadedView[]
}

export interface RefOptions {
  /** A branch, a tag or a commit's id. Default `main`. Ignored by catalogs without refs. */
  readonly ref?: string
}

export interface NamespaceInfo {
  readonly namespace: readonly string[]
  readonly properties: Readonly<Record<string, string>>
}

/**
 * Namespaces, Iceberg tables and views. Every method that takes a ref throws PHLO_REF_NOT_FOUND when there is no such
 * ref.
 */
export interface Catalog {
  readonly supports: CatalogSupports

  /** Every namespace, parents before children, in order of their names. */
  listNamespaces(options?: RefOptions): Promise<readonly NamespaceInfo[]>

  /** The tables of a namespace, or of all when none is given, in order of their names. */
  listTables(options?: RefOptions & { readonly namespace?: readonly string[] }): Promise<readonly TableIdentifier[]>

  /** The table, or `undefined` when there is none. */
  loadTable(identifier: TableIdentifier, options?: RefOptions): Promise<LoadedTable | undefined>

  /** The views of a namespace, or of all when none is given, in order of their names. */
  listViews(options?: RefOptions & { readonly namespace?: readonly string[] }): Promise<readonly TableIdentifier[]>

  /** The view, or `undefined` when there is none. */
  loadView(identifier: TableIdentifier, options?: RefOptions): Promise<LoadedView | undefined>

  /**
   * Applies the changes, all or none, and is durable when it resolves.
   * A change elsewhere in the catalog never fails a commit; the adapter retries by itself.
   * Throws PHLO_COMMIT_CONFLICT when a requirement does not hold, PHLO_TABLE_EXISTS and PHLO_VIEW_EXISTS (named after what
   * is there) for a name that is taken, PHLO_TABLE_NOT_FOUND, PHLO_VIEW_NOT_FOUND, PHLO_NAMESPACE_NOT_FOUND,
   * PHLO_NAMESPACE_EXISTS, PHLO_NAMESPACE_NOT_EMPTY, PHLO_REF_INVALID for a tag, and PHLO_REF_PROTECTED for a branch that
   * changes by merge only.
   */
  commit(changes: readonly CatalogChange[], options: CommitOptions): Promise<CommitResult>

  /** The URI of the folder for a table or view that is about to be created, where the catalog has no other word. */
  newTableLocation(identifier: TableIdentifier): string

  /**
   * The catalog's own word on a table that is about to be created; it makes the namespace where there is none, and grants
   * access to the table's files. Absent, or `undefined`, where it has no say.
   */
  stageTable?(identifier: TableIdentifier, layout: TableLayout): Promise<StagedTable | undefined>

  close(): Promise<void>
}

export const CatalogPort = definePort<Catalog>('Catalog')
