import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { type AddedFile, type DeleteGroup, type DeleteRewritePlan, fileContent, planDeleteRewrite } from '@phlo/iceberg'
import type { ObjectStore, RewriteDeletesRequest, RewriteDeletesResult, TableMetadata } from '@phlo/ports'
import { PositionDeleteWriter } from '../dml/position-deletes.js'
import { positionColumn, taskColumn } from '../dml/target-rows.js'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { localParquet } from '../reading/local-parquet.js'
import { loadTable } from '../tables/load-table.js'
import { ParquetWriter } from '../tables/parquet-writer.js'
import { GroupCommits } from './group-commits.js'
import type { RewritePlace } from './rewrite-table.js'

/**
 * Writes a table's files of position deletes together, as deletion vectors from version 3 on, without positions in data
 * files that have left. The rows stay as they are. Partitions are committed a few at a time, beside other writers: one
 * whose deletes or data files somebody else changed meanwhile is left as it was, and what is committed stays when the
 * work is interrupted.
 */
export async function rewriteDeletes(
  place: RewritePlace,
  request: RewriteDeletesRequest,
): Promise<RewriteDeletesResult> {
  const { table: name, ref, tableBranch } = request
  const { metadata } = await loadTable(place.catalog, name, ref)
  const plan = await planDeleteRewrite(place.store, metadata, {
    ...(tableBranch !== undefined && { branch: tableBranch }),
  })
  const commits = new GroupCommits(place, request, plan, ({ files }: DeleteGroup) => files.map(({ path }) => path))
  if (request.dryRun === true) return result(plan, plan.groups, commits)
  if (plan.groups.length > 0)
    await place.host.connect((connection) => rewrite(place, connection, { metadata, plan, commits }), request.signal)
  return result(
    plan,
    commits.done.map(({ group }) => group),
    commits,
  )
}

function result(
  { examined }: DeleteRewritePlan,
  groups: readonly DeleteGroup[],
  { done, conflicts, snapshotIds }: GroupCommits<DeleteGroup>,
): RewriteDeletesResult {
  const removed = groups.flatMap(({ files }) => files)
  const added = done.flatMap(({ files }) => files)
  // Vectors share files.
  const sizes = new Map(added.map((file) => [file.path, file.fileSize]))
  return {
    examined,
    groups: groups.length,
    conflicts,
    removedFiles: removed.length,
    removedBytes: removed.reduce((sum, { fileSize }) => sum + fileSize, 0),
    addedFiles: sizes.size,
    addedBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    positions: added.reduce((sum, { recordCount }) => sum + recordCount, 0),
    snapshotIds,
  }
}

async function rewrite(
  { host, store, stagingRoot }: RewritePlace,
  connection: Connection,
  {
    metadata,
    plan,
    commits,
  }: {
    readonly metadata: TableMetadata
    readonly plan: DeleteRewritePlan
    readonly commits: GroupCommits<DeleteGroup>
  },
): Promise<void> {
  await mkdir(stagingRoot, { recursive: true })
  const writer = new ParquetWriter(host, path.join(stagingRoot, randomUUID()))
  const deletes = new PositionDeleteWriter(connection, store, writer, metadata)
  const table = identifier('phlo_deleted_positions')
  try {
    for (const group of plan.groups)
      await commits.add({ group, files: await write(store, connection, { deletes, table }, group) })
    await commits.finish()
  } finally {
    await commits.discardWaiting()
    await connection.run(`DROP TABLE IF EXISTS ${table}`).catch(() => undefined)
    await writer.clean()
  }
}

/** The files that take the place of a group's. */
async function write(
  store: ObjectStore,
  connection: Connection,
  { deletes, table }: { readonly deletes: PositionDeleteWriter; readonly table: string },
  { tasks }: DeleteGroup,
): Promise<readonly AddedFile[]> {
  const files = new Map(tasks.flatMap(({ deletes: of }) => of.map(({ file }) => [file.path, file] as const)))
  const positions = [...files.values()].filter(({ content }) => content === fileContent.positionDeletes)
  // Nothing is left of deletes whose data files have all gone.
  if (positions.length === 0) return []
  const local = await Promise.all(positions.map((file) => localParquet(store, file)))
  const paths = tasks.map(({ file }, index) => `(${index}, ${literal(file.path)})`)
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${table} AS ` +
      `SELECT DISTINCT p.task AS ${taskColumn}, d.pos AS ${positionColumn} ` +
      `FROM read_parquet([${local.map(literal).join(', ')}], hive_partitioning = false) AS d ` +
      `JOIN (VALUES ${paths.join(', ')}) AS p(task, path) ON p.path = d.file_path`,
  )
  const counts = await connection.run(
    `SELECT ${taskColumn}::INTEGER AS task, count(*)::INTEGER AS rows FROM ${table} GROUP BY ALL ORDER BY ALL`,
  )
  const touched = (counts as { task: number; rows: number }[]).flatMap(({ task: index, rows }) => {
    const task = tasks[index]
    // What is deleted already is all in the table above.
    return task ? [{ index, rows, task: { ...task, deletes: [] } }] : []
  })
  return touched.length > 0 ? deletes.write(touched, `SELECT * FROM ${table}`) : []
}
