import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import {
  type DataFile,
  type Expression,
  type FileGroup,
  planRewrite,
  type RewritePlan,
  TableTransaction,
} from '@phlo/iceberg'
import {
  type Catalog,
  type ColumnCondition,
  formatIdentifier,
  isPhloError,
  type LoadedTable,
  type ObjectStore,
  PhloError,
  type RewriteRequest,
  type RewriteResult,
} from '@phlo/ports'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { commitTables } from '../tables/commit-table.js'
import { ParquetWriter, storeFiles } from '../tables/parquet-writer.js'
import { GroupWriter } from './group-writer.js'

export interface RewritePlace {
  readonly host: DuckDbHost
  readonly store: ObjectStore
  readonly catalog: Catalog
  readonly stagingRoot: string
}

const defaultCommits = 10

interface WrittenGroup {
  readonly group: FileGroup
  readonly files: readonly DataFile[]
}

/**
 * Writes data files of a table anew and commits that group by group: what is committed stays, so that an interrupted
 * rewrite goes on where it was. The rows are the same before and after, and deletes that others commit meanwhile count:
 * a group whose rows were deleted from is left as it was.
 */
export class TableRewrite {
  private readonly place: RewritePlace
  private readonly request: RewriteRequest
  private readonly snapshotIds: bigint[] = []
  private conflicts = 0
  private readonly done: WrittenGroup[] = []

  constructor(place: RewritePlace, request: RewriteRequest) {
    this.place = place
    this.request = request
  }

  async run(): Promise<RewriteResult> {
    const { metadata } = await this.load()
    const plan = await planRewrite(this.place.store, metadata, this.planOptions())
    if (this.request.dryRun === true) return this.result(plan, plan.groups)
    if (plan.groups.length > 0)
      await this.place.host.connect((connection) => this.rewrite(connection, { metadata, plan }), this.request.signal)
    return this.result(
      plan,
      this.done.map(({ group }) => group),
    )
  }

  private planOptions() {
    const { strategy, tableBranch, where, all, ...request } = this.request
    const { targetFileSize, minInputFiles, deleteFileThreshold, deleteRatioThreshold, maxGroupSize } = request
    const numbers = { targetFileSize, minInputFiles, deleteFileThreshold, deleteRatioThreshold, maxGroupSize }
    return {
      ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)),
      ...(tableBranch !== undefined && { branch: tableBranch }),
      ...(where && where.length > 0 && { filter: conjunction(where) }),
      all: all ?? (strategy !== undefined && strategy.kind !== 'binpack'),
    }
  }

  private async load(): Promise<LoadedTable> {
    const { table, ref } = this.request
    const loaded = await this.place.catalog.loadTable(table, { ref })
    if (!loaded) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${formatIdentifier(table)} at ${ref}`)
    return loaded
  }

  private async rewrite(
    connection: Connection,
    { metadata, plan }: { metadata: LoadedTable['metadata']; plan: RewritePlan },
  ): Promise<void> {
    const { host, store, stagingRoot } = this.place
    await mkdir(stagingRoot, { recursive: true })
    const writer = new ParquetWriter(host, path.join(stagingRoot, randomUUID()))
    const groups = new GroupWriter({ host, connection, store, writer }, metadata, this.request.strategy ?? binpack)
    const perCommit = Math.ceil(plan.groups.length / (this.request.maxCommits ?? defaultCommits))
    let written: WrittenGroup[] = []
    try {
      for (const [index, group] of plan.groups.entries()) {
        const staged = await groups.write(group, plan)
        written.push({ group, files: await storeFiles(store, metadata, staged) })
        this.report(plan, index + 1)
        if (written.length < perCommit && index < plan.groups.length - 1) continue
        const batch = written
        written = []
        await this.commitBatch(plan, batch)
      }
    } finally {
      // What was not handed to a commit is of no use to anybody.
      await this.discard(written)
      await writer.clean()
    }
  }

  /** Commits groups together; when somebody changed the files of one, each on its own. */
  private async commitBatch(plan: RewritePlan, batch: readonly WrittenGroup[]): Promise<void> {
    try {
      await this.commit(plan, batch)
      this.done.push(...batch)
    } catch (error) {
      if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
      if (batch.length > 1) {
        for (const group of batch) await this.commitBatch(plan, [group])
      } else {
        this.conflicts++
        await this.discard(batch)
      }
    }
  }

  private async commit(plan: RewritePlan, batch: readonly WrittenGroup[]): Promise<void> {
    const { store, catalog } = this.place
    const { table: identifier, ref, tableBranch, message, author } = this.request
    const existing = await this.load()
    const transaction = TableTransaction.change(store, existing.metadata)
    let snapshotId: bigint
    try {
      snapshotId = await transaction.addSnapshot({
        ...(tableBranch !== undefined && { branch: tableBranch }),
        operation: 'replace',
        removePaths: new Set(batch.flatMap(({ group }) => group.tasks.map(({ file }) => file.path))),
        add: batch.flatMap(({ files }) => files.map((file) => ({ ...file, sequenceNumber: plan.sequenceNumber }))),
        // Commits since the plan count, those before this transaction among them.
        validation: { ...(plan.snapshotId !== undefined && { from: plan.snapshotId }) },
      })
    } catch (error) {
      await transaction.discardAll()
      throw error
    }
    await commitTables(catalog, [{ identifier, existing, transaction }], {
      ref,
      message,
      ...(author !== undefined && { author }),
    })
    this.snapshotIds.push(snapshotId)
  }

  /** Deletes files that certainly no commit names. */
  private async discard(groups: readonly WrittenGroup[]): Promise<void> {
    const { store } = this.place
    const keys = groups.flatMap(({ files }) => files.flatMap((file) => store.key(file.path) ?? []))
    // Those that stay are found as orphans.
    if (keys.length > 0) await store.delete(keys).catch(() => undefined)
  }

  private report({ groups, files, bytes }: RewritePlan, groupsDone: number): void {
    const done = groups.slice(0, groupsDone)
    this.request.onProgress?.({
      groups: groups.length,
      groupsDone,
      files,
      filesDone: done.reduce((sum, { tasks }) => sum + tasks.length, 0),
      bytes,
      bytesDone: done.reduce((sum, group) => sum + group.bytes, 0),
    })
  }

  private result(plan: RewritePlan, groups: readonly FileGroup[]): RewriteResult {
    const added = this.done.flatMap(({ files }) => files)
    return {
      examined: plan.examined,
      groups: groups.length,
      conflicts: this.conflicts,
      removedFiles: groups.reduce((sum, { tasks }) => sum + tasks.length, 0),
      removedBytes: groups.reduce((sum, { bytes }) => sum + bytes, 0),
      addedFiles: added.length,
      addedBytes: added.reduce((sum, { fileSize }) => sum + fileSize, 0),
      rows: added.reduce((sum, { recordCount }) => sum + recordCount, 0),
      snapshotIds: this.snapshotIds,
    }
  }
}

const binpack = { kind: 'binpack' } as const

function conjunction(conditions: readonly ColumnCondition[]): Expression {
  return conditions.reduce<Expression>((left, right) => ({ op: 'and', left, right }), { op: 'true' })
}
