import { type AddedFile, currentSchema, fileContent } from '@phlo/iceberg'
import { type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection, PlainRow } from '../duckdb-host.js'
import { lineageFields } from '../reading/rows-select.js'
import type { StagedFile } from '../tables/copied-files.js'
import { distributionMode } from '../tables/distribution.js'
import type { ParquetWriter } from '../tables/parquet-writer.js'
import { storeFiles } from '../tables/stored-files.js'
import { PositionDeleteWriter } from './position-deletes.js'
import { positionColumn, type TargetRows, taskColumn } from './target-rows.js'
import type { TouchedFile } from './touched-file.js'

/** What properties of a table tell apart. */
export type RowCommand = 'delete' | 'update' | 'merge'

/** How rows of files that stay in the table are changed. Table properties `write.*.mode`. */
type WriteMode = 'copy-on-write' | 'merge-on-read'

/** The mode that a table asks for. Throws PHLO_UNSUPPORTED for another one. */
function writeMode(metadata: TableMetadata, command: RowCommand): WriteMode {
  const property = `write.${command}.mode`
  const mode = metadata.properties?.[property] ?? 'copy-on-write'
  if (mode !== 'copy-on-write' && mode !== 'merge-on-read')
    throw new PhloError('PHLO_UNSUPPORTED', `${property} ${mode} is none: copy-on-write or merge-on-read`)
  // Format version 1 knows no delete files.
  return metadata['format-version'] === 1 ? 'copy-on-write' : mode
}

/** Which changes of others stand against one of rows, as the table says. Throws PHLO_UNSUPPORTED for another level. */
export function isolationLevel(metadata: TableMetadata, command: RowCommand): 'serializable' | 'snapshot' {
  const property = `write.${command}.isolation-level`
  const level = metadata.properties?.[property] ?? 'serializable'
  if (level === 'serializable' || level === 'snapshot') return level
  throw new PhloError('PHLO_UNSUPPORTED', `${property} ${level} is none: serializable or snapshot`)
}

/** What a statement does to rows. */
export interface RowChanges {
  /** A SELECT of the places of rows that leave, each once, which gives the same rows whenever it is run. */
  readonly leaving: string
  /** A SELECT of rows that come, as columns of the table's schema and, in version 3, their {@link lineageFields}. */
  readonly coming?: string
}

/** What becomes of a table's files. */
export interface StagedChanges {
  readonly add: readonly AddedFile[]
  readonly removePaths: ReadonlySet<string>
  /** Data files that stay and of which rows are deleted. */
  readonly referencedPaths: ReadonlySet<string>
  /** The files that come with data. */
  readonly dataFiles: readonly AddedFile[]
}

/** Turns changes of rows into files. */
export class RowChangeWriter {
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

  /**
   * Writes as the table says of the command. `run` executes the statement that writes the rows that come. Throws
   * PHLO_UNSUPPORTED for a mode that is none.
   */
  async write(
    target: TargetRows,
    changes: RowChanges,
    command: RowCommand,
    run?: (copy: string) => Promise<PlainRow[]>,
  ): Promise<StagedChanges> {
    const mode = writeMode(this.metadata, command)
    const touched = await this.touched(target, changes.leaving)
    const live = await this.liveRows(
      target,
      touched.filter(({ task }) => task.deletes.length > 0),
    )
    const whole = touched.filter(({ index, task, rows }) => rows === (live.get(index) ?? task.file.recordCount))
    const partly = touched.filter((item) => !whole.includes(item))
    const selects = changes.coming === undefined ? [] : [changes.coming]
    if (mode === 'copy-on-write' && partly.length > 0) {
      const indexes = partly.map(({ index }) => index)
      selects.push(await this.remaining(target, changes.leaving, indexes))
    }
    const staged: StagedFile[] =
      selects.length === 0
        ? []
        : await this.writer.write(
            this.connection,
            selects.map((select) => `(${select})`).join(' UNION ALL '),
            this.metadata,
            run,
            { extra: lineageFields(this.metadata), distribution: distributionMode(this.metadata, command) },
          )
    const dataFiles = await storeFiles(this.store, this.metadata, staged)
    const deletes =
      mode === 'merge-on-read' && partly.length > 0
        ? await new PositionDeleteWriter(this.connection, this.store, this.writer, this.metadata).write(
            partly,
            changes.leaving,
          )
        : []
    const removed = mode === 'copy-on-write' ? touched : whole
    return {
      add: [...dataFiles, ...deletes],
      removePaths: new Set(removed.map(({ task }) => task.file.path)),
      referencedPaths: new Set(mode === 'merge-on-read' ? partly.map(({ task }) => task.file.path) : []),
      dataFiles,
    }
  }

  /** The files that rows leave, and how many. */
  private async touched(target: TargetRows, leaving: string): Promise<TouchedFile[]> {
    const rows = await this.connection.run(
      `SELECT ${taskColumn} AS task, count(*) AS rows FROM (${leaving}) GROUP BY ALL ORDER BY ALL`,
    )
    return rows.map((row) => {
      const index = row['task'] as number
      const task = target.tasks[index]
      if (!task) throw new PhloError('PHLO_INTERNAL', `DuckDB named a file that was not read: ${index}`)
      return { index, task, rows: Number(row['rows']) }
    })
  }

  /** How many rows files have of which some are deleted already. */
  private async liveRows(target: TargetRows, touched: readonly TouchedFile[]): Promise<ReadonlyMap<number, number>> {
    if (touched.length === 0) return new Map()
    const all = await target.select({ indexes: touched.map(({ index }) => index) })
    const rows = await this.connection.run(`SELECT ${taskColumn} AS task, count(*) AS rows FROM (${all}) GROUP BY ALL`)
    return new Map(rows.map((row) => [row['task'] as number, Number(row['rows'])]))
  }

  /** The rows of files that stay. */
  private async remaining(target: TargetRows, leaving: string, indexes: readonly number[]): Promise<string> {
    const fields = [...currentSchema(this.metadata).fields, ...lineageFields(this.metadata)]
    return (
      `SELECT ${fields.map(({ name }) => identifier(name)).join(', ')} FROM (${await target.select({ indexes, lineage: true })}) ` +
      `ANTI JOIN (${leaving}) USING (${taskColumn}, ${positionColumn})`
    )
  }
}

/** Rows of data files, whatever else is added. */
export function rowsOf(files: readonly AddedFile[]): number {
  return files.reduce((sum, file) => sum + (file.content === fileContent.data ? file.recordCount : 0), 0)
}
