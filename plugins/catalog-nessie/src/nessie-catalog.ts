import {
  catalogDiff,
  type ChangeContext,
  ChangeSet,
  MetadataFiles,
  namespaceKey,
  newLocation,
  noRef,
  parseKey,
  tableKey,
  tablesPrefix,
} from '@phlo/catalog'
import type { HttpClient } from '@phlo/iceberg-rest'
import {
  type CatalogChange,
  type CatalogDiff,
  type CatalogSupports,
  type CommitInfo,
  type CommitOptions,
  type CommitResult,
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
import { connect } from './connect.js'
import { differencesOf } from './differences.js'
import { lakeStates } from './lake-states.js'
import { isCommitHash, type NessieApi } from './nessie-api.js'
import { commitInfo, keysOf, NessieCommits } from './nessie-commits.js'
import { elementsOf, keyOf, locationOf, valueOf } from './nessie-content.js'
import { NessieMerging } from './nessie-merging.js'
import { NessieRefs, noProtection, refInfo } from './nessie-refs.js'
import { NessieState } from './nessie-state.js'
import { Operations } from './operations.js'
import type { NessieCatalogOptions } from './options.js'

/** A commit that loses to others is made anew this often. */
const mostAttempts = 100

type Within = RefOptions & { readonly namespace?: readonly string[] }

/**
 * Nessie's branches, tags and commits over its API; tables and views by their metadata files, which are written here and
 * not by Nessie: its own Iceberg REST catalog keeps a table's present snapshot alone, and no table branches.
 */
export class NessieCatalog implements VersionedCatalog {
  readonly supports: CatalogSupports = {
    refs: true,
    multiTableCommit: true,
    mixedCommit: true,
    views: true,
    renames: true,
    nestedNamespaces: true,
    detachedCommits: true,
    protection: false,
    reflog: false,
  }
  private readonly http: HttpClient
  private readonly api: NessieApi
  private readonly store: ObjectStore
  private readonly files: MetadataFiles
  private readonly refs: NessieRefs
  private readonly commits: NessieCommits
  private readonly operations: Operations
  private readonly merging: NessieMerging
  private readonly root: string

  private constructor(http: HttpClient, api: NessieApi, root: string, store: ObjectStore) {
    this.http = http
    this.api = api
    this.root = root
    this.store = store
    this.files = new MetadataFiles(store)
    this.refs = new NessieRefs(api)
    this.commits = new NessieCommits(api)
    this.operations = new Operations(store, this.files)
    const { files, refs } = this
    this.merging = new NessieMerging({ api, store, files, refs, root })
  }

  /** Throws PHLO_CATALOG_FAILED and PHLO_CATALOG_DENIED, and PHLO_UNSUPPORTED where the default branch isn't `main`. */
  static async open(options: NessieCatalogOptions, store: ObjectStore): Promise<NessieCatalog> {
    const { http, api } = connect(options)
    const { noAncestorHash, defaultBranch } = await api.config()
    if (defaultBranch !== mainBranch) {
      throw new PhloError('PHLO_UNSUPPORTED', `Nessie’s default branch is ${defaultBranch}, not ${mainBranch}`, {
        hint: `Set nessie.server.default-branch to ${mainBranch} where Nessie is started.`,
      })
    }
    return new NessieCatalog(http, api, noAncestorHash, store)
  }

  async listNamespaces({ ref = mainBranch }: RefOptions = {}): Promise<readonly NamespaceInfo[]> {
    const found: (NamespaceInfo & { readonly key: string })[] = []
    for await (const { elements, content } of this.api.entries(ref, {
      types: ['NAMESPACE'],
      content: true,
    })) {
      const value = content && valueOf(content, this.store)
      if (value?.type === 'namespace')
        found.push({
          key: namespaceKey(elements),
          namespace: elements,
          properties: value.properties,
        })
    }
    return inOrder(found).map(({ namespace, properties }) => ({
      namespace,
      properties,
    }))
  }

  async listTables(options: Within = {}): Promise<readonly TableIdentifier[]> {
    return this.list('ICEBERG_TABLE', options)
  }

  async listViews(options: Within = {}): Promise<readonly TableIdentifier[]> {
    return this.list('ICEBERG_VIEW', options)
  }

  async loadTable(
    identifier: TableIdentifier,
    { ref = mainBranch }: RefOptions = {},
  ): Promise<LoadedTable | undefined> {
    const key = await this.metadataKey(identifier, ref, 'table')
    return key === undefined
      ? undefined
      : {
          identifier,
          metadata: await this.files.table(identifier, key),
          metadataLocation: locationOf(key, this.store),
        }
  }

  async loadView(identifier: TableIdentifier, { ref = mainBranch }: RefOptions = {}): Promise<LoadedView | undefined> {
    const key = await this.metadataKey(identifier, ref, 'view')
    return key === undefined
      ? undefined
      : {
          identifier,
          metadata: await this.files.view(identifier, key),
          metadataLocation: locationOf(key, this.store),
        }
  }

  async commit(changes: readonly CatalogChange[], options: CommitOptions): Promise<CommitResult> {
    const { ref = mainBranch } = options
    if (!isCommitHash(ref)) return this.commitTo(ref, changes, options)
    await this.newest(ref)
    // Nessie commits to branches only, and keeps what it has made when they are gone.
    return (
      await this.refs.aside(ref, async ({ name }) => {
        const result = await this.commitTo(name, changes, options)
        return { result, made: result.commit }
      })
    ).result
  }

  private async commitTo(
    ref: string,
    changes: readonly CatalogChange[],
    options: CommitOptions,
  ): Promise<CommitResult> {
    const context: ChangeContext = {
      store: this.store,
      files: this.files,
      written: new Map(),
    }
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const branch = await this.refs.branch(ref)
      const state = new NessieState(this.api, this.store, branch.hash)
      state.expect(keysOf(changes))
      const set = new ChangeSet(context, state)
      for (const [place, change] of changes.entries()) await set.apply(change, place)
      const { tables, views } = set
      const [operations] = await Promise.all([this.operations.of(set.edits, state), ...set.files])
      if (operations.length === 0) return { commit: branch.hash, tables, views }
      const commit = await this.commits.commit(branch, options, operations)
      if (commit !== undefined) return { commit, tables, views }
    }
    throw new PhloError(
      'PHLO_COMMIT_CONFLICT',
      `The branch ${ref} moved ${mostAttempts} times while a commit was made`,
      {
        retryable: true,
      },
    )
  }

  newTableLocation(identifier: TableIdentifier): string {
    return newLocation(this.store, identifier)
  }

  async listRefs(): Promise<readonly RefInfo[]> {
    return this.refs.list()
  }

  async getRef(name: string): Promise<RefInfo | undefined> {
    const found = await this.refs.get(name)
    return found && refInfo(found)
  }

  async createRef(name: string, options: Parameters<VersionedCatalog['createRef']>[1] = {}): Promise<RefInfo> {
    return this.refs.create(name, options)
  }

  async assignRef(
    name: string,
    to: string,
    options: Parameters<VersionedCatalog['assignRef']>[2] = {},
  ): Promise<RefInfo> {
    return this.refs.assign(name, to, options)
  }

  async protectRef(): Promise<RefInfo> {
    throw noProtection()
  }

  async deleteRef(name: string, options: RefWords & { readonly expected?: string } = {}): Promise<void> {
    return this.refs.delete(name, options)
  }

  async *reflog(): AsyncIterable<ReflogEntry> {
    throw new PhloError('PHLO_UNSUPPORTED', 'Nessie keeps no log of where branches and tags stood')
  }

  async merge(
    from: string,
    into: string,
    options: MergeOptions & { readonly fastForward?: boolean } = {},
  ): Promise<MergeResult> {
    return this.merging.merge(from, into, options)
  }

  async cherryPick(commit: string, into: string, options: MergeOptions = {}): Promise<MergeResult> {
    const picked = await this.newest(commit)
    const change = { base: picked.parents[0] ?? this.root, source: picked.id }
    const message = options.message ?? `${picked.message} (picked from ${picked.id.slice(0, 12)})`
    const words = { author: picked.author, ...options, message }
    return this.merging.replay(change, into, `${commit} cannot be picked into ${into}`, words, options)
  }

  async revert(commit: string, on: string, options: MergeOptions = {}): Promise<MergeResult> {
    const undone = await this.newest(commit)
    const change = { base: undone.id, source: undone.parents[0] ?? this.root }
    const message = options.message ?? `Revert ${undone.id.slice(0, 12)}: ${undone.message}`
    return this.merging.replay(change, on, `${commit} cannot be reverted on ${on}`, { ...options, message }, options)
  }

  async diff(from: string, to: string): Promise<CatalogDiff> {
    const [before, after] = await Promise.all([this.refs.resolve(from), this.refs.resolve(to)])
    const differences = await differencesOf(this.api, this.store, before, after)
    return catalogDiff(differences, (key) => locationOf(key, this.store))
  }

  async *log(
    ref: string,
    { limit = Infinity, table }: { readonly limit?: number; readonly table?: TableIdentifier } = {},
  ): AsyncIterable<CommitInfo> {
    const wanted = table && JSON.stringify(elementsOf(tableKey(table)))
    let count = 0
    if (limit <= 0) return
    for await (const entry of this.api.history(ref, {
      keys: table !== undefined,
    })) {
      if (wanted !== undefined && !entry.changed.some((elements) => JSON.stringify(elements) === wanted)) continue
      yield commitInfo(entry)
      if (++count >= limit) return
    }
  }

  /** By the commits' times: Nessie does not remember where branches stood. */
  async commitAt(ref: string, time: Date): Promise<string | undefined> {
    const hash = await this.refs.resolve(ref)
    for await (const entry of this.api.history(hash, { until: time })) return commitInfo(entry).id
    return undefined
  }

  async *states(
    ref: string,
    options: { readonly since?: Date; readonly told?: ToldCommits } = {},
  ): AsyncIterable<LakeState> {
    yield* lakeStates(this.api, this.store, await this.refs.resolve(ref), options)
  }

  /** None: Nessie forgets them. */
  async deletedRefs(): Promise<readonly string[]> {
    return []
  }

  ownedFolders(): readonly string[] {
    return [this.store.uri(tablesPrefix)]
  }

  /** None: Nessie's own store is Nessie's to clean. */
  async *unreachableObjects(): AsyncIterable<ObjectInfo> {}

  async close(): Promise<void> {
    this.http.close()
    this.files.forget()
  }

  private async list(
    type: 'ICEBERG_TABLE' | 'ICEBERG_VIEW',
    { ref = mainBranch, namespace }: Within,
  ): Promise<TableIdentifier[]> {
    const found: { readonly key: string }[] = []
    const prefix = namespace ? namespaceKey(namespace) : ''
    for await (const { elements } of this.api.entries(ref, {
      types: [type],
      ...(namespace && { within: namespace }),
    })) {
      const key = keyOf(elements, type)
      if (key?.startsWith(prefix)) found.push({ key })
    }
    return inOrder(found).map(({ key }) => parseKey(key))
  }

  /** The store's key of a table's or view's metadata file. Throws PHLO_UNSUPPORTED for a file outside the store. */
  private async metadataKey(
    identifier: TableIdentifier,
    ref: string,
    type: 'table' | 'view',
  ): Promise<string | undefined> {
    const key = tableKey(identifier)
    const [item] = await this.api.contents(ref, [elementsOf(key)])
    const value = item && valueOf(item.content, this.store)
    if (value?.type !== type) return undefined
    if (value.metadata === item?.content.metadataLocation)
      throw new PhloError('PHLO_UNSUPPORTED', `The metadata file ${value.metadata} is outside the store`, {
        hint: 'Choose the storage in phlo.yaml that holds Nessie’s warehouse.',
      })
    return value.metadata
  }

  /** The commit that a ref stands at. Throws PHLO_REF_NOT_FOUND. */
  private async newest(ref: string): Promise<CommitInfo> {
    for await (const entry of this.api.history(ref)) return commitInfo(entry)
    throw noRef(ref)
  }
}

function inOrder<T extends { readonly key: string }>(items: T[]): T[] {
  return items.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}
