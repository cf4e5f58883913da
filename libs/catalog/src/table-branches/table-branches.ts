import {
  type Catalog,
  type CatalogChange,
  type CatalogDiff,
  type CatalogSupports,
  type CommitInfo,
  type CommitOptions,
  type CommitResult,
  isPhloError,
  type LoadedTable,
  type LoadedView,
  mainBranch,
  type MergeOptions,
  type MergeResult,
  type NamespaceInfo,
  type ObjectStore,
  PhloError,
  type RefInfo,
  type RefOptions,
  type StagedTable,
  type TableIdentifier,
  type TableLayout,
  type TableMetadata,
  type VersionedCatalog,
} from '@phlo/ports'
import { noRef, refMoved } from '../catalog-errors.js'
import { checkRefName } from '../ref-name.js'
import { BranchCommits } from './branch-commits.js'
import { branchDiff } from './branch-diff.js'
import { branchCommit, BranchIndex } from './branch-index.js'
import { branchesOf, readRecord } from './branch-record.js'
import { forgetting, onBranch, stands, whenParted } from './branch-view.js'
import { MainWatch } from './main-watch.js'
import { publicationOf } from './publication.js'
import { planPublishing, planReplay } from './publishing-merge.js'

/** Each means that somebody else changed one of the tables between a look at them and the commit. */
const mostAttempts = 20

/**
 * What a run needs of branches, on a catalog that has none: a branch of the lake is the table branch of that name in each
 * table that was changed on it, and is published by one commit of them all. `supports.refs` stays false: there are no
 * tags, no history, and a branch that changed nothing is known to its own process only. What it has no way to do is
 * PHLO_UNSUPPORTED.
 */
export class TableBranches implements VersionedCatalog {
  readonly supports: CatalogSupports
  private readonly catalog: Catalog
  private readonly store: ObjectStore
  private readonly index: BranchIndex
  private readonly main: MainWatch
  private readonly commits: BranchCommits

  /** `store` has the tables' files. */
  constructor(catalog: Catalog, store: ObjectStore) {
    this.catalog = catalog
    this.store = store
    this.index = new BranchIndex(catalog)
    this.main = new MainWatch(catalog)
    this.commits = new BranchCommits(catalog, this.index, this.main)
    this.supports = { ...catalog.supports, tableBranches: true }
  }

  async listNamespaces({ ref }: RefOptions = {}): Promise<readonly NamespaceInfo[]> {
    await this.requireBranch(ref)
    return this.catalog.listNamespaces()
  }

  async listTables({ ref, ...options }: RefOptions & { readonly namespace?: readonly string[] } = {}): Promise<
    readonly TableIdentifier[]
  > {
    await this.requireBranch(ref)
    return this.catalog.listTables(options)
  }

  async listViews({ ref, ...options }: RefOptions & { readonly namespace?: readonly string[] } = {}): Promise<
    readonly TableIdentifier[]
  > {
    await this.requireBranch(ref)
    return this.catalog.listViews(options)
  }

  async loadView(identifier: TableIdentifier, { ref }: RefOptions = {}): Promise<LoadedView | undefined> {
    await this.requireBranch(ref)
    return this.catalog.loadView(identifier)
  }

  /** At the commit that a branch of this process started from: a table that it changed as main had it when they parted. */
  async loadTable(identifier: TableIdentifier, { ref }: RefOptions = {}): Promise<LoadedTable | undefined> {
    const table = await this.catalog.loadTable(identifier)
    if (isMain(ref)) return table
    const started = this.main.startedFrom(ref)
    if (started !== undefined) return table && this.atItsStart(table, started)
    if (!table || !branchesOf(table.metadata).includes(ref)) await this.requireBranch(ref)
    const start = this.main.saw(ref, identifier, table?.metadata)
    return table && start && { ...table, metadata: atBranch(table.metadata, ref, start) }
  }

  /** On a branch also PHLO_UNSUPPORTED for what the branch cannot keep to itself. */
  async commit(changes: readonly CatalogChange[], { ref, ...options }: CommitOptions): Promise<CommitResult> {
    if (isMain(ref)) return this.catalog.commit(changes, options)
    await this.requireBranch(ref)
    return this.commits.commit(changes, ref, options)
  }

