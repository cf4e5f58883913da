import { randomUUID } from 'node:crypto'
import type { IcebergSchema, ObjectStore, RowSchema, TableMetadata, TableRequirement, TableUpdate } from '@phlo/ports'
import { currentSchema } from '../metadata/metadata.js'
import { newPartitionSpec, type PartitionColumn, specById } from '../partition/partition-spec.js'
import { evolveSchema, newSchema, replaceSchema, requireSafe, type SchemaChange } from '../schema/schema.js'
import type { SnapshotChange } from './snapshot-change.js'
import { SnapshotProducer } from './snapshot-producer.js'
import { applyUpdates } from '../metadata/updates.js'

export interface NewTable {
  /** URI of the table's folder. */
  readonly location: string
  readonly rows: RowSchema
  readonly partitioning: readonly PartitionColumn[]
  readonly properties?: Readonly<Record<string, string>>
}

/**
 * Changes of one table that are committed together: schema, properties, a snapshot. It writes manifests, commits
 * nothing: the caller hands `requirements` and `updates` to a catalog.
 */
export class TableTransaction {
  private working: TableMetadata
  private readonly allUpdates: TableUpdate[] = []
  private readonly allRequirements: TableRequirement[]

  private readonly store: ObjectStore
  private readonly now: number

  private constructor(store: ObjectStore, base: TableMetadata | undefined, first: readonly TableUpdate[], now: number) {
    this.store = store
    this.now = now

    this.allRequirements = base
      ? [{ type: 'assert-table-uuid', uuid: base['table-uuid'] }]
      : [{ type: 'assert-create' }]
    this.working = applyUpdates(base, first, { now })
    this.allUpdates.push(...first)
  }

  /** A new table of format version 2 with a fresh uuid. */
  static create(store: ObjectStore, table: NewTable, now = Date.now()): TableTransaction {
    const schema = newSchema(table.rows)
    const updates: TableUpdate[] = [
      { action: 'assign-uuid', uuid: randomUUID() },
      { action: 'upgrade-format-version', 'format-version': 2 },
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

  /** Follows the wanted columns with safe changes. Throws PHLO_SCHEMA_BREAKING when others would be needed. */
  evolve(rows: RowSchema, table: string): readonly SchemaChange[] {
    const current = currentSchema(this.working)
    const evolution = requireSafe(evolveSchema(current, this.working['last-column-id'], rows), table)
    if (evolution.schema !== current) {
      this.apply(this.schemaUpdates(evolution.schema))
    }
    return evolution.changes
  }

  private schemaUpdates(schema: IcebergSchema): readonly TableUpdate[] {
    this.require([{ type: 'assert-current-schema-id', 'current-schema-id': this.working['current-schema-id'] }])
    return [
      { action: 'add-schema', schema },
      { action: 'set-current-schema', 'schema-id': -1 },
    ]
  }

  /** Makes the columns and the partitioning exactly those wanted, for a commit that replaces every row. */
  replaceLayout(rows: RowSchema, partitioning: readonly PartitionColumn[]): void {
    const current = currentSchema(this.working)
    const { 'partition-specs': specs, 'default-spec-id': specId, 'last-partition-id': lastId } = this.working
    const schema = replaceSchema(current, this.working['last-column-id'], rows)
    const spec = newPartitionSpec(schema, partitioning, specs, lastId)
    const sameSpec = JSON.stringify(specById(specs, specId).fields) === JSON.stringify(spec.fields)
    // Together, since the old spec may need a column that the new schema has not.
    this.apply([
      ...(schema === current ? [] : this.schemaUpdates(schema)),
      ...(sameSpec
        ? []
        : [
            { action: 'add-spec' as const, spec },
            { action: 'set-default-spec' as const, 'spec-id': -1 },
          ]),
    ])
  }

  setProperties(updates: Readonly<Record<string, string>>): void {
    const changed = Object.entries(updates).filter(([key, value]) => this.working.properties?.[key] !== value)
    if (changed.length > 0) this.apply([{ action: 'set-properties', updates: Object.fromEntries(changed) }])
  }

  /** Writes a new snapshot's manifests and adds it. Returns its id. */
  async addSnapshot(change: SnapshotChange): Promise<bigint> {
    const staged = await new SnapshotProducer(this.store, change).stage(this.working, this.now)
    this.require(staged.requirements)
    this.apply(staged.updates)
    return staged.snapshot['snapshot-id']
  }

  /** Of a table that must not exist yet nothing else can be required. */
  private require(requirements: readonly TableRequirement[]): void {
    if (this.allRequirements.every(({ type }) => type !== 'assert-create')) this.allRequirements.push(...requirements)
  }

  private apply(updates: readonly TableUpdate[]): void {
    this.working = applyUpdates(this.working, updates, { now: this.now })
    this.allUpdates.push(...updates)
  }
}
