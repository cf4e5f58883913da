import type { ObjectInfo, PutCondition } from '@phlo/ports'
import { PhloError } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { dataFile, idAndDay } from '../testing/example-files.js'
import { FolderTables } from './folder-tables.js'
import type { Table } from './table.js'

const hour = 60 * 60 * 1000
let now: number

/** Knows when an object was put by the test's own clock. */
class ClockedStore extends MemoryObjectStore {
  private readonly times = new Map<string, number>()
  refuses: ((key: string, bytes: Uint8Array) => boolean) | undefined
  /** What happens before a new version's put, once. */
  before: (() => Promise<void>) | undefined

  override async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
    if (this.refuses?.(key, bytes)) throw new PhloError('PHLO_STORAGE_FAILED', 'refused')
    const { before } = this
    if (before && condition?.ifAbsent && /\/v\d+\./.test(key)) {
      this.before = undefined
      await before()
    }
    const result = await super.put(key, bytes, condition)
    this.times.set(key, Date.now())
    return result
  }
  override async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for await (const info of super.list(prefix)) yield { ...info, modified: new Date(this.times.get(info.key) ?? 0) }
  }
}

let store: ClockedStore
let tables: FolderTables
beforeEach(() => {
  now = Date.parse('2026-01-01T00:00:00Z')
  jest.spyOn(Date, 'now').mockImplementation(() => now)
  store = new ClockedStore()
  tables = new FolderTables(store)
})
afterEach(() => {
  jest.restoreAllMocks()
})

const properties = {
  'write.metadata.delete-after-commit.enabled': 'true',
  'write.metadata.previous-versions-max': '2',
  'commit.retry.min-wait-ms': '1',
}
const create = (own: Record<string, string> = properties) =>
  tables.create('t', { rows: idAndDay, partitioning: [{ column: 'day', transform: 'day' }], properties: own })

/** Numbers of versions that hold something, and of those that are empty. */
async function versions() {
  const found: { full: number[]; empty: number[] } = { full: [], empty: [] }
  for await (const { key, size } of store.list('t/metadata/v')) {
    const number = /v(\d+)\.metadata\.json$/.exec(key)?.[1]
    if (number !== undefined) found[size > 0 ? 'full' : 'empty'].push(Number(number))
  }
  return { full: found.full.sort((a, b) => a - b), empty: found.empty.sort((a, b) => a - b) }
}

async function live(table: Table): Promise<string> {
  const names: string[] = []
  for await (const { file } of table.scan()) names.push(file.path.slice(file.path.lastIndexOf('/') + 1))
  return names.sort().join(' ')
}

const touch = async (table: Table, times: number) => {
  for (let index = 0; index < times; index++) await table.setProperties({ touched: String(index) })
}

describe('metadata files that have fallen out of the log', () => {
  it('are emptied right after a commit where the table asks for it, and deleted a day later', async () => {
    const table = await create()
    await touch(table, 5)
    expect(await versions()).toEqual({ full: [4, 5, 6], empty: [1, 2, 3] })
    expect(table.metadata['metadata-log']!.map((entry) => entry['metadata-file'])).toEqual(
      [4, 5].map((number) => store.uri(`t/metadata/v${number}.metadata.json`)),
    )
    await touch(table, 92)
    now += 25 * hour
    await touch(table, 2)
    expect(await versions()).toEqual({ full: [98, 99, 100], empty: [96, 97] })
    expect((await tables.load('t')).metadata.properties?.['touched']).toBe('1')
  })

  it('stay where the table does not ask for it', async () => {
    const table = await create({ 'write.metadata.previous-versions-max': '1' })
    await touch(table, 3)
    expect(await versions()).toEqual({ full: [1, 2, 3, 4], empty: [] })
    expect(table.metadata['metadata-log']).toHaveLength(1)
  })

  it('are found by a later commit when one was interrupted, and never make a commit fail', async () => {
    const table = await create()
    store.refuses = (key, bytes) => bytes.length === 0 && key.includes('/v')
    await touch(table, 98)
    expect((await versions()).empty).toEqual([])
    store.refuses = undefined
    await touch(table, 1)
    expect((await versions()).full).toEqual([98, 99, 100])
  })
})

describe('a writer that is slow', () => {
  it('never takes the number of a version that is gone', async () => {
    const table = await create()
    const slow = await tables.load('t')
    store.before = () => touch(table, 8)
    await slow.append([dataFile('a')])
    await table.append([dataFile('b')])
    expect(await live(await tables.load('t'))).toBe('a b')
    expect((await versions()).full).toEqual([9, 10, 11])
  })

  it('reads the table again when it has been away for long', async () => {
    const table = await create()
    await touch(table, 97)
    const slow = await tables.load('t')
    await touch(table, 1)
    // Its number is given back while the writer sleeps.
    now += 30 * hour
    await touch(table, 1)
    now += 30 * hour
    await touch(table, 100)
    await store.put('t/metadata/version-hint.text', Buffer.from('98'))
    await slow.append([dataFile('a')])
    expect(await live(await tables.load('t'))).toBe('a')
    expect((await tables.load('t')).metadata.properties?.['touched']).toBe('99')
  })

  it('finds the newest version though the hint is of one before emptied ones', async () => {
    const table = await create()
    await table.append([dataFile('a')])
    await touch(table, 6)
    const { bytes } = (await store.get('t/metadata/v8.metadata.json'))!
    await store.put('t/metadata/v1.metadata.json', bytes)
    for (const hint of ['1', '2', '3', '7']) {
      await store.put('t/metadata/version-hint.text', Buffer.from(hint))
      expect((await tables.load('t')).metadata.properties?.['touched']).toBe('5')
    }
    // Nothing but emptied versions is no table.
    for (const number of [6, 7, 8]) await store.put(`t/metadata/v${number}.metadata.json`, new Uint8Array())
    await expect(tables.load('t')).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
  })
})