  newTableLocation(identifier: TableIdentifier): string {
    return this.catalog.newTableLocation(identifier)
  }

  async stageTable(identifier: TableIdentifier, layout: TableLayout): Promise<StagedTable | undefined> {
    return this.catalog.stageTable?.(identifier, layout)
  }

  close(): Promise<void> {
    return this.catalog.close()
  }

  /** Looks at every table. */
  async listRefs(): Promise<readonly RefInfo[]> {
    const branches = await this.index.list()
    return [await this.mainRef(), ...branches].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Looks at every table where this process has not made the branch. */
  async getRef(name: string): Promise<RefInfo | undefined> {
    if (isMain(name)) return this.mainRef()
    const tables = await this.index.tables(name)
    if (tables.length === 0 && !this.index.isOwn(name)) return undefined
    return { name, type: 'branch', commit: branchCommit(name, tables), protected: false }
  }

  /** The branch exists for others when something has been committed to it. Its commit is main's at this moment. */
  async createRef(
    name: string,
    {
      type = 'branch',
      from = mainBranch,
      protected: isProtected = false,
    }: Parameters<VersionedCatalog['createRef']>[1] = {},
  ): Promise<RefInfo> {
    if (type !== 'branch' || from !== mainBranch || isProtected)
      throw unsupported('makes branches from main only, and protects none')
    checkRefName(name)
    if (await this.getRef(name)) throw new PhloError('PHLO_REF_EXISTS', `There is a branch ${name} already`)
    this.index.make(name)
    return { name, type: 'branch', commit: this.main.start(name), protected: false }
  }

  async deleteRef(name: string, { expected }: { readonly expected?: string } = {}): Promise<void> {
    if (isMain(name)) throw new PhloError('PHLO_REF_INVALID', `${mainBranch} cannot be deleted`)
    const tables = await this.index.tables(name)
    if (tables.length === 0 && !this.index.isOwn(name)) throw noRef(name)
    if (expected !== undefined && branchCommit(name, tables) !== expected) throw refMoved(name, expected)
    const changes = tables.map(({ identifier, metadata }): CatalogChange => ({
      kind: 'table',
      identifier,
      requirements: [{ type: 'assert-table-uuid', uuid: metadata['table-uuid'] }, stands(metadata, name)],
      updates: forgetting(metadata, name),
    }))
    const message = `Delete the branch ${name}`
    const together = this.supports.multiTableCommit ? [changes] : changes.map((change) => [change])
    for (const commit of together) if (commit.length > 0) await this.catalog.commit(commit, { message })
    this.index.forget(name)
    this.main.stop(name)
  }

  /**
   * A branch into main publishes it: main's tables become what they are on the branch, all in one commit, and let go of
   * it. Main into a branch puts the branch's changes on top of the present main, in one commit as well; strategies are
   * of no use there. There is no fast-forward of the whole lake. PHLO_UNSUPPORTED for branches into each other, and for
   * several tables where the server changes one at a time.
   */
  async merge(from: string, into: string, options: MergeOptions = {}): Promise<MergeResult> {
    if (isMain(from) === isMain(into)) throw unsupported('merges branches and main only')
    const { expectedTarget } = options
    const [branch, plan] = isMain(into) ? [from, planPublishing] : [into, planReplay]
    for (let attempt = 1; ; attempt++) {
      const { commit: head } = await this.requireRef(into)
      if (expectedTarget !== undefined && head !== expectedTarget) throw refMoved(into, expectedTarget)
      const tables = await this.index.tables(branch)
      if (tables.length === 0 && !this.index.isOwn(branch)) throw noRef(branch)
      if (!isMain(into) && !options.dryRun) this.main.lookAgain(branch)
      const { changes, commit, discard, ...merge } = await plan(this.lake, branch, tables, options)
      const result = { fastForward: false, tables: merge.tables, views: [], namespaces: [] }
      if (options.dryRun || changes.length === 0) {
        await discard()
        return { ...result, commit: head }
      }
      try {
        await this.catalog.commit(changes, { message: commit.message, author: commit.author })
        return { ...result, commit: isMain(into) ? commit.id : (await this.requireRef(into)).commit }
      } catch (error) {
        // Of any other failure nobody knows for certain that nothing was committed.
        if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
        await discard()
        if (expectedTarget !== undefined || attempt === mostAttempts) throw error
      }
    }
  }

  /**
   * Between branches, main among them: the tables that are not the same on both. Between two commits of main: those that
   * a branch of this process looked at. PHLO_UNSUPPORTED for a commit and a branch.
   */
  async diff(from: string, to: string): Promise<CatalogDiff> {
    if (this.main.knows(from) && this.main.knows(to)) return this.main.diff(from, to)
    if (this.main.knows(from) || this.main.knows(to)) throw unsupported('compares branches, or states of main')
    for (const ref of [from, to]) await this.requireBranch(ref)
    const [before, after] = await Promise.all(
      [from, to].map(async (ref) => (isMain(ref) ? [] : this.index.tables(ref))),
    )
    return branchDiff([...(before ?? []), ...(after ?? [])], from, to)
  }

  /** Of main only: what was published, of which a table still tells. Looks at every table, or at the one that is named. */
  async *log(
    ref: string,
    options: { readonly limit?: number; readonly table?: TableIdentifier } = {},
  ): AsyncIterable<CommitInfo> {
    if (!isMain(ref)) {
      await this.requireBranch(ref)
      throw unsupported('keeps no history of branches')
    }
    const identifiers = options.table ? [options.table] : await this.catalog.listTables()
    const tables = await this.index.some(identifiers, ({ metadata }) => publicationOf(metadata) !== undefined)
    const found = new Map<string, CommitInfo>()
    for (const { metadata } of tables) {
      const commit = publicationOf(metadata)
      if (commit) found.set(commit.id, commit)
    }
    yield* [...found.values()].sort((a, b) => b.time.getTime() - a.time.getTime()).slice(0, options.limit)
  }

  assignRef(): Promise<never> {
    return Promise.reject(unsupported('moves no branches'))
  }

  protectRef(): Promise<never> {
    return Promise.reject(unsupported('protects no branches'))
  }

  reflog(): never {
    throw unsupported('keeps no log of its branches')
  }

  cherryPick(): Promise<never> {
    return Promise.reject(unsupported('has no commits to pick'))
  }

  revert(): Promise<never> {
    return Promise.reject(unsupported('has no commits to revert'))
  }

  commitAt(): Promise<never> {
    return Promise.reject(unsupported('has no history of the lake'))
  }

  states(): never {
    throw unsupported('has no history of the lake')
  }

  deletedRefs(): Promise<never> {
    return Promise.reject(unsupported('keeps no log of its branches'))
  }

  ownedFolders(): readonly string[] {
    return []
  }

  unreachableObjects(): never {
    throw unsupported('keeps house by itself')
  }

  private atItsStart(table: LoadedTable, branch: string): LoadedTable | undefined {
    const { identifier, metadata } = table
    const record = readRecord(metadata, branch)
    const start = record ? whenParted(metadata, branch, record) : this.main.saw(branch, identifier, metadata)
    return start && { ...table, metadata: start }
  }

  private get lake() {
    return { catalog: this.catalog, store: this.store }
  }

  private async requireRef(name: string): Promise<RefInfo> {
    const ref = await this.getRef(name)
    if (!ref) throw noRef(name)
    return ref
  }

  private async mainRef(): Promise<RefInfo> {
    return { name: mainBranch, type: 'branch', commit: await this.main.head(), protected: false }
  }

  private async requireBranch(ref: string | undefined): Promise<void> {
    if (isMain(ref) || this.index.isOwn(ref)) return
    if ((await this.index.tables(ref)).length === 0) throw noRef(ref)
  }
}

/** `start` is what a branch parts from that has not changed the table yet. */
function atBranch(table: TableMetadata, branch: string, start: TableMetadata): TableMetadata {
  return readRecord(table, branch) ? onBranch(table, branch) : start
}

function isMain(ref: string | undefined): ref is typeof mainBranch | undefined {
  return ref === undefined || ref === mainBranch
}

function unsupported(what: string): PhloError {
  return new PhloError('PHLO_UNSUPPORTED', `A catalog without branches of its own ${what}`, {
    hint: 'Choose a versioned catalog, for instance `catalog: { use: embedded }`.',
  })
}
