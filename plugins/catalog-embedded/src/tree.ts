import { type CatalogDifference, sameValue } from '@phlo/catalog'
import { PhloError } from '@phlo/ports'
import { endsPage, hashPage, isLeaf, type InnerPage, type Page, type PagePointer, type TreeValue } from './tree-page.js'

/** Finds pages by pointer. */
export interface PageSource {
  page(pointer: PagePointer): Promise<Page>
}

/** The root of a tree; `undefined` is the empty one. */
export type Root = PagePointer | undefined

/** New values by key; `undefined` removes the key. */
export type TreeEdits = ReadonlyMap<string, TreeValue | undefined>

export type TreeDifference = CatalogDifference

/** Where pages that are not stored yet are; the object that will hold them is not known before it is whole. */
export const unstored = ''

/**
 * Immutable sorted maps whose pages are named by their content (a prolly tree). Looking up, changing and comparing cost
 * as many pages as the tree is high, and as many more as differ.
 */
export class Tree {
  private readonly source: PageSource

  constructor(source: PageSource) {
    this.source = source
  }

  async get(root: Root, key: string): Promise<TreeValue | undefined> {
    let page = root && (await this.source.page(root))
    while (page && !isLeaf(page)) {
      const item = page.items.find(([last]) => key <= last)
      page = item && (await this.source.page({ hash: item[1], object: item[2] }))
    }
    return page?.items.find(([candidate]) => candidate === key)?.[1]
  }

  /** Items with `from <= key`, ascending, as long as `while` answers true. */
  async *items(
    root: Root,
    from: string,
    within: (key: string) => boolean,
  ): AsyncGenerator<readonly [string, TreeValue]> {
    if (!root) return
    const page = await this.source.page(root)
    if (isLeaf(page)) {
      for (const item of page.items) {
        if (item[0] < from) continue
        if (!within(item[0])) return
        yield item
      }
      return
    }
    for (const [last, hash, object] of page.items) {
      if (last < from) continue
      let passed = 0
      for await (const item of this.items({ hash, object }, from, within)) {
        passed++
        yield item
      }
      // The subtree's end was not reached: the first key beyond the range is in it.
      if (passed === 0 || !within(last)) return
    }
  }

  /**
   * The tree after the edits. New pages are put into `pages` by hash, under {@link unstored}.
   */
  async edit(root: Root, edits: TreeEdits, pages: Map<string, Page>): Promise<Root> {
    if (edits.size === 0) return root
    const source: PageSource = {
      page: async (pointer) =>
        pointer.object === unstored ? known(pages.get(pointer.hash), pointer) : this.source.page(pointer),
    }
    const store = (page: Page): PagePointer => {
      const hash = hashPage(page)
      pages.set(hash, page)
      return { hash, object: unstored }
    }
    const top = root && (await source.page(root))
    let changes: LevelEdits = new Map(
      [...edits].sort(([a], [b]) => compare(a, b)).map(([key, value]) => [key, value && ([key, value] as const)]),
    )
    for (let level = 0; ; level++) {
      const pagesOfLevel = new LevelPages(source, root, top, level)
      const { removed, added } = await rebuildLevel(pagesOfLevel, level, changes)
      const above: LevelEdits = new Map()
      for (const last of removed) above.set(last, undefined)
      for (const items of added) {
        const { hash, object } = store({ level, items } as Page)
        const last = (items.at(-1) as Item)[0]
        above.set(last, [last, hash, object] as const)
      }
      const topLevel = top?.level ?? -1
      if (level >= topLevel) {
        const survivors = [...above.values()].filter((item) => item !== undefined) as InnerItem[]
        if (survivors.length === 0) return undefined
        if (survivors.length === 1) return collapse(source, survivors[0] as InnerItem)
      }
      changes = new Map([...above].sort(([a], [b]) => compare(a, b)))
    }
  }

  /** Every key whose value differs, ascending. Subtrees that are equal are not read. */
  async diff(before: Root, after: Root): Promise<TreeDifference[]> {
    let left = before ? [before] : []
    let right = after ? [after] : []
    const olds = new Map<string, TreeValue>()
    const news = new Map<string, TreeValue>()
    while (left.length > 0 || right.length > 0) {
      const rightHashes = new Set(right.map(({ hash }) => hash))
      const shared = new Set(left.map(({ hash }) => hash).filter((hash) => rightHashes.has(hash)))
      const open = async (pointers: readonly PagePointer[]) =>
        Promise.all(pointers.filter(({ hash }) => !shared.has(hash)).map((pointer) => this.source.page(pointer)))
      const [leftPages, rightPages] = [await open(left), await open(right)]
      // Only the higher side is opened, so that both come down to the leaves together.
      const level = Math.max(-1, ...leftPages.map((page) => page.level), ...rightPages.map((page) => page.level))
      left = descend(leftPages, left, shared, level, olds)
      right = descend(rightPages, right, shared, level, news)
    }
    const keys = [...new Set([...olds.keys(), ...news.keys()])].sort(compare)
    return keys
      .map((key) => ({ key, before: olds.get(key), after: news.get(key) }))
      .filter(({ before: a, after: b }) => !sameValue(a, b))
  }
}

