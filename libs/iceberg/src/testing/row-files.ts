import { type DataFile, fileContent, isDeletionVector } from '../manifest/data-file.js'
import type { SnapshotSelection } from '../metadata/select-snapshot.js'
import type { Table } from '../table/table.js'
import { parsePrimitive } from '../types/primitive.js'
import { encodeValue } from '../types/value.js'
import { equalityDeleteFile } from './equality-delete-file.js'

/** A row of a table with the columns `value` (field 1) and `part` (field 2), by which it is partitioned. */
export interface Row {
  readonly id: string
  readonly value: number
  readonly part: number
}

const int = parsePrimitive('int')

/** What the files of a table hold, which only exist as descriptions; reads tables as an engine would. */
export class RowFiles {
  private readonly rows = new Map<string, readonly Row[]>()
  private readonly deletes = new Map<string, (row: Row) => boolean>()
  private count = 0

  /** A file of rows of one partition. */
  data(table: Table, rows: readonly Row[]): DataFile {
    const path = this.path(table, 'data')
    this.rows.set(path, rows)
    const values = rows.map(({ value }) => value)
    return {
      content: fileContent.data,
      specId: 0,
      path,
      format: 'PARQUET',
      partition: [rows[0]?.part ?? 0],
      recordCount: rows.length,
      fileSize: 100,
      valueCounts: new Map([[1, rows.length]]),
      nullCounts: new Map([[1, 0]]),
      lowerBounds: new Map([[1, encodeValue(int, Math.min(...values))]]),
      upperBounds: new Map([[1, encodeValue(int, Math.max(...values))]]),
    }
  }

  /** Deletes rows of one partition by position; named after the data file when it is given. */
  positions(table: Table, part: number, ids: ReadonlySet<string>, of?: DataFile): DataFile {
    const path = this.path(table, 'positions')
    this.deletes.set(path, ({ id }) => ids.has(id))
    return {
      content: fileContent.positionDeletes,
      specId: 0,
      path,
      format: 'PARQUET',
      partition: [part],
      recordCount: ids.size,
      fileSize: 50,
      ...(of && { referencedDataFile: of.path }),
    }
  }

  /** Deletes these rows of a data file by a vector. */
  vector(table: Table, of: DataFile, ids: ReadonlySet<string>): DataFile {
    const file = this.positions(table, of.partition[0] as number, ids, of)
    return { ...file, format: 'PUFFIN', contentOffset: 4, contentSize: 40 }
  }

  /** Deletes the rows of a partition with that value. */
  equality(table: Table, part: number, value: number): DataFile {
    const path = this.path(table, 'equality')
    this.deletes.set(path, (row) => row.value === value)
    return equalityDeleteFile(path, part, 1, value)
  }

  /** The live data files with the rows that are left of them, and those that are not. */
  async files(table: Table, selection: SnapshotSelection = {}): Promise<LiveFile[]> {
    const found: LiveFile[] = []
    for await (const { file, deletes } of table.scan(selection)) {
      const rows = this.rows.get(file.path) ?? []
      const gone = (row: Row) => deletes.some(({ file: { path } }) => this.deletes.get(path)?.(row) ?? false)
      found.push({
        file,
        rows: rows.filter((row) => !gone(row)),
        gone: rows.filter(gone),
        covered: deletes.some((item) => isDeletionVector(item.file)),
      })
    }
    return found
  }

  /** The table's rows in the order of their ids. */
  async read(table: Table, selection: SnapshotSelection = {}): Promise<Row[]> {
    const rows = (await this.files(table, selection)).flatMap((file) => file.rows)
    return sorted(rows)
  }

  private path(table: Table, kind: string): string {
    return `${table.location}/data/${kind}-${this.count++}`
  }
}

export interface LiveFile {
  readonly file: DataFile
  readonly rows: readonly Row[]
  readonly gone: readonly Row[]
  /** By a deletion vector. */
  readonly covered: boolean
}

/** In the order of their ids, so that tables can be compared. */
export function sorted(rows: Iterable<Row>): Row[] {
  return [...rows].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
}
