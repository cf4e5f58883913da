import {
  type Expression,
  type MetadataTable,
  metadataTable,
  type MetadataTableName,
  type SnapshotInterval,
  type SnapshotSelection,
} from '@phlo/iceberg'
import {
  type Catalog,
  formatIdentifier,
  type IcebergSchema,
  type LoadedTable,
  type ObjectStore,
  parseRefSpec,
  PhloError,
  type QueryOptions,
  requireRunBranches,
  resolveRef,
  type TableIdentifier,
  type TableReadPlan,
} from '@phlo/ports'
import { identifier, tableName } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { type About, aboutTable } from '../reading/about-table.js'
import { type ReplacedState, withoutStates } from '../reading/at-clause.js'
import { appendsSelect, changesSelect } from '../reading/changes-select.js'
import { metadataSelect } from '../reading/metadata-select.js'
import type { MetadataColumn } from '../reading/rows-select.js'
import { tableFilters } from '../reading/table-filters.js'
import { atSelection, callInterval } from '../reading/time-travel.js'
import type { Statement, TableReference } from '../statement.js'
import { loadTable } from './load-table.js'
import { selectionOf, selectionOfOptions, tableSelect } from './table-view.js'

let databases = 0

/** DuckDB's own, for names that stand alone. */
const defaultSchema = 'main'

/** Where a row is, and since when, in tables named `…$rows`. */
const placeColumns: readonly MetadataColumn[] = [
  '_file',
  '_pos',
  '_spec_id',
  '_partition',
  '_row_id',
  '_last_updated_sequence_number',
]

/** A table at one of its states, or something about it, by which a statement or its parts know it. */
interface View {
  readonly table: LoadedTable
  readonly name: string
  readonly about?: About
  readonly selection: SnapshotSelection
  /** Where the part of the history starts that the view is about. */
  readonly since?: SnapshotSelection
  /** The namespace, or a name of Phlo's own for what has an AT or is a part of the history. */
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
        const selection = selectionOfOptions(loaded, options)
        return { table: loaded, name: table.name, selection, schema, references: [] }
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
      views.flatMap((view) => {
        const schema = this.schemaOf(view)
        return view.references.map(({ node }) => [node, schema] as const)
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
      references.flatMap(({ start, at, call, written }): ReplacedState[] => {
        if (call) return [{ start, clause: call, name: `${identifier(schema)}.${call.name}` }]
        if (!at) return []
        // A name that says everything is the name of the view in its schema.
        const name = written.schema === '' ? `${identifier(schema)}.${identifier(written.name)}` : identifier(schema)
        return [{ start, clause: at, name }]
      }),
    )
    return {
      sql: withoutStates(statement.sql, replaced),
      plans: plans.filter((plan) => plan !== undefined),
    }
  }

  /** One view for each state of each table that the statement names. */
  private async viewsOf(statement: Statement, options: QueryOptions): Promise<View[]> {
    const loaded = new Map<string, Promise<LoadedTable>>()
    const views = new Map<string, View>()
    let states = 0
    for (const reference of statement.references) {
      const key = loadKey(reference)
      loaded.set(key, loaded.get(key) ?? this.load(reference, options.ref))
    }
    await Promise.all(loaded.values())
    for (const reference of statement.references) {
      const { identifier: named, at, call, ref, written } = reference
      const { base, about } = aboutTable(named)
      const found = { ...((await loaded.get(loadKey(reference))) as LoadedTable), identifier: base }
      const { since, to } = call ? await callInterval(this.connection, found, call) : {}
      const selection = at
        ? await atSelection(this.connection, found, at)
        : (to ?? selectionOfOptions(found, ref === undefined ? options : {}))
      const state = at || call ? `${stateKey(selection)} ${call?.name} ${since && stateKey(since)}` : ''
      const key = `${formatIdentifier(named).toLowerCase()} ${ref ?? ''} ${written.schema === '' && !call} ${state}`
      const view = views.get(key)
      if (view) {
        requireSame(view.table, found)
        view.references.push(reference)
      } else {
        const schema = at || call ? `@${++states}` : written.schema || defaultSchema
        const view = { table: found, name: written.name, selection, schema, references: [reference] }
        views.set(key, { ...view, ...(about && { about }), ...(since && { since }) })
      }
    }
    return [...views.values()]
  }

