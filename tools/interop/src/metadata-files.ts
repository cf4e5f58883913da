import { readFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { applyUpdates, checkRequirements, parseMetadata, serializeMetadata } from '@phlo/iceberg'
import {
  type Catalog,
  type CatalogChange,
  type CommitResult,
  formatIdentifier,
  type LoadedTable,
  type NamespaceInfo,
  type ObjectStore,
  type TableIdentifier,
} from '@phlo/ports'

/** A catalog of metadata files that other writers made; what Phlo commits becomes a new metadata file beside them. */
export class MetadataFiles implements Catalog {
  readonly supports = {
    refs: false,
    multiTableCommit: false,
    mixedCommit: false,
    views: false,
    renames: false,
    nestedNamespaces: false,
    detachedCommits: false,
    protection: false,
    reflog: false,
  }
  private readonly store: ObjectStore
  private readonly files = new Map<string, string>()

  constructor(store: ObjectStore) {
    this.store = store
  }

  /** Names the table's metadata file, as a path. */
  put(table: string, file: string): void {
    this.files.set(table, file.replace(/^file:\/\//, ''))
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable | undefined> {
    const file = this.files.get(formatIdentifier(identifier))
    if (file === undefined) return undefined
    const metadata = parseMetadata(await readFile(file), file)
    return { identifier, metadata, metadataLocation: `file://${file}` }
  }

  async commit(changes: readonly CatalogChange[]): Promise<CommitResult> {
    const tables: LoadedTable[] = []
    for (const change of changes) {
      if (change.kind !== 'table') continue
      const { identifier, requirements, updates } = change
      const loaded = await this.loadTable(identifier)
      checkRequirements(loaded?.metadata, requirements, formatIdentifier(identifier))
      const metadata = applyUpdates(loaded?.metadata, updates, {
        now: Date.now(),
        ...(loaded && { previousLocation: loaded.metadataLocation }),
      })
      const version = String((metadata['metadata-log']?.length ?? 0) + 1).padStart(5, '0')
      const key = `${this.store.key(metadata.location) ?? ''}/metadata/${version}-${randomUUID()}.metadata.json`
      await this.store.put(key, serializeMetadata(metadata))
      this.put(formatIdentifier(identifier), this.store.uri(key))
      tables.push({ identifier, metadata, metadataLocation: this.store.uri(key) })
    }
    return { tables, views: [] }
  }

  newTableLocation(identifier: TableIdentifier): string {
    return this.store.uri(`made/${formatIdentifier(identifier)}`)
  }

  async listNamespaces(): Promise<readonly NamespaceInfo[]> {
    return []
  }
  async listTables(): Promise<readonly TableIdentifier[]> {
    return []
  }
  async listViews(): Promise<readonly TableIdentifier[]> {
    return []
  }
  async loadView(): Promise<undefined> {}
  async close(): Promise<void> {}
}
