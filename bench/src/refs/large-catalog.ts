import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import type { ObjectStore } from '@phlo/ports'
import { makeTables, tableChange } from './phlo-refs.js'
import { timed } from './refs-participant.js'

/** An embedded catalog of that many tables, and commits to one of them. */
export class LargeCatalog {
  readonly name: string
  readonly what: string
  private readonly catalog: EmbeddedCatalog
  private readonly tables: number
  private count = 0

  private constructor(catalog: EmbeddedCatalog, tables: number) {
    this.catalog = catalog
    this.tables = tables
    this.name = `commit-at-${tables}`
    this.what = `one of ${tables} tables is changed: its metadata file and a commit`
  }

  static async in(store: ObjectStore, tables: number): Promise<LargeCatalog> {
    await makeTables(store, tables)
    return new LargeCatalog(await EmbeddedCatalog.open(store), tables)
  }

  /** Gives the milliseconds that a commit took. */
  async once(): Promise<number> {
    // Another table each time, so that no page has just been there.
    const index = (++this.count * 7919) % this.tables
    return timed(() => this.catalog.commit([tableChange(index, `${this.count}`)], { message: 'Changed' }))
  }
}
