// Merges rows into a table of a lake by their key, on a branch of its own.
import { parseArgs } from 'node:util'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { DuckDbHost, DuckDbIngestEngine, DuckDbOptions, DuckDbQueryEngine } from '@phlo/engine-duckdb'
import { TableTransaction } from '@phlo/iceberg'
import { LocalObjectStore } from '@phlo/storage-local'
import { fingerprintSql, orderRows } from '../orders.js'

const { values } = parseArgs({
  options: {
    lake: { type: 'string' },
    scratch: { type: 'string' },
    mode: { type: 'string' },
    /** Ingests this file; without it, a statement merges the table with the changes. */
    changes: { type: 'string' },
  },
})
const { lake = '', scratch = '', mode = '', changes } = values
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

const folders = async () => [await store.localRoot(), scratch]
const options = DuckDbOptions.parse({})
const host = new DuckDbHost(options, changes === undefined ? { kind: 'closed', folders } : { kind: 'open' }, scratch)
// DuckDB is loaded and started before the clock is, as everybody else's packages are.
await host.connect((connection) => connection.run('SELECT 1'))

const message = 'Upsert'
const startedAt = performance.now()
if (changes === undefined) {
  await new DuckDbQueryEngine(host, store, catalog, scratch).execute(
    'MERGE INTO bronze.orders USING bronze.changes AS changes USING (id) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT',
    { ref, message },
  )
} else {
  await new DuckDbIngestEngine(host, store, catalog, scratch).ingest({
    target: identifier,
    quarantine: { namespace: ['bronze'], name: 'orders_rejected' },
    ref,
    schema: orderRows,
    inputs: [{ type: 'files', format: 'parquet', paths: [changes] }],
    strategy: { kind: 'merge', key: ['id'], keep: 'last' },
    unexpectedColumns: 'freeze',
    runId: ref,
    message,
  })
}
const seconds = (performance.now() - startedAt) / 1000
await host.close()

const reader = new DuckDbQueryEngine(
  new DuckDbHost(options, { kind: 'closed', folders }, scratch),
  store,
  catalog,
  scratch,
)
let fingerprint = {}
for await (const batch of (await reader.query(fingerprintSql('bronze.orders'), { ref })).batches)
  for (const row of batch) fingerprint = row?.toJSON() ?? {}
await reader.close()
process.stdout.write(JSON.stringify({ seconds, fingerprint }))
