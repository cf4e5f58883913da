import { createHash, randomUUID } from 'node:crypto'
import { mainTableBranch, serializeJson } from '@phlo/iceberg'
import {
  type Catalog,
  type CatalogDiff,
  formatIdentifier,
  type TableDiff,
  type TableIdentifier,
  type TableMetadata,
} from '@phlo/ports'
import { inParallel } from '../in-parallel.js'
import { asSeen, ownProperties, type SeenMain, seenMain } from './branch-view.js'

/** Main's state of some tables, by their names; `undefined` where it has none. */
type States = Map<string, { readonly identifier: TableIdentifier; readonly state: string | undefined }>

interface Start {
  readonly commit: string
  readonly seen: States
  /** What the branch takes for main, until it is put on top of a newer one. */
  readonly views: Map<string, SeenMain>
}

/**
 * Where main stands, as far as somebody looked: the catalog has no state of the whole lake, and to make one up of every
 * table would be too much. Its "commits" are names for the states of the tables that branches of this process looked at.
 */
export class MainWatch {
  private readonly catalog: Catalog
  /** By branch: what was seen first, and the commit that this is of. */
  private readonly branches = new Map<string, Start>()
  private readonly commits = new Map<string, States>()

  constructor(catalog: Catalog) {
    this.catalog = catalog
  }

  /** Looks from now on at what the branch reads. Gives main's commit at this moment. */
  start(branch: string): string {
    const seen: States = new Map()
    const commit = hash([branch, randomUUID()])
    this.branches.set(branch, { commit, seen, views: new Map() })
    this.commits.set(commit, seen)
    return commit
  }

  stop(branch: string): void {
    this.branches.delete(branch)
    if (this.branches.size === 0) this.commits.clear()
  }

  /**
   * The branch looks at the table, and this is what the server has. Gives the table as main had it when the branch first
   * looked, so that what a run reads twice is the same, and what it writes is known for what it was made of; where that
   * has expired, as it is now.
   */
  saw(branch: string, identifier: TableIdentifier, table: TableMetadata | undefined): TableMetadata | undefined {
    const start = this.branches.get(branch)
    if (!start) return table
    const name = formatIdentifier(identifier)
    if (!start.seen.has(name)) start.seen.set(name, { identifier, state: mainState(table) })
    const view = start.views.get(name)
    if (!view) start.views.set(name, seenMain(table))
    return view && table ? (asSeen(table, view) ?? table) : table
  }

  /** The branch takes main as it is now. */
  lookAgain(branch: string): void {
    this.branches.get(branch)?.views.clear()
  }

  /** The commit of main as it is now: that from which a branch started, where nothing has moved since. */
  async head(): Promise<string> {
    const names = new Map([...this.branches.values()].flatMap(({ seen }) => [...seen]))
    const states: States = new Map(
      await inParallel([...names], async ([name, { identifier }]) => {
        const table = await this.catalog.loadTable(identifier)
        return [name, { identifier, state: mainState(table?.metadata) }] as const
      }),
    )
    for (const { commit, seen } of this.branches.values()) if (isSame(seen, states)) return commit
    const commit = hash([...states].map(([name, { state }]) => [name, state ?? null]).sort())
    this.commits.set(commit, states)
    return commit
  }

  /** The branch that started from this commit. */
  startedFrom(commit: string): string | undefined {
    return [...this.branches].find(([, start]) => start.commit === commit)?.[0]
  }

  knows(commit: string): boolean {
    return this.commits.has(commit)
  }

  /** What differs between two commits of main, of the tables that both know. */
  diff(from: string, to: string): CatalogDiff {
    const before = this.commits.get(from)
    const tables: TableDiff[] = []
    for (const [name, { identifier, state }] of this.commits.get(to) ?? []) {
      const was = before?.get(name)
      if (!was || was.state === state) continue
      const change = was.state === undefined ? 'added' : state === undefined ? 'removed' : 'changed'
      tables.push({ identifier, change })
    }
    const name = ({ identifier }: TableDiff) => formatIdentifier(identifier)
    return { tables: tables.sort((a, b) => (name(a) < name(b) ? -1 : 1)), views: [], namespaces: [] }
  }
}

/** What a reader of main could tell apart. A table that never had rows there is as none: branches make such. */
export function mainState(table: TableMetadata | undefined): string | undefined {
  const head = table?.refs?.[mainTableBranch]?.['snapshot-id']
  if (!table || head === undefined) return undefined
  const own = Object.entries(ownProperties(table))
  const layout = [table['current-schema-id'], table['default-spec-id'], table['default-sort-order-id']]
  return hash([table['table-uuid'], head, layout, own.sort()])
}

function isSame(a: States, b: States): boolean {
  return a.size === b.size && [...a].every(([name, { state }]) => b.has(name) && b.get(name)?.state === state)
}

function hash(value: unknown): string {
  return createHash('sha256').update(serializeJson(value)).digest('hex').slice(0, 40)
}
