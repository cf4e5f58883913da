import { randomUUID } from 'node:crypto'
import {
  type ObjectStore,
  PhloError,
  type RowSchema,
  type TableMetadata,
  type TableRequirement,
  type TableUpdate,
} from '@phlo/ports'
import { CherryPick, stagedSnapshot } from './cherry-pick.js'
import { conflict } from './conflict.js'
import {
  again,
  layoutReplacement,
  requireSameLayout,
  schemaChange,
  sortOrderChange,
  specChange,
} from './layout-changes.js'
import type { ChangedSince, MetadataChange, Producer } from './metadata-change.js'
import type { FormatVersion } from '../manifest/data-file.js'
import { currentSchema } from '../metadata/metadata.js'
import { newPartitionSpec, type PartitionColumn } from '../partition/partition-spec.js'
import { SpecUpdate } from '../partition/spec-update.js'
import { evolveSchema } from '../schema/evolution.js'
import { newSchema } from '../schema/field-ids.js'
import { requireSafe, type SchemaChange } from '../schema/schema-change.js'
import { SchemaUpdate, type SchemaUpdateOptions } from '../schema/schema-update.js'
import type { SnapshotChange } from './snapshot-change.js'
import { newSortOrder, type SortColumn } from '../sort/sort-order.js'
import { branchHead, SnapshotProducer } from './snapshot-producer.js'
import { applyUpdates } from '../metadata/updates.js'

export interface NewTable {
  /** URI of the table's folder. */
  readonly location: string
  /** Default: a new one. */
  readonly uuid?: string
  readonly rows: RowSchema
  readonly partitioning: readonly PartitionColumn[]
  readonly properties?: Readonly<Record<string, string>>
  /** Default 2. */
  readonly formatVersion?: FormatVersion
}

/** Does its change again on newer metadata: `working` with the steps before it, on top of `since.base`. */
type Step = (working: TableMetadata, since: ChangedSince) => MetadataChange | Promise<MetadataChange>

/**
 * Changes of one table that are committed together: schema, properties, snapshots, refs. It writes manifests, commits
 * nothing: the caller hands `requirements` and `updates` to a catalog, best by {@link commitWithRetry}.
 */
export class TableTransaction {
  private working: TableMetadata
  private allUpdates: TableUpdate[] = []
  private allRequirements: TableRequirement[]
  private readonly steps: Step[] = []
  private readonly producers: Producer[] = []

  private readonly store: ObjectStore
  /** The table when the transaction started. */
  private readonly original: TableMetadata | undefined
  private readonly now: number

  private constructor(store: ObjectStore, base: TableMetadata | undefined, first: readonly TableUpdate[], now: number) {
    this.store = store
    this.original = base
    this.now = now
    this.allRequirements = firstRequirements(base)
    this.working = applyUpdates(base, first, { now })
    this.allUpdates.push(...first)
  }

  /** A new table. */
  static create(store: ObjectStore, table: NewTable, now = Date.now()): TableTransaction {
    const schema = newSchema(table.rows)
    const updates: TableUpdate[] = [
      { action: 'assign-uuid', uuid: table.uuid ?? randomUUID() },
      { action: 'upgrade-format-version', 'format-version': table.formatVersion ?? 2 },
      { action: 'set-location', location: table.location },
      { action: 'add-schema', schema },
      { action: 'set-current-schema', 'schema-id': -1 },
      { action: 'add-spec', spec: newPartitionSpec(schema, table.partitioning) },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
      { action: 'set-properties', updates: { ...table.properties } },
    ]
    return new TableTransaction(store, undefined, updates, now)
  }

  /** Changes of an existing table. */
  static change(store: ObjectStore, base: TableMetadata, now = Date.now()): TableTransaction {
    return new TableTransaction(store, base, [], now)
  }

  /** The table as it will be, as far as the transaction has come. */
  get metadata(): TableMetadata {
    return this.working
  }
  get updates(): readonly TableUpdate[] {
    return this.allUpdates
  }
  get requirements(): readonly TableRequirement[] {
    return this.allRequirements
  }

  /** Ids of the snapshots that the transaction adds. */
  get snapshotIds(): readonly bigint[] {
    return this.allUpdates.flatMap((update) =>
      update.action === 'add-snapshot' ? [update.snapshot['snapshot-id']] : [],
    )
  }

