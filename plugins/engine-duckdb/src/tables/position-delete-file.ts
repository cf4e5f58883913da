import { type DataFile, deleteColumnIds, fileContent } from '@phlo/iceberg'
import type { IcebergSchema, TableMetadata } from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import { addSplitOffsets, type CopyRow, readCopyRow, type StagedFile } from './copied-files.js'
import { copyPositionDeletes, positionDeleteFields } from './copy-statement.js'

/**
 * Writes the rows of a SELECT of `file_path` and `pos`, which sorts them by both, as one file of position deletes for data
 * files of the paths and of the partition of `like`. Spec: "Position Delete Files".
 */
export async function writePositionDeleteFile(
  connection: Connection,
  file: string,
  select: string,
  like: Pick<DataFile, 'specId' | 'partition'>,
  paths: readonly string[],
  metadata: TableMetadata,
): Promise<StagedFile> {
  const [row] = await connection.run(copyPositionDeletes(select, metadata, file))
  const schema: IcebergSchema = { type: 'struct', 'schema-id': 0, fields: positionDeleteFields }
  const staged = readCopyRow(row as unknown as CopyRow, schema, like.specId, [])
  // Paths are not shortened: equal bounds say that all rows are about one file.
  const sorted = paths.map((text) => Buffer.from(text)).sort((a, b) => Buffer.compare(a, b))
  const bounds = (bound: Uint8Array | undefined, own: ReadonlyMap<number, Uint8Array> | undefined) =>
    new Map([...(own ?? []), ...(bound ? [[deleteColumnIds.path, bound] as const] : [])])
  const files = [
    {
      ...staged,
      file: {
        ...staged.file,
        content: fileContent.positionDeletes,
        partition: like.partition,
        lowerBounds: bounds(sorted[0], staged.file.lowerBounds),
        upperBounds: bounds(sorted.at(-1), staged.file.upperBounds),
        ...(paths.length === 1 && { referencedDataFile: paths[0] as string }),
      },
    },
  ]
  await addSplitOffsets(connection, files)
  return files[0] as StagedFile
}
