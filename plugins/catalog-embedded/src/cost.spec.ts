import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { TableIdentifier } from '@phlo/ports'
import { newTable, setProperty } from '@phlo/ports/testing'
import { EmbeddedCatalog } from './embedded-catalog.js'
import { CountingStore } from './testing/counting-store.js'
import { tableIn } from './testing/small-tables.js'

/** What operations cost, in objects read and put, never in time. */

const tableOf = (index: number) => tableIn('a')(`t${index}`)

const property = (identifier: TableIdentifier, value: string) => setProperty(identifier, 'k', value)

/** A catalog of many tables: one that was made, and as many names of it as it takes. */
async function catalogOf(store: CountingStore, tables: number): Promise<EmbeddedCatalog> {
  const catalog = await EmbeddedCatalog.open(store)
  await catalog.commit([{ kind: 'create-namespace', namespace: ['a'] }, newTable(catalog, tableOf(0))], { message: '' })
  const { metadataLocation = '' } = (await catalog.loadTable(tableOf(0))) ?? {}
  const names = Array.from({ length: tables - 1 }, (_, index) => tableOf(index + 1))
  await catalog.commit(
    names.map((identifier) => ({ kind: 'register-table', identifier, metadataLocation })),
    { message: 'many' },
  )
  return catalog
}

const own = (keys: readonly string[]) => keys.filter((key) => key.startsWith('catalog/'))

describe('at 100,000 tables', () => {
  const store = new CountingStore()
  beforeAll(() => catalogOf(store, 100_000))
  beforeEach(() => store.forget())

  it('opens, and finds a table, by a few small objects', async () => {
    const catalog = await EmbeddedCatalog.open(store)
    expect(await catalog.loadTable(tableOf(4711))).toBeDefined()
    expect(own(store.reads).length).toBeLessThanOrEqual(8)
    expect(store.bytesRead).toBeLessThan(500_000)
    expect(store.puts).toEqual([])
  })

  it('commits a table by a commit of a few pages, and no more objects than a small catalog', async () => {
    const catalog = await EmbeddedCatalog.open(store)
    await catalog.commit([property(tableOf(77), 'x')], { message: '' })
    expect(own(store.reads).length).toBeLessThanOrEqual(12)
    expect(own(store.puts)).toHaveLength(2)
    store.forget()
    await catalog.commit([property(tableOf(78_000), 'x')], { message: '' })
    expect(own(store.reads).length).toBeLessThanOrEqual(5)
    expect(own(store.puts)).toHaveLength(2)
    expect(store.bytesPut).toBeLessThan(120_000)
  })

  it('tells a difference, and merges, by what differs', async () => {
    const catalog = await EmbeddedCatalog.open(store)
    await catalog.createRef('dev')
    for (const index of [5, 50_000, 99_000])
      await catalog.commit([property(tableOf(index), 'dev')], { message: '', ref: 'dev' })
    await catalog.commit([property(tableOf(60_000), 'main')], { message: '' })
    const again = await EmbeddedCatalog.open(store)
    store.forget()
    expect((await again.diff('main', 'dev')).tables).toHaveLength(4)
    expect(own(store.reads).length).toBeLessThan(40)
    store.forget()
    await again.merge('dev', 'main')
    expect(own(store.reads).length).toBeLessThan(40)
    expect(store.puts).toHaveLength(2)
  })
})

describe('puts that wait for each other', () => {
  const store = new CountingStore()
  const tables = Array.from({ length: 50 }, (_, index) => tableOf(index))
  let catalog: EmbeddedCatalog

  beforeAll(async () => {
    catalog = await EmbeddedCatalog.open(store)
    await catalog.commit(
      [{ kind: 'create-namespace', namespace: ['a'] }, ...tables.map((table) => newTable(catalog, table))],
      { message: '' },
    )
  })
  beforeEach(() => store.forget())

  it('are one for a new branch', async () => {
    await catalog.createRef('one')
    expect([store.puts, store.rounds, store.reads]).toEqual([['catalog/refs/one'], 1, ['catalog/refs/main']])
  })

  it('are two for a commit: the metadata file and the commit at once, then the branch', async () => {
    await catalog.commit([property(tableOf(1), 'x')], { message: '' })
    expect([store.puts.length, store.rounds]).toEqual([3, 2])
  })

  it('are one for a fast-forward of fifty tables', async () => {
    await catalog.createRef('forward')
    await catalog.commit(
      tables.map((table) => property(table, 'forward')),
      { message: '', ref: 'forward' },
    )
    store.forget()
    expect((await catalog.merge('forward', 'main')).fastForward).toBe(true)
    expect([store.puts, store.rounds]).toEqual([['catalog/refs/main'], 1])
  })

  it('are two for a three-way merge of fifty tables, also where each is done again', async () => {
    await catalog.createRef('threeway')
    await catalog.commit(
      tables.slice(1).map((table) => property(table, 'threeway')),
      { message: '', ref: 'threeway' },
    )
    await catalog.commit([property(tableOf(0), 'main')], { message: '' })
    store.forget()
    expect((await catalog.merge('threeway', 'main')).tables).toHaveLength(49)
    expect([store.puts.length, store.rounds]).toEqual([2, 2])
    const other = (table: TableIdentifier) => setProperty(table, 'other', 'x')
    await catalog.commit(tables.map(other), { message: '', ref: 'threeway' })
    await catalog.commit(
      tables.map((table) => property(table, 'again')),
      { message: '' },
    )
    store.forget()
    const { tables: merged } = await catalog.merge('threeway', 'main')
    expect(merged.map(({ outcome }) => outcome)).toEqual(tables.map(() => 'rebased'))
    expect([store.puts.length, store.rounds]).toEqual([52, 2])
  })

  it('are shared by writers of one process to one branch', async () => {
    const [first, ...rest] = tables.slice(0, 32)
    await Promise.all(
      [first as TableIdentifier, ...rest].map((table) => catalog.commit([property(table, 'g')], { message: '' })),
    )
    // The first goes alone, the others together while it is under way.
    expect(store.rounds).toBeLessThanOrEqual(6)
    expect(store.puts.filter((key) => key === 'catalog/refs/main')).toHaveLength(2)
    const commits: string[] = []
    for await (const { id } of catalog.log('main', { limit: 32 })) commits.push(id)
    expect(new Set(commits).size).toBe(32)
    for (const table of tables.slice(0, 32))
      expect((await catalog.loadTable(table))?.metadata.properties?.['k']).toBe('g')
  })
})

describe('1,000 branches', () => {
  it('are listed by what moved since the last look, in this process or another', async () => {
    const store = new CountingStore()
    const catalog = await EmbeddedCatalog.open(store)
    for (let start = 0; start < 1_000; start += 100)
      await Promise.all(Array.from({ length: 100 }, (_, index) => catalog.createRef(`b${start + index}`)))
    store.forget()
    expect(await catalog.listRefs()).toHaveLength(1_001)
    expect([store.reads.length, store.lists]).toEqual([1_002, 1])
    store.forget()
    await catalog.deleteRef('b7')
    await catalog.assignRef('b8', 'main')
    store.forget()
    expect(await catalog.listRefs()).toHaveLength(1_000)
    expect(store.reads).toHaveLength(2)
    store.forget()
    const other = await EmbeddedCatalog.open(store)
    expect(await other.listRefs()).toEqual(await catalog.listRefs())
    expect(store.reads.length).toBeLessThan(8)
    await store.put('catalog/ref-index', Buffer.from('{'))
    expect(await (await EmbeddedCatalog.open(store)).listRefs()).toHaveLength(1_000)
  })
})
