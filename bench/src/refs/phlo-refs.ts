import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { TableTransaction } from '@phlo/iceberg'
import type { CatalogChange, ObjectStore, RowSchema, TableIdentifier } from '@phlo/ports'
import { BenchError } from '../bench-error.js'
import {
  listedTables,
  mergedTables,
  type Operation,
  type RefsParticipant,
  timed,
  together,
  usualTables,
} from './refs-participant.js'

const namespace = ['bronze']

const rows: RowSchema = {
  columns: [
    { name: 'id', type: 'long', required: true, optional: false, rules: [], unique: false },
    { name: 'name', type: 'string', required: false, optional: false, rules: [], unique: false },
  ],
}

export function tableName(index: number): TableIdentifier {
  return { namespace, name: `table_${index}` }
}

/** Sets a property, so that there is a metadata file to write and nothing to read but the table's last one. */
export function tableChange(index: number, value: string): CatalogChange {
  return {
    kind: 'table',
    identifier: tableName(index),
    requirements: [],
    updates: [{ action: 'set-properties', updates: { written: value } }],
  }
}

/** A catalog of that many tables, which all have the first one's metadata file. Gives the file's URI. */
export async function makeTables(store: ObjectStore, count: number): Promise<string> {
  const catalog = await EmbeddedCatalog.open(store)
  const location = catalog.newTableLocation(tableName(0))
  const { requirements, updates } = TableTransaction.create(store, { location, rows, partitioning: [] })
  await catalog.commit(
    [
      { kind: 'create-namespace', namespace },
      { kind: 'table', identifier: tableName(0), requirements, updates },
    ],
    { message: 'First table' },
  )
  const { metadataLocation } = (await catalog.loadTable(tableName(0))) ?? {}
  if (metadataLocation === undefined) throw new BenchError('The table is not there')
  const others = Array.from({ length: count - 1 }, (_, index) => registered(tableName(index + 1), metadataLocation))
  await catalog.commit(others, { message: 'Tables' })
  return metadataLocation
}

function registered(identifier: TableIdentifier, metadataLocation: string): CatalogChange {
  return { kind: 'register-table', identifier, metadataLocation }
}

/** The embedded catalog: one process keeps it open, but lists by a catalog that was opened for it and knows nothing. */
export class PhloRefs implements RefsParticipant {
  readonly name: string
  readonly what: string
  private readonly store: ObjectStore
  private readonly listed: ObjectStore
  private readonly catalog: EmbeddedCatalog
  private readonly metadataLocation: string
  private count = 0

  private constructor(
    { name, what }: Pick<RefsParticipant, 'name' | 'what'>,
    stores: { readonly store: ObjectStore; readonly listed: ObjectStore },
    catalog: EmbeddedCatalog,
    metadataLocation: string,
  ) {
    this.name = name
    this.what = what
    this.store = stores.store
    this.listed = stores.listed
    this.catalog = catalog
    this.metadataLocation = metadataLocation
  }

  /** Makes its tables in two empty stores. */
  static async in(
    words: Pick<RefsParticipant, 'name' | 'what'>,
    store: ObjectStore,
    listed: ObjectStore,
  ): Promise<PhloRefs> {
    const metadataLocation = await makeTables(store, usualTables)
    await makeTables(listed, listedTables)
    return new PhloRefs(words, { store, listed }, await EmbeddedCatalog.open(store), metadataLocation)
  }

  async once(operation: Operation): Promise<number> {
    const count = ++this.count
    switch (operation) {
      case 'create-branch':
        return timed(() => this.catalog.createRef(`branch-${count}`))
      case 'commit': {
        const change = registered({ namespace, name: `registered_${count}` }, this.metadataLocation)
        return timed(() => this.catalog.commit([change], { message: 'Registered' }))
      }
      case 'commit-with-metadata':
        return timed(() => this.catalog.commit([tableChange(usualTables / 2, `${count}`)], { message: 'Changed' }))
      case 'fast-forward':
        return this.merge(`forward-${count}`, true)
      case 'three-way':
        return this.merge(`three-way-${count}`, false)
      case 'list':
        return this.list()
    }
  }

  private async merge(branch: string, forward: boolean): Promise<number> {
    await this.catalog.createRef(branch)
    const changes = Array.from({ length: mergedTables }, (_, index) => tableChange(index, branch))
    await this.catalog.commit(changes, { message: 'Branch', ref: branch })
    if (!forward) await this.catalog.commit([tableChange(mergedTables, branch)], { message: 'Beside' })
    let merged = { fastForward: !forward, tables: 0 }
    const milliseconds = await timed(async () => {
      const { fastForward, tables } = await this.catalog.merge(branch, 'main')
      merged = { fastForward, tables: tables.length }
    })
    if (merged.fastForward !== forward || merged.tables !== mergedTables)
      throw new BenchError(`${this.name} merged ${JSON.stringify(merged)}`)
    return milliseconds
  }

  private async list(): Promise<number> {
    let found = 0
    const milliseconds = await timed(async () => {
      const catalog = await EmbeddedCatalog.open(this.listed)
      found = (await catalog.listTables()).length
    })
    if (found !== listedTables) throw new BenchError(`${this.name} listed ${found} tables`)
    return milliseconds
  }

  async writers(count: number, seconds: number): Promise<number> {
    return writersOf(await EmbeddedCatalog.open(this.store), 0, count, seconds)
  }
}

/** Writers of one process, each to a table of its own, the first of which is given. */
export async function writersOf(
  catalog: EmbeddedCatalog,
  first: number,
  count: number,
  seconds: number,
): Promise<number> {
  return together(count, seconds, (writer, turn) =>
    catalog.commit([tableChange(first + writer, `${process.pid}-${turn}`)], { message: 'Written' }),
  )
}
