import { describe, expect, it } from '@jest/globals'
import { runProcess } from './processes.js'

const node = (script: string, watch = false) => runProcess(process.execPath, ['-e', script], { watch })

describe('processes', () => {
  it('give what they print and how long they took', async () => {
    const { stdout, stderr, seconds } = await node('console.log("out"); console.error("err")')
    expect([stdout, stderr]).toEqual(['out\n', 'err\n'])
    expect(seconds).toBeGreaterThan(0)
  })

  it('fail with their exit code and what they said', async () => {
    await expect(node('console.error("a peer broke"); process.exit(3)')).rejects.toThrow(/ended with 3\na peer broke/)
  })

  it('fail when a signal ends them', async () => {
    await expect(node('process.kill(process.pid, "SIGKILL")')).rejects.toThrow('ended with SIGKILL')
  })

  it('fail when there is no such program', async () => {
    await expect(runProcess('phlo-bench-no-such-program', [])).rejects.toThrow('ENOENT')
  })

  const onLinux = process.platform === 'linux'
  it('have their peak memory watched where the system tells it', async () => {
    const held = 'const held = Buffer.alloc(200 * 2 ** 20, 1); setTimeout(() => held.length, 300)'
    const { peakBytes } = await node(held, true)
    if (onLinux) expect(peakBytes).toBeGreaterThan(200 * 2 ** 20)
    else expect(peakBytes).toBeUndefined()
  })

  it('have their CPU time counted where the system tells it', async () => {
    const busy =
      'const start = process.cpuUsage(); while (process.cpuUsage(start).user < 500_000); setTimeout(() => 0, 300)'
    const { cpuSeconds } = await node(busy, true)
    if (onLinux) expect(cpuSeconds).toBeGreaterThanOrEqual(0.5)
    else expect(cpuSeconds).toBeUndefined()
  })
})
