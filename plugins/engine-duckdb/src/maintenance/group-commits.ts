import { type AddedFile, type SnapshotChange, TableTransaction } from '@phlo/iceberg'
import { type Catalog, isPhloError, type ObjectStore, type TableIdentifier } from '@phlo/ports'
import { commitTables } from '../tables/commit-table.js'
import { loadTable } from '../tables/load-table.js'

/** Files of a table that were written anew together. */
export interface RewrittenGroup<Group> {
  readonly group: Group
  readonly files: readonly AddedFile[]
}

export interface GroupRequest {
  readonly table: TableIdentifier
  readonly ref: string
  readonly tableBranch?: string
  readonly message: string
  readonly author?: string
  /** Default 10. */
  readonly maxCommits?: number
}

/** What the groups were planned on. */
export interface GroupPlan<Group> {
  readonly snapshotId: bigint | undefined
  readonly groups: readonly Group[]
}

const defaultCommits = 10

/**
 * Commits groups of rewritten files, a few at a time: what is committed stays, so that an interrupted rewrite goes on
 * where it was. Groups that stand against what somebody else committed since the plan are left as they were.
 */
export class GroupCommits<Group> {
  /** What was committed. */
  readonly done: RewrittenGroup<Group>[] = []
  readonly snapshotIds: bigint[] = []
  /** How many groups stay as they were. */
  conflicts = 0
  private readonly store: ObjectStore
  private readonly catalog: Catalog
  private readonly request: GroupRequest
  private readonly plan: GroupPlan<Group>
  private readonly leaving: (group: Group) => readonly string[]
  private readonly atOnce: number
  private waiting: RewrittenGroup<Group>[] = []

  /** `leaving` gives the URIs of the files that a group takes the place of. */
  constructor(
    { store, catalog }: { readonly store: ObjectStore; readonly catalog: Catalog },
    request: GroupRequest,
    plan: GroupPlan<Group>,
    leaving: (group: Group) => readonly string[],
  ) {
    this.store = store
    this.catalog = catalog
    this.request = request
    this.plan = plan
    this.leaving = leaving
    this.atOnce = Math.ceil(plan.groups.length / (request.maxCommits ?? defaultCommits))
  }

  async add(written: RewrittenGroup<Group>): Promise<void> {
    this.waiting.push(written)
    if (this.waiting.length >= this.atOnce) await this.finish()
  }

  /** Commits what waits. */
  async finish(): Promise<void> {
    const batch = this.waiting
    this.waiting = []
    if (batch.length > 0) await this.commitBatch(batch)
  }

  /** Deletes the files that no commit was asked to take. */
  async discardWaiting(): Promise<void> {
    const batch = this.waiting
    this.waiting = []
    await this.discard(batch)
  }

  /** Commits groups together; when somebody changed the files of one, each on its own. */
  private async commitBatch(batch: readonly RewrittenGroup<Group>[]): Promise<void> {
    try {
      await this.commit(batch)
      this.done.push(...batch)
    } catch (error) {
      if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
      if (batch.length > 1) {
        for (const group of batch) await this.commitBatch([group])
      } else {
        this.conflicts++
        await this.discard(batch)
      }
    }
  }

  private async commit(batch: readonly RewrittenGroup<Group>[]): Promise<void> {
    const { table: identifier, ref, tableBranch, message, author } = this.request
    const existing = await loadTable(this.catalog, identifier, ref)
    const transaction = TableTransaction.change(this.store, existing.metadata)
    const change: SnapshotChange = {
      ...(tableBranch !== undefined && { branch: tableBranch }),
      operation: 'replace',
      removePaths: new Set(batch.flatMap(({ group }) => this.leaving(group))),
      add: batch.flatMap(({ files }) => files),
      // Commits since the plan count, those before this transaction among them.
      validation: { ...(this.plan.snapshotId !== undefined && { from: this.plan.snapshotId }) },
    }
    let snapshotId: bigint
    try {
      snapshotId = await transaction.addSnapshot(change)
    } catch (error) {
      await transaction.discardAll()
      throw error
    }
    const options = { ref, message, ...(author !== undefined && { author }) }
    await commitTables(this.catalog, [{ identifier, existing, transaction }], options)
    this.snapshotIds.push(snapshotId)
  }

  /** Deletes files that certainly no commit names; those that stay are found as orphans. */
  private async discard(groups: readonly RewrittenGroup<Group>[]): Promise<void> {
    const keys = groups.flatMap(({ files }) => files.flatMap((file) => this.store.key(file.path) ?? []))
    if (keys.length > 0) await this.store.delete([...new Set(keys)]).catch(() => undefined)
  }
}
