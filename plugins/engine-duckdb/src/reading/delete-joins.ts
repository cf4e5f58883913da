import { type DataFile, fileContent, indexById, isDeletionVector, partitionKey, type ScanTask } from '@phlo/iceberg'
import { type NestedField, type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { columnExpression, fieldExpression, type FieldPlace } from './column-expression.js'
import { deletionVectorSelect } from './deletion-vectors.js'
import { fileLayouts } from './file-layout.js'
import { localParquet } from './local-parquet.js'
import { nanosecondCopies } from './nanosecond-copies.js'
import type { FileLayout } from './stored-fields.js'

/** A data file of a scan and where its bytes are. */
export interface LocalTask {
  readonly task: ScanTask
  /** Its place among the tasks of the scan. */
  readonly index: number
  /** The local path, as DuckDB names the file. */
  readonly local: string
}

/** The names that a joined statement gives to the data files and to what is known of each. */
export interface DataSource {
  /** Of the files' rows, with `fileColumn` among their columns. */
  readonly files: string
  /** Of {@link fileFacts}. */
  readonly facts: string
}

/** The column with a row's file, named so that it meets no column of a table. */
export const fileColumn = '_phlo_file'

/** `read_parquet` of the files, with {@link fileColumn}. */
export function parquetFiles(files: readonly string[]): string {
  return `read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false, filename = ${literal(fileColumn)})`
}

export function hasPositionDeletes({ task }: LocalTask): boolean {
  return task.deletes.some(({ file }) => file.content === fileContent.positionDeletes)
}

export function hasEqualityDeletes({ task }: LocalTask): boolean {
  return task.deletes.some(({ file }) => file.content === fileContent.equalityDeletes)
}

/**
 * An anti-join that drops the rows whose positions are deleted. Spec: "Position Delete Files", "Deletion Vectors".
 */
export async function positionDeleteJoin(
  connection: Connection,
  store: ObjectStore,
  tasks: readonly LocalTask[],
  source: DataSource,
): Promise<string> {
  const deletes = distinctFiles(tasks, fileContent.positionDeletes)
  const vectors = deletes.filter(isDeletionVector)
  const files = await Promise.all(
    deletes.filter((file) => !isDeletionVector(file)).map((file) => localParquet(store, file)),
  )
  const positions = [
    ...(files.length > 0
      ? [
          `SELECT file_path AS uri, pos FROM read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false)`,
        ]
      : []),
    ...(vectors.length > 0 ? [await deletionVectorSelect(connection, store, vectors)] : []),
  ]
  const paths = tasks.map(({ task, local }) => `(${literal(task.file.path)}, ${literal(local)})`)
  return (
    `ANTI JOIN (SELECT p.file, d.pos FROM (${positions.join(' UNION ALL ')}) AS d ` +
    `JOIN (VALUES ${paths.join(', ')}) AS p(uri, file) ON p.uri = d.uri) AS dp ` +
    `ON dp.file = ${source.files}.${fileColumn} AND dp.pos = ${source.files}.file_row_number`
  )
}

/**
 * Anti-joins that drop the rows that equality deletes name, one for each set of columns that are compared. A row is
 * deleted by files of a higher sequence number alone, so of each key only the highest one counts.
 * Spec: "Equality Delete Files", and "Scan Planning" for what they apply to.
 */
export async function equalityDeleteJoins(
  connection: Connection,
  store: ObjectStore,
  metadata: TableMetadata,
  tasks: readonly LocalTask[],
  place: FieldPlace,
  source: DataSource,
): Promise<string[]> {
  const sequenceNumbers = new Map<DataFile, number>()
  for (const { task } of tasks)
    for (const { file, sequenceNumber } of task.deletes) sequenceNumbers.set(file, sequenceNumber)
  const groups = new Map<string, { ids: readonly number[]; scoped: boolean; files: DataFile[] }>()
  for (const file of distinctFiles(tasks, fileContent.equalityDeletes)) {
    const ids = [...(file.equalityIds ?? [])].sort((a, b) => a - b)
    if (ids.length === 0)
      throw new PhloError('PHLO_ICEBERG_INVALID', `The equality deletes of ${file.path} compare no column`)
    // Deletes of an unpartitioned spec are about all partitions.
    const scoped = file.partition.length > 0
    const key = `${ids.join(',')} ${scoped}`
    const group = groups.get(key)
    if (group) group.files.push(file)
    else groups.set(key, { ids, scoped, files: [file] })
  }
  const joins: string[] = []
  for (const { ids, scoped, files } of groups.values()) {
    const fields = ids.map((id) => comparedField(metadata, id))
    const stored = await Promise.all(files.map((file) => localParquet(store, file)))
    const layouts = await fileLayouts(connection, store, metadata, stored, true)
    const locals = await nanosecondCopies(connection, stored, layouts, new Set(ids))
    const selects = files.map((file, index) => {
      const deletes = { layout: layouts[index] as FileLayout, source: 'd', absent: new Map<number, string>() }
      const columns = fields.map((field, column) => {
        const expression = fieldExpression(field, deletes)
        if (expression !== undefined) return `${expression} AS k${column}`
        throw new PhloError(
          'PHLO_ICEBERG_INVALID',
          `${file.path} lacks the column of id ${field.id} that its deletes compare`,
        )
      })
      return { columns: columns.join(', '), local: locals[index] as string, file }
    })
    // One scan for all files that are stored alike.
    const alike = new Map<string, typeof selects>()
    for (const select of selects) alike.set(select.columns, [...(alike.get(select.columns) ?? []), select])
    const rows = [...alike.values()].map((same) => {
      const facts = same.map(
        ({ local, file }) =>
          `(${literal(local)}, ${sequenceNumbers.get(file) as number}::BIGINT, ${literal(partitionScope(file))})`,
      )
      const [{ columns }] = same as [(typeof selects)[number]]
      return (
        `SELECT ${columns}, s.seq, s.scope FROM ${parquetFiles(same.map(({ local }) => local))} AS d ` +
        `JOIN (VALUES ${facts.join(', ')}) AS s(file, seq, scope) ON s.file = d.${fileColumn}`
      )
    })
    const keys = ids.map((_, column) => `k${column}`)
    const group = scoped ? [...keys, 'scope'] : keys
    const name = `de${joins.length}`
    const conditions = [
      ...fields.map((field, column) => {
        const expression = fieldExpression(field, place) ?? columnExpression(field, place)
        return `${name}.k${column} IS NOT DISTINCT FROM ${expression}`
      }),
      ...(scoped ? [`${name}.scope = ${source.facts}.scope`] : []),
      `${name}.seq > ${source.facts}.sequence_number`,
    ]
    joins.push(
      `ANTI JOIN (SELECT ${group.join(', ')}, max(seq) AS seq FROM (${rows.join(' UNION ALL ')}) GROUP BY ALL) AS ${name} ` +
        `ON ${conditions.join(' AND ')}`,
    )
  }
  return joins
}

/** A text that data files and scoped deletes share when they are of one partition. */
export function partitionScope(file: DataFile): string {
  return `${file.specId} ${partitionKey(file)}`
}

function distinctFiles(tasks: readonly LocalTask[], content: DataFile['content']): DataFile[] {
  const files = new Map<string, DataFile>()
  for (const { task } of tasks) {
    for (const { file } of task.deletes) {
      if (file.content === content) files.set(`${file.path} ${file.contentOffset ?? ''}`, file)
    }
  }
  return [...files.values()]
}

/** A dropped column still decides which rows were deleted by it. */
function comparedField(metadata: TableMetadata, id: number): NestedField {
  const current = metadata.schemas.filter((schema) => schema['schema-id'] === metadata['current-schema-id'])
  for (const schema of [...current, ...metadata.schemas.toReversed()]) {
    const found = indexById(schema).get(id)
    if (found) return found.field
  }
  throw new PhloError('PHLO_ICEBERG_INVALID', `Equality deletes compare a column of id ${id}, which no schema has`)
}
