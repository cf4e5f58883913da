import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from '@jest/globals'
import { endProcess, isRunning, markOf } from './process-mark.js'

async function sleeper() {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' })
  await once(child, 'spawn')
  return child
}

describe('The mark of a process', () => {
  it('is the same as long as it runs', async () => {
    const child = await sleeper()
    const mark = markOf(child.pid!)!
    expect(isRunning(mark)).toBe(true)
    expect(markOf(child.pid!)).toEqual(mark)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(isRunning(mark)).toBe(false)
    expect(markOf(child.pid!)).toBeUndefined()
  })

  it('ends the process that it marks, also one that does not listen', async () => {
    const script = 'process.on("SIGTERM", () => {}); setTimeout(() => {}, 60_000); console.log("deaf")'
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(child.stdout, 'data')
    await endProcess(markOf(child.pid!)!, 'SIGTERM', 300)
    expect(markOf(child.pid!)).toBeUndefined()
  })

  it('leaves a process alone that only has the number', async () => {
    const child = await sleeper()
    const mark = markOf(child.pid!)!
    const stale = { pid: mark.pid, started: `${mark.started}0` }
    expect(isRunning(stale)).toBe(false)
    await endProcess(stale, 'SIGTERM', 300)
    expect(isRunning(mark)).toBe(true)
    await endProcess(mark, 'SIGTERM', 5000)
    expect(isRunning(mark)).toBe(false)
  })
})
