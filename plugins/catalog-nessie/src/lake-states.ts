import { parseKey } from '@phlo/catalog'
import type { LakeState, ObjectStore, ToldCommits } from '@phlo/ports'
import type { NessieApi } from './nessie-api.js'
import { commitInfo } from './nessie-commits.js'
import { type Content, keyOf, locationOf, valueOf } from './nessie-content.js'

/** Keys that one request asks for. */
const keysAtOnce = 500

/** As `VersionedCatalog.states`, by the commits of a hash's history: Nessie does not remember where branches stood. */
export async function* lakeStates(
  api: NessieApi,
  store: ObjectStore,
  hash: string,
  { since, told = new Map() }: { readonly since?: Date; readonly told?: ToldCommits },
): AsyncGenerator<LakeState> {
  const isTold = (commit: string) => {
    const until = told.get(commit)
    return until !== undefined && (!since || until <= since)
  }
  if (isTold(hash)) return
  for await (const { elements, content } of api.entries(hash, {
    types: ['ICEBERG_TABLE', 'ICEBERG_VIEW'],
    content: true,
  }))
    if (content) yield* state(store, elements, content, hash, true)
  if (!since) return
  told.set(hash, since)
  for await (const entry of api.history(hash, { keys: true })) {
    const { time, parents, changed } = { ...commitInfo(entry), changed: entry.changed }
    const [parent] = parents
    // What a commit held whose past was told is part of that.
    if (time < since || parent === undefined || isTold(parent)) return
    told.set(parent, since)
    // What the commit replaced or removed stood there until then.
    for (let start = 0; start < changed.length; start += keysAtOnce) {
      const before = await api.contents(parent, changed.slice(start, start + keysAtOnce))
      for (const { elements, content } of before) yield* state(store, elements, content, parent, false)
    }
  }
}

function* state(
  store: ObjectStore,
  elements: readonly string[],
  content: Content,
  commit: string,
  current: boolean,
): Generator<LakeState> {
  const value = valueOf(content, store)
  const key = keyOf(elements, content.type)
  if (!value || value.type === 'namespace' || key === undefined) return
  yield {
    identifier: parseKey(key),
    kind: value.type,
    metadataLocation: locationOf(value.metadata, store),
    commit,
    current,
  }
}
