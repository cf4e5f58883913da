import { currentSchema, type Expression, planScan, type ScanTask } from '@phlo/iceberg'
import type { ObjectStore, TableIdentifier, TableMetadata } from '@phlo/ports'
import { identifier, tableName } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { lineageFields, rowsSelect } from '../reading/rows-select.js'

/** The columns that say where a row of the target is: its file's index among the tasks, and its place in the file. */
export const taskColumn = '_phlo_task'
export const positionColumn = '_phlo_pos'

let databases = 0

/** The rows of the files that a statement may change, each with its place. */
export class TargetRows {
  /** The database that {@link from} names, of this statement alone. */
  readonly database = `target_${++databases}`
  private scanned: readonly ScanTask[] = []
  private readonly connection: Connection
  private readonly store: ObjectStore
  private readonly metadata: TableMetadata
  private readonly table: TableIdentifier
  private attached = false

  constructor(connection: Connection, store: ObjectStore, metadata: TableMetadata, table: TableIdentifier) {
    this.connection = connection
    this.store = store
    this.metadata = metadata
    this.table = table
  }

  /** The files that are looked at. */
  get tasks(): readonly ScanTask[] {
    return this.scanned
  }

  /** Finds the files that may hold rows within the filter. */
  async plan(filter: Expression | undefined, of: TableMetadata = this.metadata): Promise<void> {
    const tasks: ScanTask[] = []
    for await (const task of planScan(this.store, of, filter && { filter })) tasks.push(task)
    this.scanned = tasks
  }

  /**
   * Leaves the files out of which the filter of {@link plan} wants every row, and gives their tasks. Not those of which
   * rows are deleted already, whose number is known only once they are read.
   */
  takeWhole(): readonly ScanTask[] {
    const isWhole = ({ residual, deletes }: ScanTask) => residual.op === 'true' && deletes.length === 0
    const whole = this.scanned.filter(isWhole)
    this.scanned = this.scanned.filter((task) => !isWhole(task))
    return whole
  }

  /** What stands behind FROM once the rows are {@link attach}ed. */
  from(alias: string | undefined): string {
    const name = `${identifier(this.database)}.${tableName(this.table)}`
    return alias === undefined ? name : `${name} AS ${identifier(alias)}`
  }

  /**
   * A SELECT of the table's columns and the place of each row; `indexes` are those of the tasks to read. With `lineage`,
   * the columns of {@link lineageFields} follow.
   */
  async select(options: { readonly indexes?: readonly number[]; readonly lineage?: boolean } = {}): Promise<string> {
    const indexes = options.indexes ?? this.tasks.map((_, index) => index)
    const schema = currentSchema(this.metadata)
    const tasks = indexes.map((index) => this.tasks[index] as ScanTask)
    const lineage = options.lineage ? lineageFields(this.metadata).map(({ name }) => name) : []
    const rows = await rowsSelect(this.connection, this.store, this.metadata, tasks, schema, {
      extra: ['_task', '_pos', ...lineage],
    })
    const columns = [...schema.fields.map(({ name }) => name), ...lineage].map(identifier).join(', ')
    const task = indexes.every((index, position) => index === position)
      ? '_task'
      : `list_extract([${indexes.join(', ')}], (_task + 1)::BIGINT)::INTEGER`
    return `SELECT ${columns}, ${task} AS ${taskColumn}, _pos AS ${positionColumn} FROM (${rows})`
  }

  /**
   * Makes the rows known to the connection under the table's own name, in a database apart from that which the
   * statement's other parts read.
   */
  async attach(lineage: boolean): Promise<void> {
    const database = identifier(this.database)
    await this.connection.run(`ATTACH ':memory:' AS ${database}`)
    this.attached = true
    await this.connection.run(`CREATE SCHEMA ${database}.${identifier(this.table.namespace[0] as string)}`)
    await this.connection.run(`CREATE VIEW ${this.from(undefined)} AS ${await this.select({ lineage })}`)
  }

  async detach(): Promise<void> {
    if (this.attached) await this.connection.raw.run(`DETACH ${identifier(this.database)}`)
  }
}

/** The beginning of a SELECT of the places of rows, and of `more` columns. */
export function placesOf(select: string, more: readonly string[] = []): string {
  return `SELECT ${[taskColumn, positionColumn, ...more].join(', ')} FROM (${select})`
}
