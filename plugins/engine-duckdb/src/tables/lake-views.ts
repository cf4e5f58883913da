import type { Expression, SnapshotSelection } from '@phlo/iceberg'
import {
  type Catalog,
  formatIdentifier,
  type LoadedTable,
  type ObjectStore,
  PhloError,
  type QueryOptions,
  type TableIdentifier,
} from '@phlo/ports'
import { identifier, tableName } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { type ReplacedAt, withoutAtClauses } from '../reading/at-clause.js'
import { tableFilters } from '../reading/table-filters.js'
import { atSelection } from '../reading/time-travel.js'
import type { Statement, TableReference } from '../statement.js'
import { loadTable } from './load-table.js'
import { type ReadPlan, selectionOf, selectionOfOptions, tableSelect } from './table-view.js'

let databases = 0

/** A table at one of its states, by which a statement or its parts know it. */
interface View {
  readonly table: LoadedTable
  readonly selection: SnapshotSelection
  /** The namespace, or a name of Phlo's own for what has an AT. */
  readonly schema: string
  readonly references: TableReference[]
}

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

  /**
   * Makes whole tables known. Throws PHLO_TABLE_NOT_FOUND with the nearest names, PHLO_REF_NOT_FOUND and
   * PHLO_SNAPSHOT_NOT_FOUND.
   */
  async attach(tables: readonly TableIdentifier[], options: QueryOptions): Promise<void> {
    const views = await Promise.all(
      tables.map(async (table): Promise<View> => {
        const loaded = { ...(await loadTable(this.catalog, table, options.ref)), identifier: table }
        const schema = table.namespace[0] ?? ''
        return { table: loaded, selection: selectionOfOptions(loaded, options), schema, references: [] }
      }),
    )
    await this.create(views, new Map())
  }

  /**
   * Makes what a statement reads known, as little of it as its conditions want, and gives the statement to run. Throws
   * like {@link attach}.
   */
  async attachFor(statement: Statement, options: QueryOptions): Promise<AttachedStatement> {
    const views = await this.viewsOf(statement, options)
    const schemas = new Map(
      views.flatMap(({ table, selection, references }) => {
        const { schema } = selectionOf(table, selection)
        return references.map(({ node }) => [node, schema] as const)
      }),
    )
    const filters = tableFilters(statement.tree.node, {
      schemaOf: (node) => schemas.get(node),
      parameters: options.params ?? [],
    })
    const wanted = new Map<View, Expression>()
    for (const view of views) {
      const own = view.references.map(({ node }) => filters.get(node))
      if (own.every((filter) => filter !== undefined))
        wanted.set(
          view,
          own.reduce((left, right): Expression => ({ op: 'or', left, right })),
        )
    }
    const plans = await this.create(views, wanted)
    const replaced = views.flatMap(({ schema, references }) =>
      references.flatMap(({ start, at }): ReplacedAt[] =>
        at ? [{ start, clause: at, schema: identifier(schema) }] : [],
      ),
    )
    return {
      sql: withoutAtClauses(statement.sql, replaced),
      plans: views.map(({ table }, index) => ({ table: table.identifier, ...(plans[index] as ReadPlan) })),
    }
  }

  /** One view for each state of each table that the statement names. */
  private async viewsOf(statement: Statement, options: QueryOptions): Promise<View[]> {
    const loaded = new Map<string, Promise<LoadedTable>>()
    const views = new Map<string, View>()
    let states = 0
    for (const reference of statement.references) {
      const name = formatIdentifier(reference.identifier)
      const loading = loaded.get(name) ?? loadTable(this.catalog, reference.identifier, options.ref)
      loaded.set(name, loading)
    }
    await Promise.all(loaded.values())
    for (const reference of statement.references) {
      const { identifier: table, at } = reference
      const name = formatIdentifier(table)
      const found = { ...((await loaded.get(name)) as LoadedTable), identifier: table }
      const selection = at ? await atSelection(this.connection, found, at) : selectionOfOptions(found, options)
      const state = at ? String(selection.snapshotId ?? selection.ref ?? selection.asOf?.getTime()) : ''
      const key = `${name.toLowerCase()} ${state}`
      const view = views.get(key)
      if (view) {
        requireSame(view.table, found)
        view.references.push(reference)
      } else {
        const schema = at ? `@${++states}` : (table.namespace[0] ?? '')
        views.set(key, { table: found, selection, schema, references: [reference] })
      }
    }
    return [...views.values()]
  }

  private async create(views: readonly View[], filters: ReadonlyMap<View, Expression>): Promise<ReadPlan[]> {
    const selects = await Promise.all(
      views.map((view) => {
        const filter = filters.get(view)
        return tableSelect(this.connection, this.store, { ...view, ...(filter && { filter }) })
      }),
    )
    const schemas = new Map(views.map(({ schema }) => [schema.toLowerCase(), schema]))
    const created = new Map<string, { readonly table: LoadedTable; readonly sql: string }>()
    views.forEach(({ table, schema }, index) => {
      tableName(table.identifier)
      const name = `${identifier(schema)}.${identifier(table.identifier.name)}`
      const other = created.get(name.toLowerCase())
      if (other) requireSame(other.table, table)
      else created.set(name.toLowerCase(), { table, sql: `CREATE VIEW ${name} AS ${selects[index]?.sql ?? ''}` })
    })
    await this.connection.run(`ATTACH ':memory:' AS ${identifier(this.database)}`)
    this.attached = true
    await this.connection.run(`USE ${identifier(this.database)}`)
    for (const schema of schemas.values()) await this.connection.run(`CREATE SCHEMA ${identifier(schema)}`)
    for (const { sql } of created.values()) await this.connection.run(sql)
    return selects.map(({ plan }) => plan)
  }

  /** Also after a cancellation, and after an {@link attach} that failed halfway. */
  async detach(): Promise<void> {
    if (!this.attached) return
    await this.connection.raw.run('USE memory')
    await this.connection.raw.run(`DETACH ${identifier(this.database)}`)
  }
}

/** One table may be named in several ways; two tables whose names differ in nothing else cannot both be meant. */
function requireSame(one: LoadedTable, other: LoadedTable): void {
  if (one.metadataLocation === other.metadataLocation) return
  throw new PhloError(
    'PHLO_UNSUPPORTED',
    `Two tables are named ${formatIdentifier(other.identifier)} but for the case of letters, which SQL does not tell apart`,
    { hint: 'Query them one at a time.' },
  )
}

/** A statement that can be run now. */
export interface AttachedStatement {
  readonly sql: string
  readonly plans: readonly (ReadPlan & { readonly table: TableIdentifier })[]
}
