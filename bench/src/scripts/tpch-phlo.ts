// Runs queries on the tables of a lake with Phlo's query engine, all of them several times.
import { readFile } from 'node:fs/promises'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { DuckDbHost, DuckDbOptions, DuckDbQueryEngine } from '@phlo/engine-duckdb'
import { LocalObjectStore } from '@phlo/storage-local'
import { repeatQueries, type TpchRequest } from '../tpch/repeat-queries.js'

const { queries, lake, scratch, repeats } = JSON.parse(await readFile(process.argv[2] as string, 'utf8')) as TpchRequest
const store = await LocalObjectStore.open(lake)
const catalog = await EmbeddedCatalog.open(store)
const access = { kind: 'closed', folders: async () => [await store.localRoot(), scratch] } as const
const engine = new DuckDbQueryEngine(new DuckDbHost(DuckDbOptions.parse({}), access, scratch), store, catalog, scratch)
await repeatQueries(queries, repeats, {
  async run(sql) {
    let rows = 0
    for await (const batch of (await engine.query(sql)).batches) rows += batch.numRows
    return rows
  },
  async rows(sql) {
    const rows: object[] = []
    for await (const batch of (await engine.query(sql)).batches) for (const row of batch) rows.push(row?.toJSON() ?? {})
    return rows
  },
})
await engine.close()
