import type { Lake } from './lake.js'
import type { ReachableLake } from './reachable-lake.js'

/**
 * Prefixes of the keys in which a collection looks for garbage, none within another: the folders that the catalog owns
 * whole, those that the tables met write to, and `past`, those of tables that the refs' history names.
 */
export function sweptFolders({ catalog, store }: Lake, met: ReachableLake, past: ReadonlySet<string>): string[] {
  const owned = catalog.ownedFolders().flatMap((uri) => store.key(uri) ?? [])
  const prefixes = [...owned, ...met.folders, ...past].map((folder) => `${folder.replace(/\/+$/, '')}/`)
  const outermost: string[] = []
  for (const prefix of [...new Set(prefixes)].sort())
    if (!prefix.startsWith(outermost.at(-1) ?? '\n')) outermost.push(prefix)
  return outermost
}
