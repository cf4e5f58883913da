import type { CatalogState } from '@phlo/catalog'
import type { TreeValue } from './tree-page.js'
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

/** A state that remembers what was read of it. */
export class WatchedState implements CatalogState {
  private readonly state: CatalogState
  private readonly values = new Map<string, TreeValue | undefined>()
  private isListed = false

  constructor(state: CatalogState) {
    this.state = state
  }

  /** The keys that were read, with their values; `undefined` once keys were listed. */
  get reads(): ReadonlyMap<string, TreeValue | undefined> | undefined {
    return this.isListed ? undefined : this.values
  }

  async get(key: string): Promise<TreeValue | undefined> {
    const value = await this.state.get(key)
    this.values.set(key, value)
    return value
  }

  keys(prefix: string): AsyncIterable<string> {
    this.isListed = true
    return this.state.keys(prefix)
  }
}
