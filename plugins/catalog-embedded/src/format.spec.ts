import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from '@jest/globals'
import { type CatalogChange, formatIdentifier, type ReflogEntry } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { EmbeddedCatalog } from './embedded-catalog.js'

/** A stored catalog: what each of its objects says, by key. */
async function stored(name: string): Promise<MemoryObjectStore> {
  const text = await readFile(new URL(`./testing/${name}.json`, import.meta.url), 'utf8')
  const store = new MemoryObjectStore()
  for (const [key, value] of Object.entries(JSON.parse(text) as Record<string, string>))
    await store.put(key, Buffer.from(value))
  return store
}

async function take<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = []
  for await (const item of items) taken.push(item)
  return taken
}

const table = (...parts: string[]) => ({ namespace: parts.slice(0, -1), name: parts.at(-1) as string })

const property = (name: string, value: string): CatalogChange => ({
  kind: 'table',
  identifier: table('shop', name),
  requirements: [],
  updates: [{ action: 'set-properties', updates: { k: value } }],
})

/** What the catalogs of both formats hold: they were made by the same steps. */
async function describeCatalog(catalog: EmbeddedCatalog) {
  const names = async (ref: string) => (await catalog.listTables({ ref })).map(formatIdentifier)
  const propertyAt = async (name: string, ref: string) =>
    (await catalog.loadTable(table('shop', name), { ref }))?.metadata.properties?.['k']
  const log = await take(catalog.log('main'))
  return {
    refs: (await catalog.listRefs()).map(({ name, type }) => `${type} ${name}`),
    namespaces: await catalog.listNamespaces(),
    counts: [await names('main'), await names('dev'), await names('v1')].map(({ length }) => length),
    orders: await Promise.all(['main', 'dev', 'v1'].map((ref) => propertyAt('orders', ref))),
    items: await Promise.all(['main', 'dev', 'v1'].map((ref) => propertyAt('items', ref))),
    log: log.map(({ author, message, properties }) => [author, message, properties['run-id']]),
    diff: (await catalog.diff('v1', 'main')).tables.map(({ identifier, change }) => [identifier.name, change]),
  }
}

const expected = {
  refs: ['branch dev', 'branch main', 'tag v1'],
  namespaces: [
    { namespace: ['shop'], properties: { owner: 'ann' } },
    { namespace: ['shop', 'old'], properties: {} },
  ],
  counts: [91, 92, 91],
  orders: ['dev', 'dev', undefined],
  items: [undefined, 'dev', undefined],
  log: [
    ['ann', 'dev is in', 'r2'],
    ['ben', 't7 goes', undefined],
    ['ben', 'ninety names of one table', undefined],
    ['ann', 'shop and its orders', 'r1'],
    ['phlo', 'Empty catalog', undefined],
  ],
  diff: [
    ['items', 'added'],
    ['orders', 'changed'],
    ['t7', 'removed'],
  ],
}

