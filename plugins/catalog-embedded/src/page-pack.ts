import { createHash } from 'node:crypto'
import { PhloError } from '@phlo/ports'
import { checkFormat, formatVersion } from './catalog-format.js'
import { type Root, unstored } from './tree.js'
import { isLeaf, type Page, type PagePointer } from './tree-page.js'

/** Bytes of pages that a commit carries itself; a commit that makes more puts them into packs. */
const mostInCommit = 256 << 10
/** So few pages that they need not be measured. */
const fewPages = 16
/** Bytes of a pack, about: what a look-up of one page in it has to read. */
const packBytes = 64 << 10

/** Pages in an object of their own, so that one huge commit does not make every later look-up read all of it. */
export interface PagePack {
  readonly id: string
  readonly bytes: Buffer
}

interface Packed {
  readonly packs: readonly PagePack[]
  readonly root: Root
  /** The pages that stay in the commit, by hash. */
  readonly pages: ReadonlyMap<string, Page>
}

/** Names of packs cannot be taken for those of commits. */
export function isPackId(object: string): boolean {
  return object.startsWith('p')
}

/** Keeps of the new pages those that the tree reaches, and moves all but the top one into packs where they are many. */
export function packPages(root: Root, pages: ReadonlyMap<string, Page>): Packed {
  const reached = new Map<string, Page>()
  const visit = (pointer: PagePointer | undefined): void => {
    if (!pointer || pointer.object !== unstored || reached.has(pointer.hash)) return
    const page = pages.get(pointer.hash)
    if (!page) throw new PhloError('PHLO_INTERNAL', `The page ${pointer.hash} of a new commit is not there`)
    reached.set(pointer.hash, page)
    if (!isLeaf(page)) for (const [, hash, object] of page.items) visit({ hash, object })
  }
  visit(root)
  if (!root || reached.size <= fewPages || sizeOf(reached.values()) <= mostInCommit)
    return { packs: [], root, pages: reached }
  const packs: PagePack[] = []
  const places = new Map<string, string>()
  const placed = (page: Page): Page =>
    isLeaf(page)
      ? page
      : {
          level: page.level,
          items: page.items.map(
            ([key, hash, object]) =>
              [key, hash, object === unstored ? (places.get(hash) ?? unstored) : object] as const,
          ),
        }
  const top = reached.get(root.hash) as Page
  // Bottom up: a page says where its children are, so they come first.
  for (let level = 0; level < top.level; level++) {
    let open: [string, Page][] = []
    let openBytes = 0
    const close = () => {
      if (open.length === 0) return
      const pack = encodePack(open)
      packs.push(pack)
      for (const [hash] of open) places.set(hash, pack.id)
      open = []
      openBytes = 0
    }
    for (const [hash, page] of reached) {
      if (page.level !== level) continue
      const moved = placed(page)
      open.push([hash, moved])
      openBytes += JSON.stringify(moved.items).length
      if (openBytes >= packBytes) close()
    }
    close()
  }
  return { packs, root, pages: new Map([[root.hash, placed(top)]]) }
}

function sizeOf(pages: Iterable<Page>): number {
  let size = 0
  for (const { items } of pages) size += JSON.stringify(items).length
  return size
}

function encodePack(pages: readonly (readonly [string, Page])[]): PagePack {
  const bytes = Buffer.from(JSON.stringify({ format: formatVersion, pages: Object.fromEntries(pages) }), 'utf8')
  return { id: packId(bytes), bytes }
}

/** Reads a pack's bytes. Throws PHLO_STORAGE_FAILED when they are not what its name says. */
export function decodePack(id: string, bytes: Uint8Array): ReadonlyMap<string, Page> {
  if (packId(bytes) !== id)
    throw new PhloError('PHLO_STORAGE_FAILED', `The catalog's pack ${id} is damaged: its content has another hash`)
  const { format, pages } = JSON.parse(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
  ) as { format: unknown; pages: Record<string, Page> }
  checkFormat(format, `The pack ${id}`)
  return new Map(Object.entries(pages))
}

function packId(bytes: Uint8Array): string {
  return `p${createHash('sha256').update(bytes).digest('hex')}`
}
