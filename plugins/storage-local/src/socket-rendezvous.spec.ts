import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from '@jest/globals'
import { SocketRendezvous } from './socket-rendezvous.js'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-run-'))
  folders.push(folder)
  return folder
}

const echo = async (question: unknown) => ({ echo: question })

it('answers whoever asks, on the same topic, until it is closed', async () => {
  const folder = await newFolder()
  const [one, other] = [new SocketRendezvous(folder), new SocketRendezvous(folder)]
  expect(await other.find('main')).toBeUndefined()
  const service = await one.serve('main', echo)
  expect(await other.find('dev')).toBeUndefined()
  const peer = await other.find('main')
  if (!peer) throw new TypeError('Nobody was found')
  const answers = await Promise.all([1, 'two\n', { three: [3] }].map((question) => peer.ask(question)))
  expect(answers).toEqual([{ echo: 1 }, { echo: 'two\n' }, { echo: { three: [3] } }])
  service?.close()
  expect([service?.isFound(), await readdir(folder)]).toEqual([false, []])
  expect(await peer.ask(4)).toBeUndefined()
  expect(await other.find('main')).toBeUndefined()
})

it('says everything that was asked before it closes', async () => {
  const folder = await newFolder()
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let asked = (): void => undefined
  const wasAsked = new Promise<void>((resolve) => (asked = resolve))
  const service = await new SocketRendezvous(folder).serve('main', async () => {
    asked()
    await released
    return 'late'
  })
  const answer = (await new SocketRendezvous(folder).find('main'))?.ask('early')
  await wasAsked
  service?.close()
  release()
  expect(await answer).toBe('late')
})

it('gives no answer where the work fails, and none of a process that is killed amid it', async () => {
  const folder = await newFolder()
  await new SocketRendezvous(folder).serve('fails', () => Promise.reject(new Error('no')))
  expect(await (await new SocketRendezvous(folder).find('fails'))?.ask(1)).toBeUndefined()
  const socket = path.join(folder, 'killed')
  const listen = `require('net').createServer((s) => s.on('data', () => console.log('asked'))).listen(${JSON.stringify(socket)}, () => console.log('ready'))`
  const child = spawn(process.execPath, ['-e', listen])
  await once(child.stdout, 'data')
  const topic = createHash('sha256').update('main').digest('hex').slice(0, 16)
  await rename(socket, path.join(folder, topic))
  const rendezvous = new SocketRendezvous(folder)
  const answer = (await rendezvous.find('main'))?.ask('work')
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  expect(await answer).toBeUndefined()
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  // What it left behind is no hindrance.
  expect(await rendezvous.find('main')).toBeUndefined()
  expect(await readdir(folder)).not.toContain(topic)
  await rendezvous.serve('main', echo)
  expect(await (await rendezvous.find('main'))?.ask(1)).toEqual({ echo: 1 })
})

it('knows that another one took the topic over', async () => {
  const folder = await newFolder()
  const first = await new SocketRendezvous(folder).serve('main', async () => 'first')
  const second = await new SocketRendezvous(folder).serve('main', async () => 'second')
  expect([first?.isFound(), second?.isFound()]).toEqual([false, true])
  first?.close()
  expect(second?.isFound()).toBe(true)
  expect(await (await new SocketRendezvous(folder).find('main'))?.ask(1)).toBe('second')
})

it('does not listen to whoever does not speak in lines of JSON', async () => {
  const folder = await newFolder()
  const service = await new SocketRendezvous(folder).serve('main', echo)
  const [file] = await readdir(folder)
  const socket = net.connect(path.join(folder, file as string))
  socket.write('nonsense\n')
  await once(socket, 'close')
  expect(await (await new SocketRendezvous(folder).find('main'))?.ask(1)).toEqual({ echo: 1 })
  service?.close()
})
