import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import path from 'node:path'
import type { Rendezvous, RendezvousPeer, RendezvousService } from '@phlo/ports'
import { statIfThere, unlinkIfThere } from './present-files.js'

/** Longer paths of sockets no system knows. */
const longestPath = 103
/** Nobody waits longer for an answer. */
const answerMilliseconds = 10_000
/** Whoever was asked nothing for so long serves no more. */
const idleMilliseconds = 500
/** Nobody says more in one line. */
const longestLine = 64 << 20

/**
 * Sockets in a folder. The system closes a process's sockets when it ends in whatever way, so whoever asked learns at once
 * that no answer will come. Only who may write into the folder can serve.
 */
export class SocketRendezvous implements Rendezvous {
  private readonly folder: string
  private readonly peers = new Map<string, Promise<SocketPeer | undefined>>()
  /** The sockets' names, by topic. */
  private readonly files = new Map<string, string>()

  constructor(folder: string) {
    this.folder = folder
  }

  async find(topic: string): Promise<RendezvousPeer | undefined> {
    const known = this.peers.get(topic)
    if (known && (await known)?.isOpen) return known
    this.peers.delete(topic)
    const file = this.file(topic)
    if (!existsSync(file)) return undefined
    const peer = SocketPeer.at(file)
    this.peers.set(topic, peer)
    return peer
  }

  async serve(topic: string, answer: (question: unknown) => Promise<unknown>): Promise<RendezvousService | undefined> {
    const file = this.file(topic)
    const own = `${file}-${randomUUID().slice(0, 6)}`
    if (Buffer.byteLength(own) > longestPath || process.platform === 'win32') return undefined
    mkdirSync(this.folder, { recursive: true })
    const server = createServer()
    const isOpen = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(own, () => resolve(true))
    })
    if (!isOpen) return undefined
    return new SocketService(server, own, file, answer)
  }

  private file(topic: string): string {
    let file = this.files.get(topic)
    if (file === undefined) {
      file = path.join(this.folder, createHash('sha256').update(topic).digest('hex').slice(0, 16))
      this.files.set(topic, file)
    }
    return file
  }
}

/** A message on the wire: a line of JSON. Answers have the id of their question. */
interface Message {
  readonly id: number
  readonly body: unknown
}

class SocketService implements RendezvousService {
  private readonly server: Server
  private readonly file: string
  private readonly inode: bigint
  private readonly answer: (question: unknown) => Promise<unknown>
  /** How many questions of each have no answer yet. */
  private readonly open = new Map<Socket, number>()
  private readonly watch: NodeJS.Timeout
  private lastAsked = performance.now()

  constructor(server: Server, own: string, file: string, answer: (question: unknown) => Promise<unknown>) {
    this.server = server
    this.file = file
    this.answer = answer
    this.inode = statSync(own, { bigint: true }).ino
    // In place of the one who served before, who may have died.
    renameSync(own, file)
    server.unref()
    server.on('connection', (socket) => this.listen(socket))
    this.watch = setInterval(() => {
      if (performance.now() - this.lastAsked > idleMilliseconds) this.close()
    }, idleMilliseconds).unref()
  }

  isFound(): boolean {
    return this.server.listening && statIfThere(this.file)?.ino === this.inode
  }

  close(): void {
    if (!this.server.listening) return
    clearInterval(this.watch)
    if (this.isFound()) unlinkIfThere(this.file)
    this.server.close()
    for (const socket of this.open.keys()) this.count(socket, 0)
  }

  private listen(socket: Socket): void {
    socket.unref()
    this.open.set(socket, 0)
    socket.on('close', () => this.open.delete(socket))
    readMessages(socket, ({ id, body }) => {
      this.lastAsked = performance.now()
      this.count(socket, 1)
      void this.reply(socket, id, body)
    })
  }

  private async reply(socket: Socket, id: number, question: unknown): Promise<void> {
    try {
      const body = await this.answer(question)
      socket.write(`${JSON.stringify({ id, body })}\n`)
      this.count(socket, -1)
    } catch {
      // Whoever hears nothing more looks for itself what has become of it.
      socket.destroy()
    }
  }

  private count(socket: Socket, more: number): void {
    const open = (this.open.get(socket) ?? 0) + more
    this.open.set(socket, open)
    if (open === 0 && !this.server.listening) socket.end()
  }
}

class SocketPeer implements RendezvousPeer {
  isOpen = true
  private readonly socket: Socket
  private readonly asked = new Map<number, (answer: unknown) => void>()
  private count = 0

  private constructor(socket: Socket) {
    this.socket = socket
    socket.unref()
    socket.on('close', () => this.end())
    readMessages(socket, ({ id, body }) => this.settle(id, body))
  }

  /** Whoever listens there, if anybody does. */
  static async at(file: string): Promise<SocketPeer | undefined> {
    const before = statIfThere(file)
    const socket = connect(file)
    return new Promise((resolve) => {
      socket.once('error', () => {
        // Left behind by a process that was killed, unless another one has come.
        if (statIfThere(file)?.ino === before?.ino) unlinkIfThere(file)
        resolve(undefined)
      })
      socket.once('connect', () => resolve(new SocketPeer(socket)))
    })
  }

  async ask(question: unknown): Promise<unknown> {
    if (!this.isOpen) return undefined
    const id = ++this.count
    return new Promise((resolve) => {
      // Whoever is too slow for one is so for all.
      const timer = setTimeout(() => this.end(), answerMilliseconds)
      this.asked.set(id, (answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      this.socket.write(`${JSON.stringify({ id, body: question })}\n`)
    })
  }

  private settle(id: number, answer: unknown): void {
    this.asked.get(id)?.(answer)
    this.asked.delete(id)
  }

  private end(): void {
    this.isOpen = false
    this.socket.destroy()
    for (const id of [...this.asked.keys()]) this.settle(id, undefined)
  }
}

/** Reads lines of JSON; whoever says anything else is not listened to any more. */
function readMessages(socket: Socket, receive: (message: Message) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    try {
      if (rest.length > longestLine) throw new RangeError('The line is too long')
      for (const line of lines) receive(JSON.parse(line) as Message)
    } catch {
      socket.destroy()
    }
  })
}
