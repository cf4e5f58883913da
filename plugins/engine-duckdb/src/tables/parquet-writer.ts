import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import {
  type BoundPartitionField,
  bindSpec,
  currentSchema,
  type DataFile,
  deleteColumnIds,
  fileContent,
  specById,
  targetFileSize,
} from '@phlo/iceberg'
import { type IcebergSchema, type NestedField, type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection, DuckDbHost, PlainRow } from '../duckdb-host.js'
import { registerBucketFunction } from './bucket-function.js'
import { addSplitOffsets, type CopyRow, readCopyRow, rowGroupSize, type StagedFile } from './copied-files.js'
import { fieldIds } from './field-ids.js'
import { partitionExpression, partitionValue } from './partition-expressions.js'
import { metricsModes } from './metrics-mode.js'
import { addNanStatistics } from './nan-statistics.js'
import { type SortKeys, tableSortKeys } from './sort-keys.js'

/** What a write does otherwise than the table's properties say. */
export interface WriteLayout {
  /** Columns that the SELECT has behind those of the schema. */
  readonly extra?: readonly NestedField[]
  /** All rows are of this partition, so that nothing has to be looked at to know it. */
  readonly partition?: Pick<DataFile, 'specId' | 'partition'>
  /** Bytes after which another file is begun. Not for rows of several partitions. */
  readonly fileSize?: number
  /** The SELECT's rows are of one partition, and go into one file in their order, which is that of this id. */
  readonly sortOrderId?: number
}

/** Writes query results as Parquet files of an Iceberg table: field ids in the files, statistics from the write itself. */
export class ParquetWriter {
  private readonly host: DuckDbHost
  private readonly staging: string
  private count = 0

  /** `staging` is a folder of this write alone. */
  constructor(host: DuckDbHost, staging: string) {
    this.host = host
    this.staging = staging
  }

  /**
   * Writes the rows of a SELECT, whose columns are the table's current schema in its order, in files of the default
   * partition spec, in the table's sort order if it has one. `run` executes the statement with the SELECT in it.
   */
  async write(
    connection: Connection,
    select: string,
    metadata: TableMetadata,
    run: (copy: string) => Promise<PlainRow[]> = (copy) => connection.run(copy),
    layout: WriteLayout = {},
  ): Promise<StagedFile[]> {
    const sorted = layout.partition ? undefined : await tableSortKeys(this.host, connection, metadata)
    if (sorted) return this.writeSorted(connection, select, metadata, run, layout, sorted)
    const files = await this.copy(connection, select, metadata, run, layout)
    // COPY does not end files at a size when it writes to partitions.
    const most = targetFileSize(metadata) * 1.5
    const kept: StagedFile[] = []
    for (const staged of files) {
      const { partition, fileSize } = staged.file
      const isLarge = partition.length > 0 && fileSize > most && layout.sortOrderId === undefined
      kept.push(...(isLarge ? await this.split(connection, staged, metadata, layout) : [staged]))
    }
    return kept
  }

  /** A file's rows in several files of about the target's size. */
  private async split(
    connection: Connection,
    { path: local, file }: StagedFile,
    metadata: TableMetadata,
    layout: WriteLayout,
  ): Promise<StagedFile[]> {
    const { specId, partition } = file
    const rows = `SELECT * FROM read_parquet([${literal(local)}], hive_partitioning = false)`
    const fileSize = Math.ceil(file.fileSize / Math.round(file.fileSize / targetFileSize(metadata)))
    return this.copy(connection, rows, metadata, undefined, { ...layout, partition: { specId, partition }, fileSize })
  }