type LeafItem = readonly [string, TreeValue]
type InnerItem = readonly [string, string, string]
type Item = LeafItem | InnerItem
type LevelEdits = Map<string, Item | undefined>

/** The pages of one level of a tree, found from above. */
class LevelPages {
  private readonly source: PageSource
  private readonly root: Root
  private readonly top: Page | undefined
  private readonly level: number

  constructor(source: PageSource, root: Root, top: Page | undefined, level: number) {
    this.source = source
    this.root = root
    this.top = top
    this.level = level
  }

  /** The first page with a last key of at least `key`; otherwise the last page; `undefined` when the level is empty. */
  async covering(key: string): Promise<{ page: Page; last: string; isLast: boolean } | undefined> {
    let page = this.top
    if (!page || !this.root || page.level < this.level) return undefined
    let isLast = true
    while (page.level > this.level) {
      const { items } = page as InnerPage
      const index = items.findIndex(([last]) => key <= last)
      const chosen = index < 0 ? items.length - 1 : index
      isLast &&= chosen === items.length - 1
      const [, hash, object] = items[chosen] as InnerItem
      page = await this.source.page({ hash, object })
    }
    return { page, last: (page.items.at(-1) as Item)[0], isLast }
  }

  /** The page after the one that ends with `last`. */
  async after(last: string): Promise<{ page: Page; last: string; isLast: boolean } | undefined> {
    // The smallest key above `last`.
    const next = await this.covering(`${last}\u0000`)
    return next && next.last > last ? next : undefined
  }
}

/** Applies edits to one level: which pages go (by last key), and the items of those that come. */
async function rebuildLevel(
  level: LevelPages,
  number: number,
  edits: LevelEdits,
): Promise<{ removed: string[]; added: Item[][] }> {
  const removed: string[] = []
  const added: Item[][] = []
  const pending = [...edits]
  while (pending.length > 0) {
    let current = await level.covering((pending[0] as [string, unknown])[0])
    let carry: Item[] = []
    for (;;) {
      const last = current?.last
      if (last !== undefined) removed.push(last)
      // Edits beyond the last page belong to it, too.
      const upTo = current && !current.isLast ? (last as string) : undefined
      const count = upTo === undefined ? pending.length : pending.findIndex(([key]) => key > upTo)
      const mine = pending.splice(0, count < 0 ? pending.length : count)
      const items = [...carry, ...merge(current?.page.items ?? [], mine)]
      carry = []
      for (const item of items) {
        carry.push(item)
        if (endsPage(number, item[0])) {
          added.push(carry)
          carry = []
        }
      }
      if (carry.length === 0 || !current || current.isLast) break
      // The page lost its end: what is left runs on into the next one.
      current = await level.after(last as string)
    }
    if (carry.length > 0) added.push(carry)
  }
  return { removed, added }
}

function merge(items: readonly Item[], edits: readonly [string, Item | undefined][]): Item[] {
  const result: Item[] = []
  let next = 0
  const takeUpTo = (key: string | undefined) => {
    while (next < edits.length && (key === undefined || (edits[next] as [string, unknown])[0] <= key)) {
      const [editKey, value] = edits[next++] as [string, Item | undefined]
      if (value) result.push(value)
      if (editKey === key) return true
    }
    return false
  }
  for (const item of items) if (!takeUpTo(item[0])) result.push(item)
  takeUpTo(undefined)
  return result
}

/** An inner page with one child is no root: the child is. */
async function collapse(source: PageSource, [, hash, object]: InnerItem): Promise<PagePointer> {
  let pointer: PagePointer = { hash, object }
  let page = await source.page(pointer)
  while (!isLeaf(page) && page.items.length === 1) {
    const [, childHash, childObject] = page.items[0] as InnerItem
    pointer = { hash: childHash, object: childObject }
    page = await source.page(pointer)
  }
  return pointer
}

/** Opens the pages of the level; others stay as pointers. Leaves' items go into `values`. */
function descend(
  pages: readonly Page[],
  pointers: readonly PagePointer[],
  shared: ReadonlySet<string>,
  level: number,
  values: Map<string, TreeValue>,
): PagePointer[] {
  const kept = pointers.filter(({ hash }) => !shared.has(hash))
  return pages.flatMap((page, index) => {
    if (page.level < level) return [kept[index] as PagePointer]
    if (isLeaf(page)) {
      for (const [key, value] of page.items) values.set(key, value)
      return []
    }
    return page.items.map(([, hash, object]) => ({ hash, object }))
  })
}

/** By UTF-16 unit, the order of `<`, which the whole tree uses. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function known(page: Page | undefined, pointer: PagePointer): Page {
  if (!page) throw new PhloError('PHLO_INTERNAL', `The catalog tree lost its page ${pointer.hash}`)
  return page
}
