import type {
  IcebergSchema,
  ObjectStore,
  PartitionSpec,
  RowSchema,
  Snapshot,
  TableMetadata,
  TableRequirement,
  TableUpdate,
} from '@phlo/ports'
import { commitWithRetry } from '../commit/commit-with-retry.js'
import { rowsMatching } from '../commit/rows-matching.js'
import type { AddedFile, SnapshotChange } from '../commit/snapshot-change.js'
import type { RefChange } from '../commit/snapshot-refs.js'
import { TableTransaction } from '../commit/transaction.js'
import type { MaintainedTable } from '../maintenance/maintained-table.js'
import type { DataFile, FormatVersion } from '../manifest/data-file.js'
import { ancestors } from '../metadata/ancestry.js'
import { currentSchema, refSnapshot } from '../metadata/metadata.js'
import { specById } from '../partition/partition-spec.js'
import type { SpecUpdate } from '../partition/spec-update.js'
import type { Expression } from '../scan/expression.js'
import { planScan, type ScanOptions, type ScanTask } from '../scan/scan.js'
import type { SchemaChange } from '../schema/schema-change.js'
import type { SchemaUpdate, SchemaUpdateOptions } from '../schema/schema-update.js'
import type { SortColumn } from '../sort/sort-order.js'

/** What every write may say beside its files. */
export type WriteOptions = Pick<
  SnapshotChange,
  'branch' | 'createBranch' | 'mergeManifests' | 'stagedAs' | 'summary' | 'validation'
>

/**
 * A table: what it is, plans for reading it, and changes of it that are committed at once, again on top of what others
 * committed where that does not stand against them (PHLO_COMMIT_CONFLICT otherwise). Where the metadata is kept is up to
 * `operations`: a folder of the store, or a catalog.
 *
 * Files are described, not written: the data files lie in the store already, and whoever wrote them knows their
 * statistics.
 */
export class Table implements MaintainedTable {
  private readonly operations: MaintainedTable
  private current: TableMetadata

  /** `metadata` is what `operations` loaded. */
  constructor(operations: MaintainedTable, metadata: TableMetadata) {
    this.operations = operations
    this.current = metadata
  }

  /** As of the last load or commit. */
  get metadata(): TableMetadata {
    return this.current
  }
  get store(): ObjectStore {
    return this.operations.store
  }
  get location(): string {
    return this.current.location
  }
  get schema(): IcebergSchema {
    return currentSchema(this.current)
  }
  /** The partition spec that new files are to follow. */
  get spec(): PartitionSpec {
    return specById(this.current['partition-specs'], this.current['default-spec-id'])
  }
  get properties(): Readonly<Record<string, string>> {
    return this.current.properties ?? {}
  }

  /** The snapshot of a branch or tag (default `main`), `undefined` without data. */
  snapshot(ref?: string): Snapshot | undefined {
    return refSnapshot(this.current, ref)
  }

  /** The snapshots that a branch or tag (default `main`) came from, newest first. */
  history(ref?: string): Snapshot[] {
    return [...ancestors(this.current, this.snapshot(ref)?.['snapshot-id'])]
  }

  async load(): Promise<TableMetadata> {
    this.current = await this.operations.load()
    return this.current
  }

  async commit(requirements: readonly TableRequirement[], updates: readonly TableUpdate[]): Promise<TableMetadata> {
    this.current = await this.operations.commit(requirements, updates)
    return this.current
  }

  /** The files that a read needs, with the deletes that apply to them. Throws as {@link planScan} does. */
  scan(options?: ScanOptions): AsyncGenerator<ScanTask> {
    return planScan(this.store, this.current, options)
  }

  /** Several changes in one commit. */
  async transaction<T>(work: (transaction: TableTransaction) => T | Promise<T>): Promise<T> {
    const transaction = TableTransaction.change(this.store, this.current)
    let result: T
    try {
      result = await work(transaction)
    } catch (error) {
      await transaction.discardAll()
      throw error
    }
    if (transaction.updates.length === 0) return result
    await commitWithRetry([transaction], {
      load: async () => [await this.load()],
      commit: async () => {
        await this.commit(transaction.requirements, transaction.updates)
      },
    })
    return result
  }

  /** Any change of files. Returns the new snapshot's id, as all writes do. */
  write(change: SnapshotChange): Promise<bigint> {
    return this.transaction((transaction) => transaction.addSnapshot(change))
  }