  /** Follows the wanted columns with safe changes. Throws PHLO_SCHEMA_BREAKING when others would be needed. */
  evolve(rows: RowSchema, table: string): readonly SchemaChange[] {
    let changes: readonly SchemaChange[] = []
    this.changeLayout((working) => {
      const current = currentSchema(working)
      const { 'last-column-id': lastId, 'format-version': version } = working
      const evolution = requireSafe(evolveSchema(current, lastId, rows, version), table)
      changes = evolution.changes
      return evolution.schema === current ? { updates: [] } : schemaChange(working, evolution.schema)
    })
    return changes
  }

  /** Changes columns one by one, as the callback tells. Throws what {@link SchemaUpdate} throws. */
  updateSchema(change: (update: SchemaUpdate) => unknown, options?: SchemaUpdateOptions): readonly SchemaChange[] {
    let changes: readonly SchemaChange[] = []
    this.changeLayout((working) => {
      const update = new SchemaUpdate(working, options)
      change(update)
      const evolution = update.apply()
      changes = evolution.changes
      return changes.length === 0 ? { updates: [] } : schemaChange(working, evolution.schema)
    })
    return changes
  }

  /** Changes how new files are partitioned, as the callback tells. Throws what {@link SpecUpdate} throws. */
  updateSpec(change: (update: SpecUpdate) => unknown): void {
    this.changeLayout((working) => {
      const update = new SpecUpdate(working)
      change(update)
      return specChange(working, update.apply())
    })
  }

  /** Sorts new files by these columns; by none, not at all. Throws what {@link newSortOrder} throws. */
  replaceSortOrder(columns: readonly SortColumn[]): void {
    this.changeLayout((working) => sortOrderChange(working, newSortOrder(currentSchema(working), columns)))
  }

  /** Spec: Appendix E. Throws PHLO_ICEBERG_INVALID for a version below the table's or above the newest known. */
  upgradeFormatVersion(version: number): void {
    this.change((working) => ({
      updates:
        working['format-version'] === version ? [] : [{ action: 'upgrade-format-version', 'format-version': version }],
    }))
  }

  /** Makes the columns and the partitioning exactly those wanted, for a commit that replaces every row. */
  replaceLayout(rows: RowSchema, partitioning: readonly PartitionColumn[]): void {
    this.changeLayout((working) => layoutReplacement(working, rows, partitioning))
  }

  /**
   * Changes schema, partitioning or sort order as `change` says of the table as it is. When the transaction is rebased
   * it is asked again: columns that others added meanwhile stay beside those that it adds. With a snapshot in the
   * transaction, a result in which columns or partition fields are others than at first is PHLO_COMMIT_CONFLICT, since
   * files were written for those.
   */
  changeLayout(change: (working: TableMetadata) => MetadataChange): void {
    this.perform(change(this.working))
    const expected = this.working
    this.steps.push((working) => {
      const result = again(change, working)
      if (this.producers.length > 0)
        requireSameLayout(expected, applyUpdates(working, result.updates, { now: this.now }))
      return result
    })
  }

  /** Changes metadata as `change` says of the table as it is; asked again when the transaction is rebased. */
  change(change: (working: TableMetadata) => MetadataChange): void {
    this.perform(change(this.working))
    this.steps.push(change)
  }

  setProperties(updates: Readonly<Record<string, string>>): void {
    this.change((working) => {
      const changed = Object.entries(updates).filter(([key, value]) => working.properties?.[key] !== value)
      return {
        updates: changed.length > 0 ? [{ action: 'set-properties', updates: Object.fromEntries(changed) }] : [],
      }
    })
  }

  /**
   * Writes a new snapshot's manifests and adds it. Returns its id. Throws PHLO_COMMIT_CONFLICT when what others did since
   * the snapshot that the change was made from stands against it.
   */
  async addSnapshot(change: SnapshotChange): Promise<bigint> {
    return this.produce(new SnapshotProducer(this.store, change))
  }

