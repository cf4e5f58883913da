import { isPhloError, type TableMetadata } from '@phlo/ports'
import { snapshotById } from '../metadata/metadata.js'
import { numberProperty } from '../metadata/properties.js'
import type { TableTransaction } from './transaction.js'

/** Where transactions are committed: a catalog, or a table's own folder. */
export interface CommitTarget {
  /** The tables of the transactions as they are now, in their order; `undefined` for one that is not there. */
  load(): Promise<readonly (TableMetadata | undefined)[]>
  /**
   * Commits the updates of all transactions, or none. Throws PHLO_COMMIT_CONFLICT when a requirement does not hold; after
   * any other error it may or may not have happened.
   */
  commit(): Promise<void>
}

/**
 * Commits transactions together, again on newer metadata as long as others commit first and nothing that they did stands
 * against it. How often and for how long: the first table's properties `commit.retry.num-retries` (4),
 * `commit.retry.min-wait-ms` (100), `commit.retry.max-wait-ms` (60,000) and `commit.retry.total-timeout-ms` (30 minutes).
 *
 * Throws PHLO_COMMIT_CONFLICT when others stand against it or always were first, and PHLO_TABLE_EXISTS for a table that
 * another made first; then what was written for the commit
 * is gone, data files aside. After an error that leaves open whether the commit happened, nothing is deleted.
 */
export async function commitWithRetry(transactions: readonly TableTransaction[], target: CommitTarget): Promise<void> {
  const [first] = transactions
  if (!first) return
  const property = (name: string, fallback: number) => numberProperty(first.metadata, `commit.retry.${name}`, fallback)
  const retries = property('num-retries', 4)
  const longest = property('max-wait-ms', 60_000)
  const deadline = Date.now() + property('total-timeout-ms', 1_800_000)
  for (let attempt = 0; ; attempt++) {
    try {
      await target.commit()
      break
    } catch (error) {
      const exists = isPhloError(error, 'PHLO_TABLE_EXISTS')
      if (!exists && !isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
      const wait = Math.min(longest, property('min-wait-ms', 100) * 2 ** attempt)
      const newest = await target.load()
      // What was taken for another's commit may have been this one, acknowledged late.
      if (newest.some((metadata, index) => holds(metadata, transactions[index]))) break
      if (exists || attempt >= retries || Date.now() + wait > deadline) {
        await discardAll(transactions)
        throw error
      }
      await new Promise((resolve) => setTimeout(resolve, wait * (1 + Math.random() / 10)))
      await rebase(transactions, await target.load())
    }
  }
  for (const transaction of transactions) await transaction.discardUnneeded()
}

async function rebase(
  transactions: readonly TableTransaction[],
  newest: readonly (TableMetadata | undefined)[],
): Promise<void> {
  try {
    for (const [index, transaction] of transactions.entries()) await transaction.rebase(newest[index])
  } catch (error) {
    if (isPhloError(error, 'PHLO_COMMIT_CONFLICT') || isPhloError(error, 'PHLO_TABLE_EXISTS'))
      await discardAll(transactions)
    throw error
  }
}

async function discardAll(transactions: readonly TableTransaction[]): Promise<void> {
  for (const transaction of transactions) await transaction.discardAll()
}

/** Has the transaction been committed? Without snapshots of its own nothing tells. */
function holds(metadata: TableMetadata | undefined, transaction: TableTransaction | undefined): boolean {
  if (!metadata || !transaction) return false
  return transaction.snapshotIds.some((id) => snapshotById(metadata, id) !== undefined)
}
