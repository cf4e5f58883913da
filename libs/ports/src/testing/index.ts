export { type CatalogFixture, newTable, setProperty } from './catalog-cases.js'
export { catalogContract } from './catalog-contract.js'
export {
  type CheckCase,
  checkedTable,
  checkKindContract,
  type FoundByCheck,
  runCheckKind,
} from './check-kind-contract.js'
export { ingestEngineContract, type IngestEngineFixture } from './ingest-engine-contract.js'
export { MemoryObjectStore } from './memory-object-store.js'
export { objectStoreContract } from './object-store-contract.js'
export { type PlainRow, plainRows } from './plain-rows.js'
export { queryEngineContract, type QueryEngineFixture } from './query-engine-contract.js'
export type { TestRunner } from './runner.js'
export { sourceContract, type SourceFixture } from './source-contract.js'
export { stateStoreContract } from './state-store-contract.js'
export { type BrokenProject, transformerContract } from './transformer-contract.js'
export { versionedCatalogContract } from './versioned-catalog-contract.js'
