import { indexById, lineageIds, type ScanTask } from '@phlo/iceberg'
import { type IcebergSchema, type NestedField, type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { columnExpression, type FieldPlace } from './column-expression.js'
import {
  equalityDeleteJoins,
  fileColumn,
  hasEqualityDeletes,
  hasPositionDeletes,
  type LocalTask,
  parquetFiles,
  partitionScope,
  positionDeleteJoin,
} from './delete-joins.js'
import { fileLayouts } from './file-layout.js'
import { localParquet } from './local-parquet.js'
import { identityColumns } from './identity-columns.js'
import { nanosecondCopies } from './nanosecond-copies.js'
import { partitionStruct, type PartitionStruct } from './partition-struct.js'
import type { FileLayout } from './stored-fields.js'

/** Columns that tell where a row is, beside those of its table. Spec: "Reserved Field IDs", "Row Lineage". */
export type MetadataColumn =
  /** URI of the row's data file. */
  | '_file'
  /** The row's place in its file, from 0. */
  | '_pos'
  /** The index of the row's file among the scan tasks that were given. */
  | '_task'
  | '_spec_id'
  /** A struct of the partition values of all specs, NULL for a table that was never partitioned. */
  | '_partition'
  /** NULL for rows that no version 3 snapshot has numbered. */
  | '_row_id'
  | '_last_updated_sequence_number'

/**
 * The columns by which rewritten rows keep their ids and the commit that changed them last; none before version 3.
 * Spec: "Row Lineage".
 */
export function lineageFields(
  metadata: TableMetadata,
): readonly (NestedField & { readonly name: keyof typeof lineageIds })[] {
  if (metadata['format-version'] < 3) return []
  return (Object.keys(lineageIds) as (keyof typeof lineageIds)[]).map((name) => ({
    id: lineageIds[name],
    name,
    required: false,
    type: 'long',
  }))
}

const columnTypes: Readonly<Record<Exclude<MetadataColumn, '_partition'>, string>> = {
  _file: 'VARCHAR',
  _pos: 'BIGINT',
  _task: 'INTEGER',
  _spec_id: 'INTEGER',
  _row_id: 'BIGINT',
  _last_updated_sequence_number: 'BIGINT',
}

export interface RowsOptions {
  /** In the order in which they follow the schema's columns. */
  readonly extra?: readonly MetadataColumn[]
}

/**
 * The SELECT of the rows that scan tasks give: the columns of the schema, found by field id, without the rows that are
 * deleted. It can be run on the connection as long as that is open. Throws PHLO_ICEBERG_UNSUPPORTED for files that are
 * not Parquet.
 */
export async function rowsSelect(
  connection: Connection,
  store: ObjectStore,
  metadata: TableMetadata,
  tasks: readonly ScanTask[],
  schema: IcebergSchema,
  options: RowsOptions = {},
): Promise<string> {
  const extra = options.extra ?? []
  const partition = partitionStruct(metadata)
  if (tasks.length === 0) {
    const columns = schema.fields.map((field) =>
      columnOf(field, { layout: { fields: [] }, source: 'f', absent: new Map() }),
    )
    const typed = extra.map(
      (name) => `CAST(NULL AS ${name === '_partition' ? partition.type : columnTypes[name]}) AS ${identifier(name)}`,
    )
    return `SELECT ${[...columns, ...typed].join(', ')} WHERE FALSE`
  }
  const locals = await Promise.all(
    tasks.map(async (task, index): Promise<LocalTask> => ({
      task,
      index,
      local: await localParquet(store, task.file),
    })),
  )
  const lineage = extra.some((name) => name in lineageIds)
  const paths = locals.map(({ local }) => local)
  const layouts = await fileLayouts(connection, store, metadata, paths, lineage)
  const whole = await nanosecondCopies(connection, paths, layouts, idsOf(schema, tasks))
  const read = locals.map((local, index) => ({ ...local, local: whole[index] as string }))
  const selects: string[] = []
  for (const { layout, tasks: alike } of groupTasks(read, layouts)) {
    selects.push(await groupSelect(connection, store, metadata, alike, layout, schema, extra, partition))
  }
  return selects.join(' UNION ALL ')
}

/** Ids of what is read: of the columns, and of those that equality deletes compare. */
function idsOf(schema: IcebergSchema, tasks: readonly ScanTask[]): Set<number> {
  const compared = tasks.flatMap(({ deletes }) => deletes.flatMap(({ file }) => file.equalityIds ?? []))
  return new Set([...indexById(schema).keys(), ...compared])
}

interface TaskGroup {
  readonly layout: FileLayout
  readonly tasks: LocalTask[]
}

/** Files that are read by one scan: of one layout, and with the same kinds of deletes. */
function groupTasks(locals: readonly LocalTask[], layouts: readonly FileLayout[]): TaskGroup[] {
  const byLayout = new Map<FileLayout, Map<string, TaskGroup>>()
  locals.forEach((local, index) => {
    const layout = layouts[index] as FileLayout
    const kinds = byLayout.get(layout) ?? new Map<string, TaskGroup>()
    byLayout.set(layout, kinds)
    const kind = `${hasPositionDeletes(local)} ${hasEqualityDeletes(local)}`
    const group = kinds.get(kind)
    if (group) group.tasks.push(local)
    else kinds.set(kind, { layout, tasks: [local] })
  })
  return [...byLayout.values()].flatMap((kinds) => [...kinds.values()])
}

async function groupSelect(
  connection: Connection,
  store: ObjectStore,
  metadata: TableMetadata,
  tasks: readonly LocalTask[],
  layout: FileLayout,
  schema: IcebergSchema,
  extra: readonly MetadataColumn[],
  partition: PartitionStruct,
): Promise<string> {
  const [first] = tasks as [LocalTask]
  const joins: string[] = []
  const equality = hasEqualityDeletes(first)
  const source = { files: 'f', facts: 'c' }
  const identities = identityColumns(metadata, schema, layout)
  const facts: Fact[] = [
    ...neededFacts(extra, equality).map((name) => ({
      name,
      value: (task: LocalTask) => factOf(name, task, partition),
    })),
    ...identities.map(({ name, value }) => ({ name, value: ({ task }: LocalTask) => value(task.file) })),
  ]
  const place = { layout, source: source.files, absent: new Map(identities.map(({ id, name }) => [id, `c.${name}`])) }
  if (facts.length > 0) {
    const rows = tasks.map((task) => `(${[literal(task.local), ...facts.map(({ value }) => value(task))].join(', ')})`)
    const names = ['file', ...facts.map(({ name }) => name)].map(identifier)
    joins.push(`JOIN (VALUES ${rows.join(', ')}) AS c(${names.join(', ')}) ON c.file = f.${fileColumn}`)
  }
  const positions = hasPositionDeletes(first)
  if (positions) joins.push(await positionDeleteJoin(connection, store, tasks, source))
  if (equality) joins.push(...(await equalityDeleteJoins(connection, store, metadata, tasks, place, source)))
  // DuckDB's own columns of these names give way to those of the file.
  if (positions || extra.includes('_pos') || extra.includes('_row_id')) requireFree(first, layout, 'file_row_number')
  if (extra.includes('_task')) requireFree(first, layout, 'file_index')
  const columns = [
    ...schema.fields.map((field) => columnOf(field, place)),
    ...extra.map((name) => `${extraExpression(name, layout, tasks)} AS ${identifier(name)}`),
  ]
  return `SELECT ${columns.join(', ')} FROM ${parquetFiles(tasks.map(({ local }) => local))} AS f ${joins.join(' ')}`
}

/** Throws PHLO_ICEBERG_UNSUPPORTED for files with a column that is named like one of DuckDB's own. */
function requireFree({ task }: LocalTask, layout: FileLayout, column: string): void {
  if (!layout.fields.some(({ name }) => name.toLowerCase() === column)) return
  throw new PhloError(
    'PHLO_ICEBERG_UNSUPPORTED',
    `${task.file.path} has a column ${column}, so that DuckDB cannot tell where its rows are`,
    { hint: 'Rename the column and rewrite the table’s files.' },
  )
}

function columnOf(field: NestedField, place: FieldPlace): string {
  return `${columnExpression(field, place)} AS ${identifier(field.name)}`
}

/** What a manifest tells of a file, joined to its rows. */
interface Fact {
  readonly name: string
  readonly value: (task: LocalTask) => string
}

type FactName = 'uri' | 'spec_id' | 'partition' | 'first_row_id' | 'sequence_number' | 'scope'

function neededFacts(extra: readonly MetadataColumn[], equality: boolean): FactName[] {
  const needed = new Set<FactName>(equality ? ['sequence_number', 'scope'] : [])
  for (const name of extra) {
    if (name === '_file') needed.add('uri')
    if (name === '_spec_id') needed.add('spec_id')
    if (name === '_partition') needed.add('partition')
    if (name === '_row_id' || name === '_last_updated_sequence_number') needed.add('first_row_id')
    if (name === '_last_updated_sequence_number') needed.add('sequence_number')
  }
  return [...needed]
}

function factOf(name: FactName, { task }: LocalTask, partition: PartitionStruct): string {
  switch (name) {
    case 'uri':
      return literal(task.file.path)
    case 'spec_id':
      return `${task.file.specId}::INTEGER`
    case 'partition':
      return partition.value(task.file)
    case 'first_row_id':
      return `${task.file.firstRowId ?? 'NULL'}::BIGINT`
    case 'sequence_number':
      return `${task.sequenceNumber}::BIGINT`
    case 'scope':
      return literal(partitionScope(task.file))
  }
}

function extraExpression(name: MetadataColumn, layout: FileLayout, tasks: readonly LocalTask[]): string {
  const stored = (id: number) => {
    const column = layout.fields.find((field) => field.id === id)
    return column ? `f.${identifier(column.name)}` : 'NULL'
  }
  switch (name) {
    case '_file':
      return 'c.uri'
    case '_pos':
      return 'f.file_row_number'
    case '_task':
      // No join: a number for each file costs next to nothing, and its own number nothing.
      return tasks.every(({ index }, position) => index === position)
        ? 'f.file_index::INTEGER'
        : `list_extract([${tasks.map(({ index }) => index).join(', ')}], (f.file_index + 1)::BIGINT)::INTEGER`
    case '_spec_id':
      return 'c.spec_id'
    case '_partition':
      return 'c.partition'
    case '_row_id':
      return `coalesce(${stored(lineageIds._row_id)}, c.first_row_id + f.file_row_number)`
    case '_last_updated_sequence_number':
      return `CASE WHEN c.first_row_id IS NOT NULL THEN coalesce(${stored(lineageIds._last_updated_sequence_number)}, c.sequence_number) END`
  }
}
