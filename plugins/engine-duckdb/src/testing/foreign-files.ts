import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import {
  type DataFile,
  deletionVectorBlob,
  type FileContent,
  fileContent,
  planScan,
  PositionSet,
  type ScanTask,
  TableTransaction,
  type Value,
  writePuffin,
} from '@phlo/iceberg'
import type { LoadedTable, TableUpdate } from '@phlo/ports'
import { literal } from '../duckdb-dialect.js'
import { table, type TestLake } from './lake.js'

/** Files as other writers make them, put into tables of a lake by hand. */
export class ForeignFiles {
  private readonly lake: TestLake

  constructor(lake: TestLake) {
    this.lake = lake
  }

  async load(name: string): Promise<LoadedTable> {
    const loaded = await this.lake.catalog.loadTable(table(name))
    if (!loaded) throw new Error(name)
    return loaded
  }

  async tasks(name: string): Promise<ScanTask[]> {
    const tasks: ScanTask[] = []
    for await (const task of planScan(this.lake.store, (await this.load(name)).metadata)) tasks.push(task)
    return tasks
  }

  /** A Parquet file of a SELECT's rows in the store, with such field ids as COPY takes them. */
  async parquet(
    select: string,
    fieldIds: string | undefined,
    file: { content: FileContent; partition?: readonly (Value | null)[]; specId?: number } & Partial<DataFile>,
  ): Promise<DataFile> {
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    const local = path.join(this.lake.folder, `${randomUUID()}.parquet`)
    await connection.run("SET TimeZone = 'UTC'")
    const options = fieldIds === undefined ? '' : `, FIELD_IDS ${fieldIds}`
    const result = await connection.runAndReadAll(`COPY (${select}) TO ${literal(local)} (FORMAT parquet${options})`)
    instance.closeSync()
    const { size } = await stat(local)
    const key = `tables/foreign/${path.basename(local)}`
    await this.lake.store.putFile(key, local)
    return {
      specId: 0,
      partition: [],
      path: this.lake.store.uri(key),
      format: 'PARQUET',
      recordCount: Number(result.getRowsJson()[0]?.[0]),
      fileSize: size,
      ...file,
    }
  }

  /** Position deletes of rows of one file or several. */
  async positions(
    deleted: readonly (readonly [path: string, position: number])[],
    file: Partial<DataFile> = {},
  ): Promise<DataFile> {
    const rows = deleted.map(([name, position]) => `(${literal(name)}, ${position}::BIGINT)`)
    return this.parquet(
      `SELECT * FROM (VALUES ${rows.join(', ')}) AS d(file_path, pos) ORDER BY ALL`,
      '{file_path: 2147483546, pos: 2147483545}',
      { ...file, content: fileContent.positionDeletes },
    )
  }

  async vector(name: string, positions: readonly number[]): Promise<DataFile> {
    const puffin = writePuffin([deletionVectorBlob(name, new PositionSet(positions))], {})
    const key = `tables/foreign/${randomUUID()}.puffin`
    await this.lake.store.put(key, puffin.bytes)
    const [blob] = puffin.blobs
    if (!blob) throw new Error('no blob')
    return {
      content: fileContent.positionDeletes,
      specId: 0,
      partition: [],
      path: this.lake.store.uri(key),
      format: 'PUFFIN',
      recordCount: positions.length,
      fileSize: puffin.bytes.length,
      referencedDataFile: name,
      contentOffset: blob.offset,
      contentSize: blob.length,
    }
  }

  async commit(name: string, add: readonly DataFile[]): Promise<void> {
    const { metadata } = await this.load(name)
    const transaction = TableTransaction.change(this.lake.store, metadata)
    await transaction.addSnapshot({ add })
    await this.update(name, transaction.updates)
  }

  async update(name: string, updates: readonly TableUpdate[]): Promise<void> {
    await this.lake.catalog.commit([{ kind: 'table', identifier: table(name), requirements: [], updates }], {
      message: 'foreign files',
    })
  }
}
