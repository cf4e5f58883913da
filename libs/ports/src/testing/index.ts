export { catalogContract } from './catalog-contract.js'
export { MemoryObjectStore } from './memory-object-store.js'
export { objectStoreContract } from './object-store-contract.js'
export type { TestRunner } from './runner.js'
