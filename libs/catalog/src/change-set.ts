import { applyUpdates, applyViewUpdates, checkRequirements } from '@phlo/iceberg'
import {
  type CatalogChange,
  formatIdentifier,
  type LoadedTable,
  type LoadedView,
  type ObjectStore,
  PhloError,
  type TableIdentifier,
  type TableMetadata,
  type ViewMetadata,
  type ViewRequirement,
} from '@phlo/ports'
import { type CatalogState, type CatalogValue, namespaceValue } from './catalog-state.js'
import { checkName, nameTaken, noNamespace, noTable, noView } from './catalog-errors.js'
import type { MetadataFiles, NewFile } from './metadata-files.js'
import { namespaceKey, tableKey } from './table-keys.js'

/** A metadata file that an earlier attempt at the same changes made from `base`. */
interface Written {
  readonly base: string | undefined
  readonly file: NewFile<TableMetadata | ViewMetadata>
}

/** What the changes of one commit need; the same for each of its attempts. */
export interface ChangeContext {
  readonly store: ObjectStore
  readonly files: MetadataFiles
  /** By the change's place. An attempt that lost its race to changes elsewhere has written the very file already. */
  readonly written: Map<number, Written>
}

/** The changes of one commit, applied one after the other to one state of the catalog. */
export class ChangeSet {
  readonly edits = new Map<string, CatalogValue | undefined>()
  readonly tables: LoadedTable[] = []
  readonly views: LoadedView[] = []
  /** Metadata files that the commit must wait for. */
  readonly files: Promise<void>[] = []
  private readonly context: ChangeContext
  private readonly state: CatalogState

  constructor(context: ChangeContext, state: CatalogState) {
    this.context = context
    this.state = state
  }

  /** `place` tells the commit's changes apart. */
  async apply(change: CatalogChange, place: number): Promise<void> {
    switch (change.kind) {
      case 'table':
        return this.changeTable(change, place)
      case 'register-table':
        return this.registerTable(change)
      case 'drop-table':
        return void this.edits.set(tableKey(change.identifier), (await this.table(change.identifier), undefined))
      case 'rename-table':
        return this.renameTable(change.identifier, change.to)
      case 'view':
        return this.changeView(change, place)
      case 'drop-view':
        return void this.edits.set(tableKey(change.identifier), (await this.view(change.identifier), undefined))
      case 'rename-view':
        return this.renameView(change.identifier, change.to)
      case 'create-namespace':
        return this.createNamespace(change)
      case 'set-namespace-properties':
        return this.setProperties(change)
      case 'drop-namespace':
        return this.dropNamespace(change.namespace)
      default:
        throw new PhloError(
          'PHLO_UNSUPPORTED',
          `The catalog does not know changes of kind ${JSON.stringify((change as { kind: unknown }).kind)}`,
        )
    }
  }

  private async read(key: string): Promise<CatalogValue | undefined> {
    return this.edits.has(key) ? this.edits.get(key) : this.state.get(key)
  }

  /** What the catalog has of the table. Throws PHLO_TABLE_NOT_FOUND. */
  private async table(identifier: TableIdentifier): Promise<Extract<CatalogValue, { metadata: string }>> {
    const value = await this.read(tableKey(identifier))
    if (value?.type !== 'table') throw noTable(identifier)
    return value
  }

  /** What the catalog has of the view. Throws PHLO_VIEW_NOT_FOUND. */
  private async view(identifier: TableIdentifier): Promise<Extract<CatalogValue, { metadata: string }>> {
    const value = await this.read(tableKey(identifier))
    if (value?.type !== 'view') throw noView(identifier)
    return value
  }

  private async requireNamespace(namespace: readonly string[]): Promise<void> {
    if (!(await this.read(namespaceKey(namespace)))) throw noNamespace(namespace)
  }

  /** The name is a possible one in a namespace that is there, and nothing has it. */
  private async requireFree(identifier: TableIdentifier): Promise<void> {
    checkName([...identifier.namespace, identifier.name])
    const there = await this.read(tableKey(identifier))
    if (there) throw nameTaken(identifier, there)
    await this.requireNamespace(identifier.namespace)
  }

  private async changeTable(change: Extract<CatalogChange, { kind: 'table' }>, place: number): Promise<void> {
    const { identifier, requirements, updates } = change
    const value = await this.read(tableKey(identifier))
    const creates = requirements.some(({ type }) => type === 'assert-create')
    if (creates) await this.requireFree(identifier)
    const base = value?.type === 'table' ? value.metadata : undefined
    if (base === undefined && !creates) throw noTable(identifier)
    const current = base === undefined ? undefined : await this.context.files.table(identifier, base)
    checkRequirements(current, requirements, formatIdentifier(identifier))
    const file = this.once(place, base, () =>
      this.context.files.writeTable(
        identifier,
        applyUpdates(current, updates, {
          now: Date.now(),
          ...(base !== undefined && { previousLocation: this.context.store.uri(base) }),
        }),
        base,
      ),
    )
    this.edits.set(tableKey(identifier), { type: 'table', metadata: file.key, uuid: file.metadata['table-uuid'] })
    this.tables.push({ identifier, metadata: file.metadata, metadataLocation: this.context.store.uri(file.key) })
  }

