import { currentSchema, type ScanTask } from '@phlo/iceberg'
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
  readonly tasks: readonly ScanTask[]
  private readonly connection: Connection
  private readonly store: ObjectStore
  private readonly metadata: TableMetadata
  private readonly table: TableIdentifier
  private readonly database = `target_${++databases}`
  private attached = false

  constructor(
    connection: Connection,
    store: ObjectStore,
    metadata: TableMetadata,
    table: TableIdentifier,
    tasks: readonly ScanTask[],
  ) {
    this.connection = connection
    this.store = store
    this.metadata = metadata
    this.table = table
    this.tasks = tasks
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
    const task = indexes.length === 0 ? '_task' : `list_extract([${indexes.join(', ')}], (_task + 1)::BIGINT)::INTEGER`
    return `SELECT ${columns}, ${task} AS ${taskColumn}, _pos AS ${positionColumn} FROM (${rows})`
  }

  /**
   * Makes the rows known to the connection under the table's own name, in a database apart from that which the
   * statement's other parts read. Returns what to write behind FROM.
   */
  async attach(alias: string | undefined, lineage: boolean): Promise<string> {
    await this.connection.run(`ATTACH ':memory:' AS ${identifier(this.database)}`)
    this.attached = true
    const name = `${identifier(this.database)}.${tableName(this.table)}`
    await this.connection.run(
      `CREATE SCHEMA ${identifier(this.database)}.${identifier(this.table.namespace[0] as string)}`,
    )
    await this.connection.run(`CREATE VIEW ${name} AS ${await this.select({ lineage })}`)
    return `${name} AS ${identifier(alias ?? this.table.name)}`
  }

  async detach(): Promise<void> {
    if (this.attached) await this.connection.raw.run(`DETACH ${identifier(this.database)}`)
  }
}

/** The beginning of a SELECT of the places of rows. */
export function placesOf(select: string): string {
  return `SELECT ${taskColumn}, ${positionColumn} FROM (${select})`
}
