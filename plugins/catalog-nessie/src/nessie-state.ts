import { type CatalogState, type CatalogValue, parseKey } from '@phlo/catalog'
import type { ObjectStore } from '@phlo/ports'
import type { NessieApi } from './nessie-api.js'
import { type Content, elementsOf, keyOf, valueOf } from './nessie-content.js'

const everyType = ['NAMESPACE', 'ICEBERG_TABLE', 'ICEBERG_VIEW']

/** What Nessie has at one commit. Contents are asked for once. */
export class NessieState implements CatalogState {
  private readonly api: NessieApi
  private readonly store: ObjectStore
  private readonly hash: string
  private readonly known = new Map<string, Promise<Content | undefined>>()

  constructor(api: NessieApi, store: ObjectStore, hash: string) {
    this.api = api
    this.store = store
    this.hash = hash
  }

  /** Asks for what is going to be needed, in one request. */
  expect(keys: readonly string[]): void {
    const asked = [...new Set(keys)].filter((key) => !this.known.has(key))
    if (asked.length === 0) return
    const answer = this.api.contents(this.hash, asked.map(elementsOf))
    for (const key of asked) {
      const found = answer.then(
        (items) => items.find(({ elements, content }) => keyOf(elements, content.type) === key)?.content,
      )
      // Whoever needs it hears of the failure.
      found.catch(() => undefined)
      this.known.set(key, found)
    }
  }

  async content(key: string): Promise<Content | undefined> {
    this.expect([key])
    return this.known.get(key)
  }

  async get(key: string): Promise<CatalogValue | undefined> {
    const content = await this.content(key)
    return content && valueOf(content, this.store)
  }

  async *keys(prefix: string): AsyncIterable<string> {
    const { namespace } = parseKey(prefix)
    for await (const { elements, type } of this.api.entries(this.hash, { types: everyType, within: namespace })) {
      const key = keyOf(elements, type)
      if (key?.startsWith(prefix)) yield key
    }
  }
}
