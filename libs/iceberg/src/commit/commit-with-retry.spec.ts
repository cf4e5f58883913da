import { PhloError } from '@phlo/ports'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { TableFiles } from '../manifest/table-files.js'
import { MemoryTable } from '../testing/memory-table.js'
import { type CommitTarget, commitWithRetry } from './commit-with-retry.js'
import { conflict } from './conflict.js'
import { TableTransaction } from './transaction.js'

let table: MemoryTable
let names = 0
beforeEach(async () => {
  table = new MemoryTable()
  await change((t) => t.setProperties({ 'commit.retry.min-wait-ms': '1', 'commit.retry.num-retries': '2' }))
})

async function change(make: (transaction: TableTransaction) => unknown): Promise<void> {
  const transaction = TableTransaction.change(table.store, table.metadata, table.now)
  await make(transaction)
  await table.commit(transaction.requirements, transaction.updates)
}

async function appending(): Promise<TableTransaction> {
  const transaction = TableTransaction.change(table.store, table.metadata, table.now)
  await transaction.addSnapshot({ add: [await table.file(`new-${names++}`)] })
  return transaction
}

/** Commits to the table, after what is to happen first each time. */
function target(transactions: readonly TableTransaction[], before: (attempt: number) => unknown): CommitTarget {
  let attempt = 0
  return {
    load: async () => transactions.map(() => table.metadata),
    commit: async () => {
      await before(++attempt)
      for (const { requirements, updates } of transactions) await table.commit(requirements, updates)
    },
  }
}

const otherCommits = async () => change(async (t) => t.addSnapshot({ add: [await table.file(`other-${names++}`)] }))

/** Keys of metadata files that no snapshot of the table needs. */
async function unneeded(): Promise<string[]> {
  const files = new TableFiles(table.store, table.metadata)
  const needed = new Set<string>()
  for (const snapshot of table.metadata.snapshots ?? []) {
    needed.add(snapshot['manifest-list']!)
    for (const { path } of await files.manifests(snapshot)) needed.add(path)
  }
  return (await table.keys()).filter((key) => key.includes('/metadata/') && !needed.has(table.store.uri(key)))
}

describe('a commit', () => {
  it('that others overtake is put on top of theirs, and leaves nothing behind', async () => {
    const transaction = await appending()
    await commitWithRetry(
      [transaction],
      target([transaction], (attempt) => attempt < 3 && otherCommits()),
    )
    expect(table.metadata['current-snapshot-id']).toBe(transaction.snapshotIds[0])
    expect(table.metadata.snapshots!.at(-1)?.summary).toMatchObject({ 'total-data-files': '3' })
    expect(await unneeded()).toEqual([])
  })

  it('writes the manifest of its files once', async () => {
    const transaction = await appending()
    const manifests = async () => (await table.keys()).filter((key) => key.endsWith('-m0.avro'))
    const before = await manifests()
    await commitWithRetry(
      [transaction],
      target([transaction], (attempt) => attempt < 2 && otherCommits()),
    )
    const [, other, ...more] = await manifests()
    expect(before).toHaveLength(1)
    expect(other).toBeDefined()
    expect(more).toEqual([])
  })

  it('gives up in the end, and takes its manifests away', async () => {
    const transaction = await appending()
    let attempts = 0
    const losing = target([transaction], (attempt) => {
      attempts = attempt
      return otherCommits()
    })
    await expect(commitWithRetry([transaction], losing)).rejects.toMatchObject({ code: 'PHLO_COMMIT_CONFLICT' })
    expect(attempts).toBe(3)
    expect(await unneeded()).toEqual([])
  })

  it('ends at once when what others did stands against it', async () => {
    await otherCommits()
    const path = table.store.uri('t/data/first')
    await change(async (t) => t.addSnapshot({ add: [await table.file('first')] }))
    const transaction = TableTransaction.change(table.store, table.metadata, table.now)
    await transaction.addSnapshot({ add: [], removePaths: new Set([path]) })
    let attempts = 0
    const losing = target([transaction], (attempt) => {
      attempts = attempt
      return change((t) => t.addSnapshot({ add: [], removePaths: new Set([path]) }))
    })
    await expect(commitWithRetry([transaction], losing)).rejects.toMatchObject({
      code: 'PHLO_COMMIT_CONFLICT',
      context: { files: [path] },
    })
    expect(attempts).toBe(1)
    expect(await unneeded()).toEqual([])
  })

  it('of which nobody knows whether it happened deletes nothing', async () => {
    const transaction = await appending()
    const failing = target([transaction], () => {
      throw new PhloError('PHLO_STORAGE_FAILED', 'The connection was lost')
    })
    await expect(commitWithRetry([transaction], failing)).rejects.toMatchObject({ code: 'PHLO_STORAGE_FAILED' })
    expect(await unneeded()).toHaveLength(2)
  })

  it('that happened, but was taken for another’s, has happened', async () => {
    const transaction = await appending()
    const late: CommitTarget = {
      load: async () => [table.metadata],
      commit: async () => {
        await table.commit(transaction.requirements, transaction.updates)
        throw conflict('the branch moved')
      },
    }
    await commitWithRetry([transaction], late)
    expect(table.metadata.snapshots).toHaveLength(1)
    expect(await unneeded()).toEqual([])
  })

  it('of a table that somebody else has created fails', async () => {
    const { location } = table.metadata
    const columns = [{ name: 'id', type: 'int', required: false, optional: false, rules: [], unique: false }]
    const transaction = TableTransaction.create(table.store, { location, rows: { columns }, partitioning: [] })
    const losing: CommitTarget = {
      load: async () => [table.metadata],
      commit: async () => {
        throw conflict('the branch moved')
      },
    }
    await expect(commitWithRetry([transaction], losing)).rejects.toMatchObject({ code: 'PHLO_TABLE_EXISTS' })
  })

  it('of nothing is none', async () => {
    await commitWithRetry(
      [],
      target([], () => {
        throw new Error('nothing to commit')
      }),
    )
  })
})
