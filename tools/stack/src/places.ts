import os from 'node:os'
import path from 'node:path'

const repository = path.resolve(import.meta.dirname, '../../..')

/** The folder of the stack: state file, data and logs. `PHLO_STACK_DIR` moves it, so that several checkouts can share one. */
export function stackFolder(): string {
  return path.resolve(process.env['PHLO_STACK_DIR'] || path.join(repository, '.phlo', 'stack'))
}

/** Where what was fetched is kept for all stacks of a user. */
export function cacheFolder(): string {
  return path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'phlo', 'stack')
}
