import path from 'node:path'
import {
  CatalogPort,
  definePlugin,
  IngestEnginePort,
  ObjectStorePort,
  pluginApiVersion,
  provide,
  QueryEnginePort,
} from '@phlo/ports'
import { DuckDbHost } from './duckdb-host.js'
import { DuckDbIngestEngine } from './duckdb-ingest-engine.js'
import { DuckDbQueryEngine } from './duckdb-query-engine.js'
import { DuckDbOptions } from './options.js'

export { duckdbDialect } from './duckdb-dialect.js'
export { DuckDbHost } from './duckdb-host.js'
export { DuckDbIngestEngine } from './duckdb-ingest-engine.js'
export { DuckDbQueryEngine } from './duckdb-query-engine.js'
export { DuckDbOptions } from './options.js'

export default definePlugin<DuckDbOptions>({
  apiVersion: pluginApiVersion,
  name: '@phlo/engine-duckdb',
  provides: [QueryEnginePort, IngestEnginePort],
  requires: [ObjectStorePort, CatalogPort],
  options: DuckDbOptions,
  setup({ options, project, get }) {
    const store = get(ObjectStorePort)
    const catalog = get(CatalogPort)
    const scratch = path.join(project.stateDir, 'tmp')
    const lake = async () => [await store.localRoot(), scratch]
    const queries = new DuckDbQueryEngine(
      new DuckDbHost(options, { kind: 'closed', folders: lake }, path.join(scratch, 'query')),
      store,
      catalog,
      scratch,
    )
    const ingestion = new DuckDbIngestEngine(
      new DuckDbHost(options, { kind: 'open' }, path.join(scratch, 'ingest')),
      store,
      catalog,
      scratch,
    )
    return [
      provide(QueryEnginePort, queries, () => queries.close()),
      provide(IngestEnginePort, ingestion, () => ingestion.close()),
    ]
  },
})
