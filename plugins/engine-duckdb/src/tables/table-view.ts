import {
  type Expression,
  planScan,
  ScanMetrics,
  type ScanTask,
  selectSnapshot,
  type SnapshotSelection,
} from '@phlo/iceberg'
import {
  formatIdentifier,
  type LoadedTable,
  type ObjectStore,
  type QueryOptions,
  restated,
  isPhloError,
  sameIdentifier,
  type TableReadPlan,
} from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import { type MetadataColumn, rowsSelect } from '../reading/rows-select.js'

/** What a statement reads of a table. */
export interface TableRead {
  readonly table: LoadedTable
  readonly selection: SnapshotSelection
  /** What is certain of the rows that are wanted. */
  readonly filter?: Expression
  /** Columns behind those of the table. */
  readonly extra?: readonly MetadataColumn[]
}

/**
 * The SELECT that reads an Iceberg table's snapshot with DuckDB's Parquet reader. Throws PHLO_SNAPSHOT_NOT_FOUND and
 * PHLO_REF_NOT_FOUND.
 */
export async function tableSelect(
  connection: Connection,
  store: ObjectStore,
  { table, selection, filter, extra = [] }: TableRead,
): Promise<{ readonly sql: string; readonly plan: TableReadPlan }> {
  const { metadata } = table
  const { snapshot, schema } = selectionOf(table, selection)
  const tasks: ScanTask[] = []
  const metrics = new ScanMetrics()
  for await (const task of planScan(store, metadata, { ...selection, metrics, ...(filter && { filter }) }))
    tasks.push(task)
  return {
    sql: await rowsSelect(connection, store, metadata, tasks, schema, { extra }),
    plan: {
      table: table.identifier,
      ...(snapshot && { snapshotId: snapshot['snapshot-id'] }),
      ...metrics.report(),
    },
  }
}

/** {@link selectSnapshot} with errors that name the table. */
export function selectionOf({ identifier, metadata }: LoadedTable, selection: SnapshotSelection) {
  try {
    return selectSnapshot(metadata, selection)
  } catch (error) {
    if (!isPhloError(error)) throw error
    throw restated(error, { message: error.message.replace(/^The table/, formatIdentifier(identifier)) })
  }
}

/** Which of the table's states the options of a query mean. */
export function selectionOfOptions(
  table: LoadedTable,
  options: Pick<QueryOptions, 'asOf' | 'snapshots'>,
): SnapshotSelection {
  const pinned = options.snapshots?.find((item) => sameIdentifier(item.table, table.identifier))
  if (pinned) return { snapshotId: pinned.snapshotId }
  return options.asOf ? { asOf: options.asOf } : {}
}
