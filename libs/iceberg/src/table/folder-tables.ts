import { isPhloError, type ObjectStore, PhloError } from '@phlo/ports'
import { type NewTable, TableTransaction } from '../commit/transaction.js'
import { TableFolder } from './table-folder.js'
import { Table } from './table.js'

/**
 * Tables of an object store without any catalog: each is a folder that holds its own metadata, in the layout of Hadoop
 * tables, which other libraries read by the folder's or the metadata file's path. The store has to support create-only
 * puts; a commit is one.
 */
export class FolderTables {
  private readonly store: ObjectStore

  /** Throws PHLO_UNSUPPORTED for a store without conditional puts. */
  constructor(store: ObjectStore) {
    if (!store.supports.conditionalPut) {
      throw new PhloError('PHLO_UNSUPPORTED', 'Tables in folders need a store that creates objects only where none is')
    }
    this.store = store
  }

  /** Makes an empty table in the folder, which is a key of the store. Throws PHLO_TABLE_EXISTS. */
  async create(folder: string, table: Omit<NewTable, 'location'>): Promise<Table> {
    const { metadata } = TableTransaction.create(this.store, { ...table, location: this.store.uri(folder) })
    const operations = new TableFolder(this.store, folder)
    try {
      await operations.create(metadata)
    } catch (error) {
      if (!isPhloError(error, 'PHLO_OBJECT_EXISTS')) throw error
      throw new PhloError('PHLO_TABLE_EXISTS', `There is a table in ${folder} already`, { cause: error })
    }
    return new Table(operations, metadata)
  }

  /** The table in the folder. Throws PHLO_TABLE_NOT_FOUND, PHLO_ICEBERG_INVALID. */
  async load(folder: string): Promise<Table> {
    const operations = new TableFolder(this.store, folder)
    return new Table(operations, await operations.load())
  }
}
