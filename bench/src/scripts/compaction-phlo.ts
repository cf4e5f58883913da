// Compacts a table of a lake, on a branch of its own.
import { parseArgs } from 'node:util'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { DuckDbHost, DuckDbOptions, DuckDbQueryEngine } from '@phlo/engine-duckdb'
import { LocalObjectStore } from '@phlo/storage-local'
import { compacted } from '../compaction/small-files.js'
import { fingerprintSql } from '../orders.js'

const { values } = parseArgs({ options: { lake: { type: 'string' }, scratch: { type: 'string' } } })
const { lake = '', scratch = '' } = values
const store = await LocalObjectStore.open(lake)
const catalog = await EmbeddedCatalog.open(store)
const ref = `compaction-${process.pid}`
await catalog.createRef(ref)
const access = { kind: 'closed', folders: async () => [await store.localRoot(), scratch] } as const
const engine = new DuckDbQueryEngine(new DuckDbHost(DuckDbOptions.parse({}), access, scratch), store, catalog, scratch)
// DuckDB is loaded before the clock starts, as everybody else's packages are.
for await (const _batch of (await engine.query('SELECT 1')).batches);
const startedAt = performance.now()
const { removedFiles, addedFiles } = await engine.rewrite({ table: compacted, ref, message: 'Compaction' })
const seconds = (performance.now() - startedAt) / 1000
let fingerprint = {}
for await (const batch of (await engine.query(fingerprintSql('bronze.orders'), { ref })).batches)
  for (const row of batch) fingerprint = row?.toJSON() ?? {}
await engine.close()
process.stdout.write(JSON.stringify({ seconds, removedFiles, addedFiles, fingerprint }))
