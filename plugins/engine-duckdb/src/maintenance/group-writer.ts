import { currentSchema, type FileGroup, type RewritePlan } from '@phlo/iceberg'
import type { ObjectStore, RewriteStrategy, TableMetadata } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { lineageFields, rowsSelect } from '../reading/rows-select.js'
import type { StagedFile } from '../tables/copied-files.js'
import type { ParquetWriter, WriteLayout } from '../tables/parquet-writer.js'
import { orderedRows } from './row-order.js'

/** Writes the rows of groups of files anew. */
export class GroupWriter {
  private readonly host: DuckDbHost
  private readonly connection: Connection
  private readonly store: ObjectStore
  private readonly writer: ParquetWriter
  private readonly metadata: TableMetadata
  private readonly strategy: RewriteStrategy
  private readonly extra: ReturnType<typeof lineageFields>

  constructor(
    parts: {
      readonly host: DuckDbHost
      readonly connection: Connection
      readonly store: ObjectStore
      readonly writer: ParquetWriter
    },
    metadata: TableMetadata,
    strategy: RewriteStrategy,
  ) {
    this.host = parts.host
    this.connection = parts.connection
    this.store = parts.store
    this.writer = parts.writer
    this.metadata = metadata
    this.strategy = strategy
    this.extra = lineageFields(metadata)
  }

  /** Writes the group's rows that are not deleted, in files of about the plan's size. */
  async write(group: FileGroup, plan: RewritePlan): Promise<StagedFile[]> {
    const { metadata, connection, extra } = this
    const schema = currentSchema(metadata)
    const select = await rowsSelect(connection, this.store, metadata, group.tasks, schema, {
      extra: extra.map(({ name }) => name),
    })
    const rows = await orderedRows(this.host, connection, select, metadata, this.strategy)
    const columns = [...schema.fields, ...extra].map(({ name }) => identifier(name)).join(', ')
    const sorted =
      rows.orderBy === undefined ? rows.select : `SELECT ${columns} FROM (${rows.select}) ORDER BY ${rows.orderBy}`
    // Rows of an older partitioning go to several partitions, each of which gets a file whatever the table says.
    if (group.specId !== metadata['default-spec-id']) return this.copy(sorted, { extra, distribution: 'range' })
    const partition = { specId: group.specId, partition: group.partition }
    const files = Math.max(1, Math.round(group.bytes / plan.targetFileSize))
    // Files of about one size, rather than a small one at the end.
    const fileSize = files === 1 ? group.bytes * 2 + 1 : Math.ceil(group.bytes / files)
    if (rows.orderBy === undefined) return this.copy(sorted, { extra, partition, fileSize })
    const layout = { extra, partition, sortOrderId: rows.sortOrderId }
    return files === 1 ? this.copy(sorted, layout) : this.copySlices(sorted, columns, files, layout)
  }

  private copy(select: string, layout: WriteLayout): Promise<StagedFile[]> {
    return this.writer.write(this.connection, select, this.metadata, undefined, layout)
  }

  /** Sorts once, and writes each part of the rows to a file of its own: no two files overlap in the order. */
  private async copySlices(sorted: string, columns: string, files: number, layout: WriteLayout): Promise<StagedFile[]> {
    const table = identifier('phlo_sorted_rows')
    await this.connection.run(`CREATE OR REPLACE TEMP TABLE ${table} AS ${sorted}`)
    try {
      const { rows } = (await this.connection.one(`SELECT count(*) AS rows FROM ${table}`)) as { rows: string }
      const perFile = Math.ceil(Number(rows) / files)
      const staged: StagedFile[] = []
      for (let from = 0; from < Number(rows); from += perFile) {
        const slice = `SELECT ${columns} FROM ${table} WHERE rowid >= ${from} AND rowid < ${from + perFile} ORDER BY rowid`
        staged.push(...(await this.copy(slice, layout)))
      }
      return staged
    } finally {
      await this.connection.run(`DROP TABLE IF EXISTS ${table}`)
    }
  }
}
