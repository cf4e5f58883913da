import { type BoundPartitionField, type DataFile, deleteColumnIds, targetFileSize } from '@phlo/iceberg'
import { type IcebergSchema, type NestedField, PhloError, type TableMetadata } from '@phlo/ports'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { literal } from '../duckdb-dialect.js'
import { rowGroupSize } from './copied-files.js'
import { fieldIds } from './field-ids.js'
import { partitionExpression } from './partition-expressions.js'
import { storedColumn } from './stored-columns.js'

/** What one COPY does otherwise than the table's properties say. */
export interface CopyLayout {
  /** Columns that the SELECT has behind those of the schema. */
  readonly extra?: readonly NestedField[]
  /** All rows are of this partition, so that nothing has to be looked at to know it. */
  readonly partition?: Pick<DataFile, 'specId' | 'partition'>
  /** Bytes after which another file is begun. Not for rows of several partitions. */
  readonly fileSize?: number
  /** The SELECT's rows are of one partition, and go into one file in their order, which is that of this id. */
  readonly sortOrderId?: number
}

/** The COPY of a SELECT of the schema's columns into a folder, as Parquet files of the partitions of `spec`. */
export function copyStatement(
  select: string,
  schema: IcebergSchema,
  spec: readonly BoundPartitionField[],
  metadata: TableMetadata,
  folder: string,
  layout: CopyLayout,
): string {
  // DuckDB keeps the order of rows in a file that it need not end at a size.
  const inOrder = layout.sortOrderId !== undefined
  const columns = schema.fields.map(storedColumn)
  const keys = partitionColumns(spec, schema)
  const list = [...columns, ...keys.map(({ expression, name }) => `${expression} AS ${name}`)].join(', ')
  const options = [
    ...formatOptions(metadata.properties ?? {}),
    // Shapes are marked by Parquet's own logical types.
    "GEOPARQUET_VERSION 'NONE'",
    `FIELD_IDS ${fieldIds(schema)}`,
    'RETURN_STATS',
    ...(inOrder ? [] : ["FILENAME_PATTERN '{uuidv7}'", 'OVERWRITE_OR_IGNORE true']),
    ...(keys.length > 0
      ? [
          `PARTITION_BY (${keys.map(({ name }) => name).join(', ')})`,
          'WRITE_PARTITION_COLUMNS false',
          'HIVE_FILE_PATTERN false',
        ]
      : inOrder
        ? []
        : ['WRITE_EMPTY_FILE false', `FILE_SIZE_BYTES ${layout.fileSize ?? targetFileSize(metadata)}`]),
  ]
  const target = inOrder ? path.join(folder, `${randomUUID()}.parquet`) : folder
  return `COPY (SELECT ${list} FROM (${select})) TO ${literal(target)} (${options.join(', ')})`
}

/** The partition values of a row, under names that no column of a table has. */
export function partitionColumns(
  spec: readonly BoundPartitionField[],
  schema: Pick<IcebergSchema, 'fields'>,
): { readonly name: string; readonly expression: string }[] {
  return spec.map((bound, index) => {
    const field = schema.fields.find(({ id }) => id === bound.field['source-id'])
    if (!field) throw new PhloError('PHLO_UNSUPPORTED', `Partition field ${bound.field.name} is on a nested column`)
    return { name: partitionColumn(index), expression: partitionExpression(bound, field.name) }
  })
}

/** The name under which the spec's field of that index is written. */
export function partitionColumn(index: number): string {
  return `_phlo_partition_${index}`
}

/** The columns of a file of position deletes. Spec: "Reserved Field IDs". */
export const positionDeleteFields: readonly NestedField[] = [
  { id: deleteColumnIds.path, name: 'file_path', required: true, type: 'string' },
  { id: deleteColumnIds.position, name: 'pos', required: true, type: 'long' },
]

/** The COPY of a SELECT of `file_path` and `pos`, sorted by both, into one file. Spec: "Position Delete Files". */
export function copyPositionDeletes(select: string, metadata: TableMetadata, file: string): string {
  const { path: pathId, position } = deleteColumnIds
  const options = [
    ...formatOptions(metadata.properties ?? {}),
    `FIELD_IDS {file_path: ${pathId}, pos: ${position}}`,
    'RETURN_STATS',
  ]
  return `COPY (${select}) TO ${literal(file)} (${options.join(', ')})`
}

/** COPY's options that every Parquet file of a table shares. */
function formatOptions(properties: Readonly<Record<string, string>>): string[] {
  const codec = properties['write.parquet.compression-codec'] ?? 'zstd'
  return [
    'FORMAT parquet',
    `COMPRESSION ${codecName(codec)}`,
    // The lowest level writes a quarter faster than the default one, for files a twelfth larger: docs/adr/0005.
    ...(codec === 'zstd'
      ? [`COMPRESSION_LEVEL ${positiveInteger(properties['write.parquet.compression-level'], 1)}`]
      : []),
    `ROW_GROUP_SIZE ${rowGroupSize}`,
    // Iceberg's own default; they are a ninth of the time of a write, and few readers look at them.
    'WRITE_BLOOM_FILTER false',
  ]
}

function codecName(codec: string): string {
  const known: Readonly<Record<string, string>> = {
    zstd: 'zstd',
    snappy: 'snappy',
    gzip: 'gzip',
    lz4: 'lz4_raw',
    uncompressed: 'uncompressed',
    none: 'uncompressed',
  }
  const name = known[codec.toLowerCase()]
  if (name === undefined)
    throw new PhloError('PHLO_UNSUPPORTED', `write.parquet.compression-codec ${codec} is not supported`)
  return name
}

function positiveInteger(text: string | undefined, fallback: number): number {
  const value = Number(text ?? fallback)
  return Number.isSafeInteger(value) && value > 0 ? value : fallback
}
