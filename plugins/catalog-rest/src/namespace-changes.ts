import { randomUUID } from 'node:crypto'
import { type RestClient, settled } from '@phlo/iceberg-rest'
import { noNamespace } from '@phlo/catalog'
import { type CatalogChange, isPhloError, PhloError, type TableIdentifier } from '@phlo/ports'

type Change<Kind extends CatalogChange['kind']> = Extract<CatalogChange, { readonly kind: Kind }>

/** Changes of namespaces, each a request of its own. */
export class NamespaceChanges {
  private readonly client: RestClient

  constructor(client: RestClient) {
    this.client = client
  }

  async create({ namespace, properties = {}, ifNotExists = false }: Change<'create-namespace'>): Promise<void> {
    const key = randomUUID()
    try {
      await settled(
        `namespace ${namespace.join('.')}`,
        () => this.client.createNamespace(namespace, properties, key),
        async () => {
          const found = await this.client.loadNamespace(namespace)
          return found && Object.entries(properties).every(([name, value]) => found[name] === value) ? true : undefined
        },
      )
    } catch (error) {
      if (!ifNotExists || !isPhloError(error, 'PHLO_NAMESPACE_EXISTS')) throw error
    }
  }

  async setProperties({ namespace, set = {}, remove = [] }: Change<'set-namespace-properties'>): Promise<void> {
    const both = remove.find((name) => Object.hasOwn(set, name))
    if (both !== undefined)
      throw new PhloError('PHLO_UNSUPPORTED', `The property ${both} cannot be set and removed by one change`)
    const key = randomUUID()
    await settled(
      `namespace ${namespace.join('.')}`,
      () => this.client.updateNamespace(namespace, set, remove, key),
      async () => {
        const found = await this.client.loadNamespace(namespace)
        const isSet = Object.entries(set).every(([name, value]) => found?.[name] === value)
        return found && isSet && remove.every((name) => found[name] === undefined) ? true : undefined
      },
    )
  }

  async drop(namespace: readonly string[]): Promise<void> {
    const key = randomUUID()
    await settled(
      `namespace ${namespace.join('.')}`,
      () => this.client.dropNamespace(namespace, key),
      async () => ((await this.client.loadNamespace(namespace)) ? undefined : true),
    )
  }
}

/** Some servers put tables where no namespace is. Throws PHLO_NAMESPACE_NOT_FOUND. */
export async function requireNamespace(client: RestClient, { namespace }: TableIdentifier): Promise<void> {
  if (!(await client.loadNamespace(namespace))) throw noNamespace(namespace)
}
