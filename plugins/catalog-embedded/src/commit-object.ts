import { createHash } from 'node:crypto'
import { PhloError } from '@phlo/ports'
import { checkFormat, formatVersion } from './catalog-format.js'
import { type PagePack, packPages } from './page-pack.js'
import type { Page, TreeValue } from './tree-page.js'
import { type Root, unstored } from './tree.js'

/** A commit, with the pages of its tree that no earlier commit has. Named by the hash of its bytes. */
export interface CommitObject {
  readonly id: string
  readonly parents: readonly string[]
  /** 0 for the first commit, otherwise one above the highest parent. */
  readonly height: number
  readonly author: string
  readonly message: string
  /** Milliseconds since 1970; never below a parent's. */
  readonly time: number
  readonly properties: Readonly<Record<string, string>>
  readonly root: Root
  /** By hash. */
  readonly pages: ReadonlyMap<string, Page>
}

export type NewCommit = Omit<CommitObject, 'id' | 'pages'>

/** The JSON of a commit. A pointer without an object means this one. */
interface Stored {
  format: number
  parents: readonly string[]
  height: number
  author: string
  message: string
  time: number
  properties: Readonly<Record<string, string>>
  /** Makes two commits that say the same two commits. */
  nonce: string
  root: readonly [hash: string, object: string] | null
  pages: Record<string, { level: number; items: readonly unknown[] }>
}

/** A commit and its bytes, with the packs of those of its pages that it does not carry itself. */
export function encodeCommit(
  commit: NewCommit,
  newPages: ReadonlyMap<string, Page>,
  nonce: string,
): { commit: CommitObject; bytes: Buffer; packs: readonly PagePack[] } {
  const { packs, root, pages } = packPages(commit.root, newPages)
  const stored: Stored = {
    format: formatVersion,
    parents: commit.parents,
    height: commit.height,
    author: commit.author,
    message: commit.message,
    time: commit.time,
    properties: commit.properties,
    nonce,
    root: root ? [root.hash, root.object] : null,
    pages: Object.fromEntries(pages),
  }
  const bytes = Buffer.from(JSON.stringify(stored), 'utf8')
  return { commit: commitObject(createHash('sha256').update(bytes).digest('hex'), stored), bytes, packs }
}

/**
 * Reads a commit's bytes. Throws PHLO_STORAGE_FAILED when they are not what their name says, PHLO_UNSUPPORTED for a newer
 * format.
 */
export function decodeCommit(id: string, bytes: Uint8Array): CommitObject {
  const actual = createHash('sha256').update(bytes).digest('hex')
  if (actual !== id)
    throw new PhloError('PHLO_STORAGE_FAILED', `The catalog object ${id} is damaged: its content hashes to ${actual}`)
  const stored = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as Stored
  checkFormat(stored.format, `The commit ${id}`)
  return commitObject(id, stored)
}

function commitObject(id: string, stored: Stored): CommitObject {
  const here = (object: string) => (object === unstored ? id : object)
  const pages = new Map<string, Page>()
  for (const [hash, page] of Object.entries(stored.pages)) {
    pages.set(
      hash,
      page.level === 0
        ? { level: 0, items: page.items as (readonly [string, TreeValue])[] }
        : {
            level: page.level,
            items: (page.items as [string, string, string][]).map(
              ([key, child, object]) => [key, child, here(object)] as const,
            ),
          },
    )
  }
  const { parents, height, author, message, time, properties, root } = stored
  return {
    id,
    parents,
    height,
    author,
    message,
    time,
    properties,
    root: root ? { hash: root[0], object: here(root[1]) } : undefined,
    pages,
  }
}
