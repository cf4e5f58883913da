import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { cached } from './cached.js'

let folder: string
const before = process.env['XDG_CACHE_HOME']
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-cached-'))
  process.env['XDG_CACHE_HOME'] = folder
})
afterEach(async () => {
  if (before === undefined) delete process.env['XDG_CACHE_HOME']
  else process.env['XDG_CACHE_HOME'] = before
  await rm(folder, { recursive: true })
})

let fetched = 0
const fetch = async (draft: string) => {
  fetched++
  await mkdir(path.join(draft, 'lib'))
  await writeFile(path.join(draft, 'lib', 'a.jar'), 'a jar')
}
const entries = () => readdir(path.join(folder, 'phlo', 'stack'))

describe('What was fetched', () => {
  beforeEach(() => {
    fetched = 0
  })

  it('is fetched once, and stands alone under its name', async () => {
    const entry = await cached('thing-1', fetch)
    expect(await cached('thing-1', fetch)).toBe(entry)
    expect(fetched).toBe(1)
    expect(await readFile(path.join(entry, 'lib', 'a.jar'), 'utf8')).toBe('a jar')
    expect(await entries()).toEqual(['thing-1'])
  })

  it.each([
    ['was changed', (file: string) => writeFile(file, 'b jar')],
    ['was cut', (file: string) => writeFile(file, 'a j')],
    ['is missing', (file: string) => rm(file)],
  ])('is fetched again when a file of it %s', async (_, spoil) => {
    const entry = await cached('thing-1', fetch)
    await spoil(path.join(entry, 'lib', 'a.jar'))
    expect(await cached('thing-1', fetch)).toBe(entry)
    expect(fetched).toBe(2)
    expect(await readFile(path.join(entry, 'lib', 'a.jar'), 'utf8')).toBe('a jar')
    expect(await entries()).toEqual(['thing-1'])
  })

  it('is whole for all who fetch it at once', async () => {
    const places = await Promise.all([1, 2, 3].map(() => cached('thing-1', fetch)))
    expect(new Set(places).size).toBe(1)
    expect(await entries()).toEqual(['thing-1'])
  })

  it('leaves nothing when it could not be had', async () => {
    const failing = cached('thing-1', async (draft) => {
      await writeFile(path.join(draft, 'half'), '')
      throw new Error('no registry')
    })
    await expect(failing).rejects.toThrow('no registry')
    expect(await entries()).toEqual([])
  })
})
