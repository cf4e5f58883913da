// Merges the rows of one table of a lake into another, on a branch of its own.
import { parseArgs } from 'node:util'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { DuckDbHost, DuckDbOptions, DuckDbQueryEngine } from '@phlo/engine-duckdb'
import { TableTransaction } from '@phlo/iceberg'
import { LocalObjectStore } from '@phlo/storage-local'
import { fingerprintSql } from '../orders.js'

const { values } = parseArgs({
  options: { lake: { type: 'string' }, scratch: { type: 'string' }, mode: { type: 'string' } },
})
const { lake = '', scratch = '', mode = '' } = values
const store = await LocalObjectStore.open(lake)
const catalog = await EmbeddedCatalog.open(store)
const identifier = { namespace: ['bronze'], name: 'orders' }
const ref = `upsert-${process.pid}`
await catalog.createRef(ref)
const table = await catalog.loadTable(identifier, { ref })
if (!table) throw new Error('The table is not there')
const transaction = TableTransaction.change(store, table.metadata)
transaction.setProperties({ 'write.merge.mode': mode })
const { requirements, updates } = transaction
await catalog.commit([{ kind: 'table', identifier, requirements, updates }], { ref, message: 'Mode' })

const access = { kind: 'closed', folders: async () => [await store.localRoot(), scratch] } as const
const engine = new DuckDbQueryEngine(new DuckDbHost(DuckDbOptions.parse({}), access, scratch), store, catalog, scratch)
// DuckDB is loaded before the clock starts, as everybody else's packages are.
for await (const _batch of (await engine.query('SELECT 1')).batches);
const startedAt = performance.now()
const result = await engine.execute(
  'MERGE INTO bronze.orders USING bronze.changes AS changes USING (id) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT',
  { ref, message: 'Upsert' },
)
const seconds = (performance.now() - startedAt) / 1000
let fingerprint = {}
for await (const batch of (await engine.query(fingerprintSql('bronze.orders'), { ref })).batches)
  for (const row of batch) fingerprint = row?.toJSON() ?? {}
await engine.close()
process.stdout.write(JSON.stringify({ seconds, updated: result.updated, inserted: result.inserted, fingerprint }))
