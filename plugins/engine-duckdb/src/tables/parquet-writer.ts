import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import {
  type BoundPartitionField,
  bindSpec,
  currentSchema,
  type DataFile,
  lineageIds,
  partitionKey,
  specById,
  targetFileSize,
} from '@phlo/iceberg'
import type { TableMetadata } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import { type Connection, type DuckDbHost, openPartitionsSetting, type PlainRow } from '../duckdb-host.js'
import { declareLogicalTypes } from '../parquet/logical-types.js'
import { registerBucketFunction } from './bucket-function.js'
import { addSplitOffsets, type CopyRow, readCopyRow, type StagedFile } from './copied-files.js'
import { type CopyLayout, copyStatement, partitionColumn, partitionColumns } from './copy-statement.js'
import { type DistributionMode, distributionMode, isPartitioned } from './distribution.js'
import { metricsModes } from './metrics-mode.js'
import { addNanStatistics } from './nan-statistics.js'
import { partitionValue } from './partition-expressions.js'
import { writePositionDeleteFile } from './position-delete-file.js'
import { type SortKeys, tableSortKeys } from './sort-keys.js'
import { storableFields, storedRows } from './stored-columns.js'

/** What a write does otherwise than the table's properties say. */
export interface WriteLayout extends CopyLayout {
  /** By default that of {@link distributionMode}. */
  readonly distribution?: DistributionMode
}

