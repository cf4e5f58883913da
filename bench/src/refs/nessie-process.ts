import { execFileSync, spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { openSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { answers, freePort, javaOf, mavenFile, versions } from '@phlo/stack'
import { BenchError } from '../bench-error.js'

/** Milliseconds until it must be up. */
const patience = 120_000

/**
 * `durable`: RocksDB in a folder with the attribute S, whose files the system writes to the disk with each write. Nessie
 * itself has no setting for it: it writes with RocksDB's default options, which hand the log to the system and don't wait
 * for the disk.
 */
export type NessieStorage = 'memory' | 'rocksdb' | 'durable'

export interface NessieProcess {
  /** `http://127.0.0.1:20123/api/v2` */
  readonly api: string
  readonly stop: () => Promise<void>
}

/** Starts a Nessie of its own with nothing in it. */
export async function startNessie(folder: string, storage: NessieStorage): Promise<NessieProcess> {
  const data = path.join(folder, 'data')
  await mkdir(data, { recursive: true })
  if (storage === 'durable') execFileSync('chattr', ['+S', data])
  const http = await freePort(new Set())
  const management = await freePort(new Set([http]))
  const settings = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': http,
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': management,
    'quarkus.otel.sdk.disabled': true,
    'nessie.version.store.type': storage === 'memory' ? 'IN_MEMORY' : 'ROCKSDB',
    ...(storage !== 'memory' && { 'nessie.version.store.persist.rocks.database-path': data }),
  }
  const options = Object.entries(settings).map(([name, value]) => `-D${name}=${String(value)}`)
  const file = path.join(folder, 'log')
  const log = openSync(file, 'a')
  const jar = await mavenFile(versions.nessie)
  const child = spawn(await javaOf(21), ['-Xmx768m', ...options, '-jar', jar], {
    cwd: folder,
    stdio: ['ignore', log, log],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()))
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    process.off('exit', kill)
  }
  const startedAt = performance.now()
  while (!(await answers(`http://127.0.0.1:${management}/q/health/ready`))) {
    if (child.exitCode !== null || performance.now() - startedAt > patience) {
      await stop()
      throw new BenchError(`Nessie did not come up:\n${(await readFile(file, 'utf8')).slice(-2000)}`)
    }
    await sleep(200)
  }
  return { api: `http://127.0.0.1:${http}/api/v2`, stop }
}