  append(files: readonly DataFile[], options?: WriteOptions): Promise<bigint> {
    return this.write({ ...options, add: files })
  }

  /**
   * Puts the files in the place of all rows that meet the filter, or, with `partitions`, of all in their partitions.
   * Throws PHLO_UNSUPPORTED when only some rows of a file meet the filter.
   */
  overwrite(
    files: readonly DataFile[],
    what: { readonly filter: Expression } | { readonly partitions: true },
    options?: WriteOptions,
  ): Promise<bigint> {
    if ('partitions' in what) return this.write({ ...options, add: files, replacePartitions: true })
    return this.transaction((transaction) =>
      transaction.addSnapshot({
        ...options,
        add: files,
        remove: rowsMatching(transaction.metadata, what.filter),
        validation: { filter: what.filter, ...options?.validation },
      }),
    )
  }

  /** Removes the files whose rows all meet the filter. Throws PHLO_UNSUPPORTED when only some rows of a file do. */
  delete(filter: Expression, options?: WriteOptions): Promise<bigint> {
    return this.overwrite([], { filter }, options)
  }

  /** Adds delete files, and rows that take the place of those deleted. */
  rowDelta(
    files: { readonly rows?: readonly DataFile[]; readonly deletes: readonly DataFile[] },
    options?: WriteOptions,
  ): Promise<bigint> {
    return this.write({ ...options, add: [...(files.rows ?? []), ...files.deletes] })
  }

  /** Puts files in the place of others that hold the same rows. */
  rewrite(paths: ReadonlySet<string>, files: readonly AddedFile[], options?: WriteOptions): Promise<bigint> {
    return this.write({ ...options, add: files, removePaths: paths, operation: 'replace' })
  }

  /** Follows the wanted columns with safe changes. Throws PHLO_SCHEMA_BREAKING when others would be needed. */
  evolve(rows: RowSchema): Promise<readonly SchemaChange[]> {
    return this.transaction((transaction) => transaction.evolve(rows, this.location))
  }

  /** Changes columns one by one, as the callback tells. Throws what {@link SchemaUpdate} throws. */
  updateSchema(
    change: (update: SchemaUpdate) => unknown,
    options?: SchemaUpdateOptions,
  ): Promise<readonly SchemaChange[]> {
    return this.transaction((transaction) => transaction.updateSchema(change, options))
  }

  /** Changes how new files are partitioned; those that are there stay as they are. Throws what {@link SpecUpdate} throws. */
  async updateSpec(change: (update: SpecUpdate) => unknown): Promise<void> {
    await this.transaction((transaction) => transaction.updateSpec(change))
  }

  /** Has new files sorted by these columns; by none, not at all. */
  async sortBy(columns: readonly SortColumn[]): Promise<void> {
    await this.transaction((transaction) => transaction.replaceSortOrder(columns))
  }

  async setProperties(updates: Readonly<Record<string, string>>): Promise<void> {
    await this.transaction((transaction) => transaction.setProperties(updates))
  }

  async removeProperties(names: readonly string[]): Promise<void> {
    await this.transaction((transaction) =>
      transaction.change(() => ({ updates: [{ action: 'remove-properties', removals: names }] })),
    )
  }

  /** Throws PHLO_ICEBERG_INVALID for a version below the table's or above the newest known. */
  async upgradeFormatVersion(version: FormatVersion): Promise<void> {
    await this.transaction((transaction) => transaction.upgradeFormatVersion(version))
  }

  /** Changes branches and tags, all at once: `createRef`, `fastForward`, `rollbackTo`, … */
  async manageSnapshots(...changes: readonly RefChange[]): Promise<void> {
    await this.transaction((transaction) => {
      for (const change of changes) transaction.change(change)
    })
  }

  /** Puts what another snapshot did on top of a branch (default `main`). */
  async cherryPick(snapshotId: bigint, branch?: string): Promise<void> {
    await this.transaction((transaction) => transaction.cherryPick(snapshotId, branch))
  }

  /** Puts what was staged under that id on top of a branch (default `main`). */
  async publishStaged(wapId: string, branch?: string): Promise<void> {
    await this.transaction((transaction) => transaction.publishStaged(wapId, branch))
  }
}
