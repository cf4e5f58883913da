import { type CatalogDifference, sameValue } from '@phlo/catalog'
import type { ObjectStore } from '@phlo/ports'
import type { NessieApi } from './nessie-api.js'
import { type Content, keyOf, valueOf } from './nessie-content.js'

/** What differs between two commits, in order of the keys. */
export async function differencesOf(
  api: NessieApi,
  store: ObjectStore,
  from: string,
  to: string,
): Promise<readonly CatalogDifference[]> {
  if (from === to) return []
  const found: CatalogDifference[] = []
  for await (const { elements, from: before, to: after } of api.diff(from, to)) {
    const keys = new Set([before, after].map((content) => content && keyOf(elements, content.type)))
    for (const key of keys) {
      if (key === undefined) continue
      const mine = (content: Content | undefined) =>
        content && keyOf(elements, content.type) === key ? valueOf(content, store) : undefined
      const difference = { key, before: mine(before), after: mine(after) }
      if (!sameValue(difference.before, difference.after)) found.push(difference)
    }
  }
  return found.sort((a, b) => (a.key < b.key ? -1 : 1))
}
