import { PhloError, type PutCondition } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { describe, expect, it } from '@jest/globals'
import { createRef } from '../commit/snapshot-refs.js'
import { dataFile, idAndDay, positionDeletes, uriOf } from '../testing/example-files.js'
import { FolderTables } from './folder-tables.js'
import type { Table } from './table.js'

/** A store of which one put fails, before or after it has happened. */
class FaultyStore extends MemoryObjectStore {
  private puts = 0
  /** Counted from 1; without it none fails. */
  failing: { readonly put: number; readonly happens: boolean } | undefined
  failed = false

  arm(put: number, happens: boolean): void {
    this.puts = 0
    this.failed = false
    this.failing = { put, happens }
  }

  override async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
    const fails = ++this.puts === this.failing?.put
    if (fails) this.failed = true
    if (fails && !this.failing?.happens) throw new PhloError('PHLO_STORAGE_FAILED', 'The connection was lost')
    const result = await super.put(key, bytes, condition)
    if (fails) throw new PhloError('PHLO_STORAGE_FAILED', 'The answer was lost')
    return result
  }
}

async function live(table: Table): Promise<string> {
  const names: string[] = []
  for await (const { file, deletes } of table.scan())
    names.push([file, ...deletes.map((item) => item.file)].map(({ path }) => path.slice(uriOf('').length)).join('-'))
  return names.sort().join(' ')
}

const replaced = new Set([uriOf('a'), uriOf('b')])

/** What is done, and the files afterwards. Before, the table holds a and b, and c on a branch. */
const operations: readonly [string, (table: Table) => Promise<unknown>, string][] = [
  ['an append', (table) => table.append([dataFile('n')]), 'a b n'],
  ['an append that merges manifests', (table) => table.append([dataFile('m'), dataFile('n', 2)]), 'a b m n'],
  ['an overwrite', (table) => table.overwrite([dataFile('n')], { partitions: true }), 'n'],
  ['a rewrite', (table) => table.rewrite(replaced, [dataFile('ab')]), 'ab'],
  [
    'deletes and new rows',
    (table) => table.rowDelta({ rows: [dataFile('n')], deletes: [positionDeletes('p', 1, 'a')] }),
    'a-p b n',
  ],
  ['a cherry-pick', (table) => table.cherryPick(table.snapshot('side')!['snapshot-id']), 'a b c'],
  [
    'several things at once',
    (table) =>
      table.transaction(async (transaction) => {
        await transaction.addSnapshot({ add: [], removePaths: new Set([uriOf('a')]) })
        await transaction.addSnapshot({ add: [dataFile('n')] })
        transaction.change(createRef('done', 'tag'))
      }),
    'b n',
  ],
]

describe('when a put fails, a table stays what it was or becomes what it should', () => {
  it.each(operations)('in %s', async (_name, work, after) => {
    const before = 'a b'
    const outcomes = new Set<string>()
    for (const happens of [false, true]) {
      for (let put = 1; ; put++) {
        const store = new FaultyStore()
        const tables = new FolderTables(store)
        const table = await tables.create('t', {
          rows: idAndDay,
          partitioning: [{ column: 'day', transform: 'day' }],
          properties: {
            'commit.manifest.min-count-to-merge': '2',
            'commit.retry.min-wait-ms': '1',
            'write.metadata.delete-after-commit.enabled': 'true',
            'write.metadata.previous-versions-max': '1',
          },
        })
        await table.append([dataFile('a')])
        await table.manageSnapshots(createRef('side', 'branch'))
        await table.append([dataFile('c')], { branch: 'side' })
        await table.append([dataFile('b')])
        store.arm(put, happens)
        const error: unknown = await work(table).then(
          () => undefined,
          (failure: unknown) => failure,
        )
        if (!store.failed) break
        store.failing = undefined
        const found = await live(await tables.load('t'))
        // The hint about the newest version may be lost without harm, and old versions may stay.
        if (error === undefined) expect(found).toBe(after)
        else {
          expect(error).toMatchObject({ code: 'PHLO_STORAGE_FAILED' })
          expect([before, after]).toContain(found)
        }
        outcomes.add(found)
        if (found !== before) continue
        const again = await tables.load('t')
        await work(again)
        expect(await live(again)).toBe(after)
        await table.append([dataFile('z')])
        expect(await live(await tables.load('t'))).toBe([...after.split(' '), 'z'].join(' '))
      }
    }
    expect(outcomes).toEqual(new Set([before, after]))
  })

  it('when it is made, and can be made then', async () => {
    for (const happens of [false, true]) {
      const store = new FaultyStore()
      const tables = new FolderTables(store)
      store.arm(1, happens)
      await expect(tables.create('t', { rows: idAndDay, partitioning: [] })).rejects.toMatchObject({
        code: 'PHLO_STORAGE_FAILED',
      })
      store.failing = undefined
      const table = await (happens ? tables.load('t') : tables.create('t', { rows: idAndDay, partitioning: [] }))
      expect(await live(table)).toBe('')
    }
  })
})
