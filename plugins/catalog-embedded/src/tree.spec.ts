import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type PageSource, type Root, Tree, unstored } from './tree.js'
import { hashPage, isLeaf, type Page, type TreeValue } from './tree-page.js'

/** Pages in memory, as if every edit were stored at once. */
class Pages implements PageSource {
  readonly all = new Map<string, Page>()
  reads = 0
  async page({ hash }: { hash: string }): Promise<Page> {
    this.reads++
    return this.all.get(hash) as Page
  }
}

const value = (text: string): TreeValue => ({ type: 'table', metadata: text, uuid: text })

async function edit(
  tree: Tree,
  pages: Pages,
  root: Root,
  edits: ReadonlyMap<string, TreeValue | undefined>,
): Promise<Root> {
  const made = new Map<string, Page>()
  const next = await tree.edit(root, edits, made)
  for (const [hash, page] of made) {
    expect(hashPage(page)).toBe(hash)
    pages.all.set(
      hash,
      isLeaf(page) ? page : { level: page.level, items: page.items.map(([key, child]) => [key, child, 'x'] as const) },
    )
  }
  return next && (next.object === unstored ? { ...next, object: 'x' } : next)
}

async function contents(tree: Tree, root: Root): Promise<[string, string][]> {
  const found: [string, string][] = []
  for await (const [key, item] of tree.items(root, '', () => true)) found.push([key, (item as { uuid: string }).uuid])
  return found
}

const key = fc.integer({ min: 0, max: 400 }).map((number) => `k${String(number).padStart(4, '0')}`)
const edits = fc.array(fc.tuple(key, fc.option(fc.string({ maxLength: 3 }), { nil: undefined, freq: 3 })), {
  maxLength: 150,
})

describe('Tree', () => {
  it('holds what a plain map holds after any edits, and looks the same whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edits, { maxLength: 6 }), async (batches) => {
        const pages = new Pages()
        const tree = new Tree(pages)
        const model = new Map<string, string>()
        let root: Root
        for (const batch of batches) {
          const asMap = new Map(batch.map(([own, text]) => [own, text === undefined ? undefined : value(text)]))
          for (const [own, item] of asMap) {
            if (item) model.set(own, (item as { uuid: string }).uuid)
            else model.delete(own)
          }
          root = await edit(tree, pages, root, asMap)
        }
        const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
        expect(await contents(tree, root)).toEqual(sorted)
        for (const [own, text] of sorted.slice(0, 20)) expect(await tree.get(root, own)).toEqual(value(text))
        const atOnce = await edit(tree, pages, undefined, new Map(sorted.map(([own, text]) => [own, value(text)])))
        expect(atOnce?.hash).toBe(root?.hash)
      }),
      { numRuns: 150 },
    )
  })

  it('tells the difference of any two trees', async () => {
    await fc.assert(
      fc.asyncProperty(edits, edits, async (first, second) => {
        const pages = new Pages()
        const tree = new Tree(pages)
        const toMap = (batch: typeof first) =>
          new Map(batch.map(([own, text]) => [own, text === undefined ? undefined : value(text)]))
        const a = await edit(tree, pages, undefined, toMap(first))
        const b = await edit(tree, pages, a, toMap(second))
        const before = new Map(await contents(tree, a))
        const after = new Map(await contents(tree, b))
        const expected = [...new Set([...before.keys(), ...after.keys()])]
          .sort()
          .filter((own) => before.get(own) !== after.get(own))
        expect((await tree.diff(a, b)).map((difference) => difference.key)).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })

  it('reads and writes a few pages of a large tree for one change, and for a difference', async () => {
    const pages = new Pages()
    const tree = new Tree(pages)
    const many = new Map(Array.from({ length: 100_000 }, (_, index) => [`t${index}`, value(String(index))]))
    const root = await edit(tree, pages, undefined, many)
    pages.reads = 0
    const made = new Map<string, Page>()
    const next = await tree.edit(root, new Map([['t4711', value('new')]]), made)
    expect(pages.reads).toBeLessThan(30)
    expect(made.size).toBeLessThan(12)
    const stored = await edit(tree, pages, root, new Map([['t4711', value('new')]]))
    expect(stored?.hash).toBe(next?.hash)
    pages.reads = 0
    expect(await tree.diff(root, stored)).toHaveLength(1)
    expect(pages.reads).toBeLessThan(30)
  })
})
