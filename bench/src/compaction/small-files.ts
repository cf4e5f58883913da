import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { currentSchema, type DataFile, fileContent, TableTransaction } from '@phlo/iceberg'
import { LocalObjectStore } from '@phlo/storage-local'
import { orderRows, type OrdersFile, sqlText } from '../orders.js'
import type { Workplace } from '../workplace.js'

export const compacted = { namespace: ['bronze'], name: 'orders' } as const

/** A table of many small files. */
export interface SmallFiles {
  /** The folder of the lake. */
  readonly lake: string
  /** A pattern that the small files have. */
  readonly pattern: string
}

/** A lake with the orders in that many files, as many small appends leave them behind. */
export async function smallFiles({ work }: Workplace, orders: OrdersFile, count: number): Promise<SmallFiles> {
  const lake = path.join(work, 'lake')
  const store = await LocalObjectStore.open(lake)
  const catalog = await EmbeddedCatalog.open(store)
  const location = catalog.newTableLocation(compacted)
  const transaction = TableTransaction.create(store, { location, rows: orderRows, partitioning: [] })
  const folder = path.join(fileURLToPath(location), 'data', 'small')
  await mkdir(folder, { recursive: true })
  const ids = currentSchema(transaction.metadata).fields.map(({ id, name }) => `${name}: ${id}`)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`CREATE TABLE orders AS FROM ${sqlText(orders.path)}`)
  const perFile = Math.ceil(orders.rows / count)
  const add: DataFile[] = []
  for (let first = 1; first <= orders.rows; first += perFile) {
    const file = path.join(folder, `${String(first).padStart(9, '0')}.parquet`)
    const rows = Math.min(perFile, orders.rows - first + 1)
    await connection.run(
      `COPY (FROM orders WHERE id BETWEEN ${first} AND ${first + rows - 1}) TO ${sqlText(file)}
       (FORMAT parquet, COMPRESSION zstd, FIELD_IDS {${ids.join(', ')}})`,
    )
    add.push({
      content: fileContent.data,
      specId: 0,
      path: `${location}/data/small/${path.basename(file)}`,
      format: 'PARQUET',
      partition: [],
      recordCount: rows,
      fileSize: (await stat(file)).size,
    })
  }
  connection.closeSync()
  instance.closeSync()
  await transaction.addSnapshot({ add })
  const { requirements, updates } = transaction
  await catalog.commit(
    [
      { kind: 'create-namespace', namespace: compacted.namespace },
      { kind: 'table', identifier: compacted, requirements, updates },
    ],
    { message: 'Small files' },
  )
  await store.close()
  return { lake, pattern: path.join(folder, '*.parquet') }
}
