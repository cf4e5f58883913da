import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { objectStoreContract } from '@phlo/ports/testing'
import { LocalObjectStore } from './local-object-store.js'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

async function create() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-store-'))
  folders.push(folder)
  return LocalObjectStore.open(folder)
}

objectStoreContract('local folder', { create }, { describe, it })

describe('a put', () => {
  const temporaries = (store: LocalObjectStore) =>
    store.localRoot().then((folder) => stat(path.join(folder, '.phlo-store', 'tmp'), { bigint: true }))

  it('writes nothing when it has lost already', async () => {
    const store = await create()
    await store.put('ref', Buffer.from('1'), { ifAbsent: true })
    const { mtimeNs } = await temporaries(store)
    for (const condition of [{ ifAbsent: true } as const, { ifMatch: 'other' }])
      await expect(store.put('ref', Buffer.from('2'), condition)).rejects.toMatchObject({ name: 'PhloError' })
    expect((await temporaries(store)).mtimeNs).toBe(mtimeNs)
  })

  it('lets others have their turn, however many follow each other', async () => {
    const store = await create()
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    for (let count = 0; count < 300; count++) await store.put('ref', Buffer.from(String(count)))
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
    expect(await readdir(path.join(await store.localRoot(), '.phlo-store', 'tmp'))).toEqual([])
  })
})

describe('an object that changes', () => {
  const text = async (store: LocalObjectStore) => Buffer.from((await store.get('ref'))?.bytes ?? []).toString('utf8')
  const generations = (folder: string) => path.join(folder, '.phlo-store', 'versions', 'ref')

  it('is seen as it is by everybody, whatever each remembers, while old generations go', async () => {
    const writer = await create()
    const folder = await writer.localRoot()
    const [often, seldom] = [await LocalObjectStore.open(folder), await LocalObjectStore.open(folder)]
    let version: string | undefined
    for (let count = 0; count < 200; count++) {
      const condition = version === undefined ? ({ ifAbsent: true } as const) : { ifMatch: version }
      const turn = count % 3 === 0 ? often : writer
      version = (await turn.put('ref', Buffer.from(String(count)), condition)).version
      expect(await text(often)).toBe(String(count))
      if (count % 90 === 0) expect(await text(seldom)).toBe(String(count))
      // Nobody would be so slow.
      const old = new Date(Date.now() - 3_600_000)
      if (count === 150)
        for (const name of await readdir(generations(folder)))
          await utimes(path.join(generations(folder), name), old, old)
      if (count === 150) version = (await writer.head('ref'))?.version
    }
    expect((await readdir(generations(folder))).length).toBeLessThan(80)
    for (const store of [writer, often, seldom, await LocalObjectStore.open(folder)])
      expect([await text(store), (await store.head('ref'))?.version]).toEqual(['199', version])
  })

  it('that is removed and made again is the new one for those who knew the old one', async () => {
    const writer = await create()
    const other = await LocalObjectStore.open(await writer.localRoot())
    for (let count = 0; count < 5; count++) await writer.put('ref', Buffer.from(String(count)))
    expect(await text(other)).toBe('4')
    await writer.delete(['ref'])
    expect(await other.get('ref')).toBeUndefined()
    for (const count of ['a', 'b', 'c']) await writer.put('ref', Buffer.from(count))
    expect(await text(other)).toBe('c')
  })

  it('is not what a writer links that slept through the removal of its generation', async () => {
    const store = await create()
    const folder = await store.localRoot()
    for (let count = 0; count < 5; count++) await store.put('ref', Buffer.from(String(count)))
    expect(await text(store)).toBe('4')
    await writeFile(path.join(generations(folder), 'floor-3'), '')
    for (const name of ['1', '2', '3']) await rm(path.join(generations(folder), name))
    await writeFile(path.join(generations(folder), '2'), 'late')
    for (const reader of [store, await LocalObjectStore.open(folder)]) expect(await text(reader)).toBe('4')
  })
})
