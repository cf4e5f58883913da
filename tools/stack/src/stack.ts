import { endProcess, isRunning } from './process-mark.js'
import { serversNamed, serversResting } from './servers.js'
import { withStackLock } from './stack-lock.js'
import { readState, type ServerName, writeServer } from './stack-state.js'
import { addressOf, endPatience, start, type Tell } from './start.js'

/** Starts what is not up of these servers and of those that they need; all where none is named. Throws a StackError. */
export async function up(folder: string, names: readonly ServerName[], tell: Tell): Promise<void> {
  await locked(folder, tell, async () => {
    for (const server of serversNamed(names)) await start(folder, server, tell)
  })
}

/** Stops these servers and those that need them; all where none is named. Data and logs stay. */
export async function down(folder: string, names: readonly ServerName[], tell: Tell): Promise<void> {
  await locked(folder, tell, async () => {
    for (const { name, stopSignal } of serversResting(names)) {
      const known = readState(folder)?.servers[name]
      if (!known?.process) continue
      const was = isRunning(known.process)
      await endProcess(known.process, stopSignal ?? 'SIGTERM', endPatience)
      const { process: _, ...rest } = known
      writeServer(folder, name, rest)
      tell(`${name}: ${was ? 'stopped' : 'had ended already'}`)
    }
  })
}

/** Says of each server whether it is up. True when all of them are. */
export async function status(folder: string, names: readonly ServerName[], tell: Tell): Promise<boolean> {
  const state = readState(folder)
  let all = true
  for (const server of serversNamed(names)) {
    const known = state?.servers[server.name]
    const running = known?.process !== undefined && isRunning(known.process)
    const ready = running && (await server.ready(known.ports))
    all &&= ready
    const said = ready
      ? `up at ${addressOf(server, known.ports)}`
      : running
        ? 'running, does not answer'
        : 'not running'
    tell(`${server.name}: ${said}`)
  }
  return all
}

async function locked(folder: string, tell: Tell, work: () => Promise<void>): Promise<void> {
  await withStackLock(folder, () => tell('Another start or stop of these servers is under way: waiting for it'), work)
}
