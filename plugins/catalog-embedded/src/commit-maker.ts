import type { CommitObject } from './commit-object.js'
import type { CommitStore, StagedCommit } from './commit-store.js'
import { unknownAuthor } from './ref-store.js'
import type { Root, Tree } from './tree.js'
import type { Page, TreeValue } from './tree-page.js'

/** What people say of a commit. */
export interface CommitWords {
  readonly message: string
  readonly author?: string
  readonly properties?: Readonly<Record<string, string>>
}

/** Makes commits out of edits of a tree. */
export class CommitMaker {
  private readonly commits: CommitStore
  private readonly tree: Tree

  constructor(commits: CommitStore, tree: Tree) {
    this.commits = commits
    this.tree = tree
  }

  /** A commit on top of the parents, with the first one's tree edited. */
  async edited(
    parents: readonly [CommitObject, ...CommitObject[]],
    edits: ReadonlyMap<string, TreeValue | undefined>,
    words: CommitWords,
  ): Promise<StagedCommit> {
    const pages = new Map<string, Page>()
    return this.stage(parents, await this.tree.edit(parents[0].root, edits, pages), pages, words)
  }

  /** A commit on top of the parents, with a tree that is stored already. */
  withTree(parents: readonly [CommitObject, ...CommitObject[]], root: Root, words: CommitWords): StagedCommit {
    return this.stage(parents, root, new Map(), words)
  }

  private stage(
    parents: readonly CommitObject[],
    root: Root,
    pages: ReadonlyMap<string, Page>,
    { message, author = unknownAuthor, properties = {} }: CommitWords,
  ): StagedCommit {
    return this.commits.stage(
      {
        message,
        author,
        properties,
        parents: parents.map(({ id }) => id),
        height: Math.max(...parents.map(({ height }) => height)) + 1,
        // Time goes forward along a branch even when clocks do not, so that time travel finds its way.
        time: Math.max(Date.now(), ...parents.map(({ time }) => time)),
        root,
      },
      pages,
    )
  }
}
