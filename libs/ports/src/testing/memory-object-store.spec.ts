import { describe, it } from '@jest/globals'
import { MemoryObjectStore } from './memory-object-store.js'
import { objectStoreContract } from './object-store-contract.js'

objectStoreContract('memory', { create: async () => new MemoryObjectStore() }, { describe, it })
