import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type Fetch, FileCache } from './file-cache.js'

let folder: string
const open: FileCache[] = []

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-cache-'))
})
afterEach(async () => {
  for (const cache of open.splice(0)) await cache.close()
  await rm(folder, { recursive: true })
})

function cacheOf(bound = 1_000_000, store = 'store'): FileCache {
  const cache = new FileCache(folder, store, bound)
  open.push(cache)
  return cache
}

/** Fetches a text, and counts how often. */
function fetching(text: string): Fetch & { times: number } {
  const fetch = async (write: (body: AsyncIterable<Buffer>) => Promise<void>) => {
    fetch.times++
    await write(
      (async function* () {
        for (let start = 0; start < text.length; start += 7) yield Buffer.from(text.slice(start, start + 7))
      })(),
    )
    return 'v1'
  }
  fetch.times = 0
  return fetch
}

const never: Fetch = async () => {
  throw new Error('it was fetched')
}

async function copies(): Promise<string[]> {
  const names = await readdir(path.join(folder, 'copies'), { recursive: true })
  return names.filter((name) => name.includes('.')).map((name) => path.join(folder, 'copies', name))
}

describe('FileCache', () => {
  it('fetches an object once, whoever asks how often at a time', async () => {
    const fetch = fetching('the contents')
    const cache = cacheOf()
    const files = await Promise.all([1, 2, 3].map(() => cache.file('a/b.parquet', fetch)))
    expect(new Set(files).size).toBe(1)
    expect(fetch.times).toBe(1)
    expect(await readFile(files[0]!, 'utf8')).toBe('the contents')
    expect(path.extname(files[0]!)).toBe('.parquet')
  })

  it('serves what another one of the folder fetched', async () => {
    await cacheOf().file('a', fetching('contents'))
    const other = cacheOf()
    expect(await readFile((await other.file('a', never))!, 'utf8')).toBe('contents')
    expect(await other.bytes('a')).toEqual({ bytes: Buffer.from('contents'), version: 'v1' })
  })

  it('tells objects of other stores and keys apart', async () => {
    await cacheOf().file('a', fetching('contents'))
    expect(await cacheOf(1000, 'other').bytes('a')).toBeUndefined()
    expect(await cacheOf().bytes('b')).toBeUndefined()
  })

  it('keeps nothing of an object that is not there', async () => {
    const cache = cacheOf()
    expect(await cache.file('a', async () => undefined)).toBeUndefined()
    expect(await readFile((await cache.file('a', fetching('later')))!, 'utf8')).toBe('later')
  })

  it('keeps nothing of a fetch that failed, and fetches again', async () => {
    const cache = cacheOf()
    const failing: Fetch = async (write) => {
      await write(
        (async function* () {
          yield Buffer.from('half')
          throw new Error('broke off')
        })(),
      )
      return 'v1'
    }
    await expect(cache.file('a', failing)).rejects.toThrow('broke off')
    expect(await readFile((await cache.file('a', fetching('whole')))!, 'utf8')).toBe('whole')
  })

  it.each([
    ['other bytes of the same length', 'kontents'],
    ['fewer bytes', 'con'],
    ['none', ''],
  ])('drops a copy that holds %s, and fetches again', async (_, wrong) => {
    await cacheOf().file('a', fetching('contents'))
    for (const file of await copies()) await writeFile(file, wrong)
    expect(await cacheOf().bytes('a')).toBeUndefined()
    await cacheOf().file('a', fetching('contents'))
    for (const file of await copies()) await writeFile(file, wrong)
    const fetch = fetching('contents')
    expect(await readFile((await cacheOf().file('a', fetch))!, 'utf8')).toBe('contents')
    expect(fetch.times).toBe(1)
  })

  it('drops what was not used for longest, within its bound', async () => {
    const cache = cacheOf(1000)
    for (let index = 0; index < 9; index++) {
      await cache.addBytes(`k${index}`, { bytes: Buffer.alloc(100, index), version: 'v' })
      const [newest] = (await copies()).filter((file) => file.includes('.100.'))
      expect(newest).toBeDefined()
    }
    const ages = new Map((await copies()).map((file) => [file, 0]))
    let age = 1000
    for (const file of ages.keys()) await utimes(file, age, age++)
    expect((await cache.bytes('k0'))?.bytes[0]).toBe(0)
    for (let index = 9; index < 12; index++) {
      await cache.addBytes(`k${index}`, { bytes: Buffer.alloc(100, index), version: 'v' })
    }
    const total = (await Promise.all((await copies()).map((file) => stat(file)))).reduce(
      (sum, { size }) => sum + size,
      0,
    )
    expect(total).toBeLessThanOrEqual(1000)
    expect(await cache.bytes('k0')).toBeDefined()
    expect(await cache.bytes('k11')).toBeDefined()
  })

  it('leaves a file readable until it is closed, also when its copy is dropped', async () => {
    const cache = cacheOf(1000)
    const file = (await cache.file('used', fetching('x'.repeat(300))))!
    for (let index = 0; index < 20; index++) {
      await cacheOf(1000).addBytes(`k${index}`, { bytes: Buffer.alloc(100, index), version: 'v' })
    }
    expect((await readFile(file, 'utf8')).length).toBe(300)
    await cache.close()
    expect(existsSync(file)).toBe(false)
  })

  it('takes a file over that was just stored', async () => {
    const local = path.join(folder, 'local.parquet')
    await writeFile(local, 'rows')
    const cache = cacheOf()
    await cache.addFile('t/local.parquet', 'v7', local)
    expect(existsSync(local)).toBe(false)
    expect(await readFile((await cache.file('t/local.parquet', never))!, 'utf8')).toBe('rows')
    expect(await cacheOf().bytes('t/local.parquet')).toEqual({ bytes: Buffer.from('rows'), version: 'v7' })
  })

  it('forgets what was deleted', async () => {
    const cache = cacheOf()
    await cache.addBytes('a', { bytes: Buffer.from('1'), version: 'v' })
    await cache.remove('a')
    expect(await cache.bytes('a')).toBeUndefined()
  })

  it('removes what a killed process left, and nothing of a living one', async () => {
    const living = cacheOf()
    const file = (await living.file('a', fetching('contents')))!
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    const left = path.join(folder, 'sessions', `${encodeURIComponent(os.hostname())}~${pid}~left`)
    const silent = path.join(folder, 'sessions', 'elsewhere~1~silent')
    const elsewhere = path.join(folder, 'sessions', 'elsewhere~1~here')
    for (const each of [left, silent, elsewhere]) await mkdir(each)
    await writeFile(path.join(left, 'x.part'), 'half')
    await utimes(silent, 1000, 1000)
    await cacheOf().file('b', fetching('more'))
    expect([left, silent, elsewhere].map((each) => existsSync(each))).toEqual([false, false, true])
    expect(await readFile(file, 'utf8')).toBe('contents')
  })
})