  /**
   * Puts what another snapshot of the table did on top of a branch, by default main: moves the branch to it where it
   * comes next, makes a new snapshot otherwise. Throws PHLO_SNAPSHOT_NOT_FOUND, PHLO_SNAPSHOT_UNFIT for one that neither
   * appended nor replaced partitions or that is in the branch already, and PHLO_COMMIT_CONFLICT when the partitions that
   * it replaced have changed since. Returns the id of the snapshot that the branch then stands at.
   */
  async cherryPick(snapshotId: bigint, branch?: string): Promise<bigint> {
    return this.produce(new CherryPick(this.store, snapshotId, branch))
  }

  /** Cherry-picks the snapshot that was staged under that id. Throws as {@link cherryPick} does. */
  async publishStaged(wapId: string, branch?: string): Promise<bigint> {
    return this.cherryPick(stagedSnapshot(this.working, wapId)['snapshot-id'], branch)
  }

  private async produce(producer: Producer): Promise<bigint> {
    this.producers.push(producer)
    const step: Step = (working, since) => producer.stage(working, this.now, since)
    const { original } = this
    this.perform(await (original ? step(this.working, this.since(original)) : producer.stage(this.working, this.now)))
    this.steps.push(step)
    return producer.snapshotId
  }

  /**
   * Puts the changes on top of newer metadata of the table. Only metadata is written again; data files stay as they are.
   * `undefined` stands for a table that is not there, as one that is to be created should be.
   *
   * Throws PHLO_COMMIT_CONFLICT when they no longer apply, PHLO_TABLE_EXISTS or PHLO_TABLE_NOT_FOUND when there is a table
   * where there was none or the other way round; the transaction is as it was then.
   */
  async rebase(base: TableMetadata | undefined): Promise<void> {
    if (!this.original) {
      if (!base) return
      throw new PhloError('PHLO_TABLE_EXISTS', `There is a table at ${base.location} already`)
    }
    if (!base) throw new PhloError('PHLO_TABLE_NOT_FOUND', `The table at ${this.original.location} is gone`)
    if (base['table-uuid'] !== this.original['table-uuid'])
      throw conflict('The table was replaced by another of the same name')
    let working = base
    const updates: TableUpdate[] = []
    const requirements = firstRequirements(base)
    for (const step of this.steps) {
      const result = await step(working, this.since(base))
      working = applyUpdates(working, result.updates, { now: this.now })
      updates.push(...result.updates)
      addRequirements(requirements, result.requirements)
    }
    this.working = working
    this.allUpdates = updates
    this.allRequirements = requirements
  }

  /** Deletes manifests and lists that attempts before the last one needed. To be called when the commit has succeeded. */
  async discardUnneeded(): Promise<void> {
    await this.discard('unneeded')
  }

  /** Deletes every manifest and list that was written. To be called when the commit certainly has not succeeded. */
  async discardAll(): Promise<void> {
    await this.discard('all')
  }

  private async discard(which: 'unneeded' | 'all'): Promise<void> {
    const keys = this.producers.flatMap((producer) => producer.abandoned(which))
    // Files that stay are found as orphans; nothing is wrong with the table.
    if (keys.length > 0) await this.store.delete(keys).catch(() => undefined)
  }

  private since(base: TableMetadata): ChangedSince {
    const { original } = this
    return { base, started: (branch) => original && branchHead(original, branch) }
  }

  private perform(change: MetadataChange): void {
    this.working = applyUpdates(this.working, change.updates, { now: this.now })
    this.allUpdates.push(...change.updates)
    if (this.original) addRequirements(this.allRequirements, change.requirements)
  }
}

/** Of a table that must not exist yet nothing else can be required. */
function firstRequirements(base: TableMetadata | undefined): TableRequirement[] {
  return base ? [{ type: 'assert-table-uuid', uuid: base['table-uuid'] }] : [{ type: 'assert-create' }]
}

/** Adds what a later step requires. Requirements are on the table before all steps, of which the first one knows. */
function addRequirements(known: TableRequirement[], added: readonly TableRequirement[] = []): void {
  const about = (item: TableRequirement) => (item.type === 'assert-ref-snapshot-id' ? `ref ${item.ref}` : item.type)
  for (const requirement of added)
    if (!known.some((item) => about(item) === about(requirement))) known.push(requirement)
}
