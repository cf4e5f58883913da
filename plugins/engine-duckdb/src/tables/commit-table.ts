import {
  type Catalog,
  type CatalogChange,
  type CommitOptions,
  type CommitResult,
  type LoadedTable,
  type ObjectStore,
  type RowSchema,
  type TableIdentifier,
} from '@phlo/ports'
import { type PartitionColumn, TableTransaction } from '@phlo/iceberg'

/** A table that is about to be changed: its transaction and, when it exists already, what it was. */
export interface OpenTable {
  readonly identifier: TableIdentifier
  readonly existing: LoadedTable | undefined
  readonly transaction: TableTransaction
}

/** Starts a transaction on the table at the branch, new when there is none. */
export async function openTable(
  store: ObjectStore,
  catalog: Catalog,
  identifier: TableIdentifier,
  ref: string,
  create: {
    readonly rows: RowSchema
    readonly partitioning: readonly PartitionColumn[]
    readonly properties?: Readonly<Record<string, string>>
  },
): Promise<OpenTable> {
  const existing = await catalog.loadTable(identifier, { ref })
  const transaction = existing
    ? TableTransaction.change(store, existing.metadata)
    : TableTransaction.create(store, { location: catalog.newTableLocation(identifier), ...create })
  return { identifier, existing, transaction }
}

/** Commits the transactions of several tables together, with the namespaces that they need. */
export async function commitTables(
  catalog: Catalog,
  tables: readonly OpenTable[],
  options: CommitOptions,
): Promise<CommitResult> {
  const namespaces = new Map(
    tables
      .filter(({ existing }) => !existing)
      .map(({ identifier }) => [identifier.namespace.join('\u001f'), identifier.namespace]),
  )
  const changes: CatalogChange[] = [
    ...[...namespaces.values()].map((namespace): CatalogChange => ({
      kind: 'create-namespace',
      namespace,
      ifNotExists: true,
    })),
    ...tables.map(({ identifier, transaction }): CatalogChange => ({
      kind: 'table',
      identifier,
      requirements: transaction.requirements,
      updates: transaction.updates,
    })),
  ]
  return catalog.commit(changes, options)
}
