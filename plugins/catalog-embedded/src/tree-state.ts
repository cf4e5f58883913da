import type { CatalogState } from '@phlo/catalog'
import type { Root, Tree } from './tree.js'

/** The state of the catalog that a tree has. */
export function treeState(tree: Tree, root: Root): CatalogState {
  return {
    get: (key) => tree.get(root, key),
    async *keys(prefix) {
      for await (const [key] of tree.items(root, prefix, (candidate) => candidate.startsWith(prefix))) yield key
    },
  }
}
