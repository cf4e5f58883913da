import { inParallel, newLocation } from '@phlo/catalog'
import { type GrantedTable, type HttpClient, type RestClient, storageGrants } from '@phlo/iceberg-rest'
import {
  type Catalog,
  type CatalogChange,
  type CatalogSupports,
  type CommitResult,
  isPhloError,
  type LoadedTable,
  type LoadedView,
  type NamespaceInfo,
  type ObjectStore,
  PhloError,
  type StagedTable,
  type TableIdentifier,
  type TableLayout,
} from '@phlo/ports'
import { connect } from './connect.js'
import { NamespaceChanges } from './namespace-changes.js'
import type { RestCatalogOptions } from './options.js'
import { TableChanges } from './table-changes.js'
import { ViewChanges } from './view-changes.js'

type Change<Kind extends CatalogChange['kind']> = Extract<CatalogChange, { readonly kind: Kind }>

/**
 * Any Iceberg REST catalog. One commit holds one change, or several of tables where the server has a transaction for
 * that; the server keeps neither message nor author.
 */
export class RestCatalog implements Catalog {
  readonly supports: CatalogSupports
  private readonly client: RestClient
  private readonly http: HttpClient
  private readonly store: ObjectStore
  private readonly namespaces: NamespaceChanges
  private readonly tables: TableChanges
  private readonly views: ViewChanges

  private constructor(client: RestClient, http: HttpClient, store: ObjectStore) {
    this.client = client
    this.http = http
    this.store = store
    this.namespaces = new NamespaceChanges(client)
    this.tables = new TableChanges(client, store)
    this.views = new ViewChanges(client)
    this.supports = {
      refs: false,
      multiTableCommit: client.has('commitTransaction'),
      mixedCommit: false,
      views: client.has('listViews') && client.has('loadView') && client.has('createView'),
      renames: client.has('renameTable'),
      nestedNamespaces: true,
      detachedCommits: false,
      protection: false,
      reflog: false,
    }
  }

  /** Throws PHLO_CATALOG_FAILED and PHLO_CATALOG_DENIED. */
  static async open(options: RestCatalogOptions, store: ObjectStore): Promise<RestCatalog> {
    const { client, http } = await connect(options)
    return new RestCatalog(client, http, store)
  }

  async listNamespaces(): Promise<readonly NamespaceInfo[]> {
    const found = await inParallel(await this.everyNamespace(), async (namespace) => {
      const properties = await this.client.loadNamespace(namespace)
      return properties && { namespace, properties }
    })
    return found.filter((item) => item !== undefined)
  }

  async listTables(options: { readonly namespace?: readonly string[] } = {}): Promise<readonly TableIdentifier[]> {
    return this.list('tables', options.namespace)
  }

