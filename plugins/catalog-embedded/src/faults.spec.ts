import { describe, expect, it } from '@jest/globals'
import { type CatalogChange, formatIdentifier, isPhloError, PhloError, type PutCondition } from '@phlo/ports'
import { MemoryObjectStore, newTable, setProperty } from '@phlo/ports/testing'
import { EmbeddedCatalog } from './embedded-catalog.js'
import { tableIn } from './testing/small-tables.js'

/** A store whose n-th put fails, or happens and is reported as failed. */
class FaultyStore extends MemoryObjectStore {
  puts = 0
  fault: { readonly at: number; readonly mode: 'fails' | 'loses its answer' } | undefined

  override async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
    const isFault = this.fault?.at === this.puts++
    if (isFault && this.fault?.mode === 'fails') throw new PhloError('PHLO_STORAGE_FAILED', 'Not put')
    const put = await super.put(key, bytes, condition)
    if (isFault) throw new PhloError('PHLO_STORAGE_FAILED', 'Put, but nobody knows')
    return put
  }
}

const [x, y, z] = ['x', 'y', 'z'].map(tableIn('a')) as [
  ReturnType<ReturnType<typeof tableIn>>,
  ReturnType<ReturnType<typeof tableIn>>,
  ReturnType<ReturnType<typeof tableIn>>,
]

/** Main and a branch that left it, with changes on both sides. */
async function prepared(): Promise<{ store: FaultyStore; catalog: EmbeddedCatalog }> {
  const store = new FaultyStore()
  const catalog = await EmbeddedCatalog.open(store)
  await catalog.commit(
    [{ kind: 'create-namespace', namespace: ['a'] }, newTable(catalog, x), newTable(catalog, y), newTable(catalog, z)],
    { message: 'tables' },
  )
  await catalog.createRef('forward')
  await catalog.createRef('aside')
  await catalog.commit([setProperty(x, 'forward', '1')], { message: 'forward', ref: 'forward' })
  await catalog.commit([setProperty(x, 'aside', '1'), setProperty(y, 'aside', '1')], { message: 'aside', ref: 'aside' })
  await catalog.createRef('both', { from: 'forward' })
  await catalog.createRef('long')
  for (let move = 0; move < 30; move++) await catalog.assignRef('long', move % 2 ? 'aside' : 'main')
  return { store, catalog }
}

const several: CatalogChange[] = [
  setProperty(x, 'k', '1'),
  { kind: 'drop-table', identifier: y },
  { kind: 'create-namespace', namespace: ['b'] },
]

const operations: Record<string, (catalog: EmbeddedCatalog) => Promise<unknown>> = {
  'a commit': (catalog) => catalog.commit([setProperty(x, 'k', '1')], { message: 'commit' }),
  'a commit of several changes': (catalog) => catalog.commit(several, { message: 'several' }),
  'a detached commit': async (catalog) =>
    catalog.commit(several, { message: 'several', ref: (await catalog.getRef('main'))?.commit ?? '' }),
  'a new branch': (catalog) => catalog.createRef('new', { protected: true }),
  'a deleted branch': (catalog) => catalog.deleteRef('aside'),
  'a moved branch': (catalog) => catalog.assignRef('aside', 'main'),
  'a move of a branch with a long log': (catalog) => catalog.assignRef('long', 'aside'),
  'a protected branch': (catalog) => catalog.protectRef('main', true),
  'a fast-forward': (catalog) => catalog.merge('forward', 'main'),
  'a merge with a commit of its own': (catalog) => catalog.merge('forward', 'main', { fastForward: false }),
  'a merge that does a table again': (catalog) => catalog.merge('aside', 'both'),
  'a cherry-pick': (catalog) => catalog.cherryPick('aside', 'main'),
  'a revert': (catalog) => catalog.revert('forward', 'forward'),
}

/** Everything that can be seen of a catalog, but for what is random. */
async function visible(store: MemoryObjectStore) {
  const catalog = await EmbeddedCatalog.open(store)
  const refs = []
  for (const { name, type, protected: isProtected } of await catalog.listRefs()) {
    const tables = []
    for (const identifier of await catalog.listTables({ ref: name })) {
      const loaded = await catalog.loadTable(identifier, { ref: name })
      tables.push([formatIdentifier(identifier), loaded?.metadata.properties])
    }
    const messages = []
    for await (const { message } of catalog.log(name)) messages.push(message)
    const moves = []
    for await (const { action } of catalog.reflog(name)) moves.push(action)
    const namespaces = await catalog.listNamespaces({ ref: name })
    refs.push({ name, type, isProtected, tables, messages: messages.map(withoutIds), moves, namespaces })
  }
  return refs
}

const withoutIds = (message: string) => message.replace(/[0-9a-f]{12}/g, 'id')

describe.each(Object.entries(operations))('%s', (name, operation) => {
  it.each(['fails', 'loses its answer'] as const)('is done or not done at all when a put %s', async (mode) => {
    const sound = await prepared()
    const before = await visible(sound.store)
    sound.store.puts = 0
    await operation(sound.catalog)
    const puts = sound.store.puts
    const after = await visible(sound.store)
    expect(puts).toBeGreaterThan(0)
    for (let at = 0; at < puts; at++) {
      const { store, catalog } = await prepared()
      Object.assign(store, { puts: 0, fault: { at, mode } })
      const outcome = await operation(catalog).then(
        () => 'done',
        (error: unknown) => isPhloError(error, 'PHLO_STORAGE_FAILED') && 'failed',
      )
      expect(outcome).not.toBe(false)
      store.fault = undefined
      expect(await visible(store)).toEqual(outcome === 'done' ? after : before)
      // A ref's own put that lost its answer is found out: nobody is told of a failure that was none.
      if (mode === 'loses its answer' && at === puts - 1 && name !== 'a detached commit') expect(outcome).toBe('done')
      if (outcome === 'done') continue
      await operation(catalog)
      expect(await visible(store)).toEqual(after)
    }
  })
})
