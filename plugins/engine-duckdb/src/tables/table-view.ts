import {
  currentSchema,
  isList,
  isMap,
  isStruct,
  planScan,
  refSnapshot,
  type ScanTask,
  schemaById,
  snapshotAsOf,
  snapshotById,
} from '@phlo/iceberg'
import {
  formatIdentifier,
  type IcebergSchema,
  type IcebergType,
  type LoadedTable,
  type ObjectStore,
  PhloError,
  type QueryOptions,
  sameIdentifier,
  type Snapshot,
} from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { duckdbType } from '../duckdb-types.js'

/** The SELECT that reads an Iceberg table's snapshot with DuckDB's Parquet reader. */
export async function tableSelect(
  connection: Connection,
  store: ObjectStore,
  table: LoadedTable,
  options: Pick<QueryOptions, 'asOf' | 'snapshots'> = {},
): Promise<string> {
  const { metadata } = table
  const snapshot = snapshotFor(table, options)
  // Who reads the past sees its columns, also where the past is still the present.
  const travels = snapshot !== undefined && (options.asOf !== undefined || isPinned(table, options))
  const schema =
    travels && snapshot['schema-id'] !== undefined
      ? schemaById(metadata, snapshot['schema-id'])
      : currentSchema(metadata)
  const files: string[] = []
  if (snapshot) {
    for await (const task of planScan(store, metadata, { snapshotId: snapshot['snapshot-id'] })) {
      files.push(await localFile(store, task))
    }
  }
  await requireNestedNames(connection, table, schema, files)
  return filesSelect(files, schema, metadata.schemas.length > 1)
}

function isPinned(table: LoadedTable, options: Pick<QueryOptions, 'snapshots'>): boolean {
  return options.snapshots?.some((item) => sameIdentifier(item.table, table.identifier)) ?? false
}

/** A field within a struct, by its column's id and its path below. */
interface NestedName {
  readonly id: number
  readonly name: string
  readonly place: string
}

function nestedNames(schema: IcebergSchema): NestedName[] {
  const found: NestedName[] = []
  const visit = (type: IcebergType, place: string): void => {
    if (isList(type)) visit(type.element, `${place}[]`)
    else if (isMap(type)) {
      visit(type.key, `${place}{key}`)
      visit(type.value, `${place}{value}`)
    } else if (isStruct(type)) {
      for (const field of type.fields) {
        found.push({ id: field.id, name: field.name, place: `${place}.${field.name.toLowerCase()}` })
        visit(field.type, `${place}.${field.name.toLowerCase()}`)
      }
    }
  }
  for (const field of schema.fields) visit(field.type, String(field.id))
  return found
}

/**
 * DuckDB finds columns by field id, but what is within them by name. Where fields of structs were renamed, or dropped and
 * added again, files from before would be read wrongly: NULLs, or what was dropped. Throws PHLO_ICEBERG_UNSUPPORTED then.
 */
async function requireNestedNames(
  connection: Connection,
  table: LoadedTable,
  schema: IcebergSchema,
  files: readonly string[],
): Promise<void> {
  if (table.metadata.schemas.length < 2 || files.length === 0) return
  const wanted = nestedNames(schema)
  const misread = table.metadata.schemas
    .flatMap(nestedNames)
    .filter(
      ({ id, name, place }) =>
        wanted.some((field) => field.id === id && field.name.toLowerCase() !== name.toLowerCase()) ||
        wanted.some((field) => field.id !== id && field.place === place),
    )
  if (misread.length === 0) return
  const pairs = misread.map(({ id, name }) => `(${id}, ${literal(name)})`).join(', ')
  const [file] = await connection.run(
    `SELECT name FROM parquet_schema([${files.map(literal).join(', ')}]) WHERE (field_id, name) IN (${pairs}) LIMIT 1`,
  )
  if (!file) return
  throw new PhloError(
    'PHLO_ICEBERG_UNSUPPORTED',
    `${formatIdentifier(table.identifier)} has data from before the field ${file['name'] as string} within a struct was renamed or dropped, which cannot be read yet`,
    { hint: 'Rewrite the table once with an engine that reads nested fields by their ids.' },
  )
}

function snapshotFor(table: LoadedTable, options: Pick<QueryOptions, 'asOf' | 'snapshots'>): Snapshot | undefined {
  const { metadata, identifier: name } = table
  const pinned = options.snapshots?.find((item) => sameIdentifier(item.table, name))
  if (pinned) {
    const snapshot = snapshotById(metadata, pinned.snapshotId)
    if (snapshot) return snapshot
    throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `${formatIdentifier(name)} has no snapshot ${pinned.snapshotId}`)
  }
  if (options.asOf) {
    const snapshot = snapshotAsOf(metadata, options.asOf)
    if (snapshot) return snapshot
    throw new PhloError(
      'PHLO_SNAPSHOT_NOT_FOUND',
      `${formatIdentifier(name)} had no snapshot at ${options.asOf.toISOString()}`,
    )
  }
  return refSnapshot(metadata)
}

/** A SELECT of the schema's columns over data files that were written with Iceberg's field ids. */
export function filesSelect(
  files: readonly string[],
  schema: IcebergSchema,
  byFieldId: boolean,
  extraColumns: readonly string[] = [],
): string {
  const columns = schema.fields.map((field) => identifier(field.name))
  if (files.length === 0) {
    const typed = schema.fields.map((field) => `CAST(NULL AS ${duckdbType(field.type)}) AS ${identifier(field.name)}`)
    return `SELECT ${typed.join(', ')} WHERE FALSE`
  }
  const list = `[${files.map(literal).join(', ')}]`
  const select = `SELECT ${[...columns, ...extraColumns].join(', ')} FROM read_parquet(${list}, hive_partitioning = false`
  // Names differ between files only after the schema changed; then columns are found by id.
  if (!byFieldId) return `${select})`
  const fields = schema.fields.map(
    (field) =>
      `${field.id}: {name: ${literal(field.name)}, type: ${literal(duckdbType(field.type))}, default_value: NULL}`,
  )
  return `${select}, schema = MAP {${fields.join(', ')}})`
}

/** A local path with the bytes of a data file. */
export async function localFile(store: ObjectStore, { file, deletes }: ScanTask): Promise<string> {
  if (file.format.toUpperCase() !== 'PARQUET')
    throw new PhloError('PHLO_ICEBERG_UNSUPPORTED', `The data file ${file.path} is ${file.format}, not Parquet`)
  if (deletes.length > 0)
    throw new PhloError('PHLO_ICEBERG_UNSUPPORTED', `Rows of ${file.path} are deleted by other files`)
  const key = store.key(file.path)
  if (key === undefined) throw new PhloError('PHLO_ICEBERG_INVALID', `The data file ${file.path} is outside the store`)
  return store.localFile(key)
}
