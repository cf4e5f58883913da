import { MemoryObjectStore } from '@phlo/ports/testing'
import type { PutCondition, StoredObject } from '@phlo/ports'

/** A store in memory that remembers which objects were read and put. */
export class CountingStore extends MemoryObjectStore {
  reads: string[] = []
  puts: string[] = []
  lists = 0
  bytesRead = 0
  bytesPut = 0
  /** Puts one after the other: those that are under way at once count as one. */
  rounds = 0
  private pending = 0

  forget(): void {
    Object.assign(this, { reads: [], puts: [], lists: 0, bytesRead: 0, bytesPut: 0, rounds: 0 })
  }

  override async get(...args: Parameters<MemoryObjectStore['get']>): Promise<StoredObject | undefined> {
    this.reads.push(args[0])
    const object = await super.get(...args)
    this.bytesRead += object?.bytes.length ?? 0
    return object
  }

  override async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
    this.puts.push(key)
    this.bytesPut += bytes.length
    if (this.pending++ === 0) this.rounds++
    // Puts that are begun together are under way together.
    await new Promise((resolve) => setTimeout(resolve, 2))
    try {
      return await super.put(key, bytes, condition)
    } finally {
      this.pending--
    }
  }

  override list(...args: Parameters<MemoryObjectStore['list']>): ReturnType<MemoryObjectStore['list']> {
    this.lists++
    return super.list(...args)
  }
}