  /** Sorts by partition and key, and writes each part of the rows to a file of its own. */
  private async writeSorted(
    connection: Connection,
    select: string,
    metadata: TableMetadata,
    run: (copy: string) => Promise<PlainRow[]>,
    layout: WriteLayout,
    { keys, sortOrderId }: SortKeys,
  ): Promise<StagedFile[]> {
    const schema = currentSchema(metadata)
    const specId = metadata['default-spec-id']
    const spec = await this.boundSpec(connection, metadata)
    const columns = [...schema.fields, ...(layout.extra ?? [])].map(({ name }) => identifier(name)).join(', ')
    const partitions = spec.map((bound, index) => ({
      name: `_phlo_partition_${index}`,
      expression: partitionExpression(bound, sourceColumn(bound, schema)),
    }))
    const list = [columns, ...partitions.map(({ name, expression }) => `${expression} AS ${name}`)].join(', ')
    const order = [...partitions.map(({ name }) => name), ...keys].join(', ')
    const table = `phlo_sorted_${randomUUID().replaceAll('-', '')}`
    await run(`CREATE TEMP TABLE ${table} AS SELECT ${list} FROM (${select}) ORDER BY ${order}`)
    try {
      const values = partitions.map(({ name }) => `CAST(${name} AS VARCHAR) AS ${name}`)
      const groups = await connection.run(
        `SELECT ${[...values, 'min(rowid) AS first', 'count(*) AS rows'].join(', ')} FROM ${table} ` +
          `GROUP BY ALL HAVING count(*) > 0 ORDER BY first`,
      )
      const files: StagedFile[] = []
      // What rows take is known once some are written.
      let perFile = 500_000
      for (const group of groups) {
        const partition = spec.map((bound, index) =>
          partitionValue(bound, group[`_phlo_partition_${index}`] as string | null),
        )
        const end = Number(group['first']) + Number(group['rows'])
        for (let from = Number(group['first']); from < end;) {
          const to = Math.min(from + perFile, end)
          const rows = `SELECT ${columns} FROM ${table} WHERE rowid >= ${from} AND rowid < ${to} ORDER BY rowid`
          const part = { ...layout, partition: { specId, partition }, sortOrderId }
          files.push(...(await this.copy(connection, rows, metadata, undefined, part)))
          const count = files.reduce((sum, { file }) => sum + file.recordCount, 0)
          perFile = Math.max(1, Math.round((targetFileSize(metadata) * count) / bytesOf(files)))
          from = to
        }
      }
      return files
    } finally {
      await connection.run(`DROP TABLE IF EXISTS ${table}`)
    }
  }

  private async boundSpec(connection: Connection, metadata: TableMetadata): Promise<BoundPartitionField[]> {
    const spec = bindSpec(specById(metadata['partition-specs'], metadata['default-spec-id']), currentSchema(metadata))
    if (spec.some(({ transform }) => transform.kind === 'bucket')) await registerBucketFunction(this.host, connection)
    return spec
  }

  private async copy(
    connection: Connection,
    select: string,
    metadata: TableMetadata,
    run: (copy: string) => Promise<PlainRow[]> = (copy) => connection.run(copy),
    layout: WriteLayout,
  ): Promise<StagedFile[]> {
    const schema = currentSchema(metadata)
    const { extra = [], partition, sortOrderId } = layout
    const spec = partition ? [] : await this.boundSpec(connection, metadata)
    const folder = path.join(this.staging, String(this.count++))
    await mkdir(folder, { recursive: true })
    const written = { ...schema, fields: [...schema.fields, ...extra] }
    const modes = metricsModes(metadata, schema)
    const rows = await run(this.copyStatement(select, written, spec, metadata, folder, layout))
    const files = rows
      .map((row) => readCopyRow(row as unknown as CopyRow, schema, metadata['default-spec-id'], spec, modes))
      .filter(({ file }) => file.recordCount > 0)
      .map(({ path: local, file }) => ({
        path: local,
        file: { ...file, ...partition, ...(sortOrderId !== undefined && { sortOrderId }) },
      }))
    await addNanStatistics(connection, files, schema, modes)
    await addSplitOffsets(connection, files)
    return files
  }

