import {
  type Catalog,
  type CatalogChange,
  type CommitOptions,
  type LoadedTable,
  type ObjectStore,
  type RowSchema,
  type TableIdentifier,
} from '@phlo/ports'
import {
  commitWithRetry,
  type FileRemoval,
  isOtherLayout,
  newPartitionSpec,
  newSchema,
  type PartitionColumn,
  type SnapshotChange,
  TableTransaction,
} from '@phlo/iceberg'

/** A table that is about to be changed: its transaction and, when it exists already, what it was. */
export interface OpenTable {
  readonly identifier: TableIdentifier
  readonly existing: LoadedTable | undefined
  readonly transaction: TableTransaction
}

/** Every file of a table. */
export const everyFile: FileRemoval = { mayHold: () => true, matches: () => true }

/** The change in which files make room whatever they hold by then: nobody has read them, so the last writer wins. */
export function replacing(files: FileRemoval): Partial<SnapshotChange> {
  const replaces = files === everyFile ? 'table' : 'partitions'
  return { remove: files, replaces, validation: { isolation: 'none' } }
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
    : TableTransaction.create(store, { ...(await place(catalog, identifier, create)), ...create })
  return { identifier, existing, transaction }
}

/** Where the catalog wants a new table, or else where it is named. */
async function place(
  catalog: Catalog,
  identifier: TableIdentifier,
  { rows, partitioning }: { readonly rows: RowSchema; readonly partitioning: readonly PartitionColumn[] },
): Promise<{ readonly location: string; readonly uuid?: string }> {
  const schema = newSchema(rows)
  const staged = await catalog.stageTable?.(identifier, { schema, spec: newPartitionSpec(schema, partitioning) })
  return staged ?? { location: catalog.newTableLocation(identifier) }
}

/**
 * Commits the transactions of several tables together, with the namespaces that they need; on top of what others
 * committed meanwhile where that does not stand against it. Throws PHLO_COMMIT_CONFLICT otherwise.
 */
export async function commitTables(
  catalog: Catalog,
  tables: readonly OpenTable[],
  options: CommitOptions,
): Promise<void> {
  const namespaces = new Map(
    tables
      .filter(({ existing }) => !existing)
      .map(({ identifier }) => [identifier.namespace.join('\u001f'), identifier.namespace]),
  )
  const loaded = { ...(options.ref !== undefined && { ref: options.ref }) }
  await commitWithRetry(
    tables.map(({ transaction }) => transaction),
    {
      load: () =>
        Promise.all(tables.map(async ({ identifier }) => (await catalog.loadTable(identifier, loaded))?.metadata)),
      commit: async () => {
        await catalog.commit(
          [
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
          ],
          options,
        )
      },
    },
  )
}

/** How often work is done again before somebody has to look. */
const mostAttempts = 4

/**
 * Does work that writes rows and commits them, and does it again on the table as it is by then when another writer made
 * the table first, or changed its columns or partitions so that the files do not fit. Nothing of such an attempt has been
 * committed.
 */
export async function onNewestLayout<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === mostAttempts || !isOtherLayout(error)) throw error
    }
  }
}
