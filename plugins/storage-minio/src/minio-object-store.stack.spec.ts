import { afterAll, describe, it } from '@jest/globals'
import { objectStoreContract } from '@phlo/ports/testing'
import { Stores } from './testing/stores.js'

const stores = new Stores()
afterAll(() => stores.close())

objectStoreContract('MinIO', { create: () => stores.create() }, { describe, it })
objectStoreContract(
  'MinIO, encrypted',
  { create: () => stores.create({ encryption: { keys: 'kms' } }) },
  { describe, it },
)
