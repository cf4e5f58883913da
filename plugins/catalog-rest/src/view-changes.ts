import { randomUUID } from 'node:crypto'
import { noView } from '@phlo/catalog'
import { applyViewUpdates, currentViewVersion } from '@phlo/iceberg'
import { type RestClient, settled } from '@phlo/iceberg-rest'
import {
  type CatalogChange,
  formatIdentifier,
  isPhloError,
  type LoadedView,
  PhloError,
  type TableIdentifier,
  type ViewMetadata,
  type ViewUpdate,
} from '@phlo/ports'
import { requireNamespace } from './namespace-changes.js'

type Change<Kind extends CatalogChange['kind']> = Extract<CatalogChange, { readonly kind: Kind }>

/** Changes of views. */
export class ViewChanges {
  private readonly client: RestClient

  constructor(client: RestClient) {
    this.client = client
  }

  async commit(change: Change<'view'>): Promise<LoadedView> {
    const { identifier, requirements, updates } = change
    if (requirements.some(({ type }) => type === 'assert-create')) return this.create(change)
    const key = randomUUID()
    const before = await this.client.loadView(identifier)
    if (!before) throw noView(identifier)
    const sent = withKnownSchemas(updates, before.metadata)
    return settled(
      `view ${formatIdentifier(identifier)}`,
      () => this.client.commitView(identifier, requirements, sent, key),
      async () => {
        const found = await this.client.loadView(identifier)
        if (!found) return undefined
        const after = applyViewUpdates(found.metadata, updates, { now: Date.now() })
        return sameView(after, found.metadata) ? found : undefined
      },
    )
  }

  async rename({ identifier, to }: Change<'rename-view'>): Promise<LoadedView> {
    const key = randomUUID()
    const before = await this.client.loadView(identifier)
    if (!before) throw noView(identifier)
    await requireNamespace(this.client, to)
    await this.named(to, () =>
      settled(
        `view ${formatIdentifier(identifier)}`,
        () => this.client.rename('views', identifier, to, key),
        async () => {
          const found = await this.client.loadView(to)
          return found?.metadata['view-uuid'] === before.metadata['view-uuid'] ? true : undefined
        },
      ),
    )
    const after = await this.client.loadView(to)
    if (!after) throw noView(to)
    return after
  }

  async drop(identifier: TableIdentifier): Promise<void> {
    const key = randomUUID()
    await settled(
      `view ${formatIdentifier(identifier)}`,
      () => this.client.drop('views', identifier, key),
      async () => ((await this.client.loadView(identifier)) ? undefined : true),
    )
  }

  /** The server gives a new view its uuid; the folder, which nobody else has, tells whose it is. */
  private async create({ identifier, updates }: Change<'view'>): Promise<LoadedView> {
    const key = randomUUID()
    const metadata = applyViewUpdates(undefined, updates, { now: Date.now() })
    const version = currentViewVersion(metadata)
    const schema = metadata.schemas.find((candidate) => candidate['schema-id'] === version['schema-id'])
    await requireNamespace(this.client, identifier)
    const body = { location: metadata.location, schema, 'view-version': version, properties: metadata.properties ?? {} }
    return this.named(identifier, () =>
      settled(
        `view ${formatIdentifier(identifier)}`,
        () => this.client.createView(identifier, body, key),
        async () => {
          const found = await this.client.loadView(identifier)
          return found?.metadata.location === metadata.location ? found : undefined
        },
      ),
    )
  }

  /** The protocol has one error for a name that is taken, by a view or by a table. */
  private async named<T>(identifier: TableIdentifier, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isPhloError(error, 'PHLO_VIEW_EXISTS') || !(await this.client.loadTable(identifier))) throw error
      throw new PhloError('PHLO_TABLE_EXISTS', `There is a table ${formatIdentifier(identifier)} already`)
    }
  }
}

/** The updates without schemas that the view has: servers don't count those as added, and a version could not name them. */
function withKnownSchemas(updates: readonly ViewUpdate[], { schemas }: ViewMetadata): readonly ViewUpdate[] {
  let added = -1
  return updates.flatMap((update): ViewUpdate[] => {
    if (update.action === 'add-schema') {
      const fields = JSON.stringify(update.schema.fields)
      added = schemas.find((schema) => JSON.stringify(schema.fields) === fields)?.['schema-id'] ?? -1
      return added === -1 ? [update] : []
    }
    if (update.action !== 'add-view-version' || update['view-version']['schema-id'] !== -1) return [update]
    return [{ ...update, 'view-version': { ...update['view-version'], 'schema-id': added } }]
  })
}

/** The same query and properties, whatever the history. */
function sameView(a: ViewMetadata, b: ViewMetadata): boolean {
  const { representations } = currentViewVersion(a)
  return (
    JSON.stringify(representations) === JSON.stringify(currentViewVersion(b).representations) &&
    JSON.stringify(a.properties ?? {}) === JSON.stringify(b.properties ?? {})
  )
}
