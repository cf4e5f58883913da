import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { type Expression, type FileGroup, planRewrite, type RewritePlan } from '@phlo/iceberg'
import {
  type Catalog,
  type ColumnCondition,
  type LoadedTable,
  type ObjectStore,
  type RewriteRequest,
  type RewriteResult,
} from '@phlo/ports'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { loadTable } from '../tables/load-table.js'
import { ParquetWriter } from '../tables/parquet-writer.js'
import { storeFiles } from '../tables/stored-files.js'
import { GroupCommits } from './group-commits.js'
import { GroupWriter } from './group-writer.js'

export interface RewritePlace {
  readonly host: DuckDbHost
  readonly store: ObjectStore
  readonly catalog: Catalog
  readonly stagingRoot: string
}

/**
 * Writes data files of a table anew and commits that group by group: what is committed stays, so that an interrupted
 * rewrite goes on where it was. The rows are the same before and after, and deletes that others commit meanwhile count:
 * a group whose rows were deleted from is left as it was.
 */
export class TableRewrite {
  private readonly place: RewritePlace
  private readonly request: RewriteRequest

  constructor(place: RewritePlace, request: RewriteRequest) {
    this.place = place
    this.request = request
  }

  async run(): Promise<RewriteResult> {
    const { store, catalog, host } = this.place
    const { metadata } = await loadTable(catalog, this.request.table, this.request.ref)
    const plan = await planRewrite(store, metadata, this.planOptions())
    const commits = new GroupCommits(this.place, this.request, plan, ({ tasks }: FileGroup) =>
      tasks.map(({ file }) => file.path),
    )
    if (this.request.dryRun === true) return this.result(plan, plan.groups, commits)
    if (plan.groups.length > 0)
      await host.connect((connection) => this.rewrite(connection, { metadata, plan, commits }), this.request.signal)
    return this.result(
      plan,
      commits.done.map(({ group }) => group),
      commits,
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

  private async rewrite(
    connection: Connection,
    {
      metadata,
      plan,
      commits,
    }: { metadata: LoadedTable['metadata']; plan: RewritePlan; commits: GroupCommits<FileGroup> },
  ): Promise<void> {
    const { host, store, stagingRoot } = this.place
    const { sequenceNumber } = plan
    await mkdir(stagingRoot, { recursive: true })
    const writer = new ParquetWriter(host, path.join(stagingRoot, randomUUID()))
    const groups = new GroupWriter({ host, connection, store, writer }, metadata, this.request.strategy ?? binpack)
    try {
      for (const [index, group] of plan.groups.entries()) {
        const files = await storeFiles(store, metadata, await groups.write(group, plan))
        // Told before the commit, so that whoever cancels then keeps what was committed before.
        this.report(plan, index + 1)
        await commits.add({ group, files: files.map((file) => ({ ...file, sequenceNumber })) })
      }
      await commits.finish()
    } finally {
      // What was not handed to a commit is of no use to anybody.
      await commits.discardWaiting()
      await writer.clean()
    }
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

  private result(plan: RewritePlan, groups: readonly FileGroup[], commits: GroupCommits<FileGroup>): RewriteResult {
    const added = commits.done.flatMap(({ files }) => files)
    return {
      examined: plan.examined,
      groups: groups.length,
      conflicts: commits.conflicts,
      removedFiles: groups.reduce((sum, { tasks }) => sum + tasks.length, 0),
      removedBytes: groups.reduce((sum, { bytes }) => sum + bytes, 0),
      addedFiles: added.length,
      addedBytes: added.reduce((sum, { fileSize }) => sum + fileSize, 0),
      rows: added.reduce((sum, { recordCount }) => sum + recordCount, 0),
      snapshotIds: commits.snapshotIds,
    }
  }
}

const binpack = { kind: 'binpack' } as const

function conjunction(conditions: readonly ColumnCondition[]): Expression {
  return conditions.reduce<Expression>((left, right) => ({ op: 'and', left, right }), { op: 'true' })
}
