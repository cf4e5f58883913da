import {
  catalogDiff,
  type ChangeContext,
  ChangeSet,
  MetadataFiles,
  newLocation,
  namespaceKey,
  parseKey,
  tableKey,
  tablesPrefix,
  TableRebases,
} from '@phlo/catalog'
import {
  type CatalogChange,
  type CatalogDiff,
  type CatalogSupports,
  type CommitInfo,
  type CommitOptions,
  type CommitResult,
  isPhloError,
  type LakeState,
  type LoadedTable,
  type LoadedView,
  mainBranch,
  type MergeOptions,
  type MergeResult,
  type NamespaceInfo,
  type ObjectInfo,
  type ObjectStore,
  PhloError,
  type RefInfo,
  type ReflogEntry,
  type RefOptions,
  type RefWords,
  type TableIdentifier,
  type ToldCommits,
  type VersionedCatalog,
} from '@phlo/ports'
import { BranchWriter } from './branch-writer.js'
import type { Edit } from './commit-jobs.js'
import { CommitMaker } from './commit-maker.js'
import type { CommitObject } from './commit-object.js'
import { CommitStore, isCommitId } from './commit-store.js'
import { History } from './history.js'
import { Merging } from './merging.js'
import { refInfo, RefChanges } from './ref-changes.js'
import { RefList } from './ref-list.js'
import { RefStore, unknownAuthor } from './ref-store.js'
import { Retained } from './retained.js'
import { treeState, WatchedState } from './tree-state.js'
import { Tree } from './tree.js'

/** Where the catalog's own objects are in the store. */
const catalogPrefix = 'catalog'

/**
 * A catalog that is nothing but objects: commits and tree pages named by their content, and one small object a ref.
 * A change writes metadata files and a commit that nobody sees, and becomes visible by one conditional put of the ref.
 */
export class EmbeddedCatalog implements VersionedCatalog {
  readonly supports: CatalogSupports = {
    refs: true,
    multiTableCommit: true,
    mixedCommit: true,
    views: true,
    renames: true,
    nestedNamespaces: true,
    detachedCommits: true,
    protection: true,
    reflog: true,
  }
  private readonly store: ObjectStore
  private readonly commits: CommitStore
  private readonly refs: RefStore
  private readonly refList: RefList
  private readonly tree: Tree
  private readonly files: MetadataFiles
  private readonly history: History
  private readonly maker: CommitMaker
  private readonly writer: BranchWriter
  private readonly changes: RefChanges
  private readonly merging: Merging
  private readonly retained: Retained

  private constructor(store: ObjectStore) {
    this.store = store
    this.commits = new CommitStore(store, catalogPrefix)
    this.refs = new RefStore(store, catalogPrefix)
    this.refList = new RefList(store, this.refs, catalogPrefix)
    this.tree = new Tree(this.commits)
    this.files = new MetadataFiles(store)
    this.history = new History(this.commits, this.refs, this.tree)
    this.maker = new CommitMaker(this.commits, this.tree)
    this.changes = new RefChanges(this.refs, this.history)
    const { commits, refs, tree, history, maker } = this
    this.writer = new BranchWriter(store, { commits, refs, tree, maker })
    const { writer } = this
    this.retained = new Retained(store, commits, refs, tree, history)
    const parts = { commits, refs, tree, history, maker, writer }
    this.merging = new Merging(parts, () => new TableRebases(store, this.files))
  }

  /**
   * Opens the catalog in the store, and makes an empty one with its main branch where there is none. Throws
   * PHLO_UNSUPPORTED for a store without conditional puts, and for a catalog in a newer format.
   */
  static async open(store: ObjectStore): Promise<EmbeddedCatalog> {
    if (!store.supports.conditionalPut) {
      throw new PhloError('PHLO_UNSUPPORTED', 'The embedded catalog needs a store with conditional puts')
    }
    const catalog = new EmbeddedCatalog(store)
    if (!(await catalog.refs.get(mainBranch))) await catalog.initialize()
    return catalog
  }

  private async initialize(): Promise<void> {
    const message = 'Empty catalog'
    const empty = { parents: [], height: 0, author: unknownAuthor, message, time: 0, properties: {}, root: undefined }
    const first = this.commits.stage(empty, new Map(), '')
    await first.put()
    const { id: commit } = first.commit
    const main = { type: 'branch' as const, commit, protected: false, deleted: false }
    try {
      await this.refs.change(mainBranch, undefined, main, [{ action: 'create', to: commit, message }])
    } catch (error) {
      // Another process was first, with the same commit.
      if (!isPhloError(error, 'PHLO_OBJECT_CHANGED')) throw error
    }
  }

  async listNamespaces(options: RefOptions = {}): Promise<readonly NamespaceInfo[]> {
    const { root } = await this.history.resolve(options.ref)
    const found: NamespaceInfo[] = []
    for await (const [key, value] of this.tree.items(root, '', () => true)) {
      if (value.type === 'namespace') found.push({ namespace: parseKey(key).namespace, properties: value.properties })
    }
    return found
  }

  async listTables(options: RefOptions & { namespace?: readonly string[] } = {}): Promise<readonly TableIdentifier[]> {
    return this.list('table', options)
  }

  async listViews(options: RefOptions & { namespace?: readonly string[] } = {}): Promise<readonly TableIdentifier[]> {
    return this.list('view', options)
  }

  async loadTable(identifier: TableIdentifier, options: RefOptions = {}): Promise<LoadedTable | undefined> {
    const key = await this.find('table', identifier, options)
    if (key === undefined) return undefined
    return { identifier, metadata: await this.files.table(identifier, key), metadataLocation: this.store.uri(key) }
  }

