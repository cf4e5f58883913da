import { currentSchema, planScan, refSnapshot, schemaById, snapshotAsOf, snapshotById } from '@phlo/iceberg'
import {
  formatIdentifier,
  type IcebergSchema,
  type LoadedTable,
  type ObjectStore,
  PhloError,
  type QueryOptions,
  sameIdentifier,
  type Snapshot,
} from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'

/** The SELECT that reads an Iceberg table's snapshot with DuckDB's Parquet reader. */
export async function tableSelect(
  store: ObjectStore,
  table: LoadedTable,
  options: Pick<QueryOptions, 'asOf' | 'snapshots'> = {},
): Promise<string> {
  const { metadata } = table
  const snapshot = snapshotFor(table, options)
  const isCurrent = snapshot === undefined || snapshot === refSnapshot(metadata)
  const schema =
    isCurrent || snapshot['schema-id'] === undefined
      ? currentSchema(metadata)
      : schemaById(metadata, snapshot['schema-id'])
  const files: string[] = []
  if (snapshot) {
    for await (const { file } of planScan(store, metadata, { snapshotId: snapshot['snapshot-id'] })) {
      if (file.format.toUpperCase() !== 'PARQUET') {
        throw new PhloError(
          'PHLO_ICEBERG_UNSUPPORTED',
          `${formatIdentifier(table.identifier)} has a data file in ${file.format}`,
        )
      }
      files.push(await localFile(store, file.path))
    }
  }
  return filesSelect(files, schema, metadata.schemas.length > 1)
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
export async function localFile(store: ObjectStore, uri: string): Promise<string> {
  const key = store.key(uri)
  if (key === undefined) throw new PhloError('PHLO_ICEBERG_INVALID', `The data file ${uri} is outside the store`)
  return store.localFile(key)
}
