import { type CatalogValue, type MetadataFiles, parseKey, sameValue } from '@phlo/catalog'
import type { ObjectStore } from '@phlo/ports'
import type { Operation } from './nessie-api.js'
import {
  type Content,
  elementsOf,
  locationOf,
  namespaceContent,
  tableContent,
  valueOf,
  viewContent,
} from './nessie-content.js'
import type { NessieState } from './nessie-state.js'

/** Turns what a commit makes of a state into Nessie's operations. */
export class Operations {
  private readonly store: ObjectStore
  private readonly files: MetadataFiles

  constructor(store: ObjectStore, files: MetadataFiles) {
    this.store = store
    this.files = files
  }

  /** Removals come first, so that a table that gets another name leaves its old one in the same commit. */
  async of(edits: ReadonlyMap<string, CatalogValue | undefined>, state: NessieState): Promise<Operation[]> {
    const keys = [...edits.keys()]
    state.expect(keys)
    const before = new Map<string, Content>()
    for (const key of keys) {
      const content = await state.content(key)
      if (content) before.set(key, content)
    }
    const removals: Operation[] = []
    const puts: Operation[] = []
    for (const [key, value] of edits) {
      const old = before.get(key)
      const target = { elements: elementsOf(key) }
      if (!value) {
        if (old) removals.push({ type: 'DELETE', key: target })
      } else if (!old || !sameValue(valueOf(old, this.store), value)) {
        puts.push({ type: 'PUT', key: target, content: await this.content(key, value, contentId(value, old, before)) })
      }
    }
    return [...removals, ...puts]
  }

  /** What Nessie is to keep of a value. */
  async content(key: string, value: CatalogValue, id: string | undefined): Promise<Content> {
    if (value.type === 'namespace') return namespaceContent(elementsOf(key), value.properties, id)
    const identifier = parseKey(key)
    const location = locationOf(value.metadata, this.store)
    return value.type === 'table'
      ? tableContent(await this.files.table(identifier, value.metadata), location, id)
      : viewContent(await this.files.view(identifier, value.metadata), location, id)
  }
}

/** The id of what was under the key, or of what comes here under another name; new things get one from Nessie. */
function contentId(
  value: CatalogValue,
  old: Content | undefined,
  before: ReadonlyMap<string, Content>,
): string | undefined {
  if (old) return old.id
  if (value.type === 'namespace') return undefined
  return [...before.values()].find(({ id }) => id === value.uuid)?.id
}
