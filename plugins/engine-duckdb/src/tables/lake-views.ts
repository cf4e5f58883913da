import {
  type Catalog,
  formatIdentifier,
  type ObjectStore,
  PhloError,
  type QueryOptions,
  type TableIdentifier,
} from '@phlo/ports'
import { identifier, tableName } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { loadTable } from './load-table.js'
import { tableSelect } from './table-view.js'

let databases = 0

/**
 * Lets a connection see catalog tables as `namespace.table`: views in a database of memory that only this connection
 * uses, so that queries at different refs run side by side.
 */
export class LakeViews {
  private readonly connection: Connection
  private readonly store: ObjectStore
  private readonly catalog: Catalog
  private readonly database = `lake_${++databases}`
  private attached = false

  constructor(connection: Connection, store: ObjectStore, catalog: Catalog) {
    this.connection = connection
    this.store = store
    this.catalog = catalog
  }

  /** Throws PHLO_TABLE_NOT_FOUND with the nearest names, PHLO_REF_NOT_FOUND. */
  async attach(tables: readonly TableIdentifier[], options: QueryOptions): Promise<void> {
    const loaded = await Promise.all(
      tables.map(async (table) => ({ ...(await loadTable(this.catalog, table, options.ref)), identifier: table })),
    )
    const selects = await Promise.all(loaded.map((table) => tableSelect(this.connection, this.store, table, options)))
    const namespaces = new Map(tables.map(({ namespace: [schema = ''] }) => [schema.toLowerCase(), schema]))
    const views = new Map<string, { metadataLocation: string; sql: string }>()
    loaded.forEach(({ identifier: table, metadataLocation }, index) => {
      const name = tableName(table)
      // One table may be named in several ways; two tables whose names differ in nothing else cannot both be meant.
      const other = views.get(name.toLowerCase())
      if (other && other.metadataLocation !== metadataLocation) {
        throw new PhloError(
          'PHLO_UNSUPPORTED',
          `Two tables are named ${formatIdentifier(table)} but for the case of letters, which SQL does not tell apart`,
          { hint: 'Query them one at a time.' },
        )
      }
      views.set(name.toLowerCase(), { metadataLocation, sql: `CREATE VIEW ${name} AS ${selects[index] as string}` })
    })
    await this.connection.run(`ATTACH ':memory:' AS ${identifier(this.database)}`)
    this.attached = true
    const statements = [
      `USE ${identifier(this.database)}`,
      ...[...namespaces.values()].map((namespace) => `CREATE SCHEMA ${identifier(namespace)}`),
      ...[...views.values()].map(({ sql }) => sql),
    ]
    for (const statement of statements) await this.connection.run(statement)
  }

  /** Also after a cancellation, and after an {@link attach} that failed halfway. */
  async detach(): Promise<void> {
    if (!this.attached) return
    await this.connection.raw.run('USE memory')
    await this.connection.raw.run(`DETACH ${identifier(this.database)}`)
  }
}
