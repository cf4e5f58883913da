import {
  type Catalog,
  type CatalogChange,
  type CommitOptions,
  type CommitResult,
  formatIdentifier,
  PhloError,
  type TableIdentifier,
  type TableMetadata,
} from '@phlo/ports'
import { branchChange, creationFirst, type TableChange } from './branch-change.js'
import type { BranchIndex } from './branch-index.js'
import { onBranch } from './branch-view.js'
import type { MainWatch } from './main-watch.js'
import { requireOneCommit } from './publishing-merge.js'

/** A change of a table on a branch, with the table as the server has it and what of it the branch parts from. */
interface Staged {
  readonly change: TableChange
  readonly there: TableMetadata | undefined
  readonly start: TableMetadata | undefined
}

/** Commits to lake branches, as commits to the branches of the tables. */
export class BranchCommits {
  private readonly catalog: Catalog
  private readonly index: BranchIndex
  private readonly main: MainWatch

  constructor(catalog: Catalog, index: BranchIndex, main: MainWatch) {
    this.catalog = catalog
    this.index = index
    this.main = main
  }

  /** Throws PHLO_UNSUPPORTED for what the branch cannot keep to itself, and what the catalog's commits throw. */
  async commit(
    changes: readonly CatalogChange[],
    branch: string,
    options: Omit<CommitOptions, 'ref'>,
  ): Promise<CommitResult> {
    const namespaces: CatalogChange[] = []
    const tables: Staged[] = []
    for (const change of changes) {
      if (change.kind === 'table') tables.push(await this.staged(change, branch))
      else if (change.kind === 'create-namespace' && change.ifNotExists) namespaces.push(change)
      else throw notIsolated(change.kind, branch)
    }
    const translated = tables.map(({ change, there, start }) => branchChange(there, branch, change, start))
    const identifiers = tables.map(({ change }) => change.identifier)
    await this.requirePublishable(branch, identifiers)
    // Before the commit: a branch whose commit got lost on the way may have the table all the same.
    for (const identifier of identifiers) this.index.changed(branch, identifier)
    for (const [index, { change, there }] of tables.entries()) {
      if (there || tables.length === 1) continue
      const { creation, rest } = creationFirst(change)
      const made = await this.catalog.commit([...namespaces.splice(0), creation], options)
      translated[index] = branchChange(made.tables[0]?.metadata, branch, rest)
    }
    const done = await this.catalog.commit([...namespaces, ...translated], options)
    return {
      tables: done.tables.map((table) => ({ ...table, metadata: onBranch(table.metadata, branch) })),
      views: done.views,
    }
  }

  private async staged(change: TableChange, branch: string): Promise<Staged> {
    const there = (await this.catalog.loadTable(change.identifier))?.metadata
    return { change, there, start: this.main.saw(branch, change.identifier, there) }
  }

  /** Said when the second table is written, and not when the work of a whole run is to be published. */
  private async requirePublishable(branch: string, tables: readonly TableIdentifier[]): Promise<void> {
    if (this.catalog.supports.multiTableCommit) return
    const changed = [...(await this.index.tables(branch)).map(({ identifier }) => identifier), ...tables]
    const byName = new Map(changed.map((identifier) => [formatIdentifier(identifier), identifier]))
    requireOneCommit(this.catalog, branch, [...byName.values()])
  }
}

function notIsolated(kind: CatalogChange['kind'], branch: string): PhloError {
  return new PhloError(
    'PHLO_UNSUPPORTED',
    `${kind} on the branch ${branch} would change main at once: the catalog has no branches`,
    { hint: 'Do it on main.' },
  )
}
