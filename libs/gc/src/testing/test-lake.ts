import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { type DataFile, expireSnapshots, fileContent, planScan, TableTransaction } from '@phlo/iceberg'
import { isPhloError, PhloError, type TableMetadata } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'

const rows = {
  columns: [{ name: 'id', type: 'int' as const, required: false, optional: false, rules: [], unique: false }],
}

const identifierOf = (table: string) => ({ namespace: ['shop'], name: table })

/** A lake in memory whose tables have files of a few bytes, of which nobody reads rows. */
export class TestLake {
  readonly store: MemoryObjectStore
  readonly catalog: EmbeddedCatalog
  private files = 0

  private constructor(store: MemoryObjectStore, catalog: EmbeddedCatalog) {
    this.store = store
    this.catalog = catalog
  }

  static async open(): Promise<TestLake> {
    const store = new MemoryObjectStore()
    const lake = new TestLake(store, await EmbeddedCatalog.open(store))
    await lake.catalog.commit([{ kind: 'create-namespace', namespace: ['shop'] }], { message: 'shop' })
    return lake
  }

  async create(table: string, ref = 'main'): Promise<void> {
    const identifier = identifierOf(table)
    const location = this.catalog.newTableLocation(identifier)
    const { requirements, updates } = TableTransaction.create(this.store, { location, rows, partitioning: [] })
    await this.catalog.commit([{ kind: 'table', identifier, requirements, updates }], { ref, message: `make ${table}` })
  }

  async drop(table: string, ref = 'main'): Promise<void> {
    await this.catalog.commit([{ kind: 'drop-table', identifier: identifierOf(table) }], { ref, message: 'drop' })
  }

  /** Adds a file to the table, in place of all others with `overwrite`, and gives the file's key. */
  async write(table: string, { ref = 'main', overwrite = false } = {}): Promise<string> {
    const metadata = await this.metadata(table, ref)
    const file = await this.dataFile(metadata)
    const transaction = TableTransaction.change(this.store, metadata)
    const everything = { mayHold: () => true, matches: () => true }
    await transaction.addSnapshot({ add: [file], ...(overwrite && { remove: everything }) })
    const { requirements, updates } = transaction
    const change = { kind: 'table', identifier: identifierOf(table), requirements, updates } as const
    await this.catalog.commit([change], { ref, message: `write ${table}` })
    return this.store.key(file.path) as string
  }

  /** A file in the table's folder that no commit names; its key. */
  async stray(table: string): Promise<string> {
    return this.store.key((await this.dataFile(await this.metadata(table, 'main'))).path) as string
  }

  /** Leaves the table's present snapshot alone. */
  async expire(table: string, ref = 'main'): Promise<void> {
    const identifier = identifierOf(table)
    await expireSnapshots(
      {
        store: this.store,
        load: () => this.metadata(table, ref),
        commit: async (requirements, updates) => {
          const change = { kind: 'table', identifier, requirements, updates } as const
          const { tables } = await this.catalog.commit([change], { ref, message: `expire ${table}` })
          return tables[0]?.metadata as TableMetadata
        },
      },
      { deleteFiles: false, keepLast: 1, olderThan: new Date(Date.now() + 1000) },
    )
  }

  async metadata(table: string, ref: string): Promise<TableMetadata> {
    const loaded = await this.catalog.loadTable(identifierOf(table), { ref })
    if (!loaded) throw new PhloError('PHLO_TABLE_NOT_FOUND', `no table ${table} at ${ref}`)
    return loaded.metadata
  }

  /** Every key of tables' files. */
  async tableFiles(): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of this.store.list('tables/')) keys.push(key)
    return keys
  }

  /** Data files that reading every table of the refs takes, all of which must be there. */
  async readable(refs: readonly string[]): Promise<Set<string>> {
    // A catalog that remembers nothing sees what is there.
    const catalog = await EmbeddedCatalog.open(this.store)
    const read = new Set<string>()
    for (const ref of refs) {
      for (const identifier of await catalog.listTables({ ref })) {
        const table = await catalog.loadTable(identifier, { ref })
        for (const snapshot of table?.metadata.snapshots ?? []) {
          const scan = { snapshotId: snapshot['snapshot-id'] }
          for await (const { file } of planScan(this.store, table?.metadata as TableMetadata, scan)) {
            const key = this.store.key(file.path) as string
            if (!(await this.store.head(key))) throw new Error(`${key} of ${identifier.name} at ${ref} is gone`)
            read.add(key)
          }
        }
      }
    }
    return read
  }

  /** Can the state of the lake at that commit still be read? */
  async canRead(commit: string): Promise<boolean> {
    try {
      await this.readable([commit])
      return true
    } catch (error) {
      if (isPhloError(error)) return false
      throw error
    }
  }

  private async dataFile({ location }: TableMetadata): Promise<DataFile> {
    const path = `${location}/data/${String(this.files++).padStart(5, '0')}.parquet`
    await this.store.put(this.store.key(path) as string, Buffer.from('rows'))
    return { content: fileContent.data, specId: 0, path, format: 'PARQUET', partition: [], recordCount: 1, fileSize: 4 }
  }
}
