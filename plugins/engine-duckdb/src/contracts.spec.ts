import { describe, it } from '@jest/globals'
import { ingestEngineContract, queryEngineContract } from '@phlo/ports/testing'
import { TestLake } from './testing/lake.js'

queryEngineContract(
  'duckdb',
  {
    create: async () => {
      const lake = await TestLake.open()
      return { engine: lake.queries, catalog: lake.catalog, close: () => lake.close() }
    },
  },
  { describe, it },
)

ingestEngineContract(
  'duckdb',
  {
    create: async () => {
      const lake = await TestLake.open()
      return { engine: lake.ingestion, catalog: lake.catalog, queries: lake.queries, close: () => lake.close() }
    },
  },
  { describe, it },
)