/** Executes the statement that writes a user's rows. */
type Run = (statement: string) => Promise<PlainRow[]>

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
   * partition spec, dealt out as the table's distribution mode says, and each in the table's sort order if it has one.
   * `run` executes the statement with the SELECT in it.
   */
  async write(
    connection: Connection,
    select: string,
    metadata: TableMetadata,
    run: Run = (statement) => connection.run(statement),
    layout: WriteLayout = {},
  ): Promise<StagedFile[]> {
    const files = await this.writeFiles(connection, select, metadata, run, layout)
    // DuckDB would read files back as what they are declared to be, so that this is the last step.
    await declareLogicalTypes(files, currentSchema(metadata))
    return files
  }

  private async writeFiles(
    connection: Connection,
    select: string,
    metadata: TableMetadata,
    run: Run,
    layout: WriteLayout,
  ): Promise<StagedFile[]> {
    if (layout.partition) return this.copy(connection, select, metadata, run, layout)
    const mode = layout.distribution ?? distributionMode(metadata)
    const partitioned = isPartitioned(metadata)
    const sorted = await tableSortKeys(this.host, connection, metadata)
    if ((mode === 'range' && (sorted || partitioned)) || (mode === 'hash' && sorted && partitioned))
      return this.writeSorted(connection, select, metadata, run, layout, sorted)
    if (mode === 'hash' || !partitioned) {
      const files = await this.copy(connection, select, metadata, run, layout)
      const gathered = partitioned ? groupsOf(files) : files.map((file) => [file])
      return this.finish(connection, gathered, metadata, layout, sorted)
    }
    // With one file open at a time, a thread begins another one for each partition of the rows that it has at hand.
    await connection.run(`SET ${openPartitionsSetting} = 1`)
    const files = await this.copy(connection, select, metadata, run, layout).finally(() =>
      connection.run(`RESET ${openPartitionsSetting}`),
    )
    const each = files.map((file) => [file])
    return this.finish(connection, each, metadata, layout, sorted)
  }

  /** Makes of each group of files of one partition what the table wants: files of its size and in its order. */
  private async finish(
    connection: Connection,
    groups: readonly (readonly StagedFile[])[],
    metadata: TableMetadata,
    layout: CopyLayout,
    sorted: SortKeys | undefined,
  ): Promise<StagedFile[]> {
    const target = targetFileSize(metadata)
    const finished: StagedFile[] = []
    for (const group of groups) {
      const [{ file }] = group as readonly [StagedFile]
      const { specId, partition } = file
      const rows = storedRows(group, currentSchema(metadata))
      const one = { ...layout, partition: { specId, partition } }
      const size = bytesOf(group)
      const isLarge = size > target * 1.5
      if (sorted && isLarge && partition.length > 0) {
        const rowsPerFile = Math.ceil((rowsOf(group) * target) / size)
        finished.push(...(await this.writeSorted(connection, rows, metadata, undefined, layout, sorted, rowsPerFile)))
      } else if (sorted) {
        const { keys, sortOrderId } = sorted
        const ordered = `${rows} ORDER BY ${keys.join(', ')}`
        finished.push(...(await this.copy(connection, ordered, metadata, undefined, { ...one, sortOrderId })))
      } else if (group.length > 1 || (partition.length > 0 && isLarge)) {
        // COPY does not end files at a size when it writes to partitions.
        const fileSize = Math.ceil(size / Math.max(1, Math.round(size / target)))
        finished.push(...(await this.copy(connection, rows, metadata, undefined, { ...one, fileSize })))
      } else finished.push(...group)
    }
    return finished
  }

  /** Sorts by partition and key, and writes each part of the rows to a file of its own. */
  private async writeSorted(
    connection: Connection,
    select: string,
    metadata: TableMetadata,
    run: Run = (statement) => connection.run(statement),
    layout: CopyLayout,
    { keys, sortOrderId }: SortKeys = { keys: [], sortOrderId: 0 },
    // What rows take is known once some are written.
    rowsPerFile = 500_000,
  ): Promise<StagedFile[]> {
    const schema = currentSchema(metadata)
    const specId = metadata['default-spec-id']
    const spec = await this.boundSpec(connection, metadata)
    const columns = [...schema.fields, ...(layout.extra ?? [])].map(({ name }) => identifier(name)).join(', ')
    const partitions = partitionColumns(spec, schema)
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
      let perFile = rowsPerFile
      for (const group of groups) {
        const partition = spec.map((bound, index) =>
          partitionValue(bound, group[partitionColumn(index)] as string | null),
        )
        const end = Number(group['first']) + Number(group['rows'])
        for (let from = Number(group['first']); from < end;) {
          const to = Math.min(from + perFile, end)
          const rows = `SELECT ${columns} FROM ${table} WHERE rowid >= ${from} AND rowid < ${to} ORDER BY rowid`
          const part = { ...layout, partition: { specId, partition }, sortOrderId }
          files.push(...(await this.copy(connection, rows, metadata, undefined, part)))
          perFile = Math.max(1, Math.round((targetFileSize(metadata) * rowsOf(files)) / bytesOf(files)))
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
    run: Run = (statement) => connection.run(statement),
    layout: CopyLayout,
  ): Promise<StagedFile[]> {
    const schema = currentSchema(metadata)
    const { extra = [], partition, sortOrderId } = layout
    const spec = partition ? [] : await this.boundSpec(connection, metadata)
    const folder = path.join(this.staging, String(this.count++))
    await mkdir(folder, { recursive: true })
    const written = { ...schema, fields: storableFields([...schema.fields, ...extra]) }
    const modes = metricsModes(metadata, schema)
    // Which ids rows bring along is what a merge of branches asks for.
    const told = { ...schema, fields: [...schema.fields, ...extra.filter(({ id }) => id === lineageIds._row_id)] }
    const rows = await run(copyStatement(select, written, spec, metadata, folder, layout))
    const files = rows
      .map((row) => readCopyRow(row as unknown as CopyRow, told, metadata['default-spec-id'], spec, modes))
      .filter(({ file }) => file.recordCount > 0)
      .map(({ path: local, file }) => ({
        path: local,
        file: { ...file, ...partition, ...(sortOrderId !== undefined && { sortOrderId }) },
      }))
    await addNanStatistics(connection, files, schema, modes)
    await addSplitOffsets(connection, files)
    return files
  }

  /** As {@link writePositionDeleteFile}, into this write's own folder. */
  async writePositionDeletes(
    connection: Connection,
    select: string,
    like: Pick<DataFile, 'specId' | 'partition'>,
    paths: readonly string[],
    metadata: TableMetadata,
  ): Promise<StagedFile> {
    await mkdir(this.staging, { recursive: true })
    const file = path.join(this.staging, `${randomUUID()}-deletes.parquet`)
    return writePositionDeleteFile(connection, file, select, like, paths, metadata)
  }

  /** Removes what was staged and not stored. */
  async clean(): Promise<void> {
    await rm(this.staging, { recursive: true, force: true })
  }
}

/** Files of equal partitions together. */
function groupsOf(files: readonly StagedFile[]): StagedFile[][] {
  const groups = new Map<string, StagedFile[]>()
  for (const staged of files) {
    const key = partitionKey(staged.file)
    groups.set(key, [...(groups.get(key) ?? []), staged])
  }
  return [...groups.values()]
}

function bytesOf(files: readonly StagedFile[]): number {
  return files.reduce((sum, { file }) => sum + file.fileSize, 0)
}

function rowsOf(files: readonly StagedFile[]): number {
  return files.reduce((sum, { file }) => sum + file.recordCount, 0)
}
