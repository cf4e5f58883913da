import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { inOwnFolder, type Workplace } from './workplace.js'

let workplace: Workplace

beforeAll(async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-bench-'))
  workplace = { bench: folder, packages: folder, phlo: '', cache: folder, work: folder }
})
afterAll(() => rm(workplace.work, { recursive: true }))

describe('a case', () => {
  it('starts in an empty folder, also after another one that used the same names', async () => {
    const folders: string[] = []
    for (const name of ['first', 'second', 'first']) {
      await inOwnFolder(workplace, name, async ({ work }) => {
        folders.push(work)
        expect(await readdir(work)).toEqual([])
        await writeFile(path.join(work, 'project'), '')
      })
    }
    expect(folders.map((folder) => path.basename(folder))).toEqual(['first', 'second', 'first'])
  })

  it('leaves nothing when it fails', async () => {
    let folder = ''
    const failing = inOwnFolder(workplace, 'failing', async ({ work }) => {
      folder = work
      await writeFile(path.join(work, 'half'), '')
      throw new Error('no figure')
    })
    await expect(failing).rejects.toThrow('no figure')
    expect(existsSync(folder)).toBe(false)
  })
})
