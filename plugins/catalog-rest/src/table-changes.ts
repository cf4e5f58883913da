import { randomUUID } from 'node:crypto'
import { noTable } from '@phlo/catalog'
import { checkRequirements } from '@phlo/iceberg'
import { type RestClient, settled, shows, type TableCommit } from '@phlo/iceberg-rest'
import {
  type CatalogChange,
  formatIdentifier,
  isPhloError,
  type LoadedTable,
  type ObjectStore,
  PhloError,
  type TableIdentifier,
} from '@phlo/ports'
import { requireNamespace } from './namespace-changes.js'

type Change<Kind extends CatalogChange['kind']> = Extract<CatalogChange, { readonly kind: Kind }>

/** A server that refuses a commit whose requirements hold is asked again this often. */
const mostConflicts = 20

/** Changes of tables. */
export class TableChanges {
  private readonly client: RestClient

  private readonly store: ObjectStore

  constructor(client: RestClient, store: ObjectStore) {
    this.client = client
    this.store = store
  }

  /** One table, or several in the server's transaction. The tables as they are afterwards. */
  async commit(commits: readonly TableCommit[]): Promise<LoadedTable[]> {
    const names = commits.map(({ identifier }) => formatIdentifier(identifier))
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined)
      throw new PhloError('PHLO_UNSUPPORTED', `One commit of a REST catalog changes ${twice} once, not twice`)
    for (const { identifier, requirements } of commits)
      if (requirements.some(({ type }) => type === 'assert-create')) await requireNamespace(this.client, identifier)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(commits)
      } catch (error) {
        if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT') || attempt === mostConflicts) throw error
        // The requirements are the caller's; whatever else the server stumbled over may be gone the next time.
        await this.requireStill(commits)
      }
    }
  }

  async register({ identifier, metadataLocation }: Change<'register-table'>): Promise<LoadedTable> {
    if (this.store.key(metadataLocation) === undefined)
      throw new PhloError('PHLO_UNSUPPORTED', `The metadata file ${metadataLocation} is outside the store`, {
        hint: 'Only tables whose files lie in the profile’s own storage can be registered.',
      })
    await requireNamespace(this.client, identifier)
    const key = randomUUID()
    return this.named(identifier, () =>
      settled(
        `table ${formatIdentifier(identifier)}`,
        () => this.client.registerTable(identifier, metadataLocation, key),
        async () => {
          const found = await this.client.loadTable(identifier)
          return found?.table.metadataLocation === metadataLocation ? found.table : undefined
        },
      ),
    )
  }

  async rename({ identifier, to }: Change<'rename-table'>): Promise<LoadedTable> {
    const key = randomUUID()
    const before = await this.client.loadTable(identifier)
    if (!before) throw noTable(identifier)
    await requireNamespace(this.client, to)
    await this.named(to, () =>
      settled(
        `table ${formatIdentifier(identifier)}`,
        () => this.client.rename('tables', identifier, to, key),
        async () => {
          const found = await this.client.loadTable(to)
          return found?.table.metadata['table-uuid'] === before.table.metadata['table-uuid'] ? true : undefined
        },
      ),
    )
    return this.loaded(to)
  }

  async drop(identifier: TableIdentifier): Promise<void> {
    const key = randomUUID()
    await settled(
      `table ${formatIdentifier(identifier)}`,
      () => this.client.drop('tables', identifier, key),
      async () => ((await this.client.loadTable(identifier)) ? undefined : true),
    )
  }

  private async attempt(commits: readonly TableCommit[]): Promise<LoadedTable[]> {
    const key = randomUUID()
    const [first] = commits
    if (first && commits.length === 1) return [await this.commitOne(first, key)]
    await this.making(commits, () =>
      settled(
        `tables ${commits.map(({ identifier }) => formatIdentifier(identifier)).join(', ')}`,
        () => this.client.commitTables(commits, key),
        async () => {
          // All or none: one that shows its change tells of all of them.
          for (const { identifier, updates } of commits) {
            const found = await this.client.loadTable(identifier)
            if (!found || !shows(identifier, found.table.metadata, updates)) return undefined
          }
          return true
        },
      ),
    )
    return Promise.all(commits.map(({ identifier }) => this.loaded(identifier)))
  }

  /** Throws PHLO_UNSUPPORTED where the server looks for a table that the commit of several was to make. */
  private async making<T>(commits: readonly TableCommit[], work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isPhloError(error, 'PHLO_TABLE_NOT_FOUND')) throw error
      const isNew = ({ requirements }: TableCommit) => requirements.some(({ type }) => type === 'assert-create')
      const made = commits.filter(isNew)
      if (made.length === 0) throw error
      for (const { identifier } of commits.filter((commit) => !isNew(commit))) await this.loaded(identifier)
      const names = made.map(({ identifier }) => formatIdentifier(identifier)).join(', ')
      throw new PhloError('PHLO_UNSUPPORTED', `This catalog’s server makes no table in a commit of several: ${names}`, {
        hint: 'Make the tables first, each in a commit of its own.',
        cause: error,
      })
    }
  }

  private async commitOne(commit: TableCommit, key: string): Promise<LoadedTable> {
    const { identifier, updates } = commit
    const { table } = await this.named(identifier, () =>
      settled(
        `table ${formatIdentifier(identifier)}`,
        () => this.client.commitTable(commit, key),
        async () => {
          const found = await this.client.loadTable(identifier)
          return found && shows(identifier, found.table.metadata, updates) ? found : undefined
        },
      ),
    )
    // Some servers answer a commit with where they show the table, and only tell where its file is when it is loaded.
    return /^https?:/.test(table.metadataLocation) ? this.loaded(identifier) : table
  }

  /** Throws PHLO_COMMIT_CONFLICT with the requirement that no longer holds. */
  private async requireStill(commits: readonly TableCommit[]): Promise<void> {
    for (const { identifier, requirements } of commits) {
      const found = await this.client.loadTable(identifier)
      checkRequirements(found?.table.metadata, requirements, formatIdentifier(identifier))
    }
  }

  /** The protocol has one error for a name that is taken, by a table or by a view. */
  private async named<T>(identifier: TableIdentifier, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isPhloError(error, 'PHLO_TABLE_EXISTS') || !this.client.has('loadView')) throw error
      if (!(await this.client.loadView(identifier))) throw error
      throw new PhloError('PHLO_VIEW_EXISTS', `There is a view ${formatIdentifier(identifier)} already`)
    }
  }

  private async loaded(identifier: TableIdentifier): Promise<LoadedTable> {
    const found = await this.client.loadTable(identifier)
    if (!found) throw noTable(identifier)
    return found.table
  }
}
