import { fileContent, isDeletionVector, PositionSet, readDeletionVector, type ScanTask } from '@phlo/iceberg'
import type { ObjectStore } from '@phlo/ports'
import { literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { localParquet } from '../reading/local-parquet.js'

/** The positions of a data file that are deleted already, by vectors and by files of positions. */
export async function deletedPositions(
  connection: Connection,
  store: ObjectStore,
  task: ScanTask,
): Promise<PositionSet> {
  const deleted = new PositionSet()
  const files: string[] = []
  for (const { file } of task.deletes) {
    if (file.content !== fileContent.positionDeletes) continue
    if (isDeletionVector(file)) {
      deleted.addAll(await readDeletionVector(store, file))
      continue
    }
    files.push(await localParquet(store, file))
  }
  if (files.length === 0) return deleted
  const rows = `read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false)`
  await connection.eachChunk(
    `SELECT pos::BIGINT FROM ${rows} WHERE file_path = ${literal(task.file.path)}`,
    (chunk) => {
      const places = chunk.getColumnVector(0)
      for (let row = 0; row < chunk.rowCount; row++) deleted.add(Number(places.getItem(row)))
    },
  )
  return deleted
}
