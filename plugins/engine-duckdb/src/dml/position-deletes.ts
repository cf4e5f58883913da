import { type AddedFile, deletionVectorBlob, fileContent, PositionSet, writePuffin } from '@phlo/iceberg'
import { randomUUID } from 'node:crypto'
import { type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import type { ParquetWriter } from '../tables/parquet-writer.js'
import { storeFiles, tableFolder } from '../tables/stored-files.js'
import type { TouchedFile } from './touched-file.js'
import { positionColumn, taskColumn } from './target-rows.js'
import { literal } from '../duckdb-dialect.js'
import { deletedPositions } from './deleted-positions.js'

/** Writes which rows of data files are deleted: Parquet files for version 2, deletion vectors from version 3 on. */
export class PositionDeleteWriter {
  private readonly connection: Connection
  private readonly store: ObjectStore
  private readonly writer: ParquetWriter
  private readonly metadata: TableMetadata

  constructor(connection: Connection, store: ObjectStore, writer: ParquetWriter, metadata: TableMetadata) {
    this.connection = connection
    this.store = store
    this.writer = writer
    this.metadata = metadata
  }

  /** `leaving` is a SELECT of the places of deleted rows, also of files that are not among the touched. */
  async write(touched: readonly TouchedFile[], leaving: string): Promise<AddedFile[]> {
    return this.metadata['format-version'] >= 3 ? this.vectors(touched, leaving) : this.files(touched, leaving)
  }

  /** Spec: "Position Delete Files": sorted by path and position. */
  private async files(touched: readonly TouchedFile[], leaving: string): Promise<AddedFile[]> {
    const byFile = this.metadata.properties?.['write.delete.granularity'] === 'file'
    const groups = new Map<string, TouchedFile[]>()
    for (const item of touched) {
      const { file } = item.task
      const key = byFile ? file.path : JSON.stringify([file.specId, file.partition.map(String)])
      groups.set(key, [...(groups.get(key) ?? []), item])
    }
    const staged = []
    for (const group of groups.values()) {
      // Numbers are sorted in a third of the time of paths, of which they keep the order.
      const sorted = group.toSorted((a, b) => Buffer.compare(Buffer.from(pathOf(a)), Buffer.from(pathOf(b))))
      const places = sorted.map(({ index }, place) => `WHEN ${index} THEN ${place}`)
      const paths = sorted.map((item) => literal(pathOf(item)))
      const rows =
        `SELECT ${paths.length === 1 ? paths[0] : `list_extract([${paths.join(', ')}], place::BIGINT + 1)`} AS file_path, pos FROM (` +
        `SELECT CASE ${taskColumn} ${places.join(' ')} END AS place, ${positionColumn} AS pos FROM (${leaving}) ` +
        `WHERE ${taskColumn} IN (${group.map(({ index }) => index).join(', ')}) ORDER BY ALL)`
      const [first] = group as [TouchedFile]
      staged.push(
        await this.writer.writePositionDeletes(
          this.connection,
          rows,
          first.task.file,
          group.map(pathOf),
          this.metadata,
        ),
      )
    }
    return storeFiles(this.store, this.metadata, staged)
  }

  /** Spec: "Deletion Vectors": one a data file, which takes the place of every earlier one. */
  private async vectors(touched: readonly TouchedFile[], leaving: string): Promise<AddedFile[]> {
    const positions = await this.positions(leaving)
    const blobs = []
    for (const { index, task } of touched) {
      const set = positions.get(index)
      if (!set) throw new PhloError('PHLO_INTERNAL', `No row of ${task.file.path} is deleted`)
      set.addAll(await deletedPositions(this.connection, this.store, task))
      blobs.push({ file: task.file, set })
    }
    const puffin = writePuffin(blobs.map(({ file, set }) => deletionVectorBlob(file.path, set)))
    const key = `${tableFolder(this.store, this.metadata)}/data/${randomUUID()}-deletes.puffin`
    await this.store.put(key, puffin.bytes, { ifAbsent: true })
    return blobs.map(({ file, set }, index) => ({
      content: fileContent.positionDeletes,
      specId: file.specId,
      path: this.store.uri(key),
      format: 'PUFFIN',
      partition: file.partition,
      recordCount: set.size,
      fileSize: puffin.bytes.length,
      referencedDataFile: file.path,
      contentOffset: (puffin.blobs[index] as { offset: number }).offset,
      contentSize: (puffin.blobs[index] as { length: number }).length,
    }))
  }

  private async positions(leaving: string): Promise<Map<number, PositionSet>> {
    const sets = new Map<number, PositionSet>()
    await this.connection.eachChunk(
      `SELECT ${taskColumn}::INTEGER, ${positionColumn}::BIGINT FROM (${leaving})`,
      (chunk) => {
        const tasks = chunk.getColumnVector(0)
        const places = chunk.getColumnVector(1)
        for (let row = 0; row < chunk.rowCount; row++) {
          const task = tasks.getItem(row) as number
          let set = sets.get(task)
          if (!set) sets.set(task, (set = new PositionSet()))
          set.add(Number(places.getItem(row)))
        }
      },
    )
    return sets
  }
}

function pathOf({ task }: TouchedFile): string {
  return task.file.path
}
