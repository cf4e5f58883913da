import {
  type ChangeTask,
  type Expression,
  fileContent,
  planChangelogScan,
  planIncrementalAppendScan,
  type ScanTask,
  selectSnapshot,
  type SnapshotInterval,
} from '@phlo/iceberg'
import type { IcebergSchema, ObjectStore, TableMetadata } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { rowsSelect } from './rows-select.js'

/**
 * The SELECT of all changes in a part of a table's history: each row with whether it is an `insert`, a `delete`
 * or, in tables with identifier fields, an `update_before` or `update_after`, with the snapshot that made it and that
 * one's place among them. Rows that a snapshot only moved to other files are no changes.
 */
export async function changesSelect(
  connection: Connection,
  store: ObjectStore,
  metadata: TableMetadata,
  interval: SnapshotInterval,
  filter?: Expression,
): Promise<string> {
  const { schema } = selectSnapshot(metadata, interval.to)
  const tasks: ChangeTask[] = []
  for await (const task of planChangelogScan(store, metadata, { ...interval, ...(filter && { filter }) }))
    tasks.push(task)
  const reader = new ChangeReader(connection, store, metadata, schema)
  const removing = new Set(tasks.filter(({ kind }) => kind !== 'added-rows').map((task) => task.changeOrdinal))
  const plain = tasks.filter((task) => !removing.has(task.changeOrdinal))
  const mixed = tasks.filter((task) => removing.has(task.changeOrdinal))
  const columns = schema.fields.map(({ name }) => identifier(name))
  const inserts = await reader.rows(plain)
  const selects = [`SELECT ${typed(columns, "'insert'").join(', ')} FROM (${inserts})`]
  if (mixed.length > 0) {
    const added = await reader.rows(mixed.filter(({ kind }) => kind === 'added-rows'))
    const gone = await reader.gone(mixed.filter(({ kind }) => kind !== 'added-rows'))
    selects.push(netChanges(schema, columns, added, gone))
  }
  return selects.join(' UNION ALL ')
}

/**
 * The SELECT of the rows that were appended in a part of a table's history, with the snapshot that appended each and that
 * one's place among them. What snapshots of other operations did, and what became of the rows later, is not in it.
 */
export async function appendsSelect(
  connection: Connection,
  store: ObjectStore,
  metadata: TableMetadata,
  interval: SnapshotInterval,
  filter?: Expression,
): Promise<string> {
  const { schema } = selectSnapshot(metadata, interval.to)
  const tasks: ChangeTask[] = []
  const ordinals = new Map<bigint, number>()
  for await (const task of planIncrementalAppendScan(store, metadata, { ...interval, ...(filter && { filter }) })) {
    const { snapshotId } = task
    if (!ordinals.has(snapshotId)) ordinals.set(snapshotId, ordinals.size)
    const changeOrdinal = ordinals.get(snapshotId) ?? 0
    tasks.push({ ...task, kind: 'added-rows', previousDeletes: [], changeOrdinal, commitSnapshotId: snapshotId })
  }
  return new ChangeReader(connection, store, metadata, schema).rows(tasks)
}

function typed(columns: readonly string[], type: string): string[] {
  return [...columns, `${type} AS _change_type`, '_change_ordinal', '_commit_snapshot_id']
}

/** Of rows that one snapshot takes out and puts in again nothing is left; equal keys make an update of two changes. */
function netChanges(schema: IcebergSchema, columns: readonly string[], added: string, gone: string): string {
  const ids = schema['identifier-field-ids'] ?? []
  const keys = schema.fields.filter(({ id }) => ids.includes(id)).map(({ name }) => identifier(name))
  const side = (own: string, other: string, alone: string, updated: string) => {
    const same = keys.map((key) => `o.${key} IS NOT DISTINCT FROM s.${key}`)
    const isUpdate = `EXISTS (SELECT 1 FROM ${other} AS o WHERE o._change_ordinal = s._change_ordinal AND ${same.join(' AND ')})`
    const type =
      keys.length === 0 ? literal(alone) : `CASE WHEN ${isUpdate} THEN ${literal(updated)} ELSE ${literal(alone)} END`
    return `SELECT ${typed(columns, type).join(', ')} FROM ${own} AS s`
  }
  return (
    `SELECT * FROM (WITH added AS MATERIALIZED (${added}), gone AS MATERIALIZED (${gone}), ` +
    'inserted AS MATERIALIZED (FROM added EXCEPT ALL FROM gone), deleted AS MATERIALIZED (FROM gone EXCEPT ALL FROM added) ' +
    `${side('deleted', 'inserted', 'delete', 'update_before')} UNION ALL ${side('inserted', 'deleted', 'insert', 'update_after')})`
  )
}

