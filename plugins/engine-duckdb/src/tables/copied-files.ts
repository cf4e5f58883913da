import { type BoundPartitionField, type DataFile, fileContent } from '@phlo/iceberg'
import type { IcebergSchema } from '@phlo/ports'
import { literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { columnMetrics, type ReturnedStatistics } from './column-statistics.js'
import type { MetricsMode } from './metrics-mode.js'
import { partitionValue } from './partition-expressions.js'

/** Rows of a row group; larger ones cost time and memory, see docs/adr/0005. */
export const rowGroupSize = 122_880

/** A file that COPY has written into the staging folder. */
export interface StagedFile {
  readonly path: string
  /** Everything a manifest says of it; its `path` is the local one until it is stored. */
  readonly file: DataFile
}

/** A row of COPY's RETURN_STATS. */
export interface CopyRow {
  readonly filename: string
  readonly count: string
  readonly file_size_bytes: string
  readonly column_statistics: readonly {
    readonly key: string
    readonly value: readonly { readonly key: string; readonly value: string }[]
  }[]
  readonly partition_keys: readonly { readonly key: string; readonly value: string | null }[] | null
}

/** A file as RETURN_STATS tells of it. */
export function readCopyRow(
  row: CopyRow,
  schema: IcebergSchema,
  specId: number,
  spec: readonly BoundPartitionField[],
  modeOf?: (id: number) => MetricsMode,
): StagedFile {
  const statistics = new Map<string, ReturnedStatistics>(
    row.column_statistics.map(({ key, value }) => [
      key,
      Object.fromEntries(value.map((entry) => [entry.key, entry.value])),
    ]),
  )
  const keys = new Map((row.partition_keys ?? []).map(({ key, value }) => [key, value]))
  return {
    path: row.filename,
    file: {
      content: fileContent.data,
      specId,
      path: row.filename,
      format: 'PARQUET',
      partition: spec.map((bound, index) => partitionValue(bound, keys.get(`_phlo_partition_${index}`) ?? null)),
      recordCount: Number(row.count),
      fileSize: Number(row.file_size_bytes),
      ...columnMetrics(statistics, schema, modeOf),
      sortOrderId: 0,
    },
  }
}

/**
 * Where the row groups start, for readers that split a file. COPY does not say it, so files of more than one row group
 * have their footer looked at; those of one start behind the magic number.
 */
export async function addSplitOffsets(connection: Connection, files: StagedFile[]): Promise<void> {
  const several = files.filter(({ file }) => file.recordCount > rowGroupSize)
  const offsets = new Map<string, number[]>()
  if (several.length > 0) {
    const rows = await connection.run(
      `SELECT file_name, list(start ORDER BY start) AS starts FROM (
         SELECT file_name, row_group_id, min(least(data_page_offset, coalesce(dictionary_page_offset, data_page_offset))) AS start
         FROM parquet_metadata([${several.map(({ path: file }) => literal(file)).join(', ')}]) GROUP BY ALL
       ) GROUP BY file_name`,
    )
    for (const row of rows) offsets.set(row['file_name'] as string, (row['starts'] as string[]).map(Number))
  }
  files.forEach((staged, index) => {
    files[index] = { ...staged, file: { ...staged.file, splitOffsets: offsets.get(staged.path) ?? [4] } }
  })
}
