import type { TableMetadata, TableRequirement, TableUpdate } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { checkRequirements } from '../metadata/requirements.js'
import { applyUpdates } from '../metadata/updates.js'
import type { SnapshotChange } from '../commit/snapshot-change.js'
import { TableTransaction } from '../commit/transaction.js'

/** A table in memory whose files exist, with a clock that stands still unless it is moved. */
export class MemoryTable {
  readonly store = new MemoryObjectStore()
  now = 1_000_000
  metadata: TableMetadata

  constructor(partitioned = false) {
    this.metadata = TableTransaction.create(
      this.store,
      {
        location: this.store.uri('t'),
        rows: {
          columns: ['id', 'part'].map((name) => ({
            name,
            type: 'int',
            required: false,
            optional: false,
            rules: [],
            unique: false,
          })),
        },
        partitioning: partitioned ? [{ column: 'part', transform: 'identity' }] : [],
      },
      this.now,
    ).metadata
  }

  async load(): Promise<TableMetadata> {
    return this.metadata
  }

  async commit(requirements: readonly TableRequirement[], updates: readonly TableUpdate[]): Promise<TableMetadata> {
    checkRequirements(this.metadata, requirements, 't')
    this.metadata = applyUpdates(this.metadata, updates, { now: this.now })
    return this.metadata
  }

  /** Adds a snapshot and gives its id. */
  async snapshot(change: SnapshotChange): Promise<bigint> {
    const transaction = TableTransaction.change(this.store, this.metadata, this.now)
    const id = await transaction.addSnapshot(change)
    await this.commit(transaction.requirements, transaction.updates)
    return id
  }

  /** A data file that is there, with a few bytes. */
  async file(name: string, more: Partial<DataFile> = {}): Promise<DataFile> {
    const key = `t/data/${name}`
    await this.store.put(key, Buffer.from(name))
    const partition = this.metadata['partition-specs'][0]?.fields.map(() => 1) ?? []
    return {
      content: fileContent.data,
      specId: 0,
      path: this.store.uri(key),
      format: 'PARQUET',
      partition,
      recordCount: 1,
      fileSize: name.length,
      ...more,
    }
  }

  /** Every key in the store. */
  async keys(): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of this.store.list('')) keys.push(key)
    return keys
  }
}