  /**
   * Writes the rows of a SELECT of `file_path` and `pos` as one file of position deletes, sorted by both, for data files
   * of the paths and of the partition of `like`. Spec: "Position Delete Files".
   */
  async writePositionDeletes(
    connection: Connection,
    select: string,
    like: Pick<DataFile, 'specId' | 'partition'>,
    paths: readonly string[],
    metadata: TableMetadata,
  ): Promise<StagedFile> {
    const { path: pathId, position } = deleteColumnIds
    await mkdir(this.staging, { recursive: true })
    const file = path.join(this.staging, `${randomUUID()}-deletes.parquet`)
    const options = [
      ...formatOptions(metadata.properties ?? {}),
      `FIELD_IDS {file_path: ${pathId}, pos: ${position}}`,
      'RETURN_STATS',
    ]
    const [row] = await connection.run(
      `COPY (SELECT file_path, pos FROM (${select}) ORDER BY ALL) TO ${literal(file)} (${options.join(', ')})`,
    )
    const schema: IcebergSchema = { type: 'struct', 'schema-id': 0, fields: deleteFields }
    const staged = readCopyRow(row as unknown as CopyRow, schema, like.specId, [])
    // Paths are not shortened: equal bounds say that all rows are about one file.
    const sorted = paths.map((text) => Buffer.from(text)).sort((a, b) => Buffer.compare(a, b))
    const bounds = (bound: Uint8Array | undefined, own: ReadonlyMap<number, Uint8Array> | undefined) =>
      new Map([...(own ?? []), ...(bound ? [[pathId, bound] as const] : [])])
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

  private copyStatement(
    select: string,
    schema: IcebergSchema,
    spec: readonly BoundPartitionField[],
    metadata: TableMetadata,
    folder: string,
    layout: WriteLayout,
  ): string {
    // DuckDB keeps the order of rows in a file that it need not end at a size.
    const inOrder = layout.sortOrderId !== undefined
    const columns = schema.fields.map(({ name }) => identifier(name))
    const keys = spec.map((bound, index) => ({
      expression: partitionExpression(bound, sourceColumn(bound, schema)),
      name: identifier(`_phlo_partition_${index}`),
    }))
    const list = [...columns, ...keys.map(({ expression, name }) => `${expression} AS ${name}`)].join(', ')
    const options = [
      ...formatOptions(metadata.properties ?? {}),
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

  /** Removes what was staged and not stored. */
  async clean(): Promise<void> {
    await rm(this.staging, { recursive: true, force: true })
  }
}

function bytesOf(files: readonly StagedFile[]): number {
  return files.reduce((sum, { file }) => sum + file.fileSize, 0)
}

/** Moves staged files into the table's data folder. The files are durable afterwards, and not yet part of the table. */
export async function storeFiles(
  store: ObjectStore,
  metadata: TableMetadata,
  files: readonly StagedFile[],
): Promise<DataFile[]> {
  const folder = tableFolder(store, metadata)
  return Promise.all(
    files.map(async ({ path: local, file }) => {
      const key = `${folder}/data/${path.basename(local)}`
      await store.putFile(key, local)
      return { ...file, path: store.uri(key) }
    }),
  )
}

/** The key of the table's folder. Throws PHLO_ICEBERG_INVALID when it lies elsewhere. */
export function tableFolder(store: ObjectStore, metadata: TableMetadata): string {
  const folder = store.key(metadata.location)
  if (folder !== undefined) return folder
  throw new PhloError('PHLO_ICEBERG_INVALID', `The table's location ${metadata.location} is outside the store`)
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

/** The columns of a file of position deletes. Spec: "Reserved Field IDs". */
const deleteFields: readonly NestedField[] = [
  { id: deleteColumnIds.path, name: 'file_path', required: true, type: 'string' },
  { id: deleteColumnIds.position, name: 'pos', required: true, type: 'long' },
]

function sourceColumn(bound: BoundPartitionField, schema: IcebergSchema): string {
  const field = schema.fields.find(({ id }) => id === bound.field['source-id'])
  if (!field) throw new PhloError('PHLO_UNSUPPORTED', `Partition field ${bound.field.name} is on a nested column`)
  return field.name
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
