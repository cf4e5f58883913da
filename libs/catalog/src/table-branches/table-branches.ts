import {
  type Catalog,
  type CatalogChange,
  type CatalogDiff,
  type CatalogSupports,
  type CommitInfo,
  type CommitOptions,
  type CommitResult,
  formatIdentifier,
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
  type TableIdentifier,
  type VersionedCatalog,
} from '@phlo/ports'
import { noRef, refMoved } from '../catalog-errors.js'
import { checkRefName } from '../ref-name.js'
import { branchChange } from './branch-change.js'
import { branchCommit, BranchIndex } from './branch-index.js'
import { branchesOf } from './branch-record.js'
import { forgetting, onBranch, stands } from './branch-view.js'
import { MainWatch } from './main-watch.js'
import { publicationOf } from './publication.js'
import { planPublishing, requireOneCommit } from './publishing-merge.js'

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

  /** `store` has the tables' files. */
  constructor(catalog: Catalog, store: ObjectStore) {
    this.catalog = catalog
    this.store = store
    this.index = new BranchIndex(catalog)
    this.main = new MainWatch(catalog)
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

  async loadTable(identifier: TableIdentifier, { ref }: RefOptions = {}): Promise<LoadedTable | undefined> {
    const table = await this.catalog.loadTable(identifier)
    if (isMain(ref)) return table
    if (!table || !branchesOf(table.metadata).includes(ref)) await this.requireBranch(ref)
    this.main.saw(ref, identifier, table?.metadata)
    return table && { ...table, metadata: onBranch(table.metadata, ref) }
  }

  /** On a branch also PHLO_UNSUPPORTED for what the branch cannot keep to itself. */
  async commit(changes: readonly CatalogChange[], { ref, ...options }: CommitOptions): Promise<CommitResult> {
    if (isMain(ref)) return this.catalog.commit(changes, options)
    await this.requireBranch(ref)
    const tables: TableIdentifier[] = []
    const translated: CatalogChange[] = []
    for (const change of changes) {
      if (change.kind === 'table') {
        const table = await this.catalog.loadTable(change.identifier)
        this.main.saw(ref, change.identifier, table?.metadata)
        translated.push(branchChange(table?.metadata, ref, change))
        tables.push(change.identifier)
      } else if (change.kind === 'create-namespace' && change.ifNotExists) translated.push(change)
      else throw notIsolated(change.kind, ref)
    }
    await this.requirePublishable(ref, tables)
    // Before the commit: a branch whose commit got lost on the way may have the table all the same.
    for (const identifier of tables) this.index.changed(ref, identifier)
    const done = await this.catalog.commit(translated, options)
    return {
      tables: done.tables.map((table) => ({ ...table, metadata: onBranch(table.metadata, ref) })),
      views: done.views,
    }
  }

  newTableLocation(identifier: TableIdentifier): string {
    return this.catalog.newTableLocation(identifier)
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
   * Publishes a branch: main's tables become what they are on the branch, all in one commit, and let go of it. There is
   * no fast-forward of the whole lake. PHLO_UNSUPPORTED for other targets, and for several tables where the server
   * changes one at a time.
   */
  async merge(from: string, into: string, options: MergeOptions = {}): Promise<MergeResult> {
    if (!isMain(into)) throw unsupported('merges branches into main only')
    const { expectedTarget } = options
    for (let attempt = 1; ; attempt++) {
      const head = await this.main.head()
      if (expectedTarget !== undefined && head !== expectedTarget) throw refMoved(mainBranch, expectedTarget)
      const tables = await this.index.tables(from)
      if (tables.length === 0 && !this.index.isOwn(from)) throw noRef(from)
      const plan = await planPublishing({ catalog: this.catalog, store: this.store }, from, tables, options)
      const result = { fastForward: false, tables: plan.tables, views: [], namespaces: [] }
      if (options.dryRun || plan.changes.length === 0) {
        await plan.discard()
        return { ...result, commit: head }
      }
      try {
        await this.catalog.commit(plan.changes, { message: plan.commit.message, author: plan.commit.author })
        return { ...result, commit: plan.commit.id }
      } catch (error) {
        // Of any other failure nobody knows for certain that nothing was committed.
        if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
        await plan.discard()
        if (expectedTarget !== undefined || attempt === mostAttempts) throw error
      }
    }
  }

  /** Between two commits of main: the tables that a branch of this process looked at. PHLO_UNSUPPORTED for others. */
  async diff(from: string, to: string): Promise<CatalogDiff> {
    const commitOf = async (ref: string) => (isMain(ref) ? this.main.head() : ref)
    const [before, after] = await Promise.all([commitOf(from), commitOf(to)])
    if (this.main.knows(before) && this.main.knows(after)) return this.main.diff(before, after)
    throw unsupported('compares main with itself only, since a run started')
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

  ownedFolders(): readonly string[] {
    return []
  }

  unreachableObjects(): never {
    throw unsupported('keeps house by itself')
  }

  private async mainRef(): Promise<RefInfo> {
    return { name: mainBranch, type: 'branch', commit: await this.main.head(), protected: false }
  }

  private async requireBranch(ref: string | undefined): Promise<void> {
    if (isMain(ref) || this.index.isOwn(ref)) return
    if ((await this.index.tables(ref)).length === 0) throw noRef(ref)
  }

  /** Said when the second table is written, and not when the work of a whole run is to be published. */
  private async requirePublishable(branch: string, tables: readonly TableIdentifier[]): Promise<void> {
    if (this.supports.multiTableCommit) return
    const changed = [...(await this.index.tables(branch)).map(({ identifier }) => identifier), ...tables]
    const byName = new Map(changed.map((identifier) => [formatIdentifier(identifier), identifier]))
    requireOneCommit(this.catalog, branch, [...byName.values()])
  }
}

function isMain(ref: string | undefined): ref is typeof mainBranch | undefined {
  return ref === undefined || ref === mainBranch
}

function unsupported(what: string): PhloError {
  return new PhloError('PHLO_UNSUPPORTED', `A catalog without branches of its own ${what}`, {
    hint: 'Choose a versioned catalog, for instance `catalog: { use: embedded }`.',
  })
}

function notIsolated(kind: CatalogChange['kind'], branch: string): PhloError {
  return new PhloError(
    'PHLO_UNSUPPORTED',
    `${kind} on the branch ${branch} would change main at once: the catalog has no branches`,
    { hint: 'Do it on main.' },
  )
}
