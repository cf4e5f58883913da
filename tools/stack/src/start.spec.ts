import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { answers } from './answers.js'
import { endProcess, isRunning, markOf } from './process-mark.js'
import type { Server } from './server.js'
import { freshState, readState, type ServerState, writeServer, writeState } from './stack-state.js'
import { start } from './start.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-start-'))
})
afterEach(async () => {
  const mark = server()?.process
  if (mark) await endProcess(mark, 'SIGTERM', 5000)
  await rm(folder, { recursive: true, force: true })
})

const server = (): ServerState | undefined => readState(folder)?.servers.minio
const begin = async (started: Server) => {
  const lines: string[] = []
  await start(folder, started, (line) => lines.push(line))
  return lines
}

/** A web server in Node, started as a real one is. */
function web(script: string, patience = 20_000): Server {
  return {
    name: 'minio',
    needs: [],
    ports: ['http', 'other'],
    patience,
    getting: 'nothing is got',
    launch: async ({ ports }) => ({
      command: process.execPath,
      args: ['-e', script],
      env: { PORT: String(ports['http']) },
      files: { 'etc/settings': `port=${ports['http']}` },
    }),
    ready: (ports) => answers(`http://127.0.0.1:${ports['http']}`),
  }
}

const serving =
  "console.log('serving'); require('http').createServer((_, a) => a.end('ok')).listen(process.env.PORT, '127.0.0.1')"

describe('Starting a server', () => {
  it('brings it up, once, and keeps its log and settings', async () => {
    const [said] = await begin(web(serving))
    const first = server()!
    expect(said).toBe(`minio: up at http://127.0.0.1:${first.ports['http']}`)
    expect(await readFile(path.join(folder, 'minio', 'etc', 'settings'), 'utf8')).toBe(`port=${first.ports['http']}`)
    await begin(web(serving))
    expect(server()).toEqual(first)
    expect(await readFile(path.join(folder, 'logs', 'minio.log'), 'utf8')).toBe('serving\n')
  })

  it('starts again one that is gone, on the same ports', async () => {
    await begin(web(serving))
    const first = server()!
    await endProcess(first.process!, 'SIGKILL', 5000)
    await begin(web(serving))
    expect(server()!.ports).toEqual(first.ports)
    expect(isRunning(server()!.process!)).toBe(true)
  })

  it('leaves alone a process that has the number of one that is gone', async () => {
    writeState(folder, freshState())
    const own = markOf(process.pid)!
    writeServer(folder, 'minio', { ports: {}, process: { pid: own.pid, started: `${own.started}0` } })
    await begin(web(serving))
    expect(isRunning(own)).toBe(true)
    expect(server()!.process!.pid).not.toBe(own.pid)
  })

  it('starts anew one whose settings have changed', async () => {
    await begin(web(serving))
    const first = server()!.process!
    const lines = await begin(web(`${serving} // changed`))
    expect(lines[0]).toBe('minio: its program or settings have changed, it starts anew')
    expect([isRunning(first), isRunning(server()!.process!)]).toEqual([false, true])
  })

  it('fails with the end of the log of one that ends', async () => {
    await expect(begin(web("console.error('no disk left'); process.exit(3)"))).rejects.toThrow(
      /^minio ended while it started:\nno disk left\n/,
    )
  })

  it('stops one that does not come up in time, and fails', async () => {
    await expect(begin(web("console.log('hm'); setInterval(() => {}, 1000)", 700))).rejects.toThrow(
      /^minio did not come up in 0.7 s, and was stopped:\nhm\n/,
    )
    expect(isRunning(server()!.process!)).toBe(false)
  })

  it('does not touch a state file that it does not know', async () => {
    await writeFile(path.join(folder, 'stack.json'), '{"version":9}')
    await expect(begin(web(serving))).rejects.toThrow(/is not what this version writes/)
    await rm(path.join(folder, 'stack.json'))
  })
})
