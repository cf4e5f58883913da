import { describe, expect, it } from '@jest/globals'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { objectKey, readObject } from './read-object.js'

describe('A file that metadata names', () => {
  it('is read where it lies in the store', async () => {
    const store = new MemoryObjectStore()
    await store.put('t/a', Buffer.from('abc'))
    expect(Buffer.from(await readObject(store, store.uri('t/a'), { start: 1, end: 3 })).toString()).toBe('bc')
    await expect(readObject(store, store.uri('t/b'))).rejects.toMatchObject({ code: 'PHLO_OBJECT_NOT_FOUND' })
  })

  it.each(['s3://another-bucket/t/a', 'file:///etc/passwd', '/t/a', ''])(
    'is refused where it lies outside of it, with what to do: %j',
    async (location) => {
      const store = new MemoryObjectStore()
      const refused = { code: 'PHLO_ICEBERG_INVALID', hint: expect.stringContaining('profile’s own storage') }
      expect(() => objectKey(store, location)).toThrow(expect.objectContaining(refused))
      await expect(readObject(store, location)).rejects.toMatchObject(refused)
    },
  )
})
