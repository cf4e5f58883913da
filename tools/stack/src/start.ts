import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, isFree } from './free-port.js'
import { endProcess, isRunning, markOf, type ProcessMark } from './process-mark.js'
import type { Launch, Ports, Server, Setting } from './server.js'
import { StackError } from './stack-error.js'
import { freshState, readState, type ServerState, type StackState, writeServer, writeState } from './stack-state.js'

/** Milliseconds between two looks at a server that starts. */
const lookInterval = 200
/** Milliseconds after which a wait is told again. */
const tellInterval = 15_000
/** Milliseconds that a server gets to end by itself. */
export const endPatience = 20_000
/** Characters of a log that an error shows. */
const shownLog = 3000

/** What a server has logged since a start. */
interface LogPart {
  readonly file: string
  /** Bytes that were there before. */
  readonly from: number
}

/** Says a line to whoever waits. */
export type Tell = (line: string) => void

/** Brings one server up, whatever it was before: stopped, half started, gone, or started with other settings. */
export async function start(folder: string, server: Server, tell: Tell): Promise<void> {
  if (!readState(folder)) writeState(folder, freshState())
  const { name } = server
  const known = readState(folder)?.servers[name]
  const running = known?.process && isRunning(known.process) ? known.process : undefined
  const ports = running && known ? known.ports : await portsOf(folder, server, known)
  const setting = settingOf(folder, server, ports)
  const getting = setTimeout(() => tell(`${name}: looks after its program; ${server.getting}`), 3000)
  const launch = await server.launch(setting).finally(() => clearTimeout(getting))
  const fingerprint = fingerprintOf(launch)

  let process = running
  if (process && known?.fingerprint !== fingerprint) {
    tell(`${name}: its program or settings have changed, it starts anew`)
    await endProcess(process, server.stopSignal ?? 'SIGTERM', endPatience)
    process = undefined
  }
  const log: LogPart = { file: logFile(folder, name), from: process ? 0 : sizeOf(logFile(folder, name)) }
  process ??= spawned(folder, server, setting, launch, fingerprint)
  await untilReady(server, ports, process, log, tell)
  await server.furnish?.(setting)
  tell(`${name}: up at ${addressOf(server, ports)}`)
}

/** Base address of the port that clients use. */
export function addressOf(server: Server, ports: Ports): string {
  const address = `127.0.0.1:${ports[server.ports[0]]}`
  return server.name === 'postgres' ? address : `http://${address}`
}

function logFile(folder: string, name: string): string {
  return path.join(folder, 'logs', `${name}.log`)
}

function settingOf(folder: string, server: Server, ports: Ports): Setting {
  const { secrets, servers } = readState(folder) as StackState
  return {
    folder: path.join(folder, server.name),
    ports,
    secrets,
    address(name) {
      const main = Object.values(servers[name]?.ports ?? {})[0]
      if (main === undefined) throw new StackError(`${server.name} needs ${name}, which was never started`)
      return `http://127.0.0.1:${main}`
    },
  }
}

/** Those that it had, where they are still free, so that clients' settings stay true. */
async function portsOf(folder: string, server: Server, known: ServerState | undefined): Promise<Ports> {
  const others = Object.entries(readState(folder)?.servers ?? {}).filter(([name]) => name !== server.name)
  const taken = new Set(others.flatMap(([, { ports }]) => Object.values(ports)))
  const ports: Record<string, number> = {}
  for (const name of server.ports) {
    const before = known?.ports[name]
    const port = before !== undefined && (await isFree(before)) ? before : await freePort(taken)
    taken.add(port)
    ports[name] = port
  }
  return ports
}

function fingerprintOf({ command, args, env, files }: Launch): string {
  return createHash('sha256')
    .update(JSON.stringify([command, args, env, files]))
    .digest('hex')
}

/** The process is in the state file before anything else happens. */
function spawned(folder: string, server: Server, setting: Setting, launch: Launch, fingerprint: string): ProcessMark {
  for (const [name, text] of Object.entries(launch.files ?? {})) {
    const file = path.join(setting.folder, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text, { mode: 0o600 })
  }
  const file = logFile(folder, server.name)
  mkdirSync(path.dirname(file), { recursive: true })
  const log = openSync(file, 'a')
  try {
    const child = spawn(launch.command, launch.args, {
      cwd: setting.folder,
      env: { ...process.env, ...launch.env },
      ...launch.user,
      detached: true,
      stdio: ['ignore', log, log],
    })
    child.on('error', () => {
      // Without a process there is no mark, which is told below.
    })
    child.unref()
    const mark = child.pid === undefined ? undefined : markOf(child.pid)
    if (!mark) throw new StackError(`${server.name}: ${launch.command} could not be started`)
    writeServer(folder, server.name, { ports: setting.ports, process: mark, fingerprint })
    return mark
  } finally {
    closeSync(log)
  }
}

async function untilReady(server: Server, ports: Ports, mark: ProcessMark, log: LogPart, tell: Tell): Promise<void> {
  const began = performance.now()
  let told = began
  while (!(await server.ready(ports))) {
    const now = performance.now()
    if (!isRunning(mark)) throw new StackError(`${server.name} ended while it started:\n${tailOf(log)}`)
    if (now - began > server.patience) {
      await endProcess(mark, server.stopSignal ?? 'SIGTERM', endPatience)
      throw new StackError(
        `${server.name} did not come up in ${server.patience / 1000} s, and was stopped:\n${tailOf(log)}`,
      )
    }
    if (now - told > tellInterval) {
      tell(`${server.name}: starting for ${Math.round((now - began) / 1000)} s`)
      told = now
    }
    await sleep(lookInterval)
  }
}

function sizeOf(file: string): number {
  try {
    return readFileSync(file).length
  } catch {
    return 0
  }
}

function tailOf({ file, from }: LogPart): string {
  const text = readFileSync(file).subarray(from).toString('utf8')
  return `${text.slice(-shownLog).trim()}\n(${file})`
}
