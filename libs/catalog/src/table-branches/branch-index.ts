import { createHash } from 'node:crypto'
import { serializeJson } from '@phlo/iceberg'
import { type Catalog, formatIdentifier, type LoadedTable, type RefInfo, type TableIdentifier } from '@phlo/ports'
import { branchesOf, recordProperty } from './branch-record.js'
import { inParallel } from '../in-parallel.js'

/** Which lake branches there are, and which tables they changed: the tables tell. */
export class BranchIndex {
  private readonly catalog: Catalog
  /** Branches that this process made, with the tables that it changed on them: nobody else works on them. */
  private readonly own = new Map<string, Map<string, TableIdentifier>>()

  constructor(catalog: Catalog) {
    this.catalog = catalog
  }

  make(branch: string): void {
    this.own.set(branch, new Map())
  }

  isOwn(branch: string): boolean {
    return this.own.has(branch)
  }

  changed(branch: string, identifier: TableIdentifier): void {
    this.own.get(branch)?.set(formatIdentifier(identifier), identifier)
  }

  forget(branch: string): void {
    this.own.delete(branch)
  }

  /** The tables of the branch as they are now, by name; of a branch that another process made, every table is looked at. */
  async tables(branch: string): Promise<LoadedTable[]> {
    const own = this.own.get(branch)
    return this.some(own ? [...own.values()] : await this.catalog.listTables(), ({ metadata }) =>
      branchesOf(metadata).includes(branch),
    )
  }

  /** Every branch. Looks at every table, a few at once. */
  async list(): Promise<RefInfo[]> {
    const found = new Map<string, LoadedTable[]>([...this.own.keys()].map((branch) => [branch, []]))
    const tables = await this.some(await this.catalog.listTables(), ({ metadata }) => branchesOf(metadata).length > 0)
    for (const table of tables)
      for (const branch of branchesOf(table.metadata)) found.set(branch, [...(found.get(branch) ?? []), table])
    return [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, changed]) => ({ name, type: 'branch', commit: branchCommit(name, changed), protected: false }))
  }

  /** Those of the tables that are there and fit. */
  async some(identifiers: readonly TableIdentifier[], fits: (table: LoadedTable) => boolean): Promise<LoadedTable[]> {
    const tables = await inParallel(identifiers, async (identifier) => {
      const table = await this.catalog.loadTable(identifier)
      // What does not fit is let go at once: a lake's metadata need not fit into memory.
      return table && fits(table) ? table : undefined
    })
    return tables.filter((table) => table !== undefined)
  }
}

/** A name for what the branch is: another one after each change. */
export function branchCommit(branch: string, tables: readonly LoadedTable[]): string {
  const states = tables.map(({ identifier, metadata }) => [
    formatIdentifier(identifier),
    metadata['table-uuid'],
    metadata.refs?.[branch]?.['snapshot-id'] ?? null,
    metadata.properties?.[recordProperty(branch)] ?? null,
  ])
  return createHash('sha256')
    .update(serializeJson([branch, states.sort()]))
    .digest('hex')
    .slice(0, 40)
}
