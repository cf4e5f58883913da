import type { Catalog } from './catalog.js'
import type { ObjectInfo } from './object-store.js'
import type { SharedKeyLookup } from './shared-key.js'
import type { TableIdentifier } from './table-identifier.js'

export interface RefInfo {
  readonly name: string
  readonly type: 'branch' | 'tag'
  /** The commit's id. */
  readonly commit: string
  /** A protected branch changes by merge only; neither it nor a protected tag can be assigned or deleted. */
  readonly protected: boolean
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

/** What the reflog keeps of whoever moves a ref. */
export interface RefWords {
  readonly message?: string
  readonly author?: string
}

export type ReflogAction =
  'create' | 'commit' | 'merge' | 'cherry-pick' | 'revert' | 'assign' | 'protect' | 'unprotect' | 'delete'

/** One change of a branch or tag. */
export interface ReflogEntry {
  readonly time: Date
  readonly action: ReflogAction
  /** The commit before; absent where the ref is new. */
  readonly from?: string
  /** The commit after; absent where the ref is gone. */
  readonly to?: string
  /** The message's first line, cut where it is long. */
  readonly message: string
  readonly author: string
}

export interface TableDiff {
  readonly identifier: TableIdentifier
  readonly change: 'added' | 'removed' | 'changed'
  /** URI of the metadata file on the first side, where it is there. */
  readonly before?: string
  /** URI of the metadata file on the second side, where it is there. */
  readonly after?: string
}

export interface NamespaceDiff {
  readonly namespace: readonly string[]
  readonly change: 'added' | 'removed' | 'changed'
  /** Properties on the first side, where it is there. */
  readonly before?: Readonly<Record<string, string>>
  /** Properties on the second side, where it is there. */
  readonly after?: Readonly<Record<string, string>>
}

/** What differs between two states of the catalog, each list in order of the names. A renamed table is removed and added. */
export interface CatalogDiff {
  readonly tables: readonly TableDiff[]
  readonly views: readonly TableDiff[]
  readonly namespaces: readonly NamespaceDiff[]
}

/**
 * What happens to a table, view or namespace that both sides changed: `fail` makes it a conflict, `ours` keeps the
 * target's, `theirs` takes the source's, `rebase` replays the source's change on the target's where the two allow it by
 * what they mean (appends beside appends, overwrites of different partitions, different properties) and is a conflict
 * where not.
 */
export type MergeStrategy = 'fail' | 'ours' | 'theirs' | 'rebase'

export interface MergeOptions extends RefWords {
  readonly properties?: Readonly<Record<string, string>>
  /** Default `rebase`. */
  readonly strategy?: MergeStrategy
  /** Other strategies for some tables and views. */
  readonly strategies?: readonly { readonly identifier: TableIdentifier; readonly strategy: MergeStrategy }[]
  /** Only look: nothing is written. Default false. */
  readonly dryRun?: boolean
  /**
   * Looks at the rows where both sides added some whose keys may be the same by what the metadata tells: an engine's
   * `sharedKey`. Without it, and where it answers PHLO_UNSUPPORTED or PHLO_ICEBERG_UNSUPPORTED, they are a conflict.
   */
  readonly sharedKey?: SharedKeyLookup
  /** The target's commit that the caller looked at; another one is PHLO_COMMIT_CONFLICT. */
  readonly expectedTarget?: string
}

/**
 * `taken`: the target has what the source has. `rebased`: the target's own change and the source's are both in. `kept`:
 * the target's stays as it was. `conflict`: the merge cannot be done.
 */
export type MergeOutcome = 'taken' | 'rebased' | 'kept' | 'conflict'

export interface TableMerge {
  readonly identifier: TableIdentifier
  /** What the source did since the base. */
  readonly change: 'added' | 'removed' | 'changed'
  readonly outcome: MergeOutcome
  /** Why it is a conflict. */
  readonly reason?: string
}

export interface NamespaceMerge {
  readonly namespace: readonly string[]
  readonly change: 'added' | 'removed' | 'changed'
  readonly outcome: MergeOutcome
  /** Why it is a conflict. */
  readonly reason?: string
}

/** What was merged, each list in order of the names; what both sides changed alike is left out. */
export interface MergeResult {
  /** The target's commit afterwards; with `dryRun`, or when there was nothing to merge, the one before. */
  readonly commit: string
  /** The commit that the source's changes count from; absent where they count from nothing. */
  readonly base?: string
  /** The target moved, or with `dryRun` would move, to the source's own commit. */
  readonly fastForward: boolean
  readonly tables: readonly TableMerge[]
  readonly views: readonly TableMerge[]
  readonly namespaces: readonly NamespaceMerge[]
}

/** A state of a table or view that a ref leads to. */
export interface LakeState {
  readonly identifier: TableIdentifier
  readonly kind: 'table' | 'view'
  /** URI of the metadata file. */
  readonly metadataLocation: string
  /** A commit that holds it. */
  readonly commit: string
  /** The ref holds it now, and not in its past alone. */
  readonly current: boolean
}

/**
 * Commits whose states were told already, each with the time back to which its past was told, too. Refs share most of their
 * past, which need not be told of each.
 */
export type ToldCommits = Map<string, Date>

/** A catalog whose whole state has branches, tags and history. */
export interface VersionedCatalog extends Catalog {
  /** Branches and tags, in order of their names. */
  listRefs(): Promise<readonly RefInfo[]>

