import { applyUpdates, mergeTable } from '@phlo/iceberg'
import type { ObjectStore, SharedKeyLookup, TableMetadata, TableUpdate } from '@phlo/ports'
import type { CatalogValue } from './catalog-state.js'
import type { Rebase } from './merge-plan.js'
import type { MetadataFiles, NewFile } from './metadata-files.js'
import { parseKey } from './table-keys.js'

/** The source's changes of a table, done again on the target's state, before there is a metadata file of it. */
interface Rebased {
  readonly target: TableMetadata
  /** The target's metadata file. */
  readonly previous: string
  readonly updates: readonly TableUpdate[]
  /** Deletes the manifests that were written for it. */
  readonly discard: () => Promise<void>
  file?: NewFile<TableMetadata>
}

type Outcome = Awaited<ReturnType<Rebase>>

/**
 * What one merge makes of tables that both sides changed. An attempt that lost its race finds again what it made of
 * tables that did not move.
 */
export class TableRebases {
  private readonly store: ObjectStore
  private readonly files: MetadataFiles
  /** By the three metadata files. */
  private readonly outcomes = new Map<string, Promise<Outcome>>()
  /** By the name that stands for the metadata file in a plan. */
  private readonly rebased = new Map<string, Rebased>()

  constructor(store: ObjectStore, files: MetadataFiles) {
    this.store = store
    this.files = files
  }

  readonly rebase: Rebase = (key, values, sharedKey) => {
    const { base, target, source } = values
    if (base?.type !== 'table' || target?.type !== 'table' || source?.type !== 'table')
      return Promise.resolve({ reason: base ? 'both sides changed it' : 'both sides made it' })
    const states = { base: base.metadata, target: target.metadata, source: source.metadata }
    const name = JSON.stringify([states.base, states.target, states.source])
    let outcome = this.outcomes.get(name)
    if (!outcome) {
      outcome = this.merge(key, target, { states, name, sharedKey })
      this.outcomes.set(name, outcome)
    }
    return outcome
  }

  /** The edits with metadata files, and the puts of those files that must be waited for. */
  write(edits: ReadonlyMap<string, CatalogValue | undefined>): {
    readonly edits: ReadonlyMap<string, CatalogValue | undefined>
    readonly files: readonly Promise<void>[]
  } {
    const written = new Map(edits)
    const files: Promise<void>[] = []
    for (const [key, value] of edits) {
      const rebased = value?.type === 'table' ? this.rebased.get(value.metadata) : undefined
      if (!rebased || value?.type !== 'table') continue
      rebased.file ??= this.newFile(key, rebased)
      files.push(rebased.file.stored)
      written.set(key, { ...value, metadata: rebased.file.key })
    }
    return { edits: written, files }
  }

  /** Deletes what was written for tables that the merge certainly does not commit. */
  async discard(): Promise<void> {
    const unused = [...this.rebased.values()].filter(({ file }) => !file)
    await Promise.all(unused.map(({ discard }) => discard()))
  }

  private async merge(
    key: string,
    value: Extract<CatalogValue, { metadata: string }>,
    {
      states,
      name,
      sharedKey,
    }: {
      readonly states: { readonly base: string; readonly target: string; readonly source: string }
      readonly name: string
      readonly sharedKey: SharedKeyLookup | undefined
    },
  ): Promise<Outcome> {
    const identifier = parseKey(key)
    const [base, target, source] = (await Promise.all(
      [states.base, states.target, states.source].map((file) => this.files.table(identifier, file)),
    )) as [TableMetadata, TableMetadata, TableMetadata]
    const merged = await mergeTable(this.store, { base, target, source, sharedKey })
    if (merged.outcome === 'same') return { value }
    if (merged.outcome === 'conflict') return { reason: merged.reason }
    const { updates, discard } = merged
    this.rebased.set(name, { target, previous: states.target, updates, discard })
    return { value: { ...value, metadata: name } }
  }

  private newFile(key: string, { target, previous, updates }: Rebased): NewFile<TableMetadata> {
    const metadata = applyUpdates(target, updates, { now: Date.now(), previousLocation: this.store.uri(previous) })
    return this.files.writeTable(parseKey(key), metadata, previous)
  }
}