  private async changeView(change: Extract<CatalogChange, { kind: 'view' }>, place: number): Promise<void> {
    const { identifier, requirements, updates } = change
    const value = await this.read(tableKey(identifier))
    const creates = requirements.some(({ type }) => type === 'assert-create')
    if (creates) await this.requireFree(identifier)
    const base = value?.type === 'view' ? value.metadata : undefined
    if (base === undefined && !creates) throw noView(identifier)
    const current = base === undefined ? undefined : await this.context.files.view(identifier, base)
    checkViewRequirements(current, requirements, identifier)
    const file = this.once(place, base, () =>
      this.context.files.writeView(identifier, applyViewUpdates(current, updates, { now: Date.now() }), base),
    )
    this.edits.set(tableKey(identifier), { type: 'view', metadata: file.key, uuid: file.metadata['view-uuid'] })
    this.views.push({ identifier, metadata: file.metadata, metadataLocation: this.context.store.uri(file.key) })
  }

  private once<Metadata extends TableMetadata | ViewMetadata>(
    place: number,
    base: string | undefined,
    write: () => NewFile<Metadata>,
  ): NewFile<Metadata> {
    let written = this.context.written.get(place)
    if (!written || written.base !== base) {
      written = { base, file: write() }
      this.context.written.set(place, written)
    }
    this.files.push(written.file.stored)
    return written.file as NewFile<Metadata>
  }

  private async registerTable(change: Extract<CatalogChange, { kind: 'register-table' }>): Promise<void> {
    const { identifier, metadataLocation } = change
    await this.requireFree(identifier)
    const key = this.context.store.key(metadataLocation)
    if (key === undefined)
      throw new PhloError('PHLO_UNSUPPORTED', `The metadata file ${metadataLocation} is outside the store`)
    const metadata = await this.context.files.table(identifier, key)
    this.edits.set(tableKey(identifier), { type: 'table', metadata: key, uuid: metadata['table-uuid'] })
    this.tables.push({ identifier, metadata, metadataLocation: this.context.store.uri(key) })
  }

  private async renameTable(from: TableIdentifier, to: TableIdentifier): Promise<void> {
    const value = await this.table(from)
    await this.move(value, from, to)
    const metadata = await this.context.files.table(to, value.metadata)
    this.tables.push({ identifier: to, metadata, metadataLocation: this.context.store.uri(value.metadata) })
  }

  private async renameView(from: TableIdentifier, to: TableIdentifier): Promise<void> {
    const value = await this.view(from)
    await this.move(value, from, to)
    const metadata = await this.context.files.view(to, value.metadata)
    this.views.push({ identifier: to, metadata, metadataLocation: this.context.store.uri(value.metadata) })
  }

  private async move(value: CatalogValue, from: TableIdentifier, to: TableIdentifier): Promise<void> {
    await this.requireFree(to)
    this.edits.set(tableKey(from), undefined)
    this.edits.set(tableKey(to), value)
  }

  private async createNamespace(change: Extract<CatalogChange, { kind: 'create-namespace' }>): Promise<void> {
    const { namespace, properties = {}, ifNotExists } = change
    checkName(namespace)
    const key = namespaceKey(namespace)
    if (await this.read(key)) {
      if (ifNotExists) return
      throw new PhloError('PHLO_NAMESPACE_EXISTS', `There is a namespace ${namespace.join('.')} already`)
    }
    this.edits.set(key, namespaceValue(properties))
  }

  private async setProperties(change: Extract<CatalogChange, { kind: 'set-namespace-properties' }>): Promise<void> {
    const { namespace, set = {}, remove = [] } = change
    const key = namespaceKey(namespace)
    const value = await this.read(key)
    if (value?.type !== 'namespace') throw noNamespace(namespace)
    const both = remove.find((name) => Object.hasOwn(set, name))
    if (both !== undefined)
      throw new PhloError('PHLO_UNSUPPORTED', `The property ${both} cannot be set and removed by one change`)
    const kept = Object.entries(value.properties).filter(([name]) => !remove.includes(name))
    this.edits.set(key, namespaceValue({ ...Object.fromEntries(kept), ...set }))
  }

  private async dropNamespace(namespace: readonly string[]): Promise<void> {
    const key = namespaceKey(namespace)
    await this.requireNamespace(namespace)
    const within = (candidate: string) => candidate.startsWith(key) && candidate !== key
    let holds = [...this.edits].some(([candidate, value]) => within(candidate) && value)
    for await (const candidate of this.state.keys(key)) {
      holds ||= within(candidate) && !this.edits.has(candidate)
      if (holds) break
    }
    if (holds)
      throw new PhloError(
        'PHLO_NAMESPACE_NOT_EMPTY',
        `The namespace ${namespace.join('.')} still holds tables or views`,
      )
    this.edits.set(key, undefined)
  }
}

function checkViewRequirements(
  view: ViewMetadata | undefined,
  requirements: readonly ViewRequirement[],
  identifier: TableIdentifier,
): void {
  for (const requirement of requirements) {
    if (requirement.type === 'assert-view-uuid' && view?.['view-uuid'] !== requirement.uuid)
      throw new PhloError('PHLO_COMMIT_CONFLICT', `The view ${formatIdentifier(identifier)} is another one by now`, {
        retryable: true,
      })
  }
}
