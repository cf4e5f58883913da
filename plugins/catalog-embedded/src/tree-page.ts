import { createHash } from 'node:crypto'
import type { CatalogValue } from '@phlo/catalog'

/** What a key of the tree stands for. */
export type TreeValue = CatalogValue

/**
 * Where a page is: its content's hash, and the object that holds it. Two equal pages have equal hashes wherever they
 * are, so comparing trees never reads what they share.
 */
export interface PagePointer {
  readonly hash: string
  readonly object: string
}

/** A leaf's item is `[key, value]`. */
export interface LeafPage {
  readonly level: 0
  readonly items: readonly (readonly [string, TreeValue])[]
}
/** An inner page's item is `[last key below, hash, object]`. */
export interface InnerPage {
  readonly level: number
  readonly items: readonly (readonly [string, string, string])[]
}
export type Page = LeafPage | InnerPage

export function isLeaf(page: Page): page is LeafPage {
  return page.level === 0
}

/** The hash of what the page says, not of where its children are stored. */
export function hashPage(page: Page): string {
  const items = isLeaf(page) ? page.items : page.items.map(([key, hash]) => [key, hash])
  return createHash('sha256')
    .update(JSON.stringify([page.level, items]))
    .digest('hex')
    .slice(0, 40)
}

/** Pages have about this many items. */
const averageItems = 32

/**
 * Does a page end after this key? It follows from level and key alone, so that equal contents make equal pages whatever
 * the order in which they were written, and a change rewrites one page a level.
 */
export function endsPage(level: number, key: string): boolean {
  // FNV-1a with a final mix; any well-spread hash would do, but it must never change.
  let hash = 0x811c9dc5 ^ level
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return ((hash ^ (hash >>> 16)) >>> 0) % averageItems === 0
}
