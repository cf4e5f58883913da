import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { type AddedFile, type DeleteGroup, fileContent, planDeleteRewrite, TableTransaction } from '@phlo/iceberg'
import {
  formatIdentifier,
  isPhloError,
  type LoadedTable,
  PhloError,
  type RewriteDeletesRequest,
  type RewriteDeletesResult,
} from '@phlo/ports'
import { PositionDeleteWriter } from '../dml/position-deletes.js'
import { positionColumn, taskColumn } from '../dml/target-rows.js'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { localParquet } from '../reading/local-parquet.js'
import { commitTables } from '../tables/commit-table.js'
import { ParquetWriter } from '../tables/parquet-writer.js'
import type { RewritePlace } from './rewrite-table.js'

/**
 * Writes a table's files of position deletes together, as deletion vectors from version 3 on, without positions in data
 * files that have left. The rows stay as they are. Throws PHLO_COMMIT_CONFLICT, with the table as it was, when somebody
 * else changed the deletes or the data files that they are about meanwhile.
 */
export async function rewriteDeletes(
  place: RewritePlace,
  request: RewriteDeletesRequest,
): Promise<RewriteDeletesResult> {
  const { table: name, ref } = request
  const existing = await place.catalog.loadTable(name, { ref })
  if (!existing) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${formatIdentifier(name)} at ${ref}`)
  const { groups, examined } = await planDeleteRewrite(place.store, existing.metadata)
  const removed = groups.flatMap(({ files }) => files)
  const planned = {
    examined,
    removedFiles: removed.length,
    removedBytes: removed.reduce((sum, { fileSize }) => sum + fileSize, 0),
    addedFiles: 0,
    addedBytes: 0,
    positions: 0,
  }
  if (request.dryRun === true || groups.length === 0) return planned
  const added = await place.host.connect(
    (connection) => write(place, connection, existing.metadata, groups),
    request.signal,
  )
  const snapshotId = await commit(place, request, existing, { added, removed: removed.map((file) => file.path) })
  // Vectors share files.
  const sizes = new Map(added.map((file) => [file.path, file.fileSize]))
  return {
    ...planned,
    addedFiles: sizes.size,
    addedBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    positions: added.reduce((sum, { recordCount }) => sum + recordCount, 0),
    snapshotId,
  }
}

async function write(
  { host, store, stagingRoot }: RewritePlace,
  connection: Connection,
  metadata: LoadedTable['metadata'],
  groups: readonly DeleteGroup[],
): Promise<AddedFile[]> {
  await mkdir(stagingRoot, { recursive: true })
  const writer = new ParquetWriter(host, path.join(stagingRoot, randomUUID()))
  const deletes = new PositionDeleteWriter(connection, store, writer, metadata)
  const table = identifier('phlo_deleted_positions')
  const added: AddedFile[] = []
  try {
    for (const { tasks } of groups) {
      const files = new Map(tasks.flatMap(({ deletes: of }) => of.map(({ file }) => [file.path, file] as const)))
      const positions = [...files.values()].filter(({ content }) => content === fileContent.positionDeletes)
      // Nothing is left of deletes whose data files have all gone.
      if (positions.length === 0) continue
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
      if (touched.length > 0) added.push(...(await deletes.write(touched, `SELECT * FROM ${table}`)))
    }
    return added
  } catch (error) {
    await discard(store, added)
    throw error
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${table}`)
    await writer.clean()
  }
}

async function commit(
  { store, catalog }: RewritePlace,
  { table, ref, message, author }: RewriteDeletesRequest,
  existing: LoadedTable,
  { added, removed }: { readonly added: readonly AddedFile[]; readonly removed: readonly string[] },
): Promise<bigint> {
  const transaction = TableTransaction.change(store, existing.metadata)
  let snapshotId: bigint
  try {
    const change = { operation: 'replace', add: added, removePaths: new Set(removed), validation: {} } as const
    snapshotId = await transaction.addSnapshot(change)
  } catch (error) {
    await transaction.discardAll()
    await discard(store, added)
    throw error
  }
  try {
    await commitTables(catalog, [{ identifier: table, existing, transaction }], {
      ref,
      message,
      ...(author !== undefined && { author }),
    })
  } catch (error) {
    // After any other error the commit may have been made.
    if (isPhloError(error, 'PHLO_COMMIT_CONFLICT')) await discard(store, added)
    throw error
  }
  return snapshotId
}

/** Deletes files that certainly no commit names; those that stay are found as orphans. */
async function discard(store: RewritePlace['store'], files: readonly AddedFile[]): Promise<void> {
  const keys = [...new Set(files.flatMap((file) => store.key(file.path) ?? []))]
  if (keys.length > 0) await store.delete(keys).catch(() => undefined)
}