describe('the format on disk', () => {
  it('is read as version 1 wrote it', async () => {
    const catalog = await EmbeddedCatalog.open(await stored('format-1'))
    expect(await describeCatalog(catalog)).toEqual(expected)
    expect(await take(catalog.reflog('main'))).toEqual([])
    expect(await take(catalog.reflog('gone'))).toEqual([])
    // Without a log, where main stood goes by the commits' own times.
    const [merge, drop] = await take(catalog.log('main'))
    expect(await catalog.commitAt('main', drop?.time ?? new Date())).toBe(drop?.id)
    expect(await catalog.commitAt('main', new Date())).toBe(merge?.id)
  })

  it('goes on from version 1 where it stands', async () => {
    const store = await stored('format-1')
    const catalog = await EmbeddedCatalog.open(store)
    const before = (await catalog.getRef('main'))?.commit
    const [merge] = await take(catalog.log('main', { limit: 1 }))
    const { commit } = await catalog.commit([property('items', 'main')], { message: 'further', author: 'cat' })
    expect((await take(catalog.reflog('main'))).map(withoutTime)).toEqual([
      { action: 'commit', from: before, to: commit, message: 'further', author: 'cat' },
    ])
    expect(await catalog.commitAt('main', merge?.time ?? new Date())).toBe(before)
    await expect(catalog.merge('dev', 'main')).rejects.toMatchObject({
      code: 'PHLO_MERGE_CONFLICT',
      context: { tables: ['shop.items'] },
    })
    await catalog.merge('dev', 'main', { strategy: 'theirs' })
    await catalog.createRef('gone', { from: 'v1', author: 'dan' })
    const again = await EmbeddedCatalog.open(store)
    expect((await again.listRefs()).map(({ name }) => name)).toEqual(['dev', 'gone', 'main', 'v1'])
    expect((await take(again.reflog('gone'))).map(({ action, author }) => [action, author])).toEqual([
      ['create', 'dan'],
    ])
    expect((await again.loadTable(table('shop', 'items')))?.metadata.properties?.['k']).toBe('dev')
  })

  it('is read as version 2 wrote it', async () => {
    const catalog = await EmbeddedCatalog.open(await stored('format-2'))
    expect(await describeCatalog(catalog)).toEqual({
      ...expected,
      refs: ['branch dev', 'branch main', 'tag v1', 'branch views'],
    })
    const view = await catalog.loadView(table('shop', 'latest'), { ref: 'views' })
    expect(view?.metadata.versions[0]?.representations[0]?.sql).toBe('select 1 id')
    expect(await catalog.getRef('views')).toMatchObject({ type: 'branch', protected: true })
    const moves = await take(catalog.reflog('moved'))
    expect(moves.map(({ action, message }) => [action, message])).toEqual([
      ['delete', 'enough'],
      ...Array.from({ length: 70 }, (_, index) => ['assign', `move ${69 - index}`]),
      ['create', ''],
    ])
  })

  it.each([
    ['a ref', 'catalog/refs/main', (text: string) => JSON.stringify({ ...JSON.parse(text), format: 3 })],
    ['a ref that is no JSON', 'catalog/refs/main', () => '{'],
    ['a ref of another shape', 'catalog/refs/main', () => '{"type":"branch","commit":7,"revision":1}'],
    [
      'a ref of a strange format',
      'catalog/refs/main',
      (text: string) => JSON.stringify({ ...JSON.parse(text), format: 'x' }),
    ],
  ])('is refused where %s is newer or damaged', async (name, key, change) => {
    const store = await stored('format-2')
    const before = Buffer.from((await store.get(key))?.bytes ?? []).toString()
    await store.put(key, Buffer.from(change(before)))
    await expect(EmbeddedCatalog.open(store)).rejects.toMatchObject({
      code: name === 'a ref' ? 'PHLO_UNSUPPORTED' : 'PHLO_STORAGE_FAILED',
    })
  })

  it('is refused where a commit is newer, and where it is not what its name says', async () => {
    const store = await stored('format-2')
    const catalog = await EmbeddedCatalog.open(store)
    const id = (await catalog.getRef('main'))?.commit ?? ''
    const key = `catalog/commits/${id.slice(0, 2)}/${id}`
    await store.put(key, Buffer.from('{}'))
    await expect((await EmbeddedCatalog.open(store)).listTables()).rejects.toMatchObject({
      code: 'PHLO_STORAGE_FAILED',
    })
    const newer = Buffer.from(JSON.stringify({ format: 3 }))
    const name = createHash('sha256').update(newer).digest('hex')
    await store.put(`catalog/commits/${name.slice(0, 2)}/${name}`, newer)
    await expect(catalog.listTables({ ref: name })).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
      message: 'The catalog was written in format 3; this version reads formats up to 2',
    })
  })
})

function withoutTime({ action, from, to, message, author }: ReflogEntry) {
  return { action, from, to, message, author }
}
