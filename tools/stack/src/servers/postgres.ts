import { existsSync } from 'node:fs'
import { chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { runProgram } from '../run-program.js'
import type { Server, Setting } from '../server.js'
import { StackError } from '../stack-error.js'

/** PostgreSQL refuses to run as root, so root lets this user run it, which Debian's package makes. */
const serviceUser = 'postgres'
export const superuser = 'phlo'
/** The one that every cluster has. */
export const database = 'postgres'

/** With logical decoding, as change data capture wants it. */
export const postgres: Server = {
  name: 'postgres',
  needs: [],
  ports: ['port'],
  patience: 60_000,
  // Fast: it does not wait for clients to leave.
  stopSignal: 'SIGINT',
  getting: 'apt-get installs PostgreSQL where it is missing',

  async launch(setting) {
    const programs = await programFolder()
    const user = await runner()
    const data = path.join(setting.folder, 'data')
    await mkdir(setting.folder, { recursive: true })
    if (user) await chown(setting.folder, user.uid, user.gid)
    if (!existsSync(path.join(data, 'PG_VERSION'))) await makeCluster(programs, data, setting, user)
    const settings = {
      listen_addresses: '127.0.0.1',
      port: setting.ports['port'],
      unix_socket_directories: '',
      wal_level: 'logical',
      shared_buffers: '64MB',
    }
    return {
      command: path.join(programs, 'postgres'),
      args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${String(value)}`])],
      ...(user && { user }),
    }
  },

  ready: (ports) => acceptsSessions(ports['port'] as number),
}

async function makeCluster(
  programs: string,
  data: string,
  { folder, secrets }: Setting,
  user: { readonly uid: number; readonly gid: number } | undefined,
): Promise<void> {
  const passwordFile = path.join(folder, 'password')
  // What is left of a cluster that was not finished.
  await rm(data, { recursive: true, force: true })
  await writeFile(passwordFile, `${secrets.postgresPassword}\n`, { mode: 0o600 })
  if (user) await chown(passwordFile, user.uid, user.gid)
  const draft = `${data}-draft`
  await rm(draft, { recursive: true, force: true })
  const trust = ['--auth=scram-sha-256', `--username=${superuser}`, `--pwfile=${passwordFile}`]
  try {
    await runProgram(path.join(programs, 'initdb'), ['-D', draft, '--encoding=UTF8', '--locale=C', ...trust], {
      cwd: folder,
      ...(user && { user }),
    })
    await runProgram('mv', [draft, data])
  } finally {
    await rm(passwordFile, { force: true })
  }
}

/** The folder of `postgres` and `initdb`: Debian keeps them out of the PATH. */
async function programFolder(): Promise<string> {
  const found = await installedPrograms()
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    await runProgram('apt-get', ['update', '-qq'], { env })
    await runProgram('apt-get', ['install', '-qq', '-y', '--no-install-recommends', 'postgresql'], { env })
  }
  const installed = await installedPrograms()
  if (installed !== undefined) return installed
  throw new StackError('PostgreSQL is not installed: have apt-get (as root) or another package manager install it')
}

async function installedPrograms(): Promise<string | undefined> {
  const debian = '/usr/lib/postgresql'
  const versions = (await readdir(debian).catch(() => [])).sort((a, b) => Number(b) - Number(a))
  const folders = [
    ...versions.map((version) => path.join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(path.delimiter),
  ]
  return folders.find((folder) => existsSync(path.join(folder, 'postgres')) && existsSync(path.join(folder, 'initdb')))
}

async function runner(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const id = async (kind: string) => Number(await runProgram('id', [kind, serviceUser]))
  return { uid: await id('-u'), gid: await id('-g') }
}

/**
 * Whether the server takes sessions yet. While it starts it answers any first message with an error (`E`); afterwards it
 * asks for a password (`R`). Both need no client library, and no password.
 */
async function acceptsSessions(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 3000 })
    const end = (ready: boolean) => {
      socket.destroy()
      resolve(ready)
    }
    socket.once('connect', () => socket.write(startupMessage()))
    socket.once('data', (answer) => end(answer[0] === 'R'.charCodeAt(0)))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
    socket.once('close', () => end(false))
  })
}

/** Length, version 3.0 of the protocol, and parameters, each ended by a zero. */
function startupMessage(): Buffer {
  const parameters = Buffer.from(`user\0${superuser}\0database\0${database}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + parameters.length, 0)
  head.writeInt32BE(196_608, 4)
  return Buffer.concat([head, parameters])
}
