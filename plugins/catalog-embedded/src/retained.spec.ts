import { beforeEach, describe, expect, it } from '@jest/globals'
import { type CatalogChange, formatIdentifier, type LakeState, mainBranch, type ObjectInfo } from '@phlo/ports'
import { MemoryObjectStore, newTable, setProperty } from '@phlo/ports/testing'
import { randomUUID } from 'node:crypto'
import { EmbeddedCatalog } from './embedded-catalog.js'
import { tableIn } from './testing/small-tables.js'

let store: MemoryObjectStore
let catalog: EmbeddedCatalog
beforeEach(async () => {
  store = new MemoryObjectStore()
  catalog = await EmbeddedCatalog.open(store)
  await catalog.commit([{ kind: 'create-namespace', namespace: ['a'] }], { message: 'a' })
})

const identifier = tableIn('a')

const creation = (name: string): CatalogChange => newTable(catalog, identifier(name))

async function touch(name: string, ref: string = mainBranch): Promise<string> {
  await catalog.commit([setProperty(identifier(name), 'touched', randomUUID())], { ref, message: `touch ${name}` })
  return location(name, ref)
}

async function location(name: string, ref: string = mainBranch): Promise<string> {
  return (await catalog.loadTable(identifier(name), { ref }))?.metadataLocation as string
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const briefly = (states: readonly LakeState[]) =>
  states.map(({ identifier: name, metadataLocation, current }) => [formatIdentifier(name), metadataLocation, current])

const ever = { since: new Date(0) }

async function moment(): Promise<Date> {
  await new Promise((resolve) => setTimeout(resolve, 3))
  const time = new Date()
  await new Promise((resolve) => setTimeout(resolve, 3))
  return time
}

describe('the states that a ref leads to', () => {
  it('are the present ones, and those since a time in order backwards', async () => {
    await catalog.commit([creation('t'), creation('u')], { message: 'make' })
    const u = await location('u')
    const first = await location('t')
    const second = await touch('t')
    const since = await moment()
    const third = await touch('t')
    await catalog.commit([{ kind: 'drop-table', identifier: identifier('u') }], { message: 'drop' })
    const present = [['a.t', third, true]]
    expect(briefly(await all(catalog.states(mainBranch)))).toEqual(present)
    // Both stood there until after that moment.
    const recent = [
      ['a.u', u, false],
      ['a.t', second, false],
    ]
    expect(briefly(await all(catalog.states(mainBranch, { since })))).toEqual([...present, ...recent])
    expect(briefly(await all(catalog.states(mainBranch, ever)))).toEqual([...present, ...recent, ['a.t', first, false]])
  })

  it('include those of a branch that was moved elsewhere, as long as the reflog is asked for them', async () => {
    await catalog.commit([creation('t')], { message: 'make' })
    const kept = await location('t')
    await catalog.createRef('dev')
    await touch('t', 'dev')
    const left = await touch('t', 'dev')
    await catalog.assignRef('dev', mainBranch)
    const after = await moment()
    const locations = async (since: Date) =>
      (await all(catalog.states('dev', { since }))).map(({ metadataLocation }) => metadataLocation)
    expect((await locations(new Date(0))).slice(0, 2)).toEqual([kept, left])
    expect(await locations(after)).toEqual([kept])
  })

  it('of a commit’s id are its own and its ancestors’', async () => {
    await catalog.commit([creation('t')], { message: 'make' })
    const commit = (await catalog.getRef(mainBranch))?.commit as string
    const first = await location('t')
    await touch('t')
    expect(briefly(await all(catalog.states(commit, ever)))).toEqual([['a.t', first, true]])
  })
})

describe('objects of the catalog that nothing leads to', () => {
  const soon = () => new Date(Date.now() + 1000)
  const unreachable = (since: Date) => all(catalog.unreachableObjects({ olderThan: soon(), since }))
  const keys = (objects: readonly ObjectInfo[]) => objects.map(({ key }) => key)

  it('are none in a lake of branches, merges and detached histories that a reflog knows', async () => {
    await catalog.commit([creation('t')], { message: 'make' })
    await catalog.createRef('dev')
    await touch('t', 'dev')
    await catalog.merge('dev', mainBranch, { fastForward: false })
    await touch('t', 'dev')
    await catalog.deleteRef('dev')
    expect(await unreachable(new Date(0))).toEqual([])
  })

  it('are commits of deleted branches, once the reflog need not be kept', async () => {
    await catalog.commit([creation('t')], { message: 'make' })
    await catalog.createRef('dev')
    await touch('t', 'dev')
    const commit = (await catalog.getRef('dev'))?.commit as string
    await catalog.deleteRef('dev')
    expect(keys(await unreachable(await moment()))).toEqual([`catalog/commits/${commit.slice(0, 2)}/${commit}`])
    expect(await all(catalog.unreachableObjects({ olderThan: new Date(0), since: soon() }))).toEqual([])
  })

  it('are never the pages of a reflog that a ref leads to', async () => {
    await catalog.commit([creation('t')], { message: 'make' })
    for (let count = 0; count < 80; count++) await touch('t')
    const pages = await all(store.list('catalog/reflogs/'))
    expect(pages.length).toBeGreaterThan(1)
    expect(await unreachable(await moment())).toEqual([])
    const stray = `catalog/reflogs/ab/${'ab'.repeat(32)}`
    await store.put(stray, Buffer.from('{}'))
    expect(keys(await unreachable(await moment()))).toEqual([stray])
  })

  it('are the packs of a huge commit only when the commit is', async () => {
    const properties = { text: 'x'.repeat(2000) }
    const changes = Array.from({ length: 1500 }, (_, index): CatalogChange => {
      return { kind: 'create-namespace', namespace: [`n${index}`], properties: { ...properties, index: String(index) } }
    })
    await catalog.createRef('huge')
    await catalog.commit(changes, { ref: 'huge', message: 'many namespaces' })
    const packs = keys(await all(store.list('catalog/packs/')))
    expect(packs.length).toBeGreaterThan(1)
    const later = await moment()
    expect(await unreachable(later)).toEqual([])
    await catalog.deleteRef('huge')
    expect(keys(await unreachable(await moment()))).toEqual(expect.arrayContaining(packs))
  })
})
