import { createServer } from 'node:net'
import { StackError } from './stack-error.js'

/** Below the ports that systems hand out to outgoing connections, above the usual ones of servers. */
const lowest = 20_100
const highest = 31_900
const attempts = 100

/** Whether a server may listen there now. */
export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** A port of 127.0.0.1 that nobody listens on and that is none of `taken`. */
export async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    if (!taken.has(port) && (await isFree(port))) return port
  }
  throw new StackError(`No free port was found between ${lowest} and ${highest}`)
}
