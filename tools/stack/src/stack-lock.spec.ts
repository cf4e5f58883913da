import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { markOf } from './process-mark.js'
import { withStackLock } from './stack-lock.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-lock-'))
})
afterEach(() => rm(folder, { recursive: true }))

const unheard = () => undefined

describe('The lock of a stack', () => {
  it('lets one work at a time, and tells the others once that they wait', async () => {
    let [inside, most, told] = [0, 0, 0]
    const work = async () => {
      most = Math.max(most, ++inside)
      await sleep(30)
      inside--
    }
    await Promise.all([1, 2, 3].map(() => withStackLock(folder, () => told++, work)))
    expect({ most, told }).toEqual({ most: 1, told: 2 })
    expect(await readdir(folder)).toEqual([])
  })

  it('is free again after a work that failed', async () => {
    const failing = withStackLock(folder, unheard, async () => {
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await withStackLock(folder, unheard, async () => 'yes')).toBe('yes')
  })

  it('is taken over from a process that is gone, also when another has its number', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    const own = markOf(process.pid)!
    for (const gone of [
      { pid, started: 'before' },
      { pid: own.pid, started: `${own.started}0` },
    ]) {
      await writeFile(path.join(folder, 'lock'), JSON.stringify(gone))
      expect(await withStackLock(folder, unheard, async () => 'taken')).toBe('taken')
    }
  })
})