  /** The table that is meant, at the statement's ref or at one of its own. */
  private async load({ identifier: named, ref }: TableReference, common: string | undefined): Promise<LoadedTable> {
    const { base } = aboutTable(named)
    if (ref === undefined) return loadTable(this.catalog, base, common)
    return loadTable(this.catalog, base, await resolveRef(requireRunBranches(this.catalog), parseRefSpec(ref)))
  }

  private async create(
    views: readonly View[],
    filters: ReadonlyMap<View, Expression>,
  ): Promise<(TableReadPlan | undefined)[]> {
    const selects = await Promise.all(views.map((view) => this.select(view, filters.get(view))))
    const schemas = new Map(views.map(({ schema }) => [schema.toLowerCase(), schema]))
    const created = new Map<string, { readonly table: LoadedTable; readonly sql: string }>()
    views.forEach(({ table, name: own, schema }, index) => {
      tableName(table.identifier)
      const name = `${identifier(schema)}.${identifier(own)}`
      const other = created.get(name.toLowerCase())
      if (other) requireSame(other.table, table)
      else created.set(name.toLowerCase(), { table, sql: `CREATE VIEW ${name} AS ${selects[index]?.sql ?? ''}` })
    })
    await this.connection.run(`ATTACH ':memory:' AS ${identifier(this.database)}`)
    this.attached = true
    await this.connection.run(`USE ${identifier(this.database)}`)
    for (const schema of schemas.values())
      await this.connection.run(`CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}`)
    for (const { sql } of created.values()) await this.connection.run(sql)
    return selects.map(({ plan }) => plan)
  }

  private async select(
    view: View,
    filter: Expression | undefined,
  ): Promise<{ readonly sql: string; readonly plan?: TableReadPlan }> {
    const { connection, store } = this
    const { table, about, selection, since } = view
    const { metadata } = table
    const interval: SnapshotInterval = { to: selection, ...(since && { since }) }
    const read = { table, selection, ...(filter && { filter }) }
    if (about === undefined) return tableSelect(connection, store, read)
    if (about === 'rows') return tableSelect(connection, store, { ...read, extra: placeColumns })
    if (about === 'appends') return { sql: await appendsSelect(connection, store, metadata, interval, filter) }
    if (about !== 'changes') return { sql: await metadataSelect(connection, this.metadataTable(view, about)) }
    // What a row was before may be elsewhere than what it became.
    const ids = selectionOf(table, selection).schema['identifier-field-ids'] ?? []
    return { sql: await changesSelect(connection, store, metadata, interval, ids.length === 0 ? filter : undefined) }
  }

  private schemaOf(view: View): IcebergSchema {
    const { about } = view
    const isOfRows = about === undefined || about === 'changes' || about === 'appends' || about === 'rows'
    return isOfRows ? selectionOf(view.table, view.selection).schema : this.metadataTable(view, about).schema
  }

  private metadataTable({ table, selection }: View, name: MetadataTableName): MetadataTable {
    const { metadata, metadataLocation } = table
    return metadataTable(this.store, metadata, name, { ...selection, metadataLocation })
  }

  /** Also after a cancellation, and after an {@link attach} that failed halfway. */
  async detach(): Promise<void> {
    if (!this.attached) return
    await this.connection.raw.run('USE memory')
    await this.connection.raw.run(`DETACH ${identifier(this.database)}`)
  }
}

function loadKey({ identifier: named, ref }: TableReference): string {
  return `${formatIdentifier(aboutTable(named).base)} ${ref ?? ''}`
}

function stateKey({ snapshotId, ref, asOf }: SnapshotSelection): string {
  return String(snapshotId ?? ref ?? asOf?.getTime())
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
  readonly plans: readonly TableReadPlan[]
}