  async loadView(identifier: TableIdentifier, options: RefOptions = {}): Promise<LoadedView | undefined> {
    const key = await this.find('view', identifier, options)
    if (key === undefined) return undefined
    return { identifier, metadata: await this.files.view(identifier, key), metadataLocation: this.store.uri(key) }
  }

  async commit(changes: readonly CatalogChange[], options: CommitOptions): Promise<CommitResult> {
    const { ref: name = mainBranch } = options
    const context: ChangeContext = { store: this.store, files: this.files, written: new Map() }
    if (isCommitId(name)) {
      const head = await this.history.resolve(name)
      const { edits, words, files, result } = await this.edit(changes, head, context, options)
      const to = await this.maker.edited([head], edits, words)
      await Promise.all([to.put(), ...files])
      return result(to.commit.id)
    }
    return this.writer.edit(name, (head) => this.edit(changes, head, context, options))
  }

  newTableLocation(identifier: TableIdentifier): string {
    return newLocation(this.store, identifier)
  }

  async listRefs(): Promise<readonly RefInfo[]> {
    return this.refList.list()
  }

  async getRef(name: string): Promise<RefInfo | undefined> {
    const ref = await this.refs.get(name)
    return ref && refInfo(ref)
  }

  async createRef(
    name: string,
    options: RefWords & { type?: 'branch' | 'tag'; from?: string; protected?: boolean } = {},
  ): Promise<RefInfo> {
    return this.changes.create(name, options)
  }

  async assignRef(
    name: string,
    to: string,
    options: RefWords & { type?: 'branch' | 'tag'; expected?: string } = {},
  ): Promise<RefInfo> {
    return this.changes.assign(name, to, options)
  }

  async protectRef(name: string, isProtected: boolean, options: RefWords = {}): Promise<RefInfo> {
    return this.changes.protect(name, isProtected, options)
  }

  async deleteRef(name: string, options: RefWords & { expected?: string } = {}): Promise<void> {
    return this.changes.delete(name, options)
  }

  reflog(name: string): AsyncIterable<ReflogEntry> {
    return this.history.reflog(name)
  }

  async merge(
    from: string,
    into: string,
    options: MergeOptions & { fastForward?: boolean } = {},
  ): Promise<MergeResult> {
    return this.merging.merge(from, into, options)
  }

  async cherryPick(commit: string, into: string, options: MergeOptions = {}): Promise<MergeResult> {
    return this.merging.cherryPick(commit, into, options)
  }

  async revert(commit: string, on: string, options: MergeOptions = {}): Promise<MergeResult> {
    return this.merging.revert(commit, on, options)
  }

  async diff(from: string, to: string): Promise<CatalogDiff> {
    const [before, after] = await Promise.all([this.history.resolve(from), this.history.resolve(to)])
    return catalogDiff(await this.tree.diff(before.root, after.root), (key) => this.store.uri(key))
  }

  log(ref: string, options: { limit?: number; table?: TableIdentifier } = {}): AsyncIterable<CommitInfo> {
    return this.history.log(ref, options)
  }

  async commitAt(ref: string, time: Date): Promise<string | undefined> {
    return this.history.commitAt(ref, time)
  }

  states(ref: string, options: { since?: Date; told?: ToldCommits } = {}): AsyncIterable<LakeState> {
    return this.retained.states(ref, options)
  }

  async deletedRefs(): Promise<readonly string[]> {
    return this.refList.deleted()
  }

  ownedFolders(): readonly string[] {
    return [this.store.uri(tablesPrefix)]
  }

  unreachableObjects({ olderThan, since }: { olderThan: Date; since: Date }): AsyncIterable<ObjectInfo> {
    return this.retained.unreachable(olderThan, since)
  }

  async close(): Promise<void> {
    this.writer.close()
    this.files.forget()
  }

  /** What the changes make of the state that `head` has. */
  private async edit(
    changes: readonly CatalogChange[],
    head: CommitObject,
    context: ChangeContext,
    words: CommitOptions,
  ): Promise<Edit<CommitResult>> {
    const state = new WatchedState(treeState(this.tree, head.root))
    const set = new ChangeSet(context, state)
    for (const [place, change] of changes.entries()) await set.apply(change, place)
    const { edits, tables, views, files } = set
    const { message, author, properties } = words
    return {
      reads: state.reads,
      edits,
      words: { message, ...(author !== undefined && { author }), ...(properties && { properties }) },
      files,
      result: (commit) => ({ commit, tables, views }),
    }
  }

  private async list(
    type: 'table' | 'view',
    { ref, namespace }: RefOptions & { namespace?: readonly string[] },
  ): Promise<readonly TableIdentifier[]> {
    const { root } = await this.history.resolve(ref)
    const prefix = namespace ? namespaceKey(namespace) : ''
    const found: TableIdentifier[] = []
    for await (const [key, value] of this.tree.items(root, prefix, (candidate) => candidate.startsWith(prefix))) {
      if (value.type === type) found.push(parseKey(key))
    }
    return found
  }

  /** The key of the table's or view's metadata file. */
  private async find(
    type: 'table' | 'view',
    identifier: TableIdentifier,
    { ref }: RefOptions,
  ): Promise<string | undefined> {
    const { root } = await this.history.resolve(ref)
    const value = await this.tree.get(root, tableKey(identifier))
    return value && value.type !== 'namespace' && value.type === type ? value.metadata : undefined
  }
}
