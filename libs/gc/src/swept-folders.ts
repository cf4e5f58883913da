import type { Lake } from './lake.js'
import type { ReachableLake } from './reachable-lake.js'

/**
 * Prefixes of the keys in which a collection looks for garbage, none within another: the folders that the catalog owns
 * whole, those that the tables met write to, and those of tables that the refs' history names.
 */
export async function sweptFolders({ catalog, store }: Lake, met: ReachableLake): Promise<string[]> {
  const owned = catalog.ownedFolders().flatMap((uri) => store.key(uri) ?? [])
  const prefixes = [...owned, ...met.folders].map(prefixOf)
  const covered = (key: string) => owned.some((folder) => key.startsWith(prefixOf(folder)))
  const past = new Set<string>()
  for (const { commit } of await catalog.listRefs()) {
    for await (const { metadataLocation } of catalog.states(commit, { since: new Date(0) })) {
      const key = store.key(metadataLocation)
      const folder = key === undefined ? undefined : /^(.+)\/metadata\/[^/]+$/.exec(key)?.[1]
      if (folder !== undefined && !covered(`${folder}/`)) past.add(prefixOf(folder))
    }
  }
  const sorted = [...new Set([...prefixes, ...past])].sort()
  const outermost: string[] = []
  for (const prefix of sorted) if (!prefix.startsWith(outermost.at(-1) ?? '\n')) outermost.push(prefix)
  return outermost
}

function prefixOf(folder: string): string {
  return `${folder.replace(/\/+$/, '')}/`
}
