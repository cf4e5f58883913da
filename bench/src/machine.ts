import os from 'node:os'
import { version as duckdbVersion } from '@duckdb/node-api'
import type { PythonEnvironment } from './python-environment.js'

/** What the figures were taken on. */
export interface MachineFacts {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  /** Versions by name. */
  readonly versions: Readonly<Record<string, string>>
}

export function machineFacts(python: PythonEnvironment | undefined): MachineFacts {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() || 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round((os.totalmem() / 2 ** 30) * 10) / 10,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    versions: { node: process.versions.node, duckdb: duckdbVersion().replace(/^v/, ''), ...python?.versions },
  }
}