/** Reads the rows of change tasks, with the ordinal and the snapshot of each. */
class ChangeReader {
  private readonly connection: Connection
  private readonly store: ObjectStore
  private readonly metadata: TableMetadata
  private readonly schema: IcebergSchema

  constructor(connection: Connection, store: ObjectStore, metadata: TableMetadata, schema: IcebergSchema) {
    this.connection = connection
    this.store = store
    this.metadata = metadata
    this.schema = schema
  }

  /** Rows of whole files but those of their deletes; a file is added once and leaves once. */
  async rows(tasks: readonly ChangeTask[]): Promise<string> {
    return this.withChange(
      tasks,
      await rowsSelect(this.connection, this.store, this.metadata, tasks, this.schema, { extra: ['_file'] }),
    )
  }

  /** Rows that left, with their files or by deletes. */
  async gone(tasks: readonly ChangeTask[]): Promise<string> {
    const selects = [await this.rows(tasks.filter(({ kind }) => kind === 'deleted-file'))]
    const byOrdinal = new Map<number, ChangeTask[]>()
    for (const task of tasks) {
      if (task.kind !== 'deleted-rows') continue
      byOrdinal.set(task.changeOrdinal, [...(byOrdinal.get(task.changeOrdinal) ?? []), task])
    }
    for (const group of byOrdinal.values()) {
      const before = await this.located(group.map((task) => ({ ...task, deletes: task.previousDeletes })))
      const after = await this.located(group.map((task) => ({ ...task, deletes: afterwards(task) })))
      const columns = this.schema.fields.map(({ name }) => `b.${identifier(name)}`)
      const left =
        `SELECT ${[...columns, 'b._file'].join(', ')} FROM (${before}) AS b ` +
        `ANTI JOIN (SELECT _file, _pos FROM (${after})) AS a ON a._file = b._file AND a._pos = b._pos`
      selects.push(this.withChange(group, left))
    }
    return selects.join(' UNION ALL ')
  }

  private located(tasks: readonly ScanTask[]): Promise<string> {
    const { connection, store, metadata, schema } = this
    return rowsSelect(connection, store, metadata, tasks, schema, { extra: ['_file', '_pos'] })
  }

  private withChange(tasks: readonly ChangeTask[], rows: string): string {
    const columns = this.schema.fields.map(({ name }) => `r.${identifier(name)}`)
    const changes = tasks.map(
      ({ file, changeOrdinal, commitSnapshotId }) =>
        `(${literal(file.path)}, ${changeOrdinal}::INTEGER, ${commitSnapshotId}::BIGINT)`,
    )
    if (changes.length === 0) changes.push('(NULL, NULL::INTEGER, NULL::BIGINT)')
    return (
      `SELECT ${[...columns, 'c._change_ordinal', 'c._commit_snapshot_id'].join(', ')} FROM (${rows}) AS r ` +
      `JOIN (VALUES ${changes.join(', ')}) AS c(file, _change_ordinal, _commit_snapshot_id) ON c.file = r._file`
    )
  }
}

/** All deletes of the file; a new deletion vector holds those of the one before. */
function afterwards({ deletes, previousDeletes }: ChangeTask) {
  const isVector = ({ file }: ChangeTask['deletes'][number]) =>
    file.content === fileContent.positionDeletes && file.format.toUpperCase() === 'PUFFIN'
  return deletes.some(isVector)
    ? [...deletes, ...previousDeletes.filter((item) => !isVector(item))]
    : [...deletes, ...previousDeletes]
}
