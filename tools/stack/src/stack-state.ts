import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { ProcessMark } from './process-mark.js'
import { StackError } from './stack-error.js'

export const serverNames = ['minio', 'nessie', 'iceberg-rest', 'trino', 'postgres'] as const
export type ServerName = (typeof serverNames)[number]

/** Made once for a stack and known to nobody but its state file. */
export interface StackSecrets {
  readonly minioUser: string
  readonly minioPassword: string
  readonly postgresPassword: string
}

export interface ServerState {
  readonly ports: Readonly<Record<string, number>>
  /** Absent when it was never started, or stopped. */
  readonly process?: ProcessMark
  /** Differs when the program or its settings do. */
  readonly fingerprint?: string
}

/** The one file that says what runs where. */
export interface StackState {
  readonly version: 1
  readonly secrets: StackSecrets
  readonly servers: Readonly<Partial<Record<ServerName, ServerState>>>
}

/** The state; `undefined` before the first start. Throws a StackError for a file that is no state. */
export function readState(folder: string): StackState | undefined {
  const file = stateFile(folder)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const state: unknown = parsed(text)
  if (typeof state === 'object' && state !== null && 'version' in state && state.version === 1) {
    return state as StackState
  }
  throw new StackError(`${file} is not what this version writes: end what it names, and remove the folder`)
}

/** Replaces the file at once, readable for its owner alone. */
export function writeState(folder: string, state: StackState): void {
  mkdirSync(folder, { recursive: true })
  const draft = path.join(folder, `stack-${randomUUID()}.json`)
  writeFileSync(draft, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(draft, stateFile(folder))
}

/** Changes what is known of one server, and leaves the others. */
export function writeServer(folder: string, name: ServerName, server: ServerState): StackState {
  const state = readState(folder) ?? freshState()
  const changed = { ...state, servers: { ...state.servers, [name]: server } }
  writeState(folder, changed)
  return changed
}

export function freshState(): StackState {
  const secret = () => randomBytes(18).toString('hex')
  return {
    version: 1,
    secrets: {
      minioUser: `phlo${randomBytes(4).toString('hex')}`,
      minioPassword: secret(),
      postgresPassword: secret(),
    },
    servers: {},
  }
}

function stateFile(folder: string): string {
  return path.join(folder, 'stack.json')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
