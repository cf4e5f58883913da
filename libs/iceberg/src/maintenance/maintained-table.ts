import { isPhloError, type ObjectStore, type TableMetadata, type TableRequirement, type TableUpdate } from '@phlo/ports'

/** A table that maintenance works on, wherever its metadata is kept: in a catalog or in a folder. */
export interface MaintainedTable {
  readonly store: ObjectStore

  /** The table as it is now. */
  load(): Promise<TableMetadata>

  /**
   * Commits the updates and gives the table afterwards, with what others committed meanwhile. It resolves only when the
   * commit is durable. Throws PHLO_COMMIT_CONFLICT when a requirement does not hold.
   */
  commit(requirements: readonly TableRequirement[], updates: readonly TableUpdate[]): Promise<TableMetadata>
}

/** How often an operation is planned again because somebody else changed the table. */
const mostAttempts = 10

/** Loads the table and does the work; does both again when somebody else changed the table meanwhile. */
export async function withRetries<T>(
  table: MaintainedTable,
  work: (metadata: TableMetadata) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(await table.load())
    } catch (error) {
      if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT') || attempt >= mostAttempts) throw error
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(1000, 10 * 2 ** attempt)))
    }
  }
}
