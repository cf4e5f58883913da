import {
  currentSchema,
  planScan,
  refSnapshot,
  type ScanTask,
  schemaById,
  snapshotAsOf,
  snapshotById,
} from '@phlo/iceberg'
import {
  formatIdentifier,
  type LoadedTable,
  type ObjectStore,
  PhloError,
  type QueryOptions,
  sameIdentifier,
  type Snapshot,
} from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import { rowsSelect } from '../reading/rows-select.js'

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
  const tasks: ScanTask[] = []
  if (snapshot) {
    for await (const task of planScan(store, metadata, { snapshotId: snapshot['snapshot-id'] })) tasks.push(task)
  }
  return rowsSelect(connection, store, metadata, tasks, schema)
}

function isPinned(table: LoadedTable, options: Pick<QueryOptions, 'snapshots'>): boolean {
  return options.snapshots?.some((item) => sameIdentifier(item.table, table.identifier)) ?? false
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