  /** The branch or tag, or `undefined`. */
  getRef(name: string): Promise<RefInfo | undefined>

  /**
   * Makes a branch (or tag) at the commit that `from` names (default `main`). Throws PHLO_REF_EXISTS, PHLO_REF_INVALID.
   */
  createRef(
    name: string,
    options?: RefWords & {
      readonly type?: 'branch' | 'tag'
      readonly from?: string
      readonly protected?: boolean
    },
  ): Promise<RefInfo>

  /**
   * Moves a branch, or with `type: 'tag'` a tag, to the commit that `to` names. With `expected`, only when it still stands
   * at that commit, otherwise PHLO_COMMIT_CONFLICT. Throws PHLO_REF_PROTECTED, and PHLO_REF_INVALID for a ref of the other
   * type.
   */
  assignRef(
    name: string,
    to: string,
    options?: RefWords & { readonly type?: 'branch' | 'tag'; readonly expected?: string },
  ): Promise<RefInfo>

  /** Protects a branch or tag, or takes its protection away. */
  protectRef(name: string, isProtected: boolean, options?: RefWords): Promise<RefInfo>

  /**
   * Deletes a branch or tag. With `expected`, only when it still stands at that commit, otherwise PHLO_COMMIT_CONFLICT.
   * Throws PHLO_REF_PROTECTED, and PHLO_REF_INVALID for `main`.
   */
  deleteRef(name: string, options?: RefWords & { readonly expected?: string }): Promise<void>

  /**
   * Every change of the branch or tag, newest first, also of one that was deleted. Throws PHLO_REF_NOT_FOUND for a name
   * that never was one.
   */
  reflog(name: string): AsyncIterable<ReflogEntry>

  /**
   * Brings what `from` changed since it left `into` into the branch `into`: a reader of the branch sees all or nothing.
   * Where the target did not move since, it moves to the source's own commit (a fast-forward), and the message and author
   * are in the reflog alone; `fastForward: false` makes a commit of the merge all the same. Its default is true, but
   * false where `properties` are given, which only a commit can keep.
   * Throws PHLO_MERGE_CONFLICT with the names in `context.tables` and the reasons in `context.conflicts`; nothing is
   * written then. With `dryRun` the result tells the conflicts instead.
   */
  merge(from: string, into: string, options?: MergeOptions & { readonly fastForward?: boolean }): Promise<MergeResult>

  /**
   * Does on the branch `into` what one commit did to its first parent, as a new commit; conflicts as `merge`'s.
   * Throws PHLO_REF_PROTECTED.
   */
  cherryPick(commit: string, into: string, options?: MergeOptions): Promise<MergeResult>

  /**
   * Undoes on the branch `on` what one commit did to its first parent, as a new commit; conflicts as `merge`'s: what
   * changed since is not undone with it. Throws PHLO_REF_PROTECTED.
   */
  revert(commit: string, on: string, options?: MergeOptions): Promise<MergeResult>

  /** What differs between two refs. */
  diff(from: string, to: string): Promise<CatalogDiff>

  /** Commits from the ref backwards along first parents, newest first; with `table`, those that changed it. */
  log(ref: string, options?: { readonly limit?: number; readonly table?: TableIdentifier }): AsyncIterable<CommitInfo>

  /**
   * The commit at which the branch or tag stood at that time, by the reflog, or `undefined` when there was none; for a
   * commit's id, the newest of its history that was there.
   */
  commitAt(ref: string, time: Date): Promise<string | undefined>

  /**
   * The tables and views of a branch, tag or commit; with `since` also every state in which it held them at any time from
   * then on: by its commits along first parents, and for a branch or tag by its reflog. Present ones come first; some
   * come more than once. A branch or tag that was deleted has a past alone. States of commits in `told` are left out,
   * and those that are told are added to it.
   */
  states(ref: string, options?: { readonly since?: Date; readonly told?: ToldCommits }): AsyncIterable<LakeState>

  /** Names of branches and tags that were deleted and of which a reflog tells where they stood. */
  deletedRefs(): Promise<readonly string[]>

  /** URIs of the folders in which there is nothing but this catalog's tables, and what is left of them. */
  ownedFolders(): readonly string[]

  /**
   * Objects of the catalog itself, written before `olderThan`, to which no ref's history and no entry of a reflog from
   * `since` on leads. None where the catalog keeps house by itself.
   */
  unreachableObjects(options: { readonly olderThan: Date; readonly since: Date }): AsyncIterable<ObjectInfo>
}

/**
 * True for a catalog on which runs can be staged and published: with refs, or with branches of its tables, where all
 * that a run has no need of is PHLO_UNSUPPORTED. Follows from `supports` alone.
 */
export function hasRunBranches(catalog: Catalog): catalog is VersionedCatalog {
  return catalog.supports.refs || catalog.supports.tableBranches === true
}

/** True for a catalog with refs; follows from `supports` alone. */
export function isVersioned(catalog: Catalog): catalog is VersionedCatalog {
  return catalog.supports.refs
}