  async listViews(options: { readonly namespace?: readonly string[] } = {}): Promise<readonly TableIdentifier[]> {
    return this.supports.views ? this.list('views', options.namespace) : []
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable | undefined> {
    const granted = await this.client.loadTable(identifier)
    if (!granted) return undefined
    this.store.accept?.(storageGrants(this.client, granted))
    return granted.table
  }

  async loadView(identifier: TableIdentifier): Promise<LoadedView | undefined> {
    return this.supports.views ? this.client.loadView(identifier) : undefined
  }

  /**
   * Throws PHLO_UNSUPPORTED for changes that the server cannot make at once, and PHLO_COMMIT_UNKNOWN where the server's
   * answer got lost for good; see the port for the others.
   */
  async commit(changes: readonly CatalogChange[]): Promise<CommitResult> {
    const created = changes.filter((change) => change.kind === 'create-namespace')
    const rest = changes.filter((change) => change.kind !== 'create-namespace')
    this.requireSupported(changes)
    this.requireAtOnce(created, rest)
    for (const change of created) await this.namespaces.create(change)
    if (isTables(rest)) return { tables: await this.tables.commit(rest), views: [] }
    const [change] = rest
    return change && change.kind !== 'table' ? this.single(change) : { tables: [], views: [] }
  }

  newTableLocation(identifier: TableIdentifier): string {
    return newLocation(this.store, identifier)
  }

  /**
   * Asks the server, which knows where tables belong and grants access to the files there; `undefined` where that is
   * outside of the profile's storage, or the server does not tell before it makes a table.
   */
  async stageTable(identifier: TableIdentifier, layout: TableLayout): Promise<StagedTable | undefined> {
    if (!this.client.has('createTable')) return undefined
    const granted = await this.staged(identifier, layout)
    const { location, 'table-uuid': uuid } = granted?.table.metadata ?? {}
    if (!granted || !location || !uuid || this.store.key(location) === undefined) return undefined
    this.store.accept?.(storageGrants(this.client, granted))
    return { location, uuid }
  }

  private async staged(identifier: TableIdentifier, layout: TableLayout): Promise<GrantedTable | undefined> {
    const { namespace } = identifier
    try {
      if (!(await this.client.loadNamespace(namespace)))
        await this.namespaces.create({ kind: 'create-namespace', namespace, ifNotExists: true })
      return await this.client.stageTable(identifier, layout)
    } catch (error) {
      // Somebody made it by now, which the commit will find out, or the server makes tables without a word before.
      if (isPhloError(error, 'PHLO_TABLE_EXISTS') || isPhloError(error, 'PHLO_UNSUPPORTED')) return undefined
      throw error
    }
  }

  async close(): Promise<void> {
    this.http.close()
  }

  private async single(change: Exclude<CatalogChange, Change<'create-namespace' | 'table'>>): Promise<CommitResult> {
    switch (change.kind) {
      case 'register-table':
        return { tables: [await this.tables.register(change)], views: [] }
      case 'rename-table':
        return { tables: [await this.tables.rename(change)], views: [] }
      case 'drop-table':
        await this.tables.drop(change.identifier)
        break
      case 'view':
        return { tables: [], views: [await this.views.commit(change)] }
      case 'rename-view':
        return { tables: [], views: [await this.views.rename(change)] }
      case 'drop-view':
        await this.views.drop(change.identifier)
        break
      case 'set-namespace-properties':
        await this.namespaces.setProperties(change)
        break
      case 'drop-namespace':
        await this.namespaces.drop(change.namespace)
    }
    return { tables: [], views: [] }
  }

  private requireSupported(changes: readonly CatalogChange[]): void {
    const { views, renames } = this.supports
    const missing = changes.find(
      ({ kind }) => (!views && kind.endsWith('view')) || (!renames && kind.startsWith('rename-')),
    )
    if (!missing) return
    throw new PhloError('PHLO_UNSUPPORTED', `This catalog’s server has no endpoint for the change ${missing.kind}`)
  }

  /** Only tables can be changed together, and a namespace that is made before them and stays does no harm. */
  private requireAtOnce(created: readonly Change<'create-namespace'>[], rest: readonly CatalogChange[]): void {
    const tables = rest.length > 1 && isTables(rest)
    if (tables && !this.supports.multiTableCommit) {
      throw new PhloError('PHLO_UNSUPPORTED', 'This catalog changes one table a commit, not several', {
        hint: 'Its server has no /transactions/commit. Commit the tables one by one, or use a catalog that has it.',
      })
    }
    if (rest.length > 1 && !tables) throw notAtOnce()
    if (created.length > 0 && created.length + rest.length > 1 && !created.every(({ ifNotExists }) => ifNotExists))
      throw notAtOnce()
  }

  private async list(kind: 'tables' | 'views', namespace?: readonly string[]): Promise<TableIdentifier[]> {
    const namespaces = namespace ? [namespace] : await this.everyNamespace()
    const found = await inParallel(namespaces, (each) => this.client.list(kind, each))
    return found.flatMap((items) => items.sort((a, b) => compare(a.name, b.name)))
  }

  /** Parents before children, in order of their names. */
  private async everyNamespace(parent?: readonly string[], found = new Set<string>()): Promise<string[][]> {
    const children = (await this.client.listNamespaces(parent)).filter((namespace) => {
      // Servers that ignore the parent, or list it among its children, must not send anybody in circles.
      const isChild =
        namespace.length === (parent?.length ?? 0) + 1 &&
        (parent ?? []).every((level, index) => level === namespace[index])
      const key = JSON.stringify(namespace)
      if (!isChild || found.has(key)) return false
      found.add(key)
      return true
    })
    children.sort((a, b) => compare(a.at(-1) ?? '', b.at(-1) ?? ''))
    const below = await inParallel(children, (child) => this.everyNamespace(child, found))
    return children.flatMap((child, index) => [child, ...(below[index] ?? [])])
  }
}

function isTables(changes: readonly CatalogChange[]): changes is readonly Change<'table'>[] {
  return changes.length > 0 && changes.every(({ kind }) => kind === 'table')
}

function notAtOnce(): PhloError {
  return new PhloError('PHLO_UNSUPPORTED', 'A REST catalog cannot make these changes at once, all or none', {
    hint: 'Several tables can be changed in one commit; everything else is a commit of its own.',
  })
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
