import { applyUpdates, checkRequirements } from '@phlo/iceberg'
import {
  type Catalog,
  type CatalogChange,
  type CatalogSupports,
  type CommitOptions,
  type CommitResult,
  formatIdentifier,
  type LoadedTable,
  type NamespaceInfo,
  PhloError,
  type TableIdentifier,
} from '@phlo/ports'

/** A catalog in memory that has tables and nothing else: no refs, no views, no history, as a REST catalog. */
export class PlainCatalog implements Catalog {
  readonly supports: CatalogSupports
  /** Called before each commit; what it throws is the commit's outcome. */
  beforeCommit: (changes: readonly CatalogChange[]) => Promise<void> | void = () => undefined
  /** What was committed, one item for each commit. */
  readonly commits: { readonly tables: readonly string[]; readonly options: CommitOptions }[] = []
  private readonly tables = new Map<string, LoadedTable>()

  constructor(multiTableCommit = true) {
    this.supports = {
      refs: false,
      multiTableCommit,
      mixedCommit: false,
      views: false,
      renames: false,
      nestedNamespaces: true,
      detachedCommits: false,
      protection: false,
      reflog: false,
    }
  }

  async listNamespaces(): Promise<readonly NamespaceInfo[]> {
    return []
  }

  async listTables(): Promise<readonly TableIdentifier[]> {
    return [...this.tables.values()].map(({ identifier }) => identifier)
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable | undefined> {
    return this.tables.get(formatIdentifier(identifier))
  }

  async listViews(): Promise<readonly TableIdentifier[]> {
    return []
  }

  async loadView(): Promise<undefined> {
    return undefined
  }

  async commit(changes: readonly CatalogChange[], options: CommitOptions): Promise<CommitResult> {
    await this.beforeCommit(changes)
    const tables: LoadedTable[] = []
    for (const change of changes) {
      if (change.kind === 'create-namespace') continue
      if (change.kind !== 'table') throw new PhloError('PHLO_UNSUPPORTED', change.kind)
      const { identifier, requirements, updates } = change
      const name = formatIdentifier(identifier)
      const table = this.tables.get(name)?.metadata
      checkRequirements(table, requirements, name)
      const metadata = applyUpdates(table, updates, { now: Date.now() })
      tables.push({ identifier, metadata, metadataLocation: `${metadata.location}/${this.commits.length}.json` })
    }
    if (tables.length > 1 && tables.some(({ identifier }) => !this.tables.has(formatIdentifier(identifier))))
      throw new PhloError('PHLO_TABLE_NOT_FOUND', 'several at once must all be there')
    if (tables.length > 1 && !this.supports.multiTableCommit) throw new PhloError('PHLO_UNSUPPORTED', 'one at a time')
    for (const table of tables) this.tables.set(formatIdentifier(table.identifier), table)
    this.commits.push({ tables: tables.map(({ identifier }) => formatIdentifier(identifier)), options })
    return { tables, views: [] }
  }

  newTableLocation({ name }: TableIdentifier): string {
    return `memory://store/${name}`
  }

  async close(): Promise<void> {}
}
